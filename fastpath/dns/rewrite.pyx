"""A client's question to an upstream, and the upstream's answer to a client.

An upstream gets a question of ours: the name folded, DO and CD and RD as the client said, an OPT of ours, none of the
client's options.  So one answer serves all who asked the same.

Invariants: nothing of a client's EDNS reaches an upstream; a client gets its own id and its question octet for octet
(0x20); an answer longer than the client takes is a header, the question and TC.
Source: RFC 1035 §4.1, RFC 6891 §7, RFC 6840 §5.
"""
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.cursor cimport OK
from fastpath.dns.edns cimport write_for_upstream
from fastpath.dns.query cimport DNS_HEADER, Question
from fastpath.wire.name cimport Name, name_from_wire

cdef enum:
    RD = 0x01           # of the third octet
    TC = 0x02
    CD = 0x10           # of the fourth
    RA = 0x80
    QTYPE_SOA = 6
    CLASS_IN = 1
    QUERY_OCTETS = 284  # header 12, name 255, type and class 4, OPT 11


cdef bint is_answer_to(const Question* q, const uint8_t* msg, size_t n) noexcept nogil:
    """Whether a message is an answer with this very question, in any letter case."""
    cdef Name name
    cdef size_t after
    if n < DNS_HEADER or not msg[2] & 0x80 or msg[4] != 0 or msg[5] != 1:
        return False
    if name_from_wire(msg, n, DNS_HEADER, &name, &after) != OK or n - after < 4 or name.n != q.name.n:
        return False
    if memcmp(name.wire, q.name.wire, name.n) != 0 or ((msg[after] << 8) | msg[after + 1]) != q.qtype:
        return False
    return ((msg[after + 2] << 8) | msg[after + 3]) == q.qclass


cdef size_t write_query(const Question* q, uint8_t* out) noexcept nogil:
    """Write the question as an upstream gets it, with id 0; its octets, at most UPSTREAM_QUERY of inflight."""
    cdef Question plain = q[0]
    cdef size_t at = DNS_HEADER + q.name.n
    plain.after = <uint16_t>(at + 4)
    memset(out, 0, DNS_HEADER)
    out[2] = <uint8_t>(q.flags >> 8)
    out[3] = <uint8_t>q.flags
    out[5] = 1
    memcpy(out + DNS_HEADER, q.name.wire, q.name.n)
    out[at] = <uint8_t>(q.qtype >> 8)
    out[at + 1] = <uint8_t>q.qtype
    out[at + 2] = <uint8_t>(q.qclass >> 8)
    out[at + 3] = <uint8_t>q.qclass
    return write_for_upstream(out, at + 4, QUERY_OCTETS, &plain)


cdef size_t write_probe(uint8_t* out) noexcept nogil:
    """Write the question that every resolver has the answer of, or can say that it has not: the root's SOA."""
    cdef Question q
    memset(&q, 0, sizeof(q))
    q.name.n = 1
    q.flags = 0x0100
    q.qtype = QTYPE_SOA
    q.qclass = CLASS_IN
    return write_query(&q, out)


cdef size_t write_relayed(const uint8_t* answer, size_t n, uint8_t* msg, size_t room, const Question* q) noexcept nogil:
    """Write an upstream's answer over a client's query, without an OPT; its octets.

    answer   to the question of write_query(q), its OPT taken off;  room: of `msg`
    q        what parse_query() says of the query at `msg`"""
    msg[2] = (answer[2] & <uint8_t>~RD) | (msg[2] & RD)
    msg[3] = (answer[3] & <uint8_t>~CD) | (msg[3] & CD) | RA
    if n > room:
        msg[2] |= TC
        memset(msg + 6, 0, 6)
        return q.after
    memcpy(msg + 4, answer + 4, 8)
    memcpy(msg + q.after, answer + q.after, n - q.after)
    return n


cdef size_t cut_answer(uint8_t* answer, size_t after) noexcept nogil:
    """Leave header and question of an answer that is not all here, with TC; its octets.   after: where that ends"""
    answer[2] |= TC
    memset(answer + 6, 0, 6)
    return after
