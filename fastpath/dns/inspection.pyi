from typing import NamedTuple

from fastpath.images.decision import Decision
from fastpath.images.tables import TableSet

class Inspection(NamedTuple):
    culprit: bytes | None
    decision: Decision

def inspect(
    tables: TableSet, answer: bytes, address: str | None, now_s: int, asked: bytes | None = None
) -> Inspection: ...
