"""DNS messages of the control path: zone transfers, NOTIFY, TSIG.  Bytes in, values out; no I/O.

Invariants: any octets give a Message or BadMessage; a name's pointers lead strictly backwards, so that
reading ends; names are folded and uncompressed, also in rdata; octets after the last record are a fault.
Absent on purpose: rdata of types without compression is not read (RFC 3597 §4); classes other than IN are the caller's.
Source: RFC 1035 §4.1; RFC 3597 §4; RFC 6895 §2.   Cost: some 3 µs a record.
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from dns.base.length_prefix import MAX_MESSAGE_OCTETS
from dns.base.wire_format import (
    AFSDB,
    CNAME,
    DNAME,
    HEADER_OCTETS,
    IN,
    MAX_NAME_OCTETS,
    MX,
    NS,
    PTR,
    RCODE_MASK,
    RP,
    SOA,
    SRV,
    opcode_of,
)
from fastpath.wire.name import to_text

POINTER: Final = 0xC0  # of the first octet; 63 is the longest label (RFC 1035 §4.1.4)
MAX_JUMPS: Final = 127  # a name has at most so many labels, so many pointers make sense

# Where rdata holds names that may be compressed: octets before the first, how many names.
_NAMES_IN: Final = {
    NS: (0, 1),
    CNAME: (0, 1),
    SOA: (0, 2),
    PTR: (0, 1),
    MX: (2, 1),
    RP: (0, 2),
    AFSDB: (2, 1),
    SRV: (6, 1),
    DNAME: (0, 1),
}
_HEADER: Final = struct.Struct(">6H")
_FIXED: Final = struct.Struct(">HHIH")  # type, class, TTL, length of rdata
_QUESTION: Final = struct.Struct(">HH")
_TIMERS: Final = struct.Struct(">5I")


class BadMessage(ValueError):
    """Octets that are not a DNS message; where and why."""


class Question(NamedTuple):
    """One question; `qname` in wire form, folded."""

    qname: bytes
    qtype: int
    qclass: int = IN


class Record(NamedTuple):
    """One record; names in wire form, folded and uncompressed, also those of `rdata`."""

    owner: bytes
    rtype: int
    rclass: int
    ttl_s: int
    rdata: bytes


class Soa(NamedTuple):
    """The timers of a zone."""

    serial: int
    refresh_s: int
    retry_s: int
    expire_s: int
    minimum_s: int


class Message(NamedTuple):
    """A whole message."""

    id: int
    flags: int
    questions: list[Question]
    answers: list[Record]
    authorities: list[Record]
    additionals: list[Record]

    @property
    def opcode(self) -> int:
        """The opcode: QUERY, NOTIFY, …"""
        return opcode_of(self.flags)

    @property
    def rcode(self) -> int:
        """The header's rcode, without EDNS."""
        return self.flags & RCODE_MASK


def read_message(octets: bytes) -> Message:
    """Read a whole message.   Raises BadMessage."""
    identity, flags, *counts = read_header(octets)
    known: dict[int, bytes] = {}
    questions: list[Question] = []
    at = HEADER_OCTETS
    for _ in range(counts[0]):
        qname, at = read_name(octets, at, known)
        if at + 4 > len(octets):
            raise BadMessage(f"the question at {at} is cut off")
        questions.append(Question(qname, *_QUESTION.unpack_from(octets, at)))
        at += 4
    answers, at = _read_records(octets, at, counts[1], known)
    authorities, at = _read_records(octets, at, counts[2], known)
    additionals, at = _read_records(octets, at, counts[3], known)
    if at != len(octets):
        raise BadMessage(f"{len(octets) - at} octets follow the last record")
    return Message(identity, flags, questions, answers, authorities, additionals)


def read_header(octets: bytes) -> tuple[int, ...]:
    """Read id, flags and the four counts.   Raises BadMessage."""
    if len(octets) < HEADER_OCTETS:
        raise BadMessage(f"{len(octets)} octets, a header has {HEADER_OCTETS}")
    return _HEADER.unpack_from(octets)


def read_name(octets: bytes, at: int, known: dict[int, bytes]) -> tuple[bytes, int]:
    """Read the name at `at`; return it and the offset after it.

    known   names already read in this message, by offset.   Raises BadMessage."""
    start, behind, n_jumps = at, 0, 0
    labels: list[bytes] = []
    n_octets, first_target, n_before = 1, -1, 0
    try:
        while length := octets[at]:
            if length < 64:
                labels.append(octets[at : at + 1 + length])
                n_octets += 1 + length
                at += 1 + length
            elif length >= POINTER:
                target = (length - POINTER) << 8 | octets[at + 1]
                behind = behind or at + 2
                n_jumps += 1
                if target >= start or target < HEADER_OCTETS or n_jumps > MAX_JUMPS:
                    raise BadMessage(f"the pointer at {at} does not lead back")
                if target in known:
                    labels.append(known[target][:-1])
                    n_octets += len(known[target]) - 1
                    break
                if first_target < 0:
                    first_target, n_before = target, len(labels)
                start = at = target
            else:
                raise BadMessage(f"the label at {at} is of no known type")
            if n_octets > MAX_NAME_OCTETS:
                break
    except IndexError:
        raise BadMessage(f"the name at {start} is cut off at octet {len(octets)}") from None
    if n_octets > MAX_NAME_OCTETS or at >= len(octets):
        raise BadMessage(f"the name at {start} is longer than {MAX_NAME_OCTETS} octets, or cut off")
    if first_target >= 0:
        known[first_target] = b"".join(labels[n_before:]).lower() + b"\0"
    return b"".join(labels).lower() + b"\0", behind or at + 1


def skip_record(octets: bytes, at: int) -> tuple[int, int]:
    """Skip the record at `at`; return the offset of its fixed part and of its end.   Raises BadMessage."""
    try:
        while length := octets[at]:
            if length >= POINTER:
                at += 1
                break
            at += 1 + length
        fixed = at + 1
        end = fixed + _FIXED.size + (octets[fixed + 8] << 8 | octets[fixed + 9])
    except IndexError:
        raise BadMessage(f"the record before octet {len(octets)} is cut off") from None
    if end > len(octets):
        raise BadMessage(f"the record at {at} is cut off at octet {len(octets)}")
    return fixed, end


def read_soa(record: Record) -> Soa:
    """The timers of a SOA.   Raises BadMessage for any other record."""
    if record.rtype != SOA or record.rclass != IN:
        raise BadMessage(f"a record of type {record.rtype} where a SOA belongs")
    return Soa(*_TIMERS.unpack(record.rdata[-_TIMERS.size :]))


def is_newer(serial: int, than: int) -> bool:
    """Whether a serial comes after another (RFC 1982 §3.2)."""
    return serial != than and (serial - than) % 2**32 < 2**31


def is_under(name: bytes, apex: bytes) -> bool:
    """Whether a wire name is `apex` or lies below it."""
    end = len(name) - len(apex)
    if end < 0 or not name.endswith(apex):
        return False
    at = 0
    while at < end:  # a label may hold the octets of the apex
        at += 1 + name[at]
    return at == end


def write_message(
    identity: int,
    flags: int,
    questions: Sequence[Question],
    answers: Sequence[Record] = (),
    authorities: Sequence[Record] = (),
) -> bytes:
    """Write a message without compression.   Raises BadMessage for one that is too long."""
    octets = _HEADER.pack(identity, flags, len(questions), len(answers), len(authorities), 0)
    octets += b"".join(q.qname + _QUESTION.pack(q.qtype, q.qclass) for q in questions)
    octets += b"".join(write_record(each) for each in (*answers, *authorities))
    if len(octets) > MAX_MESSAGE_OCTETS:
        raise BadMessage(f"{len(octets)} octets, a message has at most {MAX_MESSAGE_OCTETS}")
    return octets


def write_record(record: Record) -> bytes:
    """Write a record without compression."""
    return record.owner + _FIXED.pack(record.rtype, record.rclass, record.ttl_s, len(record.rdata)) + record.rdata


def shown(name: bytes) -> str:
    """A wire name as text for logs."""
    return to_text(name)


# ----------------------------------------------------------------------------------------------------------------------


def _read_records(octets: bytes, at: int, n: int, known: dict[int, bytes]) -> tuple[list[Record], int]:
    records = []
    unpack, room = _FIXED.unpack_from, len(octets) - _FIXED.size
    for _ in range(n):
        owner, at = read_name(octets, at, known)
        if at > room:
            raise BadMessage(f"the record at {at} is cut off")
        rtype, rclass, ttl_s, length = unpack(octets, at)
        at += _FIXED.size
        end = at + length
        if end > len(octets):
            raise BadMessage(f"the record's data at {at} are cut off")
        rdata = octets[at:end] if rtype not in _NAMES_IN else _expanded(octets, at, end, rtype, known)
        records.append(Record(owner, rtype, rclass, ttl_s, rdata))
        at = end
    return records, at


def _expanded(octets: bytes, at: int, end: int, rtype: int, known: dict[int, bytes]) -> bytes:
    """Read rdata with its names uncompressed."""
    n_before, n_names = _NAMES_IN[rtype]
    found = [octets[at : at + n_before]]
    at += n_before
    for _ in range(n_names):
        name, at = read_name(octets, at, known)
        found.append(name)
    if end - at != (_TIMERS.size if rtype == SOA else 0):
        raise BadMessage(f"data of type {rtype} that do not end where they say, at {end}")
    found.append(octets[at:end])
    return b"".join(found)
