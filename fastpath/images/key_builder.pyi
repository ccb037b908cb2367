from collections.abc import Iterable
from typing import NamedTuple

from typing_extensions import disjoint_base

class ListSpec(NamedTuple):
    id: str
    tier: int
    category: int
    action: int
    confidential: bool
    folds: bool = ...

@disjoint_base
class KeyBuilder:
    def __new__(cls, key: bytes, lists: Iterable[ListSpec]) -> KeyBuilder: ...
    def __len__(self) -> int: ...
    @property
    def lists(self) -> list[ListSpec]: ...
