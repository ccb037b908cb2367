"""Bulk deletion of conntrack entries: one pass over the kernel's table for any number of prefixes of both families.

    dump → family of each entry → addresses of both tuples → ours?  yes: delete by tuple, zone and id

The tuples differ where this box does NAT: a line's own address is then in one of the two.

Invariants: only the connection that was dumped is deleted, not a later one with the same ports.
Absent on purpose: the kernel's own filter, which matches whole addresses and no prefixes.
Source: linux/netfilter/nfnetlink_conntrack.h; the kernel writes a tuple's addresses first (ctnetlink_dump_tuples).
Cost: bench/lock.py.
"""

import errno
import os
import struct
from collections.abc import Iterator, Mapping

from filterd.kernel.netlink import F_ACK, F_DUMP, HEADER_OCTETS, NESTED, Netlink, attributes, message, split
from filterd.kernel.prefix_columns import WIDTH, Prefixes, columns_of, firsts_of, holds_first

SUBSYSTEM = 1  # NFNL_SUBSYS_CTNETLINK
GET, DELETE, GET_STATS = SUBSYSTEM << 8 | 1, SUBSYSTEM << 8 | 2, SUBSYSTEM << 8 | 5
FAMILIES = {4: 2, 6: 10}  # NFPROTO_IPV4, NFPROTO_IPV6
BOTH = 0  # NFPROTO_UNSPEC
TUPLE_ORIGINAL, TUPLE_REPLY, ID, ZONE = 1, 2, 12, 18
TUPLE_IP, SOURCE = 1, {4: 1, 6: 3}
TUPLE_PROTO, SOURCE_PORT, DESTINATION_PORT = 2, 2, 3
DNS_PORT = 53
STATS_ENTRIES = 1
FEW = 16  # prefixes of a family: with more, searching each chunk of a dump for them costs more than it saves
AT_ONCE = 1000  # deletions of one datagram: the kernel's error reports for all of them fit into the socket

_LENGTH = struct.Struct("=I")
FAMILY_AT = 16  # in a message: behind netlink's header
# A nested tuple: its header, those of the addresses and of the source, the source, a header, the destination.
_REPLY = {version: struct.Struct(f"=4x 8s {width}s 4x {width}s") for version, width in WIDTH.items()}
_ORIGINAL = {version: struct.Struct(f"=I 16x H 2x 8s {width}s 4x {width}s") for version, width in WIDTH.items()}
_HEAD = {
    version: struct.pack("=HHHH", 2 * width + 12, TUPLE_IP | NESTED, width + 4, SOURCE[version])
    for version, width in WIDTH.items()
}


class _Ours(dict[bytes, bool]):
    """Whether an address is in one of the prefixes; computed once per address.

    by_length  their columns;   Cost: 5 µs an address, and no memory for a prefix"""

    def __init__(self, version: int, by_length: Mapping[int, bytes]) -> None:
        self._width = WIDTH[version]
        self._columns = [(8 * self._width - length, octets) for length, octets in by_length.items()]
        is_few = sum(map(len, by_length.values())) <= FEW * self._width
        self._beginnings = [
            first[: length // 8]
            for length, octets in (by_length.items() if is_few else ())
            for first in firsts_of(version, octets)
        ]

    def may_be_in(self, chunk: bytes) -> bool:
        """Whether a part of a dump has to be parsed.   With many prefixes always: searching for each costs 3 µs."""
        return not self._beginnings or any(beginning in chunk for beginning in self._beginnings)

    def __missing__(self, address: bytes) -> bool:
        number = int.from_bytes(address)
        firsts = ((octets, (number >> shift << shift).to_bytes(self._width)) for shift, octets in self._columns)
        found = self[address] = any(holds_first(octets, first) for octets, first in firsts)
        return found


def forget(prefixes: Prefixes) -> int:
    """Delete the conntrack entries of connections from and to these prefixes; returns how many.

    Raises RuntimeError where the kernel refuses; some may be deleted then."""
    by_version: dict[int, dict[int, bytes]] = {4: {}, 6: {}}
    for (version, length), octets in columns_of(prefixes).items():
        by_version[version][length] = octets
    try:
        with Netlink() as link:
            return _forget(link, {version: _Ours(version, found) for version, found in by_version.items() if found})
    except OSError as reason:
        effect = "some connections of locked lines may stay tracked, but stay locked"
        raise RuntimeError(f"conntrack: {reason.strerror}; {effect}; run 'filterd doctor'") from reason


def forget_redirected(port: int) -> int:
    """Delete the entries of queries to port 53 that this box redirected to a port of its own; returns how many.

    A client that uses its port again would keep such an entry for as long as it asks.
    Raises RuntimeError where the kernel refuses."""
    try:
        with Netlink() as link:
            return sum(_forget_redirected(link, family, port) for family in FAMILIES.values())
    except OSError as reason:
        effect = "queries of some clients still go to this box for a minute or two"
        raise RuntimeError(f"conntrack: {reason.strerror}; {effect}; run 'filterd doctor'") from reason


def n_tracked() -> int:
    """Number of connections that the kernel tracks in this namespace.   Raises RuntimeError, OSError."""
    with Netlink() as link:
        found = link.ask(message(GET_STATS, 0, 1, 0))
    for kind, begin, end in attributes(found.chunk, found.at + HEADER_OCTETS, found.end):
        if kind == STATS_ENTRIES:
            return int.from_bytes(found.chunk[begin:end], "big")
    raise OSError(errno.EPROTO, "the kernel sent no number of connections")


def _forget(link: Netlink, ours: Mapping[int, _Ours]) -> int:
    """The kernel walks its whole table for a dump, of one family or of both."""
    if not ours:
        return 0
    family = FAMILIES[min(ours)] if len(ours) == 1 else BOTH
    found: dict[int, list[bytes]] = {version: [] for version in ours}
    for chunk in link.dump(message(GET, F_DUMP, 1, family)):
        for version, its in ours.items():
            found[version] += _deletions(chunk, version, its)
    return sum(_delete_all(link, FAMILIES[version], deletions) for version, deletions in found.items())


def _delete_all(link: Netlink, family: int, deletions: list[bytes]) -> int:
    """Delete connections; returns how many."""
    done = 0
    for at in range(0, len(deletions), AT_ONCE):
        part = deletions[at : at + AT_ONCE]
        done += len(part) - _delete(link, family, part)
    return done


def _forget_redirected(link: Netlink, family: int, port: int) -> int:
    wanted = (DNS_PORT, port)  # where it was sent, and where its answer comes from
    deletions = [
        _deletion(chunk, found.at + HEADER_OCTETS, found.end)
        for chunk in link.dump(message(GET, F_DUMP, 1, family))
        for found in split(chunk)
        if _ports(chunk, found.at + HEADER_OCTETS, found.end) == wanted
    ]
    for at in range(0, len(deletions), AT_ONCE):
        _delete(link, family, deletions[at : at + AT_ONCE])
    return len(deletions)


def _ports(chunk: bytes, at: int, end: int) -> tuple[int, int]:
    """(destination of the original tuple, source of the reply tuple) of a connection; 0 where it has none."""
    found = {TUPLE_ORIGINAL: 0, TUPLE_REPLY: 0}
    wanted = {TUPLE_ORIGINAL: DESTINATION_PORT, TUPLE_REPLY: SOURCE_PORT}
    for kind, first, last in attributes(chunk, at, end):
        if kind in wanted:
            for inner, begin, behind in attributes(chunk, first, last):
                if inner == TUPLE_PROTO:
                    ports = {which: chunk[a:b] for which, a, b in attributes(chunk, begin, behind)}
                    found[kind] = int.from_bytes(ports.get(wanted[kind], b""), "big")
    return found[TUPLE_ORIGINAL], found[TUPLE_REPLY]


def _delete(link: Netlink, family: int, deletions: list[bytes]) -> int:
    """Delete connections; returns how many were gone already."""
    last = len(deletions) - 1
    messages = [message(DELETE, F_ACK if n == last else 0, n, family, each) for n, each in enumerate(deletions)]
    faults = [answer.fault for answer in link.send(b"".join(messages)) if answer.fault]
    for fault in faults:
        if fault != errno.ENOENT:
            raise OSError(fault, os.strerror(fault))
    return len(faults)


def _deletions(chunk: bytes, version: int, ours: _Ours) -> Iterator[bytes]:
    """For each connection of `ours` in a part of a dump, the attributes of the message that deletes it."""
    if not ours.may_be_in(chunk):
        return
    first, second, head, at = _ORIGINAL[version], _REPLY[version], _HEAD[version], 0
    other = FAMILIES[10 - version].to_bytes()
    while at < len(chunk):
        if chunk[at + FAMILY_AT : at + FAMILY_AT + 1] == other:
            at += _octets_of(chunk, at)
            continue
        if at + first.size > len(chunk):
            raise OSError(errno.EPROTO, "the kernel sent a truncated connection")
        length, original_octets, original_head, source, destination = first.unpack_from(chunk, at)
        original = at + HEADER_OCTETS
        if length > len(chunk) - at or length < HEADER_OCTETS + original_octets + second.size or original_head != head:
            raise OSError(errno.EPROTO, "the kernel sent a connection in an unknown format")
        reply_head, reply_source, reply_destination = second.unpack_from(chunk, original + original_octets)
        if reply_head != head:
            raise OSError(errno.EPROTO, "the kernel sent a reply tuple in an unknown format")
        if ours[source] or ours[destination] or ours[reply_source] or ours[reply_destination]:
            yield _deletion(chunk, original, at + length)
        at += (length + 3) & ~3


def _octets_of(chunk: bytes, at: int) -> int:
    """The octets of the message there, padded."""
    length: int = _LENGTH.unpack_from(chunk, at)[0]
    if not HEADER_OCTETS <= length <= len(chunk) - at:
        raise OSError(errno.EPROTO, "the kernel sent a truncated connection")
    return (length + 3) & ~3


def _deletion(chunk: bytes, at: int, end: int) -> bytes:
    """The attributes that identify a connection."""
    wanted = (TUPLE_ORIGINAL, ID, ZONE)
    return b"".join(copied(chunk, first, last) for kind, first, last in attributes(chunk, at, end) if kind in wanted)


def addresses_at(chunk: bytes, at: int, version: int) -> tuple[bytes, ...] | None:
    """Source and destination of both tuples of the connection whose message begins there; None: in an unknown format.

    Cost: 1 µs, where a walk over all attributes costs a dozen"""
    original, reply, head = _ORIGINAL[version], _REPLY[version], _HEAD[version]
    if at + original.size > len(chunk):
        return None
    _, octets, its_head, source, destination = original.unpack_from(chunk, at)
    behind = at + HEADER_OCTETS + octets
    if its_head != head or behind + reply.size > len(chunk):
        return None
    reply_head, reply_source, reply_destination = reply.unpack_from(chunk, behind)
    return (source, destination, reply_source, reply_destination) if reply_head == head else None


def copied(chunk: bytes, first: int, last: int) -> bytes:
    """A whole attribute, padded, by the beginning and end of its value."""
    return chunk[first - 4 : last] + bytes(-(last - first) % 4)
