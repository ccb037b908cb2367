"""An upstream's answer, just come or kept, on its way to a client: the same for UDP and streams.

    cache → look_up() → fresh | due | stale | none            upstream → take_in() → kept, or only passed on
    deliver(): inspect → block | write over the client's query → without ECH → our OPT → too much of it?

Invariants: the cache holds no policy: what comes out of it is inspected for each client, as what has just come is; an
answer that cannot be inspected is not delivered; an answer that came truncated has no records; an upstream's failure
is passed on only where nothing is kept (RFC 8767).
Absent on purpose: answers to questions without RD, which say what an upstream happens to have, are not kept.
Source: semantics §4, RFC 8767 §4–5, RFC 2181 §9 (TC), RFC 8914 §4.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.cursor cimport OK
from fastpath.dns.admission cimport ADMITTED, SLIPPED, Admission, admit_answer
from fastpath.dns.alias_answer cimport is_of_target, wrap_target_answer
from fastpath.dns.block_answers cimport block
from fastpath.dns.cache cimport (
    CACHE_FRESH, CACHE_LEAST, CACHE_NONE, CACHE_STALE, Entry, find_answer, note_failure, open_cache, put_answer,
    write_cached)
from fastpath.dns.edns cimport EDE_NONE, finish_answer, strip_opt
from fastpath.dns.inspection cimport inspect_answer, strip_ech
from fastpath.dns.rewrite cimport cut_answer, write_relayed
from fastpath.dns.state cimport ANSWER, FORWARD, SAY_NOTHING
from fastpath.dns.synthesis cimport write_cut, write_refusal
from fastpath.dns.wire cimport (
    EDE_INVALID_DATA, EDE_STALE_ANSWER, HEADER_OCTETS, RCODE_MASK, RCODE_REFUSED, RCODE_SERVFAIL, RD, TC_OCTET2,
    TYPE_CLASS_OCTETS, TYPE_HTTPS, TYPE_SVCB)
from fastpath.images.tables cimport judge
from fastpath.images.verdict cimport C_DNS, PASSTHRU, Decision
from fastpath.report.counters cimport (
    CNT_DNS_CACHE_HITS, CNT_DNS_CACHE_MISSES, CNT_DNS_INSPECTED, CNT_DNS_OVER_LIMIT, CNT_DNS_SLIPPED, CNT_DNS_STALE,
    CNT_DNS_UNREADABLE, count)
from fastpath.report.spool cimport note_shadow
from fastpath.wire.name cimport Name, name_from_wire


cdef enum:
    TARGET_ANSWER_OCTETS = 4096     # of a kept answer to a target; a longer one is wrapped as truncated


cdef Cache* take_cache(Cache* c, size_t octets) except? NULL:
    """Open a cache of so many octets; NULL: of none.   Raises ValueError for too few, MemoryError."""
    if octets == 0:
        return NULL
    if octets < CACHE_LEAST:
        raise ValueError(f"answer cache: {octets} octets; not used; give at least {CACHE_LEAST}, or 0 for none")
    if open_cache(c, octets) != 0:
        raise MemoryError(f"answer cache of {octets} octets")
    return c


cdef inline void _empty(Found* f, uint64_t key) noexcept nogil:
    memset(f, 0, sizeof(Found))
    f.key = key
    f.x.ede = EDE_NONE
    f.x.also = EDE_NONE


cdef Cached _find(Answering* a, const Question* q, uint64_t key, Found* out) noexcept nogil:
    """What the cache has, stale or not."""
    cdef const Entry* e
    cdef Cached found
    _empty(out, key)
    if a.cache == NULL:
        return CACHE_NONE
    found = find_answer(a.cache, q, key, a.cache_s, &out.msg, &out.n)
    if found == CACHE_NONE:
        return found
    e = <const Entry*>(out.msg - sizeof(Entry))
    out.is_kept = 1
    if <int64_t>a.cache_s - e.put_s >= <int64_t>e.lives_s:
        out.is_stale = 1
        out.x.ede = EDE_STALE_ANSWER
    return found


cdef Cached look_up(Answering* a, const Question* q, uint64_t key, Found* out) noexcept nogil:
    """What the cache has for a question that was just asked.

    CACHE_NONE: ask the upstream, also where something stale may be had later by fall_back()."""
    cdef Cached found = _find(a, q, key, out)
    if found == CACHE_STALE:
        found = CACHE_FRESH if a.is_nobody_up else CACHE_NONE
    if a.cache != NULL:
        count(a.shared.counters, CNT_DNS_CACHE_MISSES if found == CACHE_NONE else CNT_DNS_CACHE_HITS, 1)
    return found


cdef bint fall_back(Answering* a, const Question* q, uint64_t key, Found* out) noexcept nogil:
    """No upstream has given an answer to this question: whether an old one is there to be delivered.

    For half a minute nobody is asked again then (RFC 8767 §5)."""
    if _find(a, q, key, out) == CACHE_NONE:
        return False
    note_failure(a.cache, q, key, a.cache_s)
    return True


cdef size_t take_in(Answering* a, const Question* q, uint64_t key, uint8_t* msg, size_t n, Found* out) noexcept nogil:
    """Make an upstream's answer ready to be delivered, and keep it; 0 where its records cannot be read.

    q     what the upstream was asked, and `msg` answers;  key: hash_query() of it
    out   this answer, or an older one instead of a failure"""
    cdef uint8_t rcode
    cdef Found older
    if msg[2] & TC_OCTET2:
        n = cut_answer(msg, q.after)
    _empty(out, key)
    n = strip_opt(msg, n, &out.x)
    if n == 0:
        return 0
    out.msg = msg
    out.n = n
    if a.cache == NULL or not q.flags & RD or msg[2] & TC_OCTET2:
        return n
    put_answer(a.cache, q, key, msg, n, a.cache_s)
    rcode = msg[3] & RCODE_MASK
    if (rcode == RCODE_SERVFAIL or rcode == RCODE_REFUSED) and fall_back(a, q, key, &older):
        if older.msg[3] & RCODE_MASK != RCODE_SERVFAIL:       # not this very answer
            out[0] = older
    return n


cdef Outcome deliver(Answering* a, uint8_t* msg, size_t* n, size_t room, const Asker* who, const Question* q,
                     const Found* f) noexcept nogil:
    """Write an answer over the client's query at `msg`, or a block where it leads to what is blocked.

    n   in: octets of the query, out: of the answer;  q: what parse_query() says of the query
    ANSWER or SAY_NOTHING."""
    cdef Decision d
    cdef Name culprit
    cdef Outcome outcome
    cdef size_t written
    if a.tables != NULL:
        if inspect_answer(a.tables, f.msg, f.n, q, who.judged, who.judged_version, a.now_s, &culprit, &d) != OK:
            return _withhold(a, msg, n, room, q)
        if d.action != PASSTHRU:
            outcome = block(a, msg, n, room, q, &culprit, &d)
            if outcome != FORWARD:
                count(a.shared.counters, CNT_DNS_INSPECTED, 1)
                return outcome
        note_shadow(a.shared, d.shadow, C_DNS)
    written = _write(a, msg, room, who, q, f)
    if written == 0:
        return _withhold(a, msg, n, room, q)
    n[0] = written
    return _limit(a, msg, n, room, who, q, f)


cdef Outcome _withhold(Answering* a, uint8_t* msg, size_t* n, size_t room, const Question* q) noexcept nogil:
    """Say that no answer can be delivered: a client may read in it what was not found."""
    count(a.shared.counters, CNT_DNS_UNREADABLE, 1)
    n[0] = write_refusal(msg, n[0], room, q, RCODE_SERVFAIL, EDE_INVALID_DATA)
    return ANSWER if n[0] != 0 else SAY_NOTHING


cdef size_t _write(Answering* a, uint8_t* msg, size_t room, const Asker* who, const Question* q,
                   const Found* f) noexcept nogil:
    cdef size_t n
    if f.is_stale:
        count(a.shared.counters, CNT_DNS_STALE, 1)
    if memcmp(f.msg + HEADER_OCTETS, q.name.wire, q.name.n) != 0 and is_of_target(f.msg, f.n, q):
        n = _wrap(a, msg, room, q, f)
        if n == 0:
            return write_refusal(msg, q.after, room, q, RCODE_SERVFAIL, EDE_INVALID_DATA)
    elif f.is_kept:
        n = write_cached(f.msg, f.n, msg, room, q, a.cache_s)
    else:
        n = write_relayed(f.msg, f.n, msg, room, q)
    if (q.qtype == TYPE_HTTPS or q.qtype == TYPE_SVCB) and not q.do_bit and _is_to_stay(a, who, q):
        n = strip_ech(msg, n)
    return finish_answer(msg, n, room, q, &f.x)


cdef size_t _wrap(const Answering* a, uint8_t* msg, size_t room, const Question* q, const Found* f) noexcept nogil:
    """Write the answer to a name that was looked up instead; 0 where it cannot be read."""
    cdef uint8_t[TARGET_ANSWER_OCTETS] aged
    cdef Question target
    cdef size_t after = 0
    if not f.is_kept:
        return wrap_target_answer(f.msg, f.n, msg, room, q)
    memset(&target, 0, sizeof(Question))
    if name_from_wire(f.msg, f.n, HEADER_OCTETS, &target.name, &after) != OK:
        return 0
    target.after = <uint16_t>(after + TYPE_CLASS_OCTETS)
    memcpy(aged, f.msg, target.after)
    return wrap_target_answer(aged, write_cached(f.msg, f.n, aged, sizeof(aged), &target, a.cache_s), msg, room,
                              q)


cdef bint _is_to_stay(const Answering* a, const Asker* who, const Question* q) noexcept nogil:
    """Whether the client's profile wants its devices to show the names that they connect to."""
    cdef Decision d
    if a.tables == NULL:
        return False
    judge(a.tables, &q.name, who.judged, who.judged_version, a.now_s, &d)
    return d.canaries != 0


cdef Outcome _limit(Answering* a, uint8_t* msg, size_t* n, size_t room, const Asker* who, const Question* q,
                    const Found* f) noexcept nogil:
    """Send a large answer only so often to an address that may be forged."""
    cdef Admission admission
    if a.guard == NULL or a.is_stream or who.is_proven:
        return ANSWER
    admission = admit_answer(a.guard, who.addr, who.ip_version, a.monotonic_ns, f.key, n[0])
    if admission == ADMITTED:
        return ANSWER
    if admission != SLIPPED:
        count(a.shared.counters, CNT_DNS_OVER_LIMIT, 1)
        return SAY_NOTHING
    count(a.shared.counters, CNT_DNS_SLIPPED, 1)
    n[0] = write_cut(msg, n[0], room, q)
    return ANSWER if n[0] != 0 else SAY_NOTHING
