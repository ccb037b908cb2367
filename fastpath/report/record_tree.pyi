def record_lines(
    heads: list[bytes],
    middles: list[bytes],
    pseudonyms: bytes,
    time_s: bytes,
    kind: bytes,
    pseudonym: bytes,
    counts: bytes,
) -> bytes: ...
def leaf_hashes(salt: bytes, lines: bytes) -> bytes: ...
def parents(level: bytes) -> bytes: ...
