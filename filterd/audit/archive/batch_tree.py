"""The small tree of a batch's records: its root is in the leaf of the batch, and a path in it proves one record.

    record ─→ SHA-256(0x00 ‖ salt ‖ line) ─→ … ─→ hash of SPAN records, which the store keeps ─→ … ─→ root

A proof of one record reads the records under its kept hash alone, and not all of a batch, which may have 65,536.
Source: RFC 9162 §2.1.1, level by level: the last one of an odd number goes up as it is.   Cost: 0.3 µs a record
"""

import hashlib

from fastpath.report.record_tree import leaf_hashes, parents
from mgmt.ledger.block_verifier import HASH_OCTETS, Hashes

SPAN_LEVELS = 8
SPAN = 1 << SPAN_LEVELS  # records under one kept hash


def leaves_of(salt: bytes, lines: bytes) -> bytes:
    """The leaves of records, one behind the other.   lines  each with its end.   Raises ValueError: one is no record"""
    level, end = leaf_hashes(salt, lines)
    if end != len(lines):
        raise ValueError(f"{lines[end : end + 50]!r}: is not the line of a record; no root computed")
    return level


def spans_of(level: bytes) -> bytes:
    """The hashes over SPAN leaves each, one behind the other; over fewer the last one."""
    for _ in range(SPAN_LEVELS):
        level = parents(level)
    return level


def root_of(level: bytes) -> bytes:
    """The root of a tree of hashes, one behind the other."""
    while len(level) > HASH_OCTETS:
        level = parents(level)
    return level or hashlib.sha256(b"").digest()


def path_in(level: bytes, index: int) -> list[bytes]:
    """The path from a hash to the root of a tree of hashes, from below."""
    path = []
    while len(level) > HASH_OCTETS:
        other = (index ^ 1) * HASH_OCTETS
        if other < len(level):
            path.append(level[other : other + HASH_OCTETS])
        level, index = parents(level), index >> 1
    return path


COMPILED = Hashes(leaf_hashes, root_of)
