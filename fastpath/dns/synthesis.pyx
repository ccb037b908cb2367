"""Block answers and refusals, written in place over the query.

Invariants: an answer keeps the question octet for octet (0x20 case is preserved), is never longer than `room` or the
client's size, and nothing is written past it.  A message that is itself a response is never answered.  Malformed local
data end where they cannot be read; each record of an answer is whole.
Absent on purpose: any answer but a block, a refusal, or the one to ANY; the OPT is edns.pyx's.
Source: RFC 1035 §4, RFC 2308 §5 (SOA in negative answers), RFC 8914 (EDE), RFC 1034 §3.6.2 (a CNAME answers every
type), RFC 8482 (ANY).
"""
from typing import NamedTuple

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from fastpath.base.cursor cimport OK, Cursor, take_span, take_u16, take_u32
from fastpath.base.writer cimport Writer, put, put_u16, put_u32
from fastpath.dns.edns cimport EDE_NONE, OptFields, finish_answer, parse_python_query
from fastpath.dns.query cimport Question, parse_query
from fastpath.dns.wire cimport (
    CD, CLASS_ANY, CLASS_IN, EDE_FORGED_ANSWER, HEADER_OCTETS, MESSAGE_OCTETS, OPCODE_MASK, POINTER_TO_QNAME, QR, RA,
    RCODE_MASK, RCODE_NOERROR, RCODE_NXDOMAIN, RD, SOA_NUMBERS_OCTETS, TC, TYPE_A, TYPE_AAAA, TYPE_ANY, TYPE_CNAME,
    TYPE_HINFO, TYPE_SOA)

from fastpath.dns.edns import Way

cdef enum:
    SOA_NAMES_OCTETS = 45
    ANY_TTL_S = 3600           # the answer to ANY never changes
    ANY_OCTETS = 9

# mname filterd.invalid., rname hostmaster.filterd.invalid.
cdef const char* SOA_NAMES = b"\x07filterd\x07invalid\x00\x0ahostmaster\x07filterd\x07invalid\x00"
# RFC 8482 §4.2: HINFO with CPU "RFC8482" and no OS.
cdef const char* ANY_DATA = b"\x07RFC8482\x00"


cdef size_t write_block(uint8_t* msg, size_t n, size_t room, const Question* q, const BlockAnswer* a) noexcept nogil:
    """Turn the query at `msg` into its block answer; give the answer's octets, 0 where `room` does not hold a question.

    q   what parse_query() said of these octets
    Cost: no copy of the question, about 100 octets written."""
    cdef Writer w
    cdef OptFields opt
    cdef uint16_t rcode = a.rcode
    cdef uint16_t n_records = 0
    cdef size_t limit = min(room, <size_t>q.edns_size)
    if q.after > n or q.after > limit:
        return 0
    if a.has_splash or a.has_data or a.truncate:
        rcode = RCODE_NOERROR
    _write_header(msg, q.flags, rcode, TC if a.truncate else 0, 1)
    w.at = msg + q.after
    w.end = msg + limit
    w.is_full = 0
    if not a.truncate:
        n_records = _put_records(&w, q, a)
        msg[6] = <uint8_t>(n_records >> 8)
        msg[7] = <uint8_t>n_records
        if n_records == 0 and (rcode == RCODE_NOERROR or rcode == RCODE_NXDOMAIN):
            _put_soa(&w, q, a.ttl_s)
            msg[9] = 1
    if w.is_full:
        w.at = msg + q.after
        _write_header(msg, q.flags, rcode, TC, 1)
    opt.rcode = rcode
    opt.ede = a.ede
    opt.ede2 = EDE_FORGED_ANSWER if n_records != 0 and not q.wants_structure and a.ede != EDE_NONE else EDE_NONE
    opt.text = a.text
    opt.text_n = a.text_n if q.wants_structure else 0
    return finish_answer(msg, <size_t>(w.at - msg), room, q, &opt)


cdef size_t write_any(uint8_t* msg, size_t n, size_t room, const Question* q) noexcept nogil:
    """Turn a query for ANY into the answer of RFC 8482 §4.2: one HINFO record instead of all records."""
    cdef Writer w
    cdef OptFields opt
    if q.after > n or q.after > room:
        return 0
    _write_header(msg, q.flags, RCODE_NOERROR, 0, 1)
    w.at = msg + q.after
    w.end = msg + room
    w.is_full = 0
    _put_record_head(&w, q, TYPE_HINFO, ANY_TTL_S, ANY_OCTETS)
    put(&w, ANY_DATA, ANY_OCTETS)
    if w.is_full:
        return 0
    msg[7] = 1
    _clear_opt(&opt)
    return finish_answer(msg, <size_t>(w.at - msg), room, q, &opt)


cdef size_t write_refusal(uint8_t* msg, size_t n, size_t room, const Question* q, uint16_t rcode,
                          uint16_t ede) noexcept nogil:
    """Turn the query at `msg` into an answer with `rcode`: header, question where it could be parsed, OPT.

    q     what parse_query() said of these octets, OK or not
    ede   RFC 8914 info-code, EDE_NONE for none
    0 where it must not be answered: less than a header, or itself a response."""
    cdef OptFields opt
    if n < HEADER_OCTETS or q.flags & QR or q.after > n or max(q.after, <uint16_t>HEADER_OCTETS) > room:
        return 0
    _write_header(msg, q.flags, rcode, 0, 1 if q.after != 0 else 0)
    _clear_opt(&opt)
    opt.rcode = rcode
    opt.ede = ede
    return finish_answer(msg, max(q.after, <uint16_t>HEADER_OCTETS), room, q, &opt)


cdef size_t write_truncated(uint8_t* msg, size_t n, size_t room, const Question* q) noexcept nogil:
    """Turn the query at `msg` into an empty answer with TC, so that the client repeats it over TCP."""
    cdef OptFields opt
    if q.after > n or q.after > room:
        return 0
    _write_header(msg, q.flags, RCODE_NOERROR, TC, 1)
    _clear_opt(&opt)
    return finish_answer(msg, q.after, room, q, &opt)


cdef inline void _clear_opt(OptFields* opt) noexcept nogil:
    memset(opt, 0, sizeof(OptFields))
    opt.ede = EDE_NONE
    opt.ede2 = EDE_NONE


cdef void _write_header(uint8_t* msg, uint16_t asked, uint16_t rcode, uint16_t tc, uint8_t n_questions) noexcept nogil:
    """Write the header but for the id; the counts of records are 0."""
    cdef uint16_t flags = <uint16_t>(QR | (asked & (OPCODE_MASK | RD | CD)) | RA | tc | (rcode & RCODE_MASK))
    msg[2] = <uint8_t>(flags >> 8)
    msg[3] = <uint8_t>(flags & 0xff)
    memset(msg + 4, 0, 8)
    msg[5] = n_questions


cdef uint16_t _put_records(Writer* w, const Question* q, const BlockAnswer* a) noexcept nogil:
    """Write the records that answer this question; give their number."""
    if a.has_data:
        return _put_data(w, q, a)
    if not a.has_splash or q.qclass != CLASS_IN:
        return 0
    if q.qtype == TYPE_A and a.has_splash4:
        _put_record_head(w, q, TYPE_A, a.ttl_s, 4)
        put(w, a.splash4, 4)
        return 1
    if q.qtype == TYPE_AAAA and a.has_splash6:
        _put_record_head(w, q, TYPE_AAAA, a.ttl_s, 16)
        put(w, a.splash6, 16)
        return 1
    return 0


cdef uint16_t _put_data(Writer* w, const Question* q, const BlockAnswer* a) noexcept nogil:
    """Write the local data that answer this question; give the number of records."""
    cdef Cursor c
    cdef Cursor data
    cdef uint16_t kind = 0, n_data = 0
    cdef uint16_t n_records = 0
    cdef uint32_t ttl_s = 0
    c.at = a.data
    c.end = a.data + a.data_n
    while c.at < c.end and not w.is_full:
        if take_u16(&c, &kind) != OK or take_u32(&c, &ttl_s) != OK or take_u16(&c, &n_data) != OK:
            break
        if take_span(&c, n_data, &data) != OK:
            break
        if _answers(kind, q):
            n_records += 1
            _put_record_head(w, q, kind, min(ttl_s, a.ttl_s), n_data)
            put(w, data.at, n_data)
    return n_records


cdef inline bint _answers(uint16_t kind, const Question* q) noexcept nogil:
    if q.qclass != CLASS_IN and q.qclass != CLASS_ANY:
        return False
    return kind == q.qtype or kind == TYPE_CNAME or q.qtype == TYPE_ANY


cdef void _put_soa(Writer* w, const Question* q, uint32_t ttl_s) noexcept nogil:
    """Write the SOA of a negative answer: its TTL and its minimum, which bound caching (RFC 2308 §5), are `ttl_s`."""
    _put_record_head(w, q, TYPE_SOA, ttl_s, SOA_NAMES_OCTETS + SOA_NUMBERS_OCTETS)
    put(w, SOA_NAMES, SOA_NAMES_OCTETS)
    put_u32(w, 1)             # serial
    put_u32(w, 3600)          # refresh, retry, expire: this zone is never transferred
    put_u32(w, 600)
    put_u32(w, 86400)
    put_u32(w, ttl_s)


cdef void _put_record_head(Writer* w, const Question* q, uint16_t kind, uint32_t ttl_s, uint16_t size) noexcept nogil:
    put_u16(w, POINTER_TO_QNAME)
    put_u16(w, kind)
    put_u16(w, CLASS_IN if q.qclass == CLASS_ANY else q.qclass)
    put_u32(w, ttl_s)
    put_u16(w, size)


class Block(NamedTuple):
    """How to answer a blocked question: the fields of BlockAnswer.

    is_splash   A and AAAA get the splash address of their family, other types NODATA
    is_cut      an empty answer with TC, so that the client repeats its query over TCP
    data        local data instead, {u16 type, u32 TTL, u16 length, rdata} each; b"": NODATA for every type
    ede         RFC 8914 info-code, None for none;  text: its EXTRA-TEXT, UTF-8"""

    rcode: int = RCODE_NXDOMAIN
    ttl_s: int = 60
    ede: int | None = None
    is_splash: bool = False
    splash4: bytes | None = None
    splash6: bytes | None = None
    is_cut: bool = False
    data: bytes | None = None
    text: bytes = b""


def block_answer(msg: bytes, block: Block, room: int = MESSAGE_OCTETS, way: Way = Way()) -> bytes:
    """Write the block answer to the query `msg`, within `room` and its EDNS size.

    ValueError where `msg` is no query or `room` does not hold its question."""
    cdef Question q
    cdef BlockAnswer a
    cdef size_t n
    parse_python_query(msg, way, &q)
    _fill(&a, block)
    out = _with_room(msg, room)
    n = write_block(<uint8_t*><char*>out, len(msg), room, &q, &a)
    if n == 0:
        raise ValueError(f"{room} octets do not hold the question of {q.after}")
    return bytes(out[:n])


def any_answer(msg: bytes) -> bytes:
    """Write the answer to a query for ANY over UDP.   ValueError where `msg` is no query."""
    cdef Question q
    cdef bytearray out = _with_room(msg, MESSAGE_OCTETS)
    parse_python_query(msg, Way(), &q)
    return bytes(out[:write_any(<uint8_t*><char*>out, len(msg), len(out), &q)])


def error_answer(msg: bytes, rcode: int, ede: int | None = None) -> bytes:
    """Write a refusal: header, question (where it can be parsed), OPT (where `msg` has one), rcode and EDE.

    Empty where `msg` must not be answered."""
    cdef Question q
    cdef bytearray out = _with_room(msg, MESSAGE_OCTETS)
    cdef size_t n
    parse_query(msg, len(msg), &q)
    n = write_refusal(<uint8_t*><char*>out, len(msg), len(out), &q, rcode, EDE_NONE if ede is None else ede)
    return bytes(out[:n])


def cut_answer(msg: bytes) -> bytes:
    """Write an empty answer with TC.   ValueError where `msg` is no query."""
    cdef Question q
    cdef bytearray out = _with_room(msg, MESSAGE_OCTETS)
    parse_python_query(msg, Way(), &q)
    return bytes(out[:write_truncated(<uint8_t*><char*>out, len(msg), len(out), &q)])


cdef bytearray _with_room(bytes msg, size_t room):
    return bytearray(msg) + bytes(max(0, <ssize_t>room - len(msg)))


cdef int _fill(BlockAnswer* a, block) except -1:
    memset(a, 0, sizeof(BlockAnswer))
    a.rcode = block.rcode
    a.ttl_s = block.ttl_s
    a.ede = EDE_NONE if block.ede is None else block.ede
    a.has_splash = block.is_splash
    a.truncate = block.is_cut
    if block.text:
        a.text = <const uint8_t*><const char*><bytes>block.text
        a.text_n = <uint16_t>len(block.text)
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
