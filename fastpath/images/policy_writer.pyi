from collections.abc import Iterable, Sequence
from typing import BinaryIO, NamedTuple

from typing_extensions import Buffer

from fastpath.images.key_builder import ListSpec as ListSpec
from fastpath.images.names_builder import NamesBuilder as NamesBuilder
from fastpath.images.subscribers_writer import pack_subscribers as pack_subscribers

__all__ = ["ListSpec", "NamesBuilder", "ProfileSpec", "pack_policy", "pack_profiles", "pack_subscribers"]

class ProfileSpec(NamedTuple):
    categories: int
    closed: tuple[tuple[int, int], ...]
    paused_until: int
    utc_offset_s: int
    next_offset_at: int = ...
    next_utc_offset_s: int = ...
    safe_search: int = ...
    has_canaries: bool = ...
    youtube: int = ...
    soft: tuple[tuple[int, int, int], ...] = ...
    spans: tuple[tuple[int, int, int, int], ...] = ...
    allowed: tuple[bytes, ...] = ...
    denied: tuple[bytes, ...] = ...

def pack_policy(
    out: BinaryIO,
    generation: int,
    base_generation: int,
    profiles: Sequence[ProfileSpec],
    subscribers: Iterable[tuple[int, int]],
) -> int: ...
def pack_profiles(
    out: BinaryIO,
    generation: int,
    base_generation: int,
    profiles: Sequence[ProfileSpec],
    numbers: Buffer,
    indexes: Buffer,
) -> int: ...
