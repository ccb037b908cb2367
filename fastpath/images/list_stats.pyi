from typing import NamedTuple

from fastpath.images.key_builder import KeyBuilder
from fastpath.images.verdict import Action, Mode

class ListTally(NamedTuple):
    keys: int
    by_mode: dict[Mode, int]
    by_action: dict[Action, int]
    duplicates: int
    folded: int
    conflicts: int

def tally(keys: KeyBuilder) -> list[ListTally]: ...
