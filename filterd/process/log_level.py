"""The log level of a role that takes little else of a changed configuration while it runs.

Invariants: it follows the accepted configuration, never the operator's file.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from filterd.config import Config
from filterd.config.accepted import copy_path, in_force
from filterd.logs import set_log_level

LOOK_EVERY_S: Final = 1.0


async def follow_log_level(config: Config, source: Path, take: Callable[[Config], None] | None = None) -> None:
    """Log as the accepted configuration says, from each change of it on, until cancelled.

    take   what else the role does with a changed one"""
    level, seen = config.log_level, _stamp(config)
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if (stamp := _stamp(config)) == seen:
            continue
        seen, changed = stamp, in_force(source).config
        if changed.log_level != level:
            level = changed.log_level
            set_log_level(level)
        if take is not None:
            take(changed)


def _stamp(config: Config) -> int | None:
    try:
        return copy_path(config).stat().st_mtime_ns
    except OSError:
        return None
