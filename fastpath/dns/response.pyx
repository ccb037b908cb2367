"""An upstream's answer, new or cached, on its way to a client: the same for UDP and streams.

    cache → look_up_cached() → fresh | prefetch | none            upstream → accept_answer() → cached, or passed on
    deliver_late(): judge() again → block | deliver()
    deliver(): inspect → block | rebinding → REFUSED | write over the query → no ECH → our OPT → over the rate limit?

Invariants: the cache holds no policy: a cached answer is inspected for each client, as a new one is.  An answer that
cannot be inspected is not delivered.  What came in force while a query waited holds for it, too.  A truncated answer
has no records.  An upstream's failure is passed on only where the cache has no answer (RFC 8767).
Absent on purpose: caching of answers to questions without RD, which depend on what the upstream happens to know.
Source: semantics §4, RFC 8767 §4–5, RFC 2181 §9 (TC), RFC 8914 §4.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy, memset

from fastpath.base.cursor cimport OK
from fastpath.dns.admission cimport ADMITTED, SLIPPED, Admission, admit_answer
from fastpath.dns.alias_answer cimport is_of_target, wrap_target_answer
from fastpath.dns.block_answers cimport block, find_target
from fastpath.dns.cache cimport (
    CACHE_FRESH, CACHE_LEAST, CACHE_NONE, CACHE_STALE, Entry, find_answer, note_failure, open_cache, put_answer,
    write_cached)
from fastpath.dns.edns cimport EDE_NONE, OptFields, finish_answer, strip_opt
from fastpath.dns.inspection cimport inspect_answer, strip_ech
from fastpath.dns.rebinding_guard cimport leads_inside
from fastpath.dns.rewrite cimport truncate_answer, write_relayed
from fastpath.dns.special_names cimport is_own_name
from fastpath.dns.state cimport ANSWER, FORWARD, NO_REPLY
from fastpath.dns.synthesis cimport BlockAnswer, write_refusal, write_truncated
from fastpath.dns.wire cimport (
    EDE_BLOCKED, EDE_FORGED_ANSWER, EDE_INVALID_DATA, EDE_STALE_ANSWER, HEADER_OCTETS, RCODE_MASK, RCODE_REFUSED,
    RCODE_SERVFAIL, RD, TC_OCTET2, TYPE_CLASS_OCTETS, TYPE_HTTPS, TYPE_SVCB)
from fastpath.images.tables cimport judge
from fastpath.images.verdict cimport C_DNS, LOCAL_DATA, PASSTHRU, Decision
from fastpath.report.counters cimport (
    CNT_DNS_CACHE_HITS, CNT_DNS_CACHE_MISSES, CNT_DNS_INSPECTED, CNT_DNS_OVER_LIMIT,
    CNT_DNS_REBINDING_REFUSED, CNT_DNS_SLIPPED, CNT_DNS_STALE, CNT_DNS_UNREADABLE, count)
from fastpath.report.spool cimport note_shadow
from fastpath.wire.name cimport Name, name_from_wire


cdef enum:
    TARGET_ANSWER_OCTETS = 4096     # of a cached answer to a target; a longer one is wrapped as truncated


cdef Cache* open_answer_cache(Cache* c, size_t octets) except? NULL:
    """Open a cache of `octets`; NULL for 0.   Raises ValueError for too few, MemoryError."""
    if octets == 0:
        return NULL
    if octets < CACHE_LEAST:
        raise ValueError(f"answer cache: {octets} octets; not used; give at least {CACHE_LEAST}, or 0 for none")
    if open_cache(c, octets) != 0:
        raise MemoryError(f"answer cache of {octets} octets")
    return c


cdef inline void _clear(Response* resp, uint64_t key) noexcept nogil:
    memset(resp, 0, sizeof(Response))
    resp.key = key
    resp.opt.ede = EDE_NONE
    resp.opt.ede2 = EDE_NONE


cdef Cached _find_any(Resolver* r, const Question* q, uint64_t key, Response* out) noexcept nogil:
    """Find what the cache has, stale or not."""
    cdef const Entry* e
    cdef Cached found
    _clear(out, key)
    if r.cache == NULL:
        return CACHE_NONE
    found = find_answer(r.cache, q, key, r.cache_s, &out.msg, &out.n)
    if found == CACHE_NONE:
        return found
    e = <const Entry*>(out.msg - sizeof(Entry))
    out.is_cached = 1
    if <int64_t>r.cache_s - e.put_s >= <int64_t>e.lives_s:
        out.is_stale = 1
        out.opt.ede = EDE_STALE_ANSWER
    return found


cdef Cached look_up_cached(Resolver* r, const Question* q, uint64_t key, Response* out) noexcept nogil:
    """Find what the cache has for a new question.

    CACHE_NONE: ask the upstream; a stale answer, if there is one, is find_stale_answer()'s."""
    cdef Cached found = _find_any(r, q, key, out)
    if found == CACHE_STALE:
        found = CACHE_FRESH if r.is_no_upstream_up else CACHE_NONE
    if r.cache != NULL:
        count(r.shared.counters, CNT_DNS_CACHE_MISSES if found == CACHE_NONE else CNT_DNS_CACHE_HITS, 1)
    return found


cdef bint find_stale_answer(Resolver* r, const Question* q, uint64_t key, Response* out) noexcept nogil:
    """Find a stale answer where no upstream has answered; upstreams are not asked again for 30 s (RFC 8767 §5)."""
    if _find_any(r, q, key, out) == CACHE_NONE:
        return False
    note_failure(r.cache, q, key, r.cache_s)
    return True


cdef size_t accept_answer(Resolver* r, const Question* q, uint64_t key, uint8_t* msg, size_t n,
                          Response* out) noexcept nogil:
    """Take the OPT off an upstream's answer and cache it; its octets, 0 where its records cannot be read.

    q     the question that the upstream was asked, and `msg` answers;  key: hash_query() of it
    out   this answer, or a stale one instead of a failure"""
    cdef uint8_t rcode
    cdef Response older
    if msg[2] & TC_OCTET2:
        n = truncate_answer(msg, q.after)
    _clear(out, key)
    n = strip_opt(msg, n, &out.opt)
    if n == 0:
        return 0
    out.msg = msg
    out.n = n
    if r.cache == NULL or not q.flags & RD or msg[2] & TC_OCTET2:
        return n
    put_answer(r.cache, q, key, msg, n, r.cache_s)
    rcode = msg[3] & RCODE_MASK
    if (rcode == RCODE_SERVFAIL or rcode == RCODE_REFUSED) and find_stale_answer(r, q, key, &older):
        if older.msg[3] & RCODE_MASK != RCODE_SERVFAIL:       # else it is this failure itself
            out[0] = older
    return n


cdef Outcome deliver(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Client* client, const Question* q,
                     const Response* resp) noexcept nogil:
    """Write an answer over the client's query at `msg`, or a block answer where it leads to a blocked name.

    n   in: octets of the query, out: of the answer;  q: what parse_query() says of the query
    Gives ANSWER or NO_REPLY."""
    cdef Decision d
    cdef Name culprit
    cdef Outcome outcome
    cdef size_t written
    if r.tables != NULL:
        if inspect_answer(r.tables, resp.msg, resp.n, q, client.policy_addr, client.policy_version, r.now_s, &culprit,
                          &d) != OK:
            return _answer_unreadable(r, msg, n, room, q)
        if d.action != PASSTHRU:
            outcome = block(r, msg, n, room, q, &culprit, &d)
            if outcome != FORWARD:
                count(r.shared.counters, CNT_DNS_INSPECTED, 1)
                return outcome
        note_shadow(r.shared, d.shadow, C_DNS)
    if r.specials != NULL and r.specials.guards_private and _is_rebinding(r, resp):
        count(r.shared.counters, CNT_DNS_REBINDING_REFUSED, 1)
        n[0] = write_refusal(msg, n[0], room, q, RCODE_REFUSED, EDE_BLOCKED)
        return ANSWER if n[0] != 0 else NO_REPLY
    written = _write(r, msg, room, client, q, resp)
    if written == 0:
        return _answer_unreadable(r, msg, n, room, q)
    n[0] = written
    return _limit_rate(r, msg, n, room, client, q, resp)


cdef Outcome deliver_late(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Client* client, const Question* q,
                          const Response* resp) noexcept nogil:
    """Do deliver() for a query that has waited: its name is judged again, as if it had been asked now.

    A block that sends the name elsewhere gives its alias alone, unless the answer is of that very target."""
    cdef Decision d
    cdef Question target
    cdef Outcome outcome
    if r.tables != NULL:
        judge(r.tables, &q.name, client.policy_addr, client.policy_version, r.now_s, &d)
        if d.action != PASSTHRU and (not find_target(r, q, &d, &target) or is_of_target(resp.msg, resp.n, &target)):
            outcome = block(r, msg, n, room, q, &q.name, &d)
            if outcome != FORWARD:
                return outcome
    return deliver(r, msg, n, room, client, q, resp)


cdef bint _is_rebinding(const Resolver* r, const Response* resp) noexcept nogil:
    """Whether an answer has private addresses for a name that is not the operator's own.

    The name is that of the answer's question: where a block or safe search leads to a target, the target."""
    cdef Name name
    cdef size_t after
    if not leads_inside(resp.msg, resp.n):
        return False
    return name_from_wire(resp.msg, resp.n, HEADER_OCTETS, &name, &after) != OK or not is_own_name(r.specials, &name)


cdef Outcome _answer_unreadable(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Question* q) noexcept nogil:
    """Answer SERVFAIL: the answer cannot be parsed, and a client might read in it what inspection did not."""
    count(r.shared.counters, CNT_DNS_UNREADABLE, 1)
    n[0] = write_refusal(msg, n[0], room, q, RCODE_SERVFAIL, EDE_INVALID_DATA)
    return ANSWER if n[0] != 0 else NO_REPLY


cdef size_t _write(Resolver* r, uint8_t* msg, size_t room, const Client* client, const Question* q,
                   const Response* resp) noexcept nogil:
    cdef OptFields opt = resp.opt
    cdef size_t n
    if resp.is_stale:
        count(r.shared.counters, CNT_DNS_STALE, 1)
    if is_of_target(resp.msg, resp.n, q):
        n = _write_wrapped(r, msg, room, q, resp)
        if n == 0:
            return write_refusal(msg, q.after, room, q, RCODE_SERVFAIL, EDE_INVALID_DATA)
        _explain_target(r, client, q, &opt)
    elif resp.is_cached:
        n = write_cached(resp.msg, resp.n, msg, room, q, r.cache_s)
    else:
        n = write_relayed(resp.msg, resp.n, msg, room, q)
    if (q.qtype == TYPE_HTTPS or q.qtype == TYPE_SVCB) and not q.do_bit and _is_ech_unwanted(r, client, q):
        n = strip_ech(msg, n)
    return finish_answer(msg, n, room, q, &opt)


cdef void _explain_target(const Resolver* r, const Client* client, const Question* q, OptFields* opt) noexcept nogil:
    """Say in the answer why it is of a target, where a block has sent its name there."""
    cdef Decision d
    cdef const BlockAnswer* answer
    if r.tables == NULL:
        return
    judge(r.tables, &q.name, client.policy_addr, client.policy_version, r.now_s, &d)
    if d.action != LOCAL_DATA:
        return
    answer = &r.cells[d.reason][LOCAL_DATA].answer
    opt.ede = answer.ede
    opt.ede2 = EDE_NONE if q.wants_structure else EDE_FORGED_ANSWER
    opt.text = answer.text
    opt.text_n = answer.text_n if q.wants_structure else 0


cdef size_t _write_wrapped(const Resolver* r, uint8_t* msg, size_t room, const Question* q,
                           const Response* resp) noexcept nogil:
    """Write the answer to a target that was looked up instead of the name asked; 0 where it cannot be read."""
    cdef uint8_t[TARGET_ANSWER_OCTETS] aged
    cdef Question target
    cdef size_t after = 0
    if not resp.is_cached:
        return wrap_target_answer(resp.msg, resp.n, msg, room, q)
    memset(&target, 0, sizeof(Question))
    if name_from_wire(resp.msg, resp.n, HEADER_OCTETS, &target.name, &after) != OK:
        return 0
    target.after = <uint16_t>(after + TYPE_CLASS_OCTETS)
    memcpy(aged, resp.msg, target.after)
    return wrap_target_answer(aged, write_cached(resp.msg, resp.n, aged, sizeof(aged), &target, r.cache_s), msg, room,
                              q)


cdef bint _is_ech_unwanted(const Resolver* r, const Client* client, const Question* q) noexcept nogil:
    """Whether the client's profile wants the names of its connections to stay visible, that is, without ECH."""
    cdef Decision d
    if r.tables == NULL:
        return False
    judge(r.tables, &q.name, client.policy_addr, client.policy_version, r.now_s, &d)
    return d.canaries != 0


cdef Outcome _limit_rate(Resolver* r, uint8_t* msg, size_t* n, size_t room, const Client* client, const Question* q,
                         const Response* resp) noexcept nogil:
    """Limit the rate of large answers to an address that may be forged."""
    cdef Admission admission
    if r.guard == NULL or r.is_stream or client.is_proven:
        return ANSWER
    admission = admit_answer(r.guard, client.addr, client.ip_version, r.monotonic_ns, resp.key, n[0])
    if admission == ADMITTED:
        return ANSWER
    if admission != SLIPPED:
        count(r.shared.counters, CNT_DNS_OVER_LIMIT, 1)
        return NO_REPLY
    count(r.shared.counters, CNT_DNS_SLIPPED, 1)
    n[0] = write_truncated(msg, n[0], room, q)
    return ANSWER if n[0] != 0 else NO_REPLY
