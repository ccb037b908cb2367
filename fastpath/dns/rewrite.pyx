"""A client's question for an upstream, and an upstream's answer for a client.

An upstream gets a query of ours: the name in lower case, DO, CD and RD as the client set them, our OPT, and no option
of the client's.  So one answer serves all clients that ask the same.

Invariants: nothing of a client's EDNS reaches an upstream.  A client gets its own id, and its question octet for octet
(0x20).  An answer longer than the client accepts is a header, the question and TC.
Source: RFC 1035 §4.1, RFC 6891 §7, RFC 6840 §5.
"""
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.cursor cimport OK
from fastpath.dns.edns cimport write_for_upstream
from fastpath.dns.query cimport Question
from fastpath.dns.wire cimport (
    CD_OCTET3, CLASS_IN, HEADER_OCTETS, QR_OCTET2, RA_OCTET3, RD, RD_OCTET2, TC_OCTET2, TYPE_CLASS_OCTETS, TYPE_SOA,
    UPSTREAM_QUERY_OCTETS)
from fastpath.wire.name cimport Name, name_from_wire


cdef bint is_answer_to(const Question* q, const uint8_t* msg, size_t n) noexcept nogil:
    """Whether a message is an answer with exactly this question, in any letter case."""
    cdef Name name
    cdef size_t after
    if n < HEADER_OCTETS or not msg[2] & QR_OCTET2 or msg[4] != 0 or msg[5] != 1:
        return False
    if name_from_wire(msg, n, HEADER_OCTETS, &name, &after) != OK or n - after < TYPE_CLASS_OCTETS:
        return False
    if name.n != q.name.n or memcmp(name.wire, q.name.wire, name.n) != 0:
        return False
    if ((msg[after] << 8) | msg[after + 1]) != q.qtype:
        return False
    return ((msg[after + 2] << 8) | msg[after + 3]) == q.qclass


cdef size_t write_query(const Question* q, uint8_t* out) noexcept nogil:
    """Write the query for an upstream, with id 0; give its octets, at most UPSTREAM_QUERY_OCTETS."""
    cdef Question plain = q[0]
    cdef size_t at = HEADER_OCTETS + q.name.n
    plain.after = <uint16_t>(at + TYPE_CLASS_OCTETS)
    memset(out, 0, HEADER_OCTETS)
    out[2] = <uint8_t>(q.flags >> 8)
    out[3] = <uint8_t>q.flags
    out[5] = 1
    memcpy(out + HEADER_OCTETS, q.name.wire, q.name.n)
    out[at] = <uint8_t>(q.qtype >> 8)
    out[at + 1] = <uint8_t>q.qtype
    out[at + 2] = <uint8_t>(q.qclass >> 8)
    out[at + 3] = <uint8_t>q.qclass
    return write_for_upstream(out, at + TYPE_CLASS_OCTETS, UPSTREAM_QUERY_OCTETS, &plain)


cdef size_t write_probe(uint8_t* out) noexcept nogil:
    """Write the query of a probe: the root's SOA, which every resolver answers from its cache, or refuses at once."""
    cdef Question q
    memset(&q, 0, sizeof(q))
    q.name.n = 1
    q.flags = RD
    q.qtype = TYPE_SOA
    q.qclass = CLASS_IN
    return write_query(&q, out)


cdef size_t write_relayed(const uint8_t* answer, size_t n, uint8_t* msg, size_t room, const Question* q) noexcept nogil:
    """Write an upstream's answer over a client's query, without an OPT; give its octets.

    answer   to the question of write_query(q), its OPT taken off;  room: of `msg`
    q        what parse_query() says of the query at `msg`"""
    msg[2] = (answer[2] & <uint8_t>~RD_OCTET2) | (msg[2] & RD_OCTET2)
    msg[3] = (answer[3] & <uint8_t>~CD_OCTET3) | (msg[3] & CD_OCTET3) | RA_OCTET3
    if n > room:
        msg[2] |= TC_OCTET2
        memset(msg + 6, 0, 6)
        return q.after
    memcpy(msg + 4, answer + 4, 8)
    memcpy(msg + q.after, answer + q.after, n - q.after)
    return n


cdef size_t truncate_answer(uint8_t* answer, size_t after) noexcept nogil:
    """Cut a truncated answer to its header and question, with TC; give its octets.   after: where the question ends"""
    answer[2] |= TC_OCTET2
    memset(answer + 6, 0, 6)
    return after
