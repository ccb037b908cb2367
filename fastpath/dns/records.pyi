from typing import NamedTuple

class RecordView(NamedTuple):
    section: int
    owner: bytes
    kind: int
    class_: int
    ttl_s: int
    data_at: int
    data: bytes

def records(message: bytes) -> list[RecordView]: ...
def name_at(message: bytes, at: int) -> tuple[bytes, int]: ...
