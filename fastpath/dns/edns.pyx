"""EDNS: the OPT of our answers, and the one OPT that an upstream sees.

    query    parse_query(): what the client's OPT says;  write_for_upstream(): our OPT instead
    answer   strip_opt(): the upstream's OPT off;  finish_answer(): ours on, or none for a client without EDNS

An OPT is between two neighbours: none of a client's goes to an upstream, and none of an upstream's to a client but its
extended error codes.

Invariants: nothing is written past `room` or past what the client takes; an answer that does not fit loses EXTRA-TEXT,
then its extended errors, then its records, and has TC for the last two; of several COOKIE options the first counts.
Absent on purpose: TCP keepalive, an upstream's EXTRA-TEXT, and client subnets (RFC 7871 §11.1): an answer for one
network would be kept for all, and whom a query is from is nobody's business behind us.
Source: RFC 6891 §6–7 and §9, RFC 7873 §5.2, RFC 8914 §2–3, RFC 7830 §4 and RFC 8467 §4.1, RFC 6840
§5.7–5.8 (AD).
"""
import ipaddress
from typing import NamedTuple

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from fastpath.base.cursor cimport OK, Cursor, skip, take_u16, take_u32
from fastpath.base.writer cimport Writer, put, put_u16, put_u32, put_u8, put_zeros
from fastpath.dns.cookies cimport CookieJar, check_cookie
from fastpath.dns.query cimport Question, parse_query, skip_name
from fastpath.dns.wire cimport (
    AD, AD_OCTET3, CD_OCTET3, COOKIE_OCTETS, DO, EDNS_OCTETS, HEADER_OCTETS, MESSAGE_OCTETS, OPTION_COOKIE, OPTION_EDE,
    OPTION_OCTETS, OPTION_PADDING, OPT_OCTETS, RCODE_MASK, RCODE_SERVFAIL, RD_OCTET2, TC_OCTET2, TYPE_CLASS_OCTETS,
    TYPE_OPT)

cdef enum:
    PADDED_TO = 468             # RFC 8467 §4.1, for answers


cdef size_t finish_answer(uint8_t* msg, size_t n, size_t room, const Question* q, const Extended* x) noexcept nogil:
    """Append our OPT where the client has EDNS, and cut the answer to what it takes; give its octets.

    msg    an answer of `n` octets without OPT, whose question is the client's; the text of `x` lies elsewhere
    room   octets of `msg` that may be written
    0 where not even the question fits."""
    cdef size_t limit = min(room, <size_t>q.edns_size)
    cdef size_t least = max(<size_t>q.after, <size_t>HEADER_OCTETS)
    cdef size_t whole = 0
    if not q.do_bit and not q.flags & AD:       # RFC 6840 §5.8
        msg[3] &= <uint8_t>~AD_OCTET3
    if least > limit or n < least:
        return 0
    if not q.has_edns:
        return n if n <= limit else _cut(msg, least)
    if n <= limit:
        whole = _fit_opt(msg, n, limit, q, x)
        if whole == 0:
            whole = _put_bare(msg, n, limit, q, x)
            msg[2] |= TC_OCTET2                        # RFC 8914 §3
    if whole == 0:
        n = _cut(msg, least)
        whole = _fit_opt(msg, n, limit, q, x)
    if whole == 0:
        whole = _put_bare(msg, n, limit, q, x)
    return whole if whole != 0 else n


cdef inline size_t _fit_opt(uint8_t* msg, size_t n, size_t limit, const Question* q, const Extended* x) noexcept nogil:
    """_put_opt(), without EXTRA-TEXT where that does not fit."""
    cdef Extended terse
    cdef size_t whole = _put_opt(msg, n, limit, q, x)
    if whole != 0 or x.text_n == 0:
        return whole
    terse = x[0]
    terse.text_n = 0
    return _put_opt(msg, n, limit, q, &terse)


cdef size_t _put_bare(uint8_t* msg, size_t n, size_t limit, const Question* q, const Extended* x) noexcept nogil:
    """_put_opt() without any extended error."""
    cdef Extended bare = x[0]
    bare.text_n = 0
    bare.ede = EDE_NONE
    bare.also = EDE_NONE
    return _put_opt(msg, n, limit, q, &bare)


cdef inline size_t _cut(uint8_t* msg, size_t least) noexcept nogil:
    """Leave the header and the question, with TC."""
    msg[2] |= TC_OCTET2
    memset(msg + 6, 0, 6)
    return least


cdef size_t _put_opt(uint8_t* msg, size_t n, size_t limit, const Question* q, const Extended* x) noexcept nogil:
    """Append an OPT and count it; give the octets of all, 0 where it does not fit."""
    cdef Writer w
    cdef size_t n_data
    w.at = msg + n
    w.end = msg + limit
    w.is_full = 0
    put_u8(&w, 0)
    put_u16(&w, TYPE_OPT)
    put_u16(&w, EDNS_OCTETS)
    put_u32(&w, (<uint32_t>(x.rcode >> 4) << 24) | (DO if q.do_bit else 0))
    put_u16(&w, 0)
    if q.has_our_cookie:
        put_u16(&w, OPTION_COOKIE)
        put_u16(&w, COOKIE_OCTETS)
        put(&w, q.cookie, COOKIE_OCTETS)
    if x.ede != EDE_NONE:
        _put_ede(&w, x.ede, x.text, x.text_n)
    if x.also != EDE_NONE:
        _put_ede(&w, x.also, NULL, 0)
    if w.is_full:
        return 0
    if q.wants_padding and q.is_encrypted:
        _pad(&w, <size_t>(w.at - msg), limit)
    n_data = <size_t>(w.at - msg) - n - OPT_OCTETS
    msg[n + 9] = <uint8_t>(n_data >> 8)
    msg[n + 10] = <uint8_t>n_data
    msg[11] += 1
    if msg[11] == 0:
        msg[10] += 1
    return <size_t>(w.at - msg)


cdef inline void _put_ede(Writer* w, uint16_t info, const uint8_t* text, uint16_t n) noexcept nogil:
    put_u16(w, OPTION_EDE)
    put_u16(w, <uint16_t>(2 + n))
    put_u16(w, info)
    if n != 0:
        put(w, text, n)


cdef inline void _pad(Writer* w, size_t n, size_t limit) noexcept nogil:
    """Fill an answer of `n` octets up to the next whole block, or to the limit."""
    cdef size_t padded = (n + OPTION_OCTETS + PADDED_TO - 1) // PADDED_TO * PADDED_TO
    padded = min(padded, limit)
    if n + OPTION_OCTETS > padded:
        return
    put_u16(w, OPTION_PADDING)
    put_u16(w, <uint16_t>(padded - n - OPTION_OCTETS))
    put_zeros(w, padded - n - OPTION_OCTETS)


cdef size_t strip_opt(uint8_t* msg, size_t n, Extended* out) noexcept nogil:
    """Take the OPT off an upstream's answer; give what is left of it, 0 where its records cannot be read.

    out    its first two extended error codes
    What stands behind the OPT goes, too: additional data, whose names may point at what would move.  An extended rcode
    is between us and the upstream: the client gets SERVFAIL."""
    cdef Cursor c
    cdef Cursor data
    cdef const uint8_t* start
    cdef uint16_t kind = 0
    cdef uint16_t n_data = 0
    cdef uint32_t ttl = 0
    cdef uint32_t _i, i, n_before, n_additional
    memset(out, 0, sizeof(Extended))
    out.ede = EDE_NONE
    out.also = EDE_NONE
    if n < HEADER_OCTETS:
        return 0
    c.at = msg + HEADER_OCTETS
    c.end = msg + n
    for _i in range(<uint32_t>((msg[4] << 8) | msg[5])):
        if skip_name(&c) != OK or skip(&c, TYPE_CLASS_OCTETS) != OK:
            return 0
    n_before = <uint32_t>((msg[6] << 8) | msg[7]) + <uint32_t>((msg[8] << 8) | msg[9])
    n_additional = <uint32_t>((msg[10] << 8) | msg[11])
    for i in range(n_before + n_additional):
        start = c.at
        if skip_name(&c) != OK or take_u16(&c, &kind) != OK or skip(&c, 2) != OK or take_u32(&c, &ttl) != OK:
            return 0
        if take_u16(&c, &n_data) != OK or skip(&c, n_data) != OK:
            return 0
        if kind != TYPE_OPT or i < n_before:
            continue
        data.at = c.at - n_data
        data.end = c.at
        _read_errors(&data, out)
        if ttl >> 24:
            msg[3] = <uint8_t>((msg[3] & ~RCODE_MASK) | RCODE_SERVFAIL)
        msg[10] = <uint8_t>((i - n_before) >> 8)
        msg[11] = <uint8_t>(i - n_before)
        return <size_t>(start - msg)
    return <size_t>(c.at - msg)


cdef void _read_errors(Cursor* data, Extended* out) noexcept nogil:
    cdef uint16_t code = 0
    cdef uint16_t n = 0
    cdef uint16_t info
    while take_u16(data, &code) == OK and take_u16(data, &n) == OK and skip(data, n) == OK:
        if code != OPTION_EDE or n < 2:
            continue
        info = <uint16_t>((data.at[-n] << 8) | data.at[1 - n])
        if out.ede == EDE_NONE:
            out.ede = info
        elif out.also == EDE_NONE:
            out.also = info


cdef size_t write_for_upstream(uint8_t* msg, size_t n, size_t room, const Question* q) noexcept nogil:
    """Make of the client's query the one that an upstream gets; give its octets, 0 where they do not fit `room`.

    It has the client's question, RD and CD, AD (so that a kept answer tells whether its data were validated), and one
    OPT: our size and the client's DO.  All other options and records stay here."""
    cdef Writer w
    cdef size_t whole = <size_t>q.after + OPT_OCTETS
    if q.after > n or whole > room:
        return 0
    msg[2] &= RD_OCTET2
    msg[3] = <uint8_t>((msg[3] & CD_OCTET3) | AD_OCTET3)
    memset(msg + 6, 0, 6)
    msg[11] = 1
    w.at = msg + q.after
    w.end = msg + whole
    put_u8(&w, 0)
    put_u16(&w, TYPE_OPT)
    put_u16(&w, EDNS_OCTETS)
    put_u32(&w, DO if q.do_bit else 0)
    put_u16(&w, 0)
    return whole


class Way(NamedTuple):
    """What carries an answer: a stream takes up to 65,535 octets, and padding is for what is encrypted."""

    is_stream: bool = False
    is_encrypted: bool = False


def query_for_upstream(msg: bytes) -> bytes:
    """The query that an upstream gets for `msg`.   ValueError where `msg` is no query."""
    cdef Question q
    cdef bytearray out = bytearray(msg) + bytes(OPT_OCTETS)
    read_asked(msg, Way(), &q)
    return bytes(out[:write_for_upstream(<uint8_t*><char*>out, len(msg), len(out), &q)])


def answer_for_client(answer: bytes, msg: bytes, way: Way = Way(), CookieJar jar=None, str client="192.0.2.1",
                      uint32_t now_s=0) -> bytes:
    """An upstream's `answer` as the client that asked `msg` gets it; id and question are taken as they are.

    jar, client, now_s   for a server cookie
    Empty where its records cannot be read.   ValueError where `msg` is no query."""
    cdef Question q
    cdef Extended x
    cdef bytearray out = bytearray(answer) + bytes(max(0, MESSAGE_OCTETS - len(answer)))
    cdef bytes packed = ipaddress.ip_address(client).packed
    cdef size_t n
    read_asked(msg, way, &q)
    if jar is not None:
        check_cookie(&jar.c, &q, packed, 4 if len(packed) == 4 else 6, now_s)
    n = strip_opt(<uint8_t*><char*>out, len(answer), &x)
    return b"" if n == 0 else bytes(out[:finish_answer(<uint8_t*><char*>out, n, len(out), &q, &x)])


cdef int read_asked(bytes msg, object way, Question* q) except -1:
    """The question of `msg` that came by `way`, for functions that Python calls.   ValueError: nothing to answer."""
    if parse_query(msg, len(msg), q) != OK:
        raise ValueError(f"{len(msg)} octets: not one readable question with opcode QUERY, or a response")
    q.is_encrypted = way.is_encrypted
    if way.is_stream:
        q.edns_size = MESSAGE_OCTETS
    return 0
