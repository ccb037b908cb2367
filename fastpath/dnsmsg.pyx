"""DNS questions in, block answers and refusals out, in place.

Invariants: a question that came back OK lies whole inside the message; an answer keeps the question octet for octet
(0x20 case comes back as it was sent), is never longer than `room` or what the client said it takes, and nothing is
written past it.  A message that is itself a response is never answered.  Local data that cannot be read end where they
cannot; whatever they hold, each record of an answer is whole.
Absent on purpose: compression pointers in a question, and any answer that is not a block or a refusal.
Source: RFC 1035 §4, RFC 2308 §5 (SOA in negative answers), RFC 6891 §6 (EDNS), RFC 8914 (EDE), RFC 1034 §3.6.2 (a
CNAME answers every type), RFC 8482 (ANY).
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from fastpath.cursor cimport MALFORMED, NOT_THIS, OK, Cursor, Status, skip, take_u8, take_u16, take_u32
from fastpath.name cimport Name, name_from_wire

cdef enum:
    QR = 0x8000
    OPCODE = 0x7800
    TC = 0x0200
    RD = 0x0100
    RA = 0x0080
    CD = 0x0010
    TYPE_CNAME = 5
    TYPE_OPT = 41
    TYPE_ANY = 255
    CLASS_IN = 1
    CLASS_ANY = 255
    EDNS_DO = 0x8000
    EDNS_LEAST = 512           # RFC 6891 §6.2.3: smaller values mean 512
    EDNS_OURS = 1232           # fits every IPv6 path unfragmented (DNS flag day 2020)
    BADVERS = 16               # RFC 6891 §9
    OPTION_EDE = 15            # RFC 8914 §2
    EDE_FORGED = 4             # RFC 8914 §4.5
    EDE_OCTETS = 6
    OPT_OCTETS = 11
    POINTER_TO_QNAME = 0xc00c  # the name at offset 12
    SOA_NAMES_OCTETS = 45
    RECORD_OCTETS = 12         # pointer, type, class, TTL, RDLENGTH

# mname filterd.invalid., rname hostmaster.filterd.invalid.
cdef const char* SOA_NAMES = b"\x07filterd\x07invalid\x00\x0ahostmaster\x07filterd\x07invalid\x00"


cdef struct Writer:
    uint8_t* at
    uint8_t* end


cdef struct Records:           # of an answer
    uint16_t n
    size_t octets


cdef Status parse_query(const uint8_t* msg, size_t n, Question* out) noexcept nogil:
    """Read the one question of a query, and its OPT.

    out.id and out.flags are there whenever n >= 12, whatever the status.
    NOT_THIS: a response.  MALFORMED: too short, not opcode QUERY, not one question, or it cannot be read.  Octets
    behind the last record are ignored, as resolvers do."""
    cdef Cursor c
    cdef uint16_t n_questions = 0, n_answers = 0, n_authorities = 0, n_additionals = 0
    cdef size_t after
    memset(out, 0, sizeof(Question))
    out.edns_size = EDNS_LEAST
    if n < DNS_HEADER:
        return MALFORMED
    c.at = msg
    c.end = msg + n
    take_u16(&c, &out.id)
    take_u16(&c, &out.flags)
    take_u16(&c, &n_questions)
    take_u16(&c, &n_answers)
    take_u16(&c, &n_authorities)
    take_u16(&c, &n_additionals)
    if out.flags & QR:
        return NOT_THIS
    if out.flags & OPCODE or n_questions != 1 or name_from_wire(msg, n, DNS_HEADER, &out.name, &after) != OK:
        return MALFORMED
    c.at = msg + after
    if take_u16(&c, &out.qtype) != OK or take_u16(&c, &out.qclass) != OK:
        return MALFORMED
    out.after = <uint16_t>(c.at - msg)
    if _records(&c, <uint32_t>n_answers + n_authorities, NULL) != OK:
        return MALFORMED
    return _records(&c, n_additionals, out)


cdef Status _records(Cursor* c, uint32_t n, Question* out) noexcept nogil:
    """Step over `n` records; note the OPT where `out` is given."""
    cdef bint has_root_owner
    cdef uint16_t kind, class_, n_data
    cdef uint32_t ttl, _i
    for _i in range(n):
        has_root_owner = c.at < c.end and c.at[0] == 0
        if _skip_name(c) != OK or take_u16(c, &kind) != OK or take_u16(c, &class_) != OK:
            return MALFORMED
        if take_u32(c, &ttl) != OK or take_u16(c, &n_data) != OK or skip(c, n_data) != OK:
            return MALFORMED
        if out == NULL or kind != TYPE_OPT:
            continue
        if out.has_edns or not has_root_owner:     # RFC 6891 §6.1.1: FORMERR for a second one
            return MALFORMED
        out.has_edns = 1
        out.edns_size = class_ if class_ > EDNS_LEAST else EDNS_LEAST
        out.edns_version = <uint8_t>((ttl >> 16) & 0xff)
        out.do_bit = 1 if ttl & EDNS_DO else 0
    return OK


cdef Status _skip_name(Cursor* c) noexcept nogil:
    """Step over a record's owner; a pointer ends it and is not followed."""
    cdef uint8_t length
    while True:
        if take_u8(c, &length) != OK:
            return MALFORMED
        if length == 0:
            return OK
        if length >= 0xc0:
            return skip(c, 1)
        if length > 63 or skip(c, length) != OK:
            return MALFORMED


cdef size_t write_block(uint8_t* msg, size_t n, size_t room, const Question* q, const BlockAnswer* a) noexcept nogil:
    """Turn the query at `msg` into its block answer; give the answer's octets, 0 where `room` does not hold a question.

    q   what parse_query() said of these very octets
    An EDNS version other than 0 gets BADVERS.  Cost: no copy of the question, about 100 octets written; local data are
    walked twice."""
    cdef Writer w
    cdef uint16_t rcode = a.rcode
    cdef size_t limit = min(room, <size_t>q.edns_size)
    cdef size_t need
    cdef bint is_plain = a.truncate or q.edns_version != 0     # a header and an OPT, no record
    cdef Records records
    cdef bint has_soa
    records.n = 0
    records.octets = 0
    if not is_plain:
        records = _records_of(q, a)
    if a.has_splash or a.has_data or a.truncate:
        rcode = RCODE_NOERROR
    has_soa = not is_plain and records.n == 0 and (rcode == RCODE_NOERROR or rcode == RCODE_NXDOMAIN)
    if q.edns_version != 0:
        rcode = BADVERS
    if q.after > n or q.after > limit:
        return 0
    need = records.octets
    need += RECORD_OCTETS + SOA_NAMES_OCTETS + 20 if has_soa else 0
    need += _opt_octets(q, a, records.n != 0)
    w.at = msg + q.after
    w.end = msg + limit
    if q.after + need > limit:
        _write_header(msg, q.flags, rcode, TC, 1)
        return q.after
    _write_header(msg, q.flags, rcode, TC if a.truncate else 0, 1)
    if records.n != 0:
        if a.has_data:
            _walk_data(&w, q, a)
        else:
            _put_address(&w, q, a)
        msg[6] = <uint8_t>(records.n >> 8)
        msg[7] = <uint8_t>(records.n & 0xff)
    if has_soa:
        _put_soa(&w, q, a.ttl_s)
        msg[9] = 1
    if q.has_edns:
        _put_opt(&w, q, a, rcode, records.n != 0)
        msg[11] = 1
    return <size_t>(w.at - msg)


cdef size_t write_error(uint8_t* msg, size_t n, uint8_t rcode) noexcept nogil:
    """Turn the message at `msg` into an answer with `rcode`: its header, and its question where that can be read.

    0 where there is nothing to answer: less than a header, or itself a response."""
    cdef Name name
    cdef size_t after = 0
    cdef uint16_t flags
    if n < DNS_HEADER or msg[2] & 0x80:
        return 0
    flags = <uint16_t>((msg[2] << 8) | msg[3])
    if msg[4] == 0 and msg[5] == 1 and name_from_wire(msg, n, DNS_HEADER, &name, &after) == OK and n - after >= 4:
        _write_header(msg, flags, rcode, 0, 1)
        return after + 4
    _write_header(msg, flags, rcode, 0, 0)
    return DNS_HEADER


cdef void _write_header(uint8_t* msg, uint16_t asked, uint16_t rcode, uint16_t tc, uint8_t n_questions) noexcept nogil:
    """Overwrite all of the header but the id; other counts 0."""
    cdef uint16_t flags = <uint16_t>(QR | (asked & (OPCODE | RD | CD)) | RA | tc | (rcode & 0x0f))
    msg[2] = <uint8_t>(flags >> 8)
    msg[3] = <uint8_t>(flags & 0xff)
    memset(msg + 4, 0, 8)
    msg[5] = n_questions


cdef Records _records_of(const Question* q, const BlockAnswer* a) noexcept nogil:
    """How many records answer this question, and their octets."""
    cdef Records records
    if a.has_data:
        return _walk_data(NULL, q, a)
    records.n = 1 if _has_address(q, a) else 0
    records.octets = _address_octets(q) if records.n != 0 else 0
    return records


cdef Records _walk_data(Writer* w, const Question* q, const BlockAnswer* a) noexcept nogil:
    """Count the local data that answer this question, and write them where `w` is given."""
    cdef Records records
    cdef Cursor c
    cdef uint16_t kind, n_data
    cdef uint32_t ttl_s
    records.n = 0
    records.octets = 0
    c.at = a.data
    c.end = a.data + a.data_n
    while c.at < c.end:
        if take_u16(&c, &kind) != OK or take_u32(&c, &ttl_s) != OK or take_u16(&c, &n_data) != OK:
            break
        if skip(&c, n_data) != OK:
            break
        if not _answers(kind, q):
            continue
        records.n += 1
        records.octets += RECORD_OCTETS + n_data
        if w != NULL:
            _put_record_head(w, q, kind, min(ttl_s, a.ttl_s), n_data)
            _put(w, c.at - n_data, n_data)
    return records


cdef inline bint _answers(uint16_t kind, const Question* q) noexcept nogil:
    if q.qclass != CLASS_IN and q.qclass != CLASS_ANY:
        return False
    return kind == q.qtype or kind == TYPE_CNAME or q.qtype == TYPE_ANY


cdef bint _has_address(const Question* q, const BlockAnswer* a) noexcept nogil:
    if not a.has_splash or q.qclass != CLASS_IN:
        return False
    return (q.qtype == QTYPE_A and a.has_splash4) or (q.qtype == QTYPE_AAAA and a.has_splash6)


cdef size_t _address_octets(const Question* q) noexcept nogil:
    return RECORD_OCTETS + (4 if q.qtype == QTYPE_A else 16)


cdef size_t _opt_octets(const Question* q, const BlockAnswer* a, bint is_forged) noexcept nogil:
    if not q.has_edns:
        return 0
    return OPT_OCTETS + (EDE_OCTETS if a.ede != EDE_NONE else 0) + (EDE_OCTETS if is_forged else 0)


cdef void _put_address(Writer* w, const Question* q, const BlockAnswer* a) noexcept nogil:
    if q.qtype == QTYPE_A:
        _put_record_head(w, q, QTYPE_A, a.ttl_s, 4)
        _put(w, a.splash4, 4)
        return
    _put_record_head(w, q, QTYPE_AAAA, a.ttl_s, 16)
    _put(w, a.splash6, 16)


cdef void _put_soa(Writer* w, const Question* q, uint32_t ttl_s) noexcept nogil:
    """RFC 2308 §5: a negative answer lives for the lesser of the SOA's TTL and its minimum; both are `ttl_s`."""
    _put_record_head(w, q, QTYPE_SOA, ttl_s, SOA_NAMES_OCTETS + 20)
    _put(w, <const uint8_t*>SOA_NAMES, SOA_NAMES_OCTETS)
    _put_u32(w, 1)             # serial
    _put_u32(w, 3600)          # refresh, retry, expire: nobody transfers this zone
    _put_u32(w, 600)
    _put_u32(w, 86400)
    _put_u32(w, ttl_s)


cdef void _put_opt(Writer* w, const Question* q, const BlockAnswer* a, uint16_t rcode, bint is_forged) noexcept nogil:
    _put_u8(w, 0)
    _put_u16(w, TYPE_OPT)
    _put_u16(w, EDNS_OURS)
    _put_u32(w, (<uint32_t>(rcode >> 4) << 24) | (EDNS_DO if q.do_bit else 0))
    _put_u16(w, <uint16_t>(_opt_octets(q, a, is_forged) - OPT_OCTETS))
    if a.ede != EDE_NONE:
        _put_ede(w, a.ede)
    if is_forged:
        _put_ede(w, EDE_FORGED)


cdef void _put_ede(Writer* w, uint16_t info) noexcept nogil:
    _put_u16(w, OPTION_EDE)
    _put_u16(w, 2)
    _put_u16(w, info)


cdef void _put_record_head(Writer* w, const Question* q, uint16_t kind, uint32_t ttl_s, uint16_t size) noexcept nogil:
    _put_u16(w, POINTER_TO_QNAME)
    _put_u16(w, kind)
    _put_u16(w, CLASS_IN if q.qclass == CLASS_ANY else q.qclass)
    _put_u32(w, ttl_s)
    _put_u16(w, size)


cdef inline void _put(Writer* w, const uint8_t* octets, size_t n) noexcept nogil:
    """Append; what does not fit is left out (write_block has counted before)."""
    if <size_t>(w.end - w.at) < n:
        return
    memcpy(w.at, octets, n)
    w.at += n


cdef inline void _put_u8(Writer* w, uint8_t value) noexcept nogil:
    _put(w, &value, 1)


cdef inline void _put_u16(Writer* w, uint16_t value) noexcept nogil:
    _put_u8(w, <uint8_t>(value >> 8))
    _put_u8(w, <uint8_t>(value & 0xff))


cdef inline void _put_u32(Writer* w, uint32_t value) noexcept nogil:
    _put_u16(w, <uint16_t>(value >> 16))
    _put_u16(w, <uint16_t>(value & 0xffff))


class Query(NamedTuple):
    """One question and its EDNS: `name` in wire form, folded; edns_version None without EDNS, edns_size then 512."""

    id: int
    flags: int
    name: bytes
    qtype: int
    qclass: int
    after: int
    edns_version: int | None
    edns_size: int
    is_dnssec_ok: bool


class Block(NamedTuple):
    """How to answer a blocked question: the fields of BlockAnswer.

    is_splash   A and AAAA get the splash address of their family, everything else NODATA
    is_cut      an empty answer with TC: come again over TCP
    data        local data instead, {u16 type, u32 TTL, u16 length, rdata} each; b"": NODATA for every type
    ede         RFC 8914 info-code, None for none"""

    rcode: int = RCODE_NXDOMAIN
    ttl_s: int = 60
    ede: int | None = None
    is_splash: bool = False
    splash4: bytes | None = None
    splash6: bytes | None = None
    is_cut: bool = False
    data: bytes | None = None


def query(msg: bytes) -> Query:
    """The question of a DNS message.   ValueError: a response, not opcode QUERY, not one question, or unreadable."""
    cdef Question q
    cdef Status status = parse_query(msg, len(msg), &q)
    if status != OK:
        raise ValueError(_FAULTS[status])
    return Query(
        q.id, q.flags, PyBytes_FromStringAndSize(<const char*>q.name.wire, q.name.n), q.qtype, q.qclass, q.after,
        q.edns_version if q.has_edns else None, q.edns_size, bool(q.do_bit),
    )


def block_answer(msg: bytes, block: Block, room: int = 65535) -> bytes:
    """The block answer to the query `msg`, at most `room` octets and what its EDNS allows.

    ValueError where `msg` is no query or `room` does not hold its question."""
    cdef Question q
    cdef BlockAnswer a
    cdef bytearray out
    cdef size_t n
    cdef Status status = parse_query(msg, len(msg), &q)
    if status != OK:
        raise ValueError(_FAULTS[status])
    _fill(&a, block)
    out = bytearray(msg) + bytes(max(0, room - len(msg)))
    n = write_block(<uint8_t*><char*>out, len(msg), room, &q, &a)
    if n == 0:
        raise ValueError(f"{room} octets do not hold the question of {q.after}")
    return bytes(out[:n])


def error_answer(msg: bytes, rcode: int) -> bytes:
    """A header and the question (where it can be read) with `rcode`; empty where `msg` must not be answered."""
    cdef bytearray out = bytearray(msg)
    return bytes(out[:write_error(<uint8_t*><char*>out, len(msg), rcode)])


cdef int _fill(BlockAnswer* a, block) except -1:
    memset(a, 0, sizeof(BlockAnswer))
    a.rcode = block.rcode
    a.ttl_s = block.ttl_s
    a.ede = EDE_NONE if block.ede is None else block.ede
    a.has_splash = block.is_splash
    a.truncate = block.is_cut
    if block.data is not None:      # `block` outlives `a`
        a.has_data = 1
        a.data = <const uint8_t*><const char*><bytes>block.data
        a.data_n = <uint32_t>len(block.data)
    if block.splash4 is not None:
        if len(block.splash4) != 4:
            raise ValueError(f"an IPv4 address has 4 octets, not {len(block.splash4)}")
        a.has_splash4 = 1
        memcpy(a.splash4, <const char*><bytes>block.splash4, 4)
    if block.splash6 is not None:
        if len(block.splash6) != 16:
            raise ValueError(f"an IPv6 address has 16 octets, not {len(block.splash6)}")
        a.has_splash6 = 1
        memcpy(a.splash6, <const char*><bytes>block.splash6, 16)
    return 0


_FAULTS = {
    MALFORMED: "not one readable question with opcode QUERY",
    NOT_THIS: "a response and no query",
}
