"""EDNS: the OPT of our answers, and the OPT of the queries that upstreams get.

    query    parse_query(): what the client's OPT says;  write_for_upstream(): our OPT instead
    answer   strip_opt(): the upstream's OPT off;  finish_answer(): ours on, or none for a client without EDNS

An OPT belongs to one hop: none of a client's goes to an upstream, and none of an upstream's to a client but its
extended DNS errors (EDE).

Invariants: nothing is written past `room` or past what the client accepts.  An answer that does not fit loses
EXTRA-TEXT, then its EDE, then its records, and has TC for the last two.  Of several COOKIE options the first counts.
Absent on purpose: TCP keepalive, an upstream's EXTRA-TEXT, and client subnets (RFC 7871 §11.1): an answer for one
network would be cached for all, and upstreams do not learn who asks.
Source: RFC 6891 §6–7 and §9, RFC 7873 §5.2, RFC 8914 §2–3, RFC 7830 §4 and RFC 8467 §4.1, RFC 6840 §5.7–5.8 (AD), RFC
5001 (NSID).
"""
import ipaddress
from typing import NamedTuple

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from fastpath.base.cursor cimport OK, Cursor, skip, take_u16, take_u32
from fastpath.base.writer cimport Writer, put, put_u16, put_u32, put_u8, put_zeros
from fastpath.dns.cookies cimport COOKIE_KEY_OCTETS, Cookies, check_cookie, open_cookies
from fastpath.dns.query cimport Question, parse_query, skip_name
from fastpath.dns.wire cimport (
    AD, AD_OCTET3, CD_OCTET3, COOKIE_OCTETS, DO, EDNS_OCTETS, HEADER_OCTETS, MESSAGE_OCTETS, OPTION_COOKIE, OPTION_EDE,
    OPTION_NSID, OPTION_OCTETS, OPTION_PADDING, OPTION_SDE, OPT_OCTETS, RCODE_MASK, RCODE_SERVFAIL, RD_OCTET2,
    TC_OCTET2, TYPE_CLASS_OCTETS, TYPE_OPT, UDP_OCTETS)

cdef enum:
    PADDED_TO = 468             # RFC 8467 §4.1, for answers


cdef size_t finish_answer(uint8_t* msg, size_t n, size_t room, const Question* q, const OptFields* opt) noexcept nogil:
    """Append our OPT where the client has EDNS, and truncate the answer to the client's size; give its octets.

    msg    an answer of `n` octets without OPT, with the client's question;  opt: its text lies outside of `msg`
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
        return n if n <= limit else _truncate(msg, least)
    if n <= limit:
        whole = _fit_opt(msg, n, limit, q, opt)
        if whole == 0:
            whole = _put_opt_without_ede(msg, n, limit, q, opt)
            msg[2] |= TC_OCTET2                 # RFC 8914 §3
    if whole == 0:
        n = _truncate(msg, least)
        whole = _fit_opt(msg, n, limit, q, opt)
    if whole == 0:
        whole = _put_opt_without_ede(msg, n, limit, q, opt)
    return whole if whole != 0 else n


cdef inline size_t _fit_opt(uint8_t* msg, size_t n, size_t limit, const Question* q,
                            const OptFields* opt) noexcept nogil:
    """Append an OPT, without EXTRA-TEXT where that does not fit."""
    cdef OptFields terse
    cdef size_t whole = _put_opt(msg, n, limit, q, opt)
    if whole != 0 or opt.text_n == 0:
        return whole
    terse = opt[0]
    terse.text_n = 0
    return _put_opt(msg, n, limit, q, &terse)


cdef size_t _put_opt_without_ede(uint8_t* msg, size_t n, size_t limit, const Question* q,
                                 const OptFields* opt) noexcept nogil:
    """Append an OPT without EDE."""
    cdef OptFields bare = opt[0]
    bare.text_n = 0
    bare.ede = EDE_NONE
    bare.ede2 = EDE_NONE
    return _put_opt(msg, n, limit, q, &bare)


cdef inline size_t _truncate(uint8_t* msg, size_t least) noexcept nogil:
    """Cut an answer to its header and question, with TC."""
    msg[2] |= TC_OCTET2
    memset(msg + 6, 0, 6)
    return least


cdef size_t _put_opt(uint8_t* msg, size_t n, size_t limit, const Question* q, const OptFields* opt) noexcept nogil:
    """Append an OPT and raise ARCOUNT; give the octets of all, 0 where it does not fit."""
    cdef Writer w
    cdef size_t n_data
    w.at = msg + n
    w.end = msg + limit
    w.is_full = 0
    put_u8(&w, 0)
    put_u16(&w, TYPE_OPT)
    put_u16(&w, EDNS_OCTETS)
    put_u32(&w, (<uint32_t>(opt.rcode >> 4) << 24) | (DO if q.do_bit else 0))
    put_u16(&w, 0)
    if q.has_our_cookie:
        put_u16(&w, OPTION_COOKIE)
        put_u16(&w, COOKIE_OCTETS)
        put(&w, q.cookie, COOKIE_OCTETS)
    if q.nsid_n != 0:
        put_u16(&w, OPTION_NSID)
        put_u16(&w, q.nsid_n)
        put(&w, q.nsid, q.nsid_n)
    if opt.ede != EDE_NONE:
        _put_ede(&w, opt.ede, opt.text, opt.text_n)
    if opt.ede2 != EDE_NONE:
        _put_ede(&w, opt.ede2, NULL, 0)
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
    """Pad an answer of `n` octets to the next whole block, or to the limit."""
    cdef size_t padded = (n + OPTION_OCTETS + PADDED_TO - 1) // PADDED_TO * PADDED_TO
    padded = min(padded, limit)
    if n + OPTION_OCTETS > padded:
        return
    put_u16(w, OPTION_PADDING)
    put_u16(w, <uint16_t>(padded - n - OPTION_OCTETS))
    put_zeros(w, padded - n - OPTION_OCTETS)


cdef size_t strip_opt(uint8_t* msg, size_t n, OptFields* out) noexcept nogil:
    """Remove the additional section of an upstream's answer, its OPT with it; give the octets that are left, 0 where
    its records cannot be read.

    out    its first two EDE codes
    No client needs additional records, which may hold addresses of names that it did not ask for: it asks for those
    itself.  An extended rcode is between us and the upstream: the client gets SERVFAIL."""
    cdef Cursor c
    cdef Cursor data
    cdef uint16_t kind = 0
    cdef uint16_t n_data = 0
    cdef uint32_t ttl = 0
    cdef uint32_t _i, i, n_before, n_additional
    cdef size_t kept
    memset(out, 0, sizeof(OptFields))
    out.ede = EDE_NONE
    out.ede2 = EDE_NONE
    if n < HEADER_OCTETS:
        return 0
    c.at = msg + HEADER_OCTETS
    c.end = msg + n
    for _i in range(<uint32_t>((msg[4] << 8) | msg[5])):
        if skip_name(&c) != OK or skip(&c, TYPE_CLASS_OCTETS) != OK:
            return 0
    n_before = <uint32_t>((msg[6] << 8) | msg[7]) + <uint32_t>((msg[8] << 8) | msg[9])
    n_additional = <uint32_t>((msg[10] << 8) | msg[11])
    kept = <size_t>(c.at - msg)
    for i in range(n_before + n_additional):
        if skip_name(&c) != OK or take_u16(&c, &kind) != OK or skip(&c, 2) != OK or take_u32(&c, &ttl) != OK:
            return 0
        if take_u16(&c, &n_data) != OK or skip(&c, n_data) != OK:
            return 0
        if i < n_before:
            kept = <size_t>(c.at - msg)
        elif kind == TYPE_OPT:
            data.at = c.at - n_data
            data.end = c.at
            _read_ede(&data, out)
            if ttl >> 24:
                msg[3] = <uint8_t>((msg[3] & ~RCODE_MASK) | RCODE_SERVFAIL)
            break
    msg[10] = msg[11] = 0
    return kept


cdef void _read_ede(Cursor* data, OptFields* out) noexcept nogil:
    cdef uint16_t code = 0
    cdef uint16_t n = 0
    cdef uint16_t info
    while take_u16(data, &code) == OK and take_u16(data, &n) == OK and skip(data, n) == OK:
        if code != OPTION_EDE or n < 2:
            continue
        info = <uint16_t>((data.at[-n] << 8) | data.at[1 - n])
        if out.ede == EDE_NONE:
            out.ede = info
        elif out.ede2 == EDE_NONE:
            out.ede2 = info


cdef size_t write_for_upstream(uint8_t* msg, size_t n, size_t room, const Question* q) noexcept nogil:
    """Turn the client's query into the upstream's; give its octets, 0 where they do not fit `room`.

    It has the client's question, RD and CD, AD (so that a cached answer says whether its data were validated), and one
    OPT: our size and the client's DO.  All other options and records are removed."""
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


cdef size_t condense_query(const uint8_t* msg, size_t n, uint8_t* out) noexcept nogil:
    """Write the query at `msg` to `out` with one OPT of what an answer depends on; give its octets, below 512.

    Padding and unknown options make a query long.  Ids of devices are left out, too: they have had their say when it
    was decided whose policy counts."""
    cdef Question q
    cdef Writer w
    parse_query(msg, n, &q)
    memcpy(out, msg, q.after)
    memset(out + 6, 0, 6)
    if not q.has_edns:
        return q.after
    w.at = out + q.after
    w.end = out + UDP_OCTETS
    w.is_full = 0
    put_u8(&w, 0)
    put_u16(&w, TYPE_OPT)
    put_u16(&w, q.edns_size)
    put_u32(&w, DO if q.do_bit else 0)
    put_u16(&w, 0)
    if q.cookie_n != 0:
        put_u16(&w, OPTION_COOKIE)
        put_u16(&w, q.cookie_n)
        put(&w, q.cookie, q.cookie_n)
    if q.wants_padding:
        put_u32(&w, <uint32_t>OPTION_PADDING << 16)
    if q.wants_nsid:
        put_u32(&w, <uint32_t>OPTION_NSID << 16)
    if q.wants_structure:
        put_u32(&w, <uint32_t>OPTION_SDE << 16)
    out[11] = 1
    out[q.after + OPT_OCTETS - 1] = <uint8_t>(w.at - out - q.after - OPT_OCTETS)
    return <size_t>(w.at - out)


class Way(NamedTuple):
    """The transport of an answer: a stream takes up to 65,535 octets; only encrypted answers are padded."""

    is_stream: bool = False
    is_encrypted: bool = False


def condensed(msg: bytes) -> bytes:
    """Write the short form in which a long query is kept while it waits.   ValueError where `msg` is no query"""
    cdef Question q
    cdef uint8_t[UDP_OCTETS] out
    parse_python_query(msg, Way(), &q)
    return out[:condense_query(msg, len(msg), out)]


def query_for_upstream(msg: bytes) -> bytes:
    """Write the query that an upstream gets for `msg`.   ValueError where `msg` is no query."""
    cdef Question q
    cdef bytearray out = bytearray(msg) + bytes(OPT_OCTETS)
    parse_python_query(msg, Way(), &q)
    return bytes(out[:write_for_upstream(<uint8_t*><char*>out, len(msg), len(out), &q)])


def answer_for_client(answer: bytes, msg: bytes, way: Way = Way(), bytes cookie_master=b"", str client="192.0.2.1",
                      uint32_t now_s=0) -> bytes:
    """Turn an upstream's `answer` into that of the client that sent `msg`; id and question are not compared.

    cookie_master, client, now_s   for a server cookie; an empty master key: none
    Empty where its records cannot be read.   ValueError where `msg` is no query, or for a key of another length."""
    cdef Question q
    cdef OptFields opt
    cdef Cookies cookies
    cdef bytearray out = bytearray(answer) + bytes(max(0, MESSAGE_OCTETS - len(answer)))
    cdef bytes packed = ipaddress.ip_address(client).packed
    cdef size_t n
    parse_python_query(msg, way, &q)
    if cookie_master:
        if len(cookie_master) != COOKIE_KEY_OCTETS:
            raise ValueError(f"cookies: a master key of {len(cookie_master)} octets; not used; a key has 16")
        open_cookies(&cookies, cookie_master)
        check_cookie(&cookies, &q, packed, 4 if len(packed) == 4 else 6, now_s)
    n = strip_opt(<uint8_t*><char*>out, len(answer), &opt)
    return b"" if n == 0 else bytes(out[:finish_answer(<uint8_t*><char*>out, n, len(out), &q, &opt)])


cdef int parse_python_query(bytes msg, object way, Question* q) except -1:
    """Parse a query that came by `way`, for functions that Python calls.   ValueError: malformed, or a response"""
    if parse_query(msg, len(msg), q) != OK:
        raise ValueError(f"{len(msg)} octets: not one readable question with opcode QUERY, or a response")
    q.is_encrypted = way.is_encrypted
    if way.is_stream:
        q.edns_size = MESSAGE_OCTETS
    return 0
