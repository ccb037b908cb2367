from collections.abc import Iterable, Sequence
from typing import BinaryIO, NamedTuple, final

class ListSpec(NamedTuple):
    id: str
    tier: int
    category: int
    action: int
    confidential: bool

class ProfileSpec(NamedTuple):
    categories: int
    closed: tuple[tuple[int, int], ...]
    paused_until: int
    utc_offset_s: int
    next_offset_at: int = ...
    next_utc_offset_s: int = ...

@final
class NamesBuilder:
    def __new__(cls, key: bytes, lists: Iterable[ListSpec]) -> NamesBuilder: ...
    def __len__(self) -> int: ...
    def add(self, wire: bytes, list: int, mode: int, action: int = 255, order: int = 0) -> None: ...
    def drop(self, wire: bytes) -> None: ...
    def build(self, out: BinaryIO, generation: int, base_generation: int = 0) -> dict[str, int]: ...

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
