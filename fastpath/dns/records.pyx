"""The records of a DNS message, one after the other, and the names in them without compression.

Invariants: a record that came back OK lies whole inside the message.  A name that came back OK is canonical, see
fastpath/wire/name.pyx.  A pointer leads to octets ahead of the part of the name that it ends, and behind the header: so
no name can loop, and each is read in at most 127 steps.  Records that the counts promise and the message does not hold
are NEED_MORE.  Octets behind the last record are ignored.
Absent on purpose: the meaning of rdata, but for names; any writing.
Source: RFC 1035 §4.1.3 (records), §4.1.4 (compression: a pointer to a prior occurrence).
Cost: 3 ns a record with a compressed owner; 20 to 40 ns a name that is read.
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from fastpath.base.cursor cimport MALFORMED, NEED_MORE, OK, Status
from fastpath.dns.wire cimport HEADER_OCTETS, POINTER, POINTER_OFFSET, RECORD_OCTETS, TYPE_CLASS_OCTETS
from fastpath.wire.name cimport LABEL_OCTETS, Name, begin_name, end_name, take_label


cdef inline uint16_t _u16(const uint8_t* at) noexcept nogil:
    return <uint16_t>((at[0] << 8) | at[1])


cdef Status begin_walk(Walk* w, const uint8_t* msg, size_t n, Section last) noexcept nogil:
    """Start a walk over the records of all sections up to `last`.

    NEED_MORE: the header or the questions are cut off.  MALFORMED: the name of a question cannot be read."""
    cdef size_t at = HEADER_OCTETS
    cdef Status status
    cdef uint32_t _i
    cdef int section
    memset(w, 0, sizeof(Walk))
    if n < HEADER_OCTETS:
        return NEED_MORE
    w.msg = msg
    w.n = n
    for _i in range(_u16(msg + 4)):
        status = skip_checked_name(msg, n, at, &at)
        if status != OK:
            return status
        if n - at < TYPE_CLASS_OCTETS:
            return NEED_MORE
        at += TYPE_CLASS_OCTETS
    w.at = at
    for section in range(<int>N_SECTIONS):
        w.counts[section] = _u16(msg + 6 + 2 * section)
        if section <= <int>last:
            w.left += w.counts[section]
    return OK


cdef Status take_record(Walk* w, Record* out) noexcept nogil:
    """Read the next record; w.left says whether there is one.

    NEED_MORE: it runs past the message.  MALFORMED: its owner cannot be read; the walk ends there."""
    cdef Status status
    cdef size_t at
    cdef uint32_t seen = w.n_seen
    out.owner_at = w.at
    status = skip_checked_name(w.msg, w.n, w.at, &at)
    if status != OK:
        return status
    if w.n - at < RECORD_OCTETS:
        return NEED_MORE
    out.kind = _u16(w.msg + at)
    out.class_ = _u16(w.msg + at + 2)
    out.ttl_s = (<uint32_t>_u16(w.msg + at + 4) << 16) | _u16(w.msg + at + 6)
    out.data_n = _u16(w.msg + at + 8)
    out.data_at = at + RECORD_OCTETS
    if w.n - out.data_at < out.data_n:
        return NEED_MORE
    out.section = IN_ANSWER
    if seen >= w.counts[0]:
        out.section = IN_AUTHORITY if seen - w.counts[0] < w.counts[1] else IN_ADDITIONAL
    w.at = out.data_at + out.data_n
    w.n_seen = seen + 1
    w.left -= 1
    return OK


cdef Status skip_checked_name(const uint8_t* msg, size_t n, size_t at, size_t* after) noexcept nogil:
    """Step over the name at `msg[at]`.  Its first pointer ends it, and has to lead back.   after: set where OK"""
    cdef size_t begin = at
    cdef size_t length
    while True:
        if at >= n:
            return NEED_MORE
        length = msg[at]
        if length == 0:
            after[0] = at + 1
            return OK
        if length >= POINTER:
            break
        if length > LABEL_OCTETS:
            return MALFORMED
        at += 1 + length
    if n - at < 2:
        return NEED_MORE
    if not _leads_back(_u16(msg + at) & POINTER_OFFSET, begin):
        return MALFORMED
    after[0] = at + 2
    return OK


cdef inline bint _leads_back(size_t to, size_t begin) noexcept nogil:
    """Whether a pointer at the end of a part that begins at `begin` leads to octets ahead of it."""
    return HEADER_OCTETS <= to < begin


cdef Status read_name(const uint8_t* msg, size_t n, size_t at, Name* out, size_t* after) noexcept nogil:
    """Read the name at `msg[at]` in lower case, following its pointers.

    after   set to the offset behind the name where it began; 0 unless OK, and `out` is empty then
    NEED_MORE: it runs past `n`.  MALFORMED: a pointer forward, to itself or into the header; an unknown label type;
    more than 255 octets."""
    cdef size_t begin = at
    cdef size_t end = 0         # behind the name; 0 until a pointer was followed
    cdef size_t used = 0
    cdef uint8_t labels = 0
    cdef Status status
    begin_name(out)
    after[0] = 0
    while True:
        if at >= n:
            return NEED_MORE
        if msg[at] == 0:
            break
        if msg[at] >= POINTER:
            if n - at < 2:
                return NEED_MORE
            if end == 0:
                end = at + 2
            at = _u16(msg + at) & POINTER_OFFSET
            if not _leads_back(at, begin):
                return MALFORMED
            begin = at
            continue
        status = take_label(msg, n, &at, &used, &labels, out)
        if status != OK:
            return status
    end_name(out, used, labels)
    after[0] = end if end != 0 else at + 1
    return OK


class RecordView(NamedTuple):
    """One record: section 0 answer, 1 authority, 2 additional; owner in canonical wire form; rdata as received."""

    section: int
    owner: bytes
    kind: int
    class_: int
    ttl_s: int
    data_at: int
    data: bytes


def records(message: bytes) -> list[RecordView]:
    """Read all records of a message, in order.   ValueError: one is cut off, or its owner cannot be read."""
    cdef Walk w
    cdef Record r
    cdef Name owner
    cdef size_t after
    cdef const uint8_t* msg = message
    cdef size_t n = len(message)
    found = []
    if begin_walk(&w, msg, n, IN_ADDITIONAL) != OK:
        raise ValueError(f"a message of {n} octets: its header or its questions cannot be read")
    while w.left:
        if take_record(&w, &r) != OK or read_name(msg, n, r.owner_at, &owner, &after) != OK:
            raise ValueError(f"a message of {n} octets: record {len(found) + 1} cannot be read")
        found.append(RecordView(r.section, _wire_of(&owner), r.kind, r.class_, r.ttl_s, r.data_at,
                                message[r.data_at:r.data_at + r.data_n]))
    return found


def name_at(message: bytes, at: int) -> tuple[bytes, int]:
    """Read the name at `message[at]`, in canonical wire form, and the offset behind it.   ValueError: unreadable"""
    cdef Name name
    cdef size_t after
    cdef Status status
    if at < 0:
        raise ValueError(f"a name cannot stand at {at}")
    status = read_name(message, len(message), at, &name, &after)
    if status != OK:
        raise ValueError(f"the name at {at} " + ("is cut off" if status == NEED_MORE else "cannot be read"))
    return _wire_of(&name), after


cdef bytes _wire_of(const Name* name):
    return PyBytes_FromStringAndSize(<const char*>name.wire, name.n)
