"""Parse DNS queries: the one question, and what its OPT says.

Invariants: a question that came back OK lies whole inside the message, and so does every option that is noted.  A
status other than OK says what to answer.  Of several cookies the first counts, of several device ids the last: a
forwarder puts its own behind those that the device itself sent.  Ids of several kinds name no device: no one knows
which of them is the forwarder's.
Absent on purpose: compression pointers in a question, client subnets (edns.pyx says why), and any judgement of an
option.
Source: RFC 1035 §4, RFC 6891 §6 and §9 (EDNS), RFC 7873 §4–5 (cookies), RFC 7830 (padding), RFC 5001 (NSID); device
ids: dnsmasq's add-mac and add-cpe-id.
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, OK, Cursor, Status, skip, take_span, take_u16, take_u32
from fastpath.dns.wire cimport (
    COOKIE_CLIENT_OCTETS, COOKIE_MOST_OCTETS, DO, EDNS_OCTETS, HEADER_OCTETS, OPCODE_MASK, OPTION_COOKIE, OPTION_CPE,
    OPTION_MAC, OPTION_MAC_TEXT, OPTION_NSID, OPTION_PADDING, OPTION_SDE, QR, RCODE_BADVERS, RCODE_FORMERR,
    RCODE_NOERROR, RCODE_NOTIMP, TYPE_OPT, UDP_OCTETS)
from fastpath.wire.name cimport Name, name_from_wire


cdef Status parse_query(const uint8_t* msg, size_t n, Question* out) noexcept nogil:
    """Parse the one question of a query, and its OPT.

    out        id and flags are valid where n >= 12, regardless of the status
    NOT_THIS   a response, never to be answered
    MALFORMED  to be answered with write_refusal() and out.rcode: NOTIMP for another opcode, BADVERS for another EDNS
               version, NOERROR for a query that only asks for a cookie (RFC 7873 §5.4), FORMERR for all else: too short
               (write_refusal() then gives 0), not one question, or unreadable
    Octets behind the last record are ignored, as resolvers do."""
    cdef Cursor c
    cdef uint16_t n_questions = 0, n_answers = 0, n_authorities = 0, n_additionals = 0
    memset(out, 0, sizeof(Question) - sizeof(Name))
    out.edns_size = UDP_OCTETS
    out.rcode = RCODE_FORMERR
    if n < HEADER_OCTETS:
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
    if n_questions == 1 and _question(msg, n, &c, out) != OK:
        return MALFORMED
    if out.flags & OPCODE_MASK:
        if n_questions <= 1 and _records(msg, &c, <uint32_t>n_answers + n_authorities, NULL) == OK:
            _records(msg, &c, n_additionals, out)       # RFC 6891 §6.1.1: an OPT in the answer where the query has one
        out.rcode = RCODE_NOTIMP
        return MALFORMED
    if n_questions > 1 or _records(msg, &c, <uint32_t>n_answers + n_authorities, NULL) != OK:
        return MALFORMED
    if _records(msg, &c, n_additionals, out) != OK:
        return MALFORMED
    if n_questions == 1:
        return OK
    if n_answers == 0 and n_authorities == 0 and out.cookie_n != 0:
        out.rcode = RCODE_NOERROR
    return MALFORMED


cdef inline Status _question(const uint8_t* msg, size_t n, Cursor* c, Question* out) noexcept nogil:
    cdef size_t after = 0
    if name_from_wire(msg, n, HEADER_OCTETS, &out.name, &after) != OK:
        return MALFORMED
    c.at = msg + after
    if take_u16(c, &out.qtype) != OK or take_u16(c, &out.qclass) != OK:
        return MALFORMED
    out.after = <uint16_t>(c.at - msg)
    return OK


cdef Status _records(const uint8_t* msg, Cursor* c, uint32_t n, Question* out) noexcept nogil:
    """Step over `n` records; parse the OPT where `out` is given."""
    cdef bint has_root_owner
    cdef uint16_t kind = 0, class_ = 0, n_data = 0
    cdef uint32_t ttl = 0, _i
    cdef Cursor data
    for _i in range(n):
        has_root_owner = c.at < c.end and c.at[0] == 0
        if skip_name(c) != OK or take_u16(c, &kind) != OK or take_u16(c, &class_) != OK:
            return MALFORMED
        if take_u32(c, &ttl) != OK or take_u16(c, &n_data) != OK or take_span(c, n_data, &data) != OK:
            return MALFORMED
        if out == NULL or kind != TYPE_OPT:
            continue
        if out.has_edns or not has_root_owner:     # RFC 6891 §6.1.1: FORMERR for a second one
            return MALFORMED
        if _opt(msg, &data, class_, ttl, out) != OK:
            return MALFORMED
    return OK


cdef Status _opt(const uint8_t* msg, Cursor* data, uint16_t size, uint32_t ttl, Question* out) noexcept nogil:
    """Note in `out` what an OPT says.

    data       its RDATA, inside `msg`;  size, ttl: its CLASS and TTL
    MALFORMED  with out.rcode: BADVERS for another version, whose options are not read; FORMERR for a wrong length"""
    cdef uint16_t code = 0
    cdef uint16_t n = 0
    out.has_edns = 1
    out.edns_size = min(max(size, <uint16_t>UDP_OCTETS), <uint16_t>EDNS_OCTETS)
    out.edns_version = <uint8_t>((ttl >> 16) & 0xff)
    out.do_bit = 1 if ttl & DO else 0
    if out.edns_version != 0:
        out.rcode = RCODE_BADVERS
        return MALFORMED
    while data.at < data.end:
        if take_u16(data, &code) != OK or take_u16(data, &n) != OK or skip(data, n) != OK:
            return MALFORMED
        if _note_option(code, data.at - n, n, msg, out) != OK:
            return MALFORMED
    return OK


cdef inline Status _note_option(uint16_t code, const uint8_t* at, uint16_t n, const uint8_t* msg,
                                Question* out) noexcept nogil:
    if code == OPTION_COOKIE and out.cookie_n == 0:
        if n != COOKIE_CLIENT_OCTETS and not 2 * COOKIE_CLIENT_OCTETS <= n <= COOKIE_MOST_OCTETS:
            return MALFORMED
        out.cookie_n = <uint8_t>n
        memcpy(out.cookie, at, n)
    elif code == OPTION_PADDING:
        out.wants_padding = 1
    elif code == OPTION_NSID:
        out.wants_nsid = 1
    elif code == OPTION_SDE and n == 0:
        out.wants_structure = 1
    elif code == OPTION_MAC or code == OPTION_MAC_TEXT or code == OPTION_CPE:
        _note_device(code, <uint16_t>(at - msg), n, out)
    return OK


cdef inline void _note_device(uint16_t code, uint16_t at, uint16_t n, Question* out) noexcept nogil:
    if out.device_code != 0 and out.device_code != code:
        out.device_code = SEVERAL_KINDS
        out.device_at = 0
        return
    out.device_code = code
    out.device_at = at
    out.device_n = n


class Query(NamedTuple):
    """One question and its EDNS: `name` in wire form, lower case; without EDNS edns_version is None, edns_size 512.

    edns_size   octets that an answer over UDP may have: the client's, 512 to 1232
    cookie      of the client, 8 or 16 to 40 octets
    device      option code and data of the last device id; None, too, for ids of several kinds"""

    id: int
    flags: int
    name: bytes
    qtype: int
    qclass: int
    after: int
    edns_version: int | None
    edns_size: int
    is_dnssec_ok: bool
    cookie: bytes = b""
    device: tuple[int, bytes] | None = None
    is_padding_wanted: bool = False
    is_structure_wanted: bool = False


def query(msg: bytes) -> Query:
    """Parse the question of a DNS message.   ValueError: a response, or malformed: see fault_of()."""
    cdef Question q
    cdef Status status = parse_query(msg, len(msg), &q)
    if status != OK:
        raise ValueError(_FAULTS[status])
    device = (q.device_code, msg[q.device_at:q.device_at + q.device_n]) if q.device_at else None
    return Query(
        q.id, q.flags, PyBytes_FromStringAndSize(<const char*>q.name.wire, q.name.n), q.qtype, q.qclass, q.after,
        q.edns_version if q.has_edns else None, q.edns_size, bool(q.do_bit),
        PyBytes_FromStringAndSize(<const char*>q.cookie, q.cookie_n),
        device, bool(q.wants_padding), bool(q.wants_structure),
    )


def fault_of(msg: bytes) -> int | None:
    """The rcode, all twelve bits, that a malformed query gets; None for a query that is decided on.

    ValueError for a response or less than a header, which are never answered."""
    cdef Question q
    cdef Status status = parse_query(msg, len(msg), &q)
    if status == NOT_THIS or len(msg) < HEADER_OCTETS:
        raise ValueError(_FAULTS[status])
    return None if status == OK else q.rcode


_FAULTS = {
    MALFORMED: "not one readable question with opcode QUERY",
    NOT_THIS: "a response and no query",
}
