def spoken(data: bytes) -> str | None:
    """ "tls", "http" or "other"; None while the octets do not tell."""
