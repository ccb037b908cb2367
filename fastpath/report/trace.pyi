from typing import NamedTuple

class Sighting(NamedTuple):
    channel: int
    host: bytes
    target: bytes
    has_ech: bool
    quic_version: int
    undecidable: str | None
    ja4: str | None = ...
