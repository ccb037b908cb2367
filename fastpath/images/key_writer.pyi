from collections.abc import Iterable

from fastpath.images.key_builder import ListSpec

def list_rows(lists: Iterable[ListSpec]) -> bytes: ...
