import os
from typing import NamedTuple, final

from fastpath.report.counters import Counters

MAGIC: bytes
MAX_SEGMENTS: int

class BlockEvent(NamedTuple):
    time_ns: int
    names_generation: int
    policy_generation: int
    subscriber: int | None
    order: int
    channel: int
    action: int
    reason: int
    tier: int
    mode: int
    category: int
    list: str
    rule: str

@final
class Reporter:
    def __new__(cls, counters_path: str | os.PathLike[str], directory: str | os.PathLike[str]) -> Reporter: ...
    @property
    def counters(self) -> Counters: ...
    def tend(self) -> None: ...

def segment_numbers(directory: str) -> list[int]: ...
def segment_path(directory: str, number: int) -> str: ...

class SpoolPart(NamedTuple):
    events: list[BlockEvent]
    next: int

def wipe_segment(path: str | os.PathLike[str], first: int = 0, behind: int = ...) -> None: ...
def remove_segment(path: str | os.PathLike[str]) -> None: ...
def read_segment(path: str | os.PathLike[str], first: int, limit: int) -> SpoolPart: ...
def read_slots(path: str | os.PathLike[str], first: int, most: int) -> bytes: ...
def event_at(data: bytes, at: int) -> tuple[BlockEvent, int]: ...
