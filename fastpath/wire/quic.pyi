from typing import NamedTuple

VERSIONS: dict[int, str]

class Packet(NamedTuple):
    kind: str
    version: int
    dcid: bytes
    scid: bytes
    pn_at: int
    octets: bytes

def packets(datagram: bytes) -> list[Packet]: ...
def crypto_frames(plain: bytes) -> list[tuple[int, bytes]]: ...
