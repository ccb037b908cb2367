def ip_packet(link: int, data: bytes) -> bytes | None:
    """The IP packet inside a frame of this link type, and any padding behind it; None where there is none.

    Raises ValueError: truncated inside a header, more tags or labels than the limits, or another link type."""
