def spoken(data: bytes) -> str | None:
    """ "tls", "http" or "other"; None while more octets are needed."""
