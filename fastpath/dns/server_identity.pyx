"""Who this server is, for those who ask by CHAOS names or NSID: the operator's text, or nothing.

    version.bind, version.server    "filterd"              hostname.bind, id.server    the text of /dns/identity

Without that text all four are refused.  No question of another class than IN goes to an upstream, whose own identity
the answer would tell.

Invariants: no allocation; nothing is written past `room`.
Absent on purpose: the version's number, which tells an attacker more than an operator.
Source: RFC 4892 §2–3 (CHAOS names), RFC 5001 (NSID), BIND's and Unbound's names.
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memset

from fastpath.base.writer cimport Writer, put, put_u16, put_u32, put_u8
from fastpath.dns.alias_answer cimport begin_answer, end_answer
from fastpath.dns.edns cimport EDE_NONE, OptFields, finish_answer
from fastpath.dns.query cimport Question
from fastpath.dns.special_names cimport Specials
from fastpath.dns.wire cimport CLASS_CH, POINTER_TO_QNAME, RCODE_NOERROR, TYPE_ANY, TYPE_TXT
from fastpath.wire.name cimport Name

cdef enum:
    VERSION_OCTETS = 7

cdef const char* VERSION = b"filterd"


cdef size_t answer_identity(const Specials* s, uint8_t* msg, size_t room, const Question* q) noexcept nogil:
    """Answer a question about this server; give the answer's octets, 0 where it is to be refused.   s: or NULL"""
    cdef Writer w
    cdef OptFields opt
    cdef const uint8_t* text = <const uint8_t*>VERSION
    cdef uint8_t n = VERSION_OCTETS
    if s == NULL or s.identity_n == 0 or q.qclass != CLASS_CH or q.after > room:
        return 0
    if _is(&q.name, b"\x08hostname\x04bind", 15) or _is(&q.name, b"\x02id\x06server", 11):
        text = &s.identity[0]
        n = s.identity_n
    elif not _is(&q.name, b"\x07version\x04bind", 14) and not _is(&q.name, b"\x07version\x06server", 16):
        return 0
    begin_answer(&w, msg, room, q, RCODE_NOERROR)
    if q.qtype == TYPE_TXT or q.qtype == TYPE_ANY:
        put_u16(&w, POINTER_TO_QNAME)
        put_u16(&w, TYPE_TXT)
        put_u16(&w, CLASS_CH)
        put_u32(&w, 0)
        put_u16(&w, n + 1)
        put_u8(&w, n)
        put(&w, text, n)
        msg[7] = 1
    memset(&opt, 0, sizeof(OptFields))
    opt.ede = opt.ede2 = EDE_NONE
    return finish_answer(msg, end_answer(&w, msg, q), room, q, &opt)


cdef inline bint _is(const Name* name, const char* wire, uint32_t n) noexcept nogil:
    """Whether a name is `wire`, which has `n` octets and the root's."""
    return name.n == n and memcmp(name.wire, wire, n) == 0
