import os
from array import array
from typing import Final, NamedTuple

from fastpath.report.spool import BlockEvent

NOT_A_SUBSCRIBER: Final[int]

class Columns(NamedTuple):
    kinds: list[BlockEvent]
    time_s: array[int]
    kind: array[int]
    subscriber: array[int]
    counts: array[int]
    n: int
    n_damaged: int
    next: int

def read_columns(path: str | os.PathLike[str], first: int, most_records: int, most_rows: int) -> Columns: ...
