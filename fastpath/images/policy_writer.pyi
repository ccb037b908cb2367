from collections.abc import Iterable, Sequence
from typing import BinaryIO, NamedTuple

from fastpath.images.key_builder import ListSpec as ListSpec
from fastpath.images.names_builder import NamesBuilder as NamesBuilder

__all__ = ["ListSpec", "NamesBuilder", "ProfileSpec", "pack_policy", "pack_subscribers"]

class ProfileSpec(NamedTuple):
    categories: int
    closed: tuple[tuple[int, int], ...]
    paused_until: int
    utc_offset_s: int
    next_offset_at: int = ...
    next_utc_offset_s: int = ...
    safe_search: int = ...
    has_canaries: bool = ...

def pack_subscribers(
    out: BinaryIO, generation: int, base_generation: int, rows: Iterable[tuple[str, int | None]]
) -> int: ...
def pack_policy(
    out: BinaryIO,
    generation: int,
    base_generation: int,
    profiles: Sequence[ProfileSpec],
    subscribers: Iterable[tuple[int, int]],
) -> int: ...
