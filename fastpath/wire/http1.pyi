from typing import NamedTuple

class Head(NamedTuple):
    target: bytes
    hosts: list[bytes]
    after: int

def request_head(data: bytes) -> Head | None: ...
def body_length(head: bytes) -> int: ...
