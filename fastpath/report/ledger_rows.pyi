from array import array
from typing import Final, NamedTuple

from fastpath.report.columns import Columns

NOT_IN_LEDGER: Final[int]

class LedgerRows(NamedTuple):
    time_s: array[int]
    kind: array[int]
    pseudonym: array[int]
    counts: array[int]
    days: array[int]
    subscribers: array[int]

class KindPlaces(NamedTuple):
    kind: array[int]
    numbers: array[int]
    places: array[int]

def ledger_rows(columns: Columns, numbers: array[int]) -> LedgerRows: ...
def placed_kinds(
    kind: array[int], pseudonym: array[int], places: array[int], n_kinds: int, n_places: int
) -> KindPlaces: ...
def ordered_rows(
    time_s: array[int], kind: array[int], pseudonym: array[int], counts: array[int]
) -> tuple[array[int], array[int], array[int], array[int]]: ...
def pseudonyms(subscribers: array[int], key: bytes) -> bytes: ...
def first_and_last(time_s: bytes) -> tuple[int, int]: ...
def largest(column: bytes) -> int: ...
