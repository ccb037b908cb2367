"""Health and speed of a loop's upstreams, from its own traffic, and the choice among them.

    query → answer in time: note_answer() | none within retry_timeout_ns(): note_timeout()
    chosen = the first in the operator's order that is up, unless a later one is clearly faster

Speed is compared by probes alone, the same small query to every upstream.  Other answers of the chosen upstream include
its own recursion, so that it would look slow for being used.

Invariants: an upstream that has just answered is up, regardless of the answer.  One that is down is asked only where
none is up, and probed until it answers.  Where none is up, the choice stays.
Source: RFC 6298 §2 (smoothed time and its variation).
Cost: a few additions an answer.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

cdef enum:
    NO_CASE_AFTER = 8           # answers in a row
    DOWN_AFTER = 8              # unanswered in a row: an unresolvable name is asked three times, and clients repeat it
    PROBE_WEIGHT = 4            # every resolver has a probe's answer in its cache, so two lost ones are enough
    CLEARLY_NUM = 3             # faster by a quarter …
    CLEARLY_DEN = 4
    CLEARLY_NS = 1_000_000      # … and by a millisecond: clients notice no less

# Far below a stub resolver's timeout (5 s), above what a busy resolver needs for an answer from its cache.
cdef int64_t TIMEOUT_LEAST_NS = 100_000_000
cdef int64_t TIMEOUT_MOST_NS = 800_000_000
cdef int64_t NO_CASE_NS = 600_000_000_000      # then it is tried again: a resolver may have been replaced
cdef int64_t TIMEOUT_FIRST_NS = 400_000_000    # Unbound begins with 376 ms


cdef void open_pool(Pool* p, uint32_t n) noexcept nogil:
    memset(p, 0, sizeof(Pool))
    p.n = n
    p.is_any_up = 1


cdef int64_t retry_timeout_ns(const Pool* p, uint8_t upstream) noexcept nogil:
    """The time that this upstream has for an answer before the query goes to another one, ns."""
    cdef const Upstream* u = &p.upstreams[upstream]
    cdef int64_t ns = u.rtt_ns + 4 * u.spread_ns
    if u.rtt_ns == 0:
        return TIMEOUT_FIRST_NS
    return max(TIMEOUT_LEAST_NS, min(TIMEOUT_MOST_NS, ns))


cdef void note_answer(Pool* p, uint8_t upstream, int64_t took_ns, bint is_probe) noexcept nogil:
    """Note an answer after `took_ns`: the upstream is up, and this is its speed."""
    cdef Upstream* u = &p.upstreams[upstream]
    cdef int64_t distance
    took_ns = max(1, took_ns)
    u.n_unanswered = 0
    u.is_silent = 0
    if u.rtt_ns == 0:
        u.rtt_ns = took_ns
        u.spread_ns = took_ns // 2
    else:
        distance = took_ns - u.rtt_ns
        u.rtt_ns += distance // 8
        u.spread_ns += ((distance if distance > 0 else -distance) - u.spread_ns) // 4
    if is_probe:
        u.probe_rtt_ns = took_ns if u.probe_rtt_ns == 0 else u.probe_rtt_ns + (took_ns - u.probe_rtt_ns) // 4
    if u.is_down:
        u.is_down = 0
        choose_upstream(p)


cdef void note_timeout(Pool* p, uint8_t upstream, bint is_probe) noexcept nogil:
    """Note a query that was not answered in time, or could not be sent."""
    cdef Upstream* u = &p.upstreams[upstream]
    u.n_unanswered += PROBE_WEIGHT if is_probe else 1
    if is_probe:
        u.is_silent = 1
    if u.n_unanswered >= DOWN_AFTER and not u.is_down:
        u.is_down = 1
        choose_upstream(p)


cdef inline bint _is_up(const Pool* p, uint32_t upstream) noexcept nogil:
    return not p.upstreams[upstream].is_down and (p.connected >> upstream) & 1


cdef inline bint _is_clearly_faster(const Upstream* a, const Upstream* b) noexcept nogil:
    if a.probe_rtt_ns == 0 or b.probe_rtt_ns == 0:
        return False
    return a.probe_rtt_ns + CLEARLY_NS < b.probe_rtt_ns and a.probe_rtt_ns * CLEARLY_DEN < b.probe_rtt_ns * CLEARLY_NUM


cdef void choose_upstream(Pool* p) noexcept nogil:
    """Choose an upstream: after probes, and when one went down, came up or was connected."""
    cdef uint32_t best = NO_UPSTREAM
    cdef uint32_t i
    for i in range(p.n):
        if _is_up(p, i) and (best == NO_UPSTREAM or _is_clearly_faster(&p.upstreams[i], &p.upstreams[best])):
            best = i
    p.is_any_up = best != NO_UPSTREAM
    if best != NO_UPSTREAM:
        p.chosen = best


cdef bint is_known_dead(const Pool* p) noexcept nogil:
    """Whether there is no one to ask: every upstream is out of reach, or down and silent to its last probe, too."""
    cdef uint32_t i
    for i in range(p.n):
        if (p.connected >> i) & 1 and not (p.upstreams[i].is_down and p.upstreams[i].is_silent):
            return False
    return True


cdef bint mixes_case(const Pool* p, uint8_t upstream, int64_t now_ns) noexcept nogil:
    """Whether the letters of a question to this upstream are to be in random case, as it keeps it in its answer."""
    if p.upstreams[upstream].is_over_tls:
        return False
    return now_ns >= p.upstreams[upstream].no_case_until_ns


cdef void note_other_case(Pool* p, uint8_t upstream, int64_t now_ns) noexcept nogil:
    """Note an answer whose question has letters in another case: forged, or of an upstream that does not keep it.

    Only the second gives so many in a row, as an answer in the right case ends the row."""
    cdef Upstream* u = &p.upstreams[upstream]
    u.n_other_case += 1
    if u.n_other_case >= NO_CASE_AFTER:
        u.n_other_case = 0
        u.no_case_until_ns = now_ns + NO_CASE_NS


cdef uint8_t next_upstream(const Pool* p, uint64_t tried) noexcept nogil:
    """The upstream to ask after those of `tried`: another one that is up, else another one, else NO_UPSTREAM."""
    cdef uint8_t best = NO_UPSTREAM
    cdef uint32_t i
    for i in range(p.n):
        if (tried >> i) & 1 or not (p.connected >> i) & 1:
            continue
        if _is_up(p, i):
            return <uint8_t>i
        if best == NO_UPSTREAM:
            best = <uint8_t>i
    return best
