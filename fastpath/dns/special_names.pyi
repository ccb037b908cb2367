from collections.abc import Iterable
from typing import final

from fastpath.images.tables import TableSet

@final
class SpecialNames:
    """The special names of a front."""

    def __new__(
        cls,
        safe_search: Iterable[tuple[str, str, str]] = (),
        canaries: Iterable[str] = (),
        resolvers: Iterable[bytes] = (),
    ) -> SpecialNames: ...
    def ask(self, tables: TableSet, query: bytes, client: str, now_s: int) -> tuple[bytes, bytes] | None: ...
