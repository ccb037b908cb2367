"""The copy of a transferred policy zone: a master file of one line a record, which rules.formats.rpz reads.

    ; mark            head: three lines, so that the serial is known without reading the rest
    $ORIGIN apex.
    @ TTL SOA …
    owner TTL TYPE data     relative owner; data of an unknown type in RFC 3597's form

Invariants: equal records give equal lines; with any octets in a name, a line stays one line and one record; what a
zone needs only to be a zone (NS, a signer's records) is not kept; changes that do not fit what is kept are BadZone, and
nothing of them is.
Source: RFC 1035 §5.1; RFC 3597 §5; RFC 1995 §3 (what to do with a difference).
Cost: 1.5 µs to write a record, 0.3 µs to carry one over.
"""

import re
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from fastpath.wire.name import from_wire, to_text

MARK: Final = b"; a transferred zone, form 1\n"
HEAD_LINES: Final = 3
HEAD_OCTETS: Final = 4096  # of which the head has less: three names of at most 1,020 characters
BLOCK_OCTETS: Final = 1 << 20
MAX_TTL_S: Final = 2**31 - 1  # RFC 2181 §8: above it, 0 is meant
A, CNAME, SOA, AAAA = 1, 5, 6, 28
# Types that a policy says nothing with; those of rules.formats.rpz.SILENT_TYPES.
SILENT: Final = frozenset({2, 46, 47, 48, 50, 51, 59, 60, 63})
TIMERS_OCTETS: Final = 20

_PLAIN: Final = re.compile(r"[A-Za-z0-9_*-]+(?:\.[A-Za-z0-9_*-]+)*")
_PLAIN_OCTETS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_*-")
_SOA_LINE: Final = re.compile(rb"@ \d+ SOA \S+ \S+ (\d+) (\d+) (\d+) (\d+) (\d+)\n")

Write = Callable[[bytes], None]


class BadZone(ValueError):
    """Changes that do not match the copy."""


class ZoneTimers(NamedTuple):
    """The timers of a copy's SOA."""

    serial: int
    refresh_s: int
    retry_s: int
    expire_s: int
    minimum_s: int


class Difference(NamedTuple):
    """From one serial to the next, as lines of a copy."""

    old_serial: int
    serial: int
    soa: bytes  # the new one's line
    removed: list[bytes]
    added: list[bytes]


def head(apex: bytes, soa: bytes) -> bytes:
    """What a copy begins with.   apex  in wire form;   soa  its line"""
    return MARK + b"$ORIGIN " + _absolute(apex) + b"\n" + soa


def record_line(apex: bytes, owner: bytes, rtype: int, ttl_s: int, rdata: bytes) -> bytes:
    """A record of the zone as a line; b"" for one without effect.

    owner   in wire form, folded, at or below `apex`;   rdata  with its names uncompressed"""
    if rtype in SILENT:
        return b""
    name = b"@" if owner == apex else _name(owner[: -len(apex)] + b"\0")
    ttl_s = ttl_s if ttl_s <= MAX_TTL_S else 0
    if rtype == CNAME:
        return b"%b %d CNAME %b\n" % (name, ttl_s, _absolute(rdata))
    if rtype == SOA:
        return b"%b %d SOA %b\n" % (name, ttl_s, _soa_data(rdata))
    return b"%b %d %b\n" % (name, ttl_s, _data(rtype, rdata))


def timers_of(copy: Path, apex: bytes) -> ZoneTimers | None:
    """What the SOA of a zone's copy says; None for a file that is not ours (a seed, for example), of another zone, or
    not
    there.   apex  in wire form"""
    found = _read_head(copy)
    return timers_in(found[2]) if found and found[1] == b"$ORIGIN " + _absolute(apex) + b"\n" else None


def timers_in(soa: bytes) -> ZoneTimers | None:
    """What a SOA's line says; None where it is not one."""
    said = _SOA_LINE.fullmatch(soa)
    return None if said is None else ZoneTimers(*map(int, said.groups()))


def apply(copy: Path, differences: Iterable[Difference], write: Write) -> None:
    """Write what a copy becomes by `differences`, which join one another.

    Raises BadZone where they do not fit: records to be removed that do not exist, or to be added that do; OSError.
    Memory: the differences, and the records of the owners that they touch."""
    differences = list(differences)
    found = _read_head(copy)
    timers = timers_in(found[2]) if found else None
    serial = timers.serial if timers else -1
    touched: dict[bytes, dict[bytes, bytes]] = {}
    for difference in differences:
        if difference.old_serial != serial:
            raise BadZone(f"a change from serial {difference.old_serial}, the copy is of {serial}")
        serial = difference.serial
        for line in (*difference.removed, *difference.added):
            touched[_owner(line)] = {}
    with copy.open("rb") as file:
        start = [file.readline() for _ in range(HEAD_LINES)]
        write(b"".join(start[:2]) + (differences[-1].soa if differences else start[2]))
        for lines in _blocks(file.readlines, BLOCK_OCTETS):
            write(b"".join([line for line in lines if line.partition(b" ")[0] not in touched]))
            for line in lines:
                if (owner := line.partition(b" ")[0]) in touched:
                    touched[owner][_said(line)] = line
    for difference in differences:
        _change(touched, difference)
    write(b"".join(line for owner in sorted(touched) for line in touched[owner].values()))


# ----------------------------------------------------------------------------------------------------------------------


def _read_head(copy: Path) -> list[bytes] | None:
    """The lines of a copy's head; None for a file that has none, or is missing."""
    try:
        with copy.open("rb") as file:
            lines = file.read(HEAD_OCTETS).splitlines(keepends=True)[:HEAD_LINES]
    except OSError:
        return None
    return lines if len(lines) == HEAD_LINES and lines[0] == MARK else None


def _change(touched: dict[bytes, dict[bytes, bytes]], difference: Difference) -> None:
    for line in difference.removed:
        if touched[_owner(line)].pop(_said(line), None) is None:
            raise BadZone("a record to be removed does not exist")
    for line in difference.added:
        if touched[_owner(line)].setdefault(_said(line), line) is not line:
            raise BadZone("a record to be added exists already")


def _owner(line: bytes) -> bytes:
    return line.partition(b" ")[0]


def _said(line: bytes) -> bytes:
    """Type and data of a line: two records are one, regardless of their TTLs (RFC 2181 §5)."""
    return line.split(b" ", 2)[2]


def _blocks(read: Callable[[int], list[bytes]], octets: int) -> Iterator[list[bytes]]:
    while lines := read(octets):
        yield lines


def _absolute(wire: bytes) -> bytes:
    return _name(wire) + b"." if wire != b"\0" else b"."


def _name(wire: bytes) -> bytes:
    """A name as a word of a master file, without the last dot."""
    text = to_text(wire)
    if _PLAIN.fullmatch(text):
        return text.encode("ascii")
    labels, at = [], 0
    while wire[at]:
        labels.append(b"".join(_escaped(octet) for octet in wire[at + 1 : at + 1 + wire[at]]))
        at += 1 + wire[at]
    return b".".join(labels)


def _escaped(octet: int) -> bytes:
    return bytes([octet]) if octet in _PLAIN_OCTETS else b"\\%03d" % octet


def _data(rtype: int, rdata: bytes) -> bytes:
    if rtype == A and len(rdata) == 4:
        return b"A " + socket.inet_ntoa(rdata).encode("ascii")
    if rtype == AAAA and len(rdata) == 16:
        return b"AAAA " + socket.inet_ntop(socket.AF_INET6, rdata).encode("ascii")
    return b"TYPE%d \\# %d %b" % (rtype, len(rdata), rdata.hex().encode("ascii"))


def _soa_data(rdata: bytes) -> bytes:
    mname, at = from_wire(rdata, 0)
    rname, at = from_wire(rdata, at)
    timers = [int.from_bytes(rdata[at + n : at + n + 4], "big") for n in range(0, TIMERS_OCTETS, 4)]
    return b" ".join((_absolute(mname), _absolute(rname), *(b"%d" % timer for timer in timers)))
