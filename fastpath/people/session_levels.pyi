import os
from collections.abc import Container, Iterable, Sequence, Set

from fastpath.images.image import Image
from fastpath.images.tables import TableSet

PARTS: tuple[str, ...]
MOST_OCTETS: int
MANIFEST_OCTETS: int

def open_sessions(
    manifest: str | os.PathLike[str], known: Iterable[Image | None] = (), owners: Set[int] | None = None
) -> list[Image | None]: ...
def with_sessions(tables: TableSet, levels: Sequence[Image | None]) -> TableSet: ...
def sessions_generation(tables: TableSet) -> int: ...
def run_at(tables: TableSet, address: bytes) -> tuple[int | None, int]: ...
def session_ranges(tables: TableSet, numbers: Container[int] | None) -> set[tuple[int, int, int]]: ...
