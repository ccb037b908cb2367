def record_lines(
    heads: list[bytes],
    middles: list[bytes],
    pseudonyms: bytes,
    time_s: bytes,
    kind: bytes,
    pseudonym: bytes,
    counts: bytes,
) -> bytes: ...
def leaf_hashes(salt: bytes, octets: bytes, begin: int = 0, most: int = 1048576) -> tuple[bytes, int]: ...
def parents(level: bytes) -> bytes: ...
