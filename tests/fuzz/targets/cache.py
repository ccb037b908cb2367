"""What the cache keeps of an answer reads back record for record, with every TTL that is left and none that is more."""

import struct
from collections.abc import Iterator

from fastpath.dns.query import query as read_query
from fastpath.testing.cache import AnswerCache

NOW, AGE = 1_000_000, 3
OPT = 41
CACHE = AnswerCache(1 << 20)

Record = tuple[bytes, int, int, int, bytes]


def check(data: bytes) -> None:
    query = b"\xab\xcd\x01\x10\x00\x01" + bytes(6) + data[12:]
    try:
        asked = read_query(query)
    except ValueError:
        return
    query = query[: asked.after]
    if not CACHE.put(query, data, NOW):
        return
    assert data[2] & 0xFA == 0x80, "an answer to an opcode QUERY, and not cut"
    whole, cut = CACHE.get(query, NOW + AGE), CACHE.get(query, NOW + AGE, asked.after)
    assert whole is not None and cut is not None
    state, message = whole
    assert message[:2] == b"\xab\xcd" and message[12 : asked.after] == query[12:]
    assert len(cut[1]) == asked.after and (cut[1][2] & 2 or message == cut[1])
    delivered, put = list(_records(message)), list(_records(data))
    assert len(delivered) <= len(put)
    for (owner, kind, class_, ttl, rdata), (*same, upstream_ttl, upstream_rdata) in zip(delivered, put, strict=False):
        assert [owner, kind, class_] == same and rdata == upstream_rdata and kind != OPT
        assert ttl == 30 if state == "stale" else ttl + AGE <= upstream_ttl or ttl + AGE <= 5


def _records(message: bytes) -> Iterator[Record]:
    """Every record: owner (unfolded, uncompressed), type, class, TTL, rdata; trusts the message to be sound."""
    n_records = sum(struct.unpack_from("!HHH", message, 6))
    _, at = _name(message, 12)
    at += 4
    for _ in range(n_records):
        owner, at = _name(message, at)
        kind, class_, ttl, n_data = struct.unpack_from("!HHIH", message, at)
        yield owner.lower(), kind, class_, ttl, message[at + 10 : at + 10 + n_data]
        at += 10 + n_data
    assert at == len(message)


def _name(message: bytes, at: int) -> tuple[bytes, int]:
    """The name at `at` without compression, and the offset behind it."""
    length = message[at]
    if length >= 0xC0:
        return _name(message, (length & 0x3F) << 8 | message[at + 1])[0], at + 2
    if length == 0:
        return b"\x00", at + 1
    rest, after = _name(message, at + 1 + length)
    return message[at : at + 1 + length] + rest, after
