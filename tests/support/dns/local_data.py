"""A reader of local data that shares no code with the product's."""

import struct
from collections.abc import Iterable, Iterator

from fastpath.wire.name import to_text
from rules.base.rule import Rule, SkippedLine, UrlRule


def records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, TTL and rdata of each record.   Raises where the octets are not whole records."""
    at = 0
    while at < len(data):
        rtype, ttl_s, n = struct.unpack_from(">HIH", data, at)
        at += 8 + n
        assert at <= len(data)
        yield rtype, ttl_s, data[at - n : at]


def local_data(found: Iterable[Rule | UrlRule | SkippedLine]) -> list[tuple[str, int, list[tuple[int, bytes]]]]:
    """Name, mode, and type and rdata of each record, of every rule that has some."""
    return [
        (to_text(item.wire), item.mode, [(rtype, rdata) for rtype, _ttl_s, rdata in records(item.data)])
        for item in found
        if isinstance(item, Rule) and item.data
    ]
