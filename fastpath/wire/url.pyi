from typing import NamedTuple

FAULTS: dict[int, str]

class CanonicalUrl(NamedTuple):
    text: bytes
    key: bytes
    wire: bytes | None
    is_host_alone: bool

def canonical(text: bytes) -> CanonicalUrl | None: ...
def split(text: bytes) -> tuple[bytes, int, bytes]: ...
def host_text(value: bytes) -> bytes: ...
def join(host: bytes, port: int, rest: bytes, reading: int = 0) -> CanonicalUrl: ...
