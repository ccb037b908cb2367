"""How far records were sent, on the disk.

    STATE_DIR/siem/cursor.json      {"blocks":[120,7],"ledger":4711}

Invariants: it names the first record that is not known to be taken; it is whole, and moves only once the collector has
closed a connection in order.   Where it dies between the two, records are sent a second time, and none is lost.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from filterd.box.errors import MissingPart
from rules.base.atomic_file import writing_whole

FILE = "cursor.json"


class Position(Struct, frozen=True, array_like=True):
    """The next record of a stream.   number  of its leaf or event;   index  in the leaf"""

    number: int
    index: int = 0


class Cursor:
    """The positions of a folder, for the one process that writes them."""

    def __init__(self, folder: Path) -> None:
        """Raises MissingPart for a file that is not what was written; OSError"""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / FILE
        self._positions = _read(self._path)

    def of(self, stream: str) -> Position | None:
        """Where a stream goes on; None: it was never sent."""
        return self._positions.get(stream)

    def move(self, stream: str, to: Position) -> None:
        """Have it on the disk that all before it was taken.   Raises OSError"""
        positions = {**self._positions, stream: to}
        with writing_whole(self._path) as file:
            file.write(msgspec.json.encode(positions, order="sorted"))
        self._positions = positions


def _read(path: Path) -> dict[str, Position]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Position])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as reason:
        raise MissingPart(
            f"{path}: damaged ({reason}); nothing sent; remove it, and sending begins as /siem/begin says"
        ) from reason
