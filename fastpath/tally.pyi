from typing import NamedTuple

from fastpath.keybuild import KeyBuilder
from fastpath.verdict import Action, Mode

class ListTally(NamedTuple):
    keys: int
    by_mode: dict[Mode, int]
    by_action: dict[Action, int]
    duplicates: int
    folded: int
    conflicts: int

def tally(keys: KeyBuilder) -> list[ListTally]: ...
