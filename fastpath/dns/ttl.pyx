"""The lifetime of an upstream's answer: whether and how long it may be cached, and where its TTLs are.

Invariants: an answer that came back OK answers exactly this question.  Its counts, names, lengths and end are right,
every compression pointer leads back, and no name overlaps a TTL, which changes: it can be delivered again without
another check.  Only what stands before the OPT is cached: the OPT belongs to one hop, and additional records behind it
are optional.
Absent on purpose: whether the records are true (the upstream validates), and rdata of types without compressed names
(RFC 3597 §4).
Source: RFC 1035 §4.1, RFC 2181 §8 (TTL), RFC 2308 §5 (negative answers), RFC 6891 §6.1.3 (extended RCODE), RFC 9520
§3.2 (failures).
Cost: one pass, about 10 ns a record.
"""
from typing import NamedTuple

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memset

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, OK, Cursor, Status, skip, take_u16, take_u32
from fastpath.dns.query cimport Question, parse_query
from fastpath.dns.wire cimport (
    CLASS_IN, HEADER_OCTETS, MESSAGE_OCTETS, OPCODE_MASK, POINTER, POINTER_HIGH, QR, RCODE_MASK, RCODE_NOERROR,
    RCODE_NXDOMAIN, RCODE_SERVFAIL, SOA_NUMBERS_OCTETS, TC, TYPE_A, TYPE_AAAA, TYPE_ANY, TYPE_AXFR, TYPE_CLASS_OCTETS,
    TYPE_CNAME, TYPE_DNAME, TYPE_MX, TYPE_NS, TYPE_OPT, TYPE_PTR, TYPE_SOA, TYPE_SRV, TYPE_TKEY)
from fastpath.wire.name cimport LABEL_OCTETS, NAME_OCTETS, Name, name_from_wire

cdef enum:
    QR_OPCODE_TC = QR | OPCODE_MASK | TC
    MOST_S = 86400              # a day; RFC 8767 §4 suggests days, but a renumbered host is noticed sooner
    NEGATIVE_MOST_S = 10800     # RFC 2308 §5: one to three hours have been found to work well
    FAILURE_S = 5               # RFC 9520 §3.2: at least 1 s, at most 5 min


cdef struct Reading:
    const uint8_t* msg
    size_t n
    const Question* q
    uint16_t* places            # rising
    uint16_t n_places
    uint32_t least_s            # of the TTLs so far
    uint32_t soa_s              # the lesser of the SOA's TTL and minimum
    bint has_soa
    bint is_answered            # a record of the asked type stands in the answer section
    bint has_opt


cdef Status read_answer(const uint8_t* msg, size_t n, const Question* q, uint16_t* places,
                        Lifespan* out) noexcept nogil:
    """Read the answer to `q` to its end.

    places   room for MOST_PLACES; set to the offset of each cached record's TTL
    out      filled where OK; lives_s is 0 for a well-formed answer that must not be cached
    NOT_THIS: no answer, or to another question.  MALFORMED: truncated (also by TC), or unreadable before its end."""
    cdef Reading r
    cdef Cursor c
    cdef uint16_t flags, section, n_records, _i
    cdef Status status
    memset(out, 0, sizeof(Lifespan))
    status = _read_question(msg, n, q, &flags)
    if status != OK:
        return status
    r.msg = msg
    r.n = n
    r.q = q
    r.places = places
    r.n_places = 0
    r.least_s = <uint32_t>0xffffffff
    r.soa_s = 0
    r.has_soa = r.is_answered = r.has_opt = False
    out.rcode = flags & RCODE_MASK
    c.at = msg + q.name.n + HEADER_OCTETS + TYPE_CLASS_OCTETS
    c.end = msg + n
    for section in range(3):
        n_records = <uint16_t>((msg[6 + 2 * section] << 8) | msg[7 + 2 * section])
        for _i in range(n_records):
            if _read_record(&r, &c, section, out) != OK:
                return MALFORMED
    if c.at != c.end:
        return MALFORMED
    if not r.has_opt:
        out.n = <uint16_t>n
    _settle(&r, out)
    return OK


cdef Status _read_question(const uint8_t* msg, size_t n, const Question* q, uint16_t* flags) noexcept nogil:
    cdef Name name
    cdef size_t after
    if n < HEADER_OCTETS or n > MESSAGE_OCTETS:
        return MALFORMED
    flags[0] = <uint16_t>((msg[2] << 8) | msg[3])
    if flags[0] & QR_OPCODE_TC != QR:
        return NOT_THIS if not flags[0] & QR else MALFORMED
    if msg[4] != 0 or msg[5] != 1:
        return MALFORMED
    if name_from_wire(msg, n, HEADER_OCTETS, &name, &after) != OK or n - after < TYPE_CLASS_OCTETS:
        return MALFORMED
    if name.n != q.name.n or memcmp(name.wire, q.name.wire, name.n) != 0:
        return NOT_THIS
    if msg[after] != q.qtype >> 8 or msg[after + 1] != q.qtype & 0xff:
        return NOT_THIS
    if msg[after + 2] != q.qclass >> 8 or msg[after + 3] != q.qclass & 0xff:
        return NOT_THIS
    return OK


cdef Status _read_record(Reading* r, Cursor* c, uint16_t section, Lifespan* out) noexcept nogil:
    """Read one record of the answer (0), authority (1) or additional section (2)."""
    cdef const uint8_t* begin = c.at
    cdef size_t after
    cdef uint16_t kind, class_, n_data
    cdef uint32_t ttl
    if not _read_name(r, <size_t>(c.at - r.msg), r.n, &after):
        return MALFORMED
    c.at = r.msg + after
    if take_u16(c, &kind) != OK or take_u16(c, &class_) != OK or take_u32(c, &ttl) != OK or take_u16(c, &n_data) != OK:
        return MALFORMED
    if kind == TYPE_OPT:
        if section != 2 or begin[0] != 0 or r.has_opt:
            return MALFORMED
        r.has_opt = True
        out.n = <uint16_t>(begin - r.msg)
        if ttl >> 24:                   # an extended rcode: it does not answer the question
            out.rcode = 0xff
        return skip(c, n_data)
    if not r.has_opt:
        r.places[r.n_places] = <uint16_t>(after + 4)
        r.n_places += 1
    if skip(c, n_data) != OK or not _is_data_sound(r, kind, <size_t>(c.at - r.msg) - n_data, n_data):
        return MALFORMED
    if not r.has_opt:
        _note(r, c.at, kind, section, 0 if ttl >> 31 else ttl)      # RFC 2181 §8
        if section == 2:
            out.n_additionals += 1
    return OK


cdef void _note(Reading* r, const uint8_t* end, uint16_t kind, uint16_t section, uint32_t ttl) noexcept nogil:
    """Note what a record that ends at `end` says of the answer's lifetime."""
    cdef Cursor c
    r.least_s = min(r.least_s, ttl)
    if section == 0 and (kind == r.q.qtype or r.q.qtype == TYPE_ANY):
        r.is_answered = True
    if section == 1 and kind == TYPE_SOA:
        r.has_soa = True
        c.at = end - 4                  # the minimum is the last of its numbers
        c.end = end
        take_u32(&c, &r.soa_s)
        r.soa_s = min(r.soa_s, ttl)


cdef bint _read_name(const Reading* r, size_t at, size_t n, size_t* after) noexcept nogil:
    """Whether a whole name of at most 255 octets begins at `at` and ends before `n`.   after: set behind it"""
    cdef size_t begin = at              # of the labels being read; a pointer must lead to a part that ends before them
    cdef size_t octets = 0
    cdef size_t length
    after[0] = 0
    while at < n:
        length = r.msg[at]
        if length >= POINTER:
            if n - at < 2 or _is_over_ttl(r, at, at + 2):
                return False
            if after[0] == 0:
                after[0] = at + 2
            at = ((length & POINTER_HIGH) << 8) | r.msg[at + 1]
            if at >= begin or at < HEADER_OCTETS:
                return False
            n = begin
            begin = at
            continue
        octets += 1 + length
        if length > LABEL_OCTETS or octets > NAME_OCTETS or _is_over_ttl(r, at, at + 1 + length):
            return False
        at += 1 + length
        if length == 0:
            if after[0] == 0:
                after[0] = at
            return True
    return False


cdef inline bint _is_over_ttl(const Reading* r, size_t at, size_t end) noexcept nogil:
    """Whether [at, end) overlaps a TTL."""
    cdef size_t low = 0
    cdef size_t high = r.n_places
    cdef size_t middle
    if high == 0 or end <= r.places[0] or at >= <size_t>r.places[high - 1] + 4:
        return False
    while low < high:                   # the first TTL that ends behind `at`
        middle = (low + high) // 2
        if <size_t>r.places[middle] + 4 > at:
            high = middle
        else:
            low = middle + 1
    return low < r.n_places and r.places[low] < end


cdef bint _is_data_sound(const Reading* r, uint16_t kind, size_t at, size_t n) noexcept nogil:
    """Whether `n` octets of rdata have the form of their type; types without compressed names are not checked."""
    cdef size_t end = at + n
    cdef size_t after
    if kind == TYPE_A:
        return n == 4 or r.q.qclass != CLASS_IN
    if kind == TYPE_AAAA:
        return n == 16
    if kind == TYPE_NS or kind == TYPE_CNAME or kind == TYPE_PTR or kind == TYPE_DNAME:
        return _read_name(r, at, end, &after) and after == end
    if kind == TYPE_MX or kind == TYPE_SRV:
        at += 2 if kind == TYPE_MX else 6
        return at < end and _read_name(r, at, end, &after) and after == end
    if kind == TYPE_SOA:
        if not _read_name(r, at, end, &after) or not _read_name(r, after, end, &after):
            return False
        return after + SOA_NUMBERS_OCTETS == end
    return True


cdef void _settle(const Reading* r, Lifespan* out) noexcept nogil:
    """Set the lifetime; an answer without one (no SOA, REFUSED and similar types) is not cached."""
    out.most_s = MOST_S
    out.n_places = r.n_places
    if TYPE_TKEY <= r.q.qtype <= TYPE_AXFR or r.q.qtype == TYPE_OPT:
        return
    if out.rcode == RCODE_SERVFAIL:
        out.lives_s = out.most_s = FAILURE_S
    elif out.rcode == RCODE_NOERROR and r.is_answered:
        out.lives_s = min(r.least_s, <uint32_t>MOST_S)
    elif (out.rcode == RCODE_NOERROR or out.rcode == RCODE_NXDOMAIN) and r.has_soa:
        out.lives_s = out.most_s = min(min(r.least_s, r.soa_s), <uint32_t>NEGATIVE_MOST_S)


class Lifetime(NamedTuple):
    """What read_answer() says of an answer: lifetime (0: not cached), octets cached, offsets of its TTLs."""

    lives_s: int
    most_s: int
    n: int
    places: tuple[int, ...]
    rcode: int


def lifetime(query: bytes, answer: bytes) -> Lifetime:
    """How long `answer` may be cached for `query`.   ValueError with the fault where it does not answer it."""
    cdef Question q
    cdef Lifespan life
    cdef uint16_t[MOST_PLACES] places
    cdef Status status
    if parse_query(query, len(query), &q) != OK:
        raise ValueError("the query is not one readable question")
    status = read_answer(answer, len(answer), &q, places, &life)
    if status == NOT_THIS:
        raise ValueError("no answer, or one to another question")
    if status != OK:
        raise ValueError(f"{len(answer)} octets that are cut, or not sound to their end")
    return Lifetime(life.lives_s, life.most_s, life.n, tuple([places[i] for i in range(life.n_places)]), life.rcode)
