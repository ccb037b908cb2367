from collections.abc import Iterable
from typing import BinaryIO

from fastpath.people.held_prefixes import HeldPrefixes

__all__ = ["pack_held", "pack_subscribers"]

def pack_subscribers(
    out: BinaryIO, generation: int, base_generation: int, rows: Iterable[tuple[str, int | None]]
) -> int: ...
def pack_held(out: BinaryIO, generation: int, base_generation: int, held: HeldPrefixes) -> int: ...
