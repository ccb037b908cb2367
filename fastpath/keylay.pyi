from collections.abc import Iterable

from fastpath.keybuild import ListSpec

def list_rows(lists: Iterable[ListSpec]) -> bytes: ...
