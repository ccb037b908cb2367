from typing import NamedTuple

class Packet(NamedTuple):
    version: int
    proto: int
    src: bytes
    dst: bytes
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    has_md5: bool
    timestamps: tuple[int, int] | None
    payload: bytes

def packet(data: bytes) -> Packet | None: ...
def checksums_fit(data: bytes) -> bool:
    """Whether the checksums of a complete TCP packet are right.   Raises ValueError: no such packet."""

def tcp_onward(like: bytes, seq: int, ack: int, flags: int, payload: bytes = b"", room: int = 65535) -> bytes: ...
def tcp_back(like: bytes, seq: int, ack: int, flags: int, payload: bytes = b"", room: int = 65535) -> bytes: ...
