"""The log level of a role that takes nothing else of a changed configuration while it runs.

Invariants: it follows the accepted configuration, never the operator's file.
"""

import asyncio
from pathlib import Path
from typing import Final

from filterd.config import Config
from filterd.config.accepted import copy_path, in_force
from filterd.logs import set_log_level

LOOK_EVERY_S: Final = 1.0


async def follow_log_level(config: Config, source: Path) -> None:
    """Log as the accepted configuration says, from each change of it on, until cancelled."""
    level, seen = config.log_level, _stamp(config)
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if (stamp := _stamp(config)) == seen:
            continue
        seen, wanted = stamp, in_force(source).config.log_level
        if wanted != level:
            level = wanted
            set_log_level(level)


def _stamp(config: Config) -> int | None:
    try:
        return copy_path(config).stat().st_mtime_ns
    except OSError:
        return None
