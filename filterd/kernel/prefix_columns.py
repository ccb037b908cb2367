"""Prefixes in columns: by version and length their first addresses in network order, sorted, one behind the other.

A million lines are some megabytes like this, and are sent to the kernel without an object for each
(fastpath.people.held_prefixes makes them).  Spans of addresses are as NftSet.of_spans() takes them.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, summarize_address_range

from filterd.kernel.intervals import Network, Span, merged, span_of

Columns = Mapping[tuple[int, int], bytes]
Prefixes = Columns | Iterable[Network]
SpanColumns = Mapping[int, bytes]  # by version
WIDTH = {4: 4, 6: 16}


def columns_of(prefixes: Prefixes) -> Columns:
    """Prefixes in columns; those that are already are left as they are."""
    if isinstance(prefixes, Mapping):
        return prefixes
    found: dict[tuple[int, int], list[bytes]] = {}
    for prefix in prefixes:
        found.setdefault((prefix.version, prefix.prefixlen), []).append(prefix.network_address.packed)
    return {shape: b"".join(sorted(firsts)) for shape, firsts in found.items()}


def networks_of(columns: Columns) -> Iterator[Network]:
    """Each prefix as an object, for the few who need it.   Cost: 1 µs each"""
    for (version, length), octets in columns.items():
        of = IPv4Network if version == 4 else IPv6Network
        for first in firsts_of(version, octets):
            yield of((first, length))


def firsts_of(version: int, octets: bytes) -> Iterator[bytes]:
    """The first addresses of a column."""
    width = WIDTH[version]
    return (octets[at : at + width] for at in range(0, len(octets), width))


def holds_first(octets: bytes, first: bytes) -> bool:
    """Whether a column has this first address."""
    width = len(first)

    def at(number: int) -> bytes:
        return octets[number * width : (number + 1) * width]

    return at(bisect_left(range(len(octets) // width), first, key=at)) == first


def joined(left: Columns, right: Columns) -> Columns:
    """Both as one; what is in both is there twice."""
    if not left or not right:
        return left or right
    found = dict(left)
    for (version, length), octets in right.items():
        both = found.get((version, length), b"") + octets
        found[version, length] = b"".join(sorted(firsts_of(version, both)))
    return found


def packed_spans(version: int, spans: Iterable[Span]) -> bytes:
    """Sorted spans in network order; an end behind the last address is zero."""
    width, top = WIDTH[version], 1 << 8 * WIDTH[version]
    return b"".join(number.to_bytes(width) for first, end in spans for number in (first, end % top))


def spans_of(prefixes: Iterable[Network]) -> dict[int, bytes]:
    """The fewest spans that cover prefixes, by version."""
    spans: dict[int, list[Span]] = {4: [], 6: []}
    for prefix in prefixes:
        spans[prefix.version].append(span_of(prefix))
    return {version: packed_spans(version, merged(sorted(found))) for version, found in spans.items()}


def networks_of_spans(spans: SpanColumns) -> Iterator[Network]:
    """The fewest prefixes that cover spans."""
    for version, octets in spans.items():
        of, top = (IPv4Address, 1 << 32) if version == 4 else (IPv6Address, 1 << 128)
        ends = [int.from_bytes(each) for each in firsts_of(version, octets)]
        for first, end in zip(ends[::2], ends[1::2], strict=True):
            yield from summarize_address_range(of(first), of((end or top) - 1))
