from typing import NamedTuple

class Sighting(NamedTuple):
    """One host of a hello or request, or (then `undecidable` is the counter's name) what could not be decided.

    channel   Channel, 0 where nothing was read yet;  quic_version 0: not QUIC"""

    channel: int
    host: bytes
    target: bytes
    has_ech: bool
    quic_version: int
    undecidable: str | None
    ja4: str | None = ...
