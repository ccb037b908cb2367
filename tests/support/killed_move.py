"""A move of block records in a process of its own, which is killed at a step.

The process is no fork of the test's: DuckDB and Arrow have threads there, and none in a fork.
"""

import os
import signal
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from filterd.audit.archive import block_move
from filterd.audit.archive.block_move import BlockMove
from filterd.audit.archive.block_tree import BlockTree
from filterd.audit.block_batches import Batches
from filterd.audit.last_checkpoint import LastCheckpoint
from mgmt.registers.records import block_ledger
from parental.store.database import open_database
from parental.store.engines import Where

STEPS: dict[str, tuple[Any, str]] = {
    "batch": (Batches, "append"),
    "tree": (BlockTree, "catch_up"),
    "key": (block_move, "put_key"),
    "signature": (LastCheckpoint, "write"),
    "checkpoint": (BlockTree, "put_checkpoint"),
    "proof": (block_move, "proof_of"),
    "removal": (block_ledger, "remove_blocks"),
    "end": (block_ledger, "remove_position"),
}
MOST_ROWS = 3
PATIENCE_S = 60.0

Place = tuple[str, int, bool]  # step; which of its calls; before its work, or after it


def move_in_a_process(folder: Path, database: Where, place: Place) -> int:
    """Have a process move all rows, and killed at a place; its exit code."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_move, args=(folder, database, place))
    process.start()
    process.join(PATIENCE_S)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


# ----------------------------------------------------------------------------------------------------------------------


def _move(folder: Path, database: Where, place: Place) -> None:
    _die_at(*place)
    block_move.MOST_ROWS = MOST_ROWS
    engine = open_database(database)
    with BlockMove(folder / "store", folder / "keys", engine, "node-1") as move:
        move.begin()
        while move.move_some():
            pass
    engine.dispose()


def _die_at(step: str, nth: int, is_before: bool) -> None:
    owner, name = STEPS[step]
    work, calls = getattr(owner, name), Counter[str]()

    def die(*args: Any, **named: Any) -> Any:
        calls[name] += 1
        if calls[name] == nth and is_before:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = work(*args, **named)
        if calls[name] == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, die)
