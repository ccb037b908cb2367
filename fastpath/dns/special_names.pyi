from collections.abc import Iterable
from enum import IntEnum
from typing import final

from fastpath.images.tables import TableSet

class ZoneKind(IntEnum):
    EMPTY = 3
    ABSENT = 4
    LOCALHOST = 5
    OWN = 6

@final
class SpecialNames:
    """The special names of a front."""

    def __new__(
        cls,
        safe_search: Iterable[tuple[str, str, str]] = (),
        canaries: Iterable[str] = (),
        resolvers: Iterable[bytes] = (),
        zones: Iterable[tuple[str, int]] = (),
        has_canaries_for_all: bool = False,
        guards_private: bool = False,
        identity: bytes = b"",
        youtube: Iterable[tuple[str, str, str]] = (),
    ) -> SpecialNames: ...
    def ask(self, tables: TableSet, query: bytes, client: str, now_s: int) -> tuple[bytes, bytes] | None: ...
