"""Canary rules: a sample of the compiled rules, looked up in the finished images.

Invariants: the sample is every 997th rule of a list and always its first, so each list with a rule is asked for.
"""

from collections.abc import Sequence
from pathlib import Path

from fastpath.images.image import open_image
from fastpath.images.key_builder import ListSpec
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.address import rule_text
from rules.base.errors import BadReadBack

CANARY_EVERY = 997  # a prime, so that it does not fall in step with how a list is ordered
MAX_WIRE_OCTETS = 255  # RFC 1035 §2.3.4

_BELOW = b"\x06canary"


class Canaries:
    """The sample of one compilation."""

    def __init__(self) -> None:
        self._noted: list[tuple[int, bytes, Mode]] = []
        self._urls: list[tuple[int, bytes]] = []

    def note(self, list_number: int, wire: bytes, mode: Mode) -> None:
        """Remember one rule."""
        self._noted.append((list_number, wire, mode))

    def note_url(self, list_number: int, url: bytes) -> None:
        """Remember one rule of a URL."""
        self._urls.append((list_number, url))

    def check(self, names: Path, urls: Path, lists: Sequence[ListSpec]) -> None:
        """Open the images at `names` and `urls` and ask them for every canary: an entry of its list and mode, or in a
        list that folds any of its list.   Raises BadReadBack, BadImage."""
        tables = TableSet(open_image(names, ImageKind.NAMES), urls=open_image(urls, ImageKind.URLS))
        for number, wire, mode in self._noted:
            asked = _BELOW + wire if mode is Mode.BELOW else wire
            if len(asked) > MAX_WIRE_OCTETS:
                continue
            wanted = lists[number]
            if not any(m.list == wanted.id and (m.mode is mode or wanted.folds) for m in tables.matches(asked)):
                raise _bad(names, rule_text(asked), wanted)
        for number, url in self._urls:
            if not any(m.list == lists[number].id for m in tables.url_matches(url)):
                raise _bad(urls, url.decode("ascii"), lists[number])


def _bad(image: Path, asked: str, wanted: ListSpec) -> BadReadBack:
    what = "an entry" if wanted.confidential else asked
    return BadReadBack(
        f"{image.name}: {what} of list {wanted.id} is not found in it; "
        "not published; compile again and check disk and memory"
    )
