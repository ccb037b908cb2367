"""Canary rules: a sample of what went into an image, asked of it afterwards.

Invariants: the sample is every 997th rule of a list and always its first, so each list with a rule is asked for.
"""
from pathlib import Path

from fastpath.image import open_image
from fastpath.layout import ImageKind
from fastpath.name import to_text
from fastpath.tables import TableSet
from fastpath.verdict import Mode
from rules.errors import BadReadBack

CANARY_EVERY = 997      # a prime, so that it does not fall in step with how a list is ordered
MAX_WIRE_OCTETS = 255   # RFC 1035 §2.3.4

_BELOW = b"\x06canary"


class Canaries:
    """The sample of one compilation."""

    def __init__(self) -> None:
        self._noted: list[tuple[int, bytes, Mode]] = []

    def note(self, list_number: int, wire: bytes, mode: Mode) -> None:
        """Remember one rule."""
        self._noted.append((list_number, wire, mode))

    def check(self, path: Path, list_ids: list[str]) -> None:
        """Open the image at `path` and ask it for every canary.   Raises BadReadBack, BadImage."""
        tables = TableSet(open_image(path, ImageKind.NAMES))
        for list_number, wire, mode in self._noted:
            asked = _BELOW + wire if mode is Mode.BELOW else wire
            if len(asked) > MAX_WIRE_OCTETS:
                continue
            if not any(m.list == list_ids[list_number] and m.mode is mode for m in tables.matches(asked)):
                raise BadReadBack(
                    f"{path.name}: {to_text(asked)} of list {list_ids[list_number]} is not found in it; "
                    "not published; compile again and look at disk and memory")
