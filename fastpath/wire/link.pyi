def ip_packet(link: int, data: bytes) -> bytes | None:
    """The IP packet inside a frame of a capture's link type, and what may follow it; None where there is none.

    ValueError: cut inside a header, or more tags than anybody has."""
