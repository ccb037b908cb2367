"""The log level of a role that takes little else of a changed configuration while it runs, and what pages show.

Invariants: it follows the accepted configuration, never the operator's file, and what control has written of the desk.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from filterd.config import Config
from filterd.config.accepted import copy_path, in_force
from filterd.config.desk_file import desk_path
from filterd.process.logs import set_log_level

LOOK_EVERY_S: Final = 1.0


async def follow_log_level(config: Config, source: Path, take: Callable[[Config], None] | None = None) -> None:
    """Log as the accepted configuration says, from each change of it on, until cancelled.

    take   what else the role does with a changed one, or with other settings of the desk"""
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


def _stamp(config: Config) -> tuple[int, ...]:
    return tuple(_changed_ns(path) for path in (copy_path(config), desk_path(config)))


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
