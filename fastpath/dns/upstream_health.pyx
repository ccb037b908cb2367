"""The upstreams of a loop: health and speed out of its own traffic, and the choice among them.

    question → answer in time: note_answer() | not in patience_with(): note_silence()
    chosen = the first of the operator's order that is up, unless a later one is clearly faster

Speed is compared by probes alone, the same small question to everyone: the answers of the one in use also hold what
that one had to ask others, so that it would look slow for being used.

Invariants: an upstream that has just answered is up, whatever it said; one that is down is asked only where none is
up, and probed until it answers; without any that is up, the choice stays.
Source: RFC 6298 §2 (smoothed time and its spread); cost: a few additions an answer.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

cdef enum:
    SILENCE_IS_DOWN = 8         # unanswered in a row: a name that nobody can resolve is asked three times, and repeated
    PROBE_WEIGHS = 4            # a probe's answer is in every resolver's cache, so two lost ones are enough
    CLEARLY_NUM = 3             # faster by a quarter …
    CLEARLY_DEN = 4
    CLEARLY_NS = 1_000_000      # … and by a millisecond: no client notices less

# Shorter than what a stub waits by far (5 s), longer than a resolver needs for what it has, also when it is busy.
cdef int64_t PATIENCE_LEAST_NS = 100_000_000
cdef int64_t PATIENCE_MOST_NS = 800_000_000
cdef int64_t PATIENCE_FIRST_NS = 400_000_000    # Unbound begins with 376 ms


cdef void open_pool(Pool* p, uint32_t n) noexcept nogil:
    memset(p, 0, sizeof(Pool))
    p.n = n
    p.is_any_up = 1


cdef int64_t patience_with(const Pool* p, uint8_t upstream) noexcept nogil:
    """How long its answer is waited for before the question is asked elsewhere, ns."""
    cdef const Upstream* u = &p.upstreams[upstream]
    cdef int64_t ns = u.rtt_ns + 4 * u.spread_ns
    if u.rtt_ns == 0:
        return PATIENCE_FIRST_NS
    return max(PATIENCE_LEAST_NS, min(PATIENCE_MOST_NS, ns))


cdef void note_answer(Pool* p, uint8_t upstream, int64_t took_ns, bint is_probe) noexcept nogil:
    """It answered after `took_ns`: it is up, and this is its speed."""
    cdef Upstream* u = &p.upstreams[upstream]
    cdef int64_t distance
    took_ns = max(1, took_ns)
    u.silence = 0
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


cdef void note_silence(Pool* p, uint8_t upstream, bint is_probe) noexcept nogil:
    """A question of it was not answered in time, or could not be sent."""
    cdef Upstream* u = &p.upstreams[upstream]
    u.silence += PROBE_WEIGHS if is_probe else 1
    if u.silence >= SILENCE_IS_DOWN and not u.is_down:
        u.is_down = 1
        choose_upstream(p)


cdef inline bint _is_up(const Pool* p, uint32_t upstream) noexcept nogil:
    return not p.upstreams[upstream].is_down and (p.connected >> upstream) & 1


cdef inline bint _is_clearly_faster(const Upstream* a, const Upstream* b) noexcept nogil:
    if a.probe_rtt_ns == 0 or b.probe_rtt_ns == 0:
        return False
    return a.probe_rtt_ns + CLEARLY_NS < b.probe_rtt_ns and a.probe_rtt_ns * CLEARLY_DEN < b.probe_rtt_ns * CLEARLY_NUM


cdef void choose_upstream(Pool* p) noexcept nogil:
    """Choose anew: after probes, and when somebody went down, came up or was connected."""
    cdef uint32_t best = NO_UPSTREAM
    cdef uint32_t i
    for i in range(p.n):
        if _is_up(p, i) and (best == NO_UPSTREAM or _is_clearly_faster(&p.upstreams[i], &p.upstreams[best])):
            best = i
    p.is_any_up = best != NO_UPSTREAM
    if best != NO_UPSTREAM:
        p.chosen = best


cdef uint8_t another_upstream(const Pool* p, uint64_t tried) noexcept nogil:
    """Whom to ask after those of `tried`: somebody new that is up, then somebody new, then NO_UPSTREAM."""
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


cdef class UpstreamPool:
    """The same pool for tests; every upstream is connected."""

    cdef Pool pool

    def __cinit__(self, uint32_t n):
        if not 1 <= n <= MAX_UPSTREAMS:
            raise ValueError(f"upstream pool: {n} upstreams; not made; give 1 to {MAX_UPSTREAMS}")
        open_pool(&self.pool, n)
        self.connect(range(n))

    def connect(self, upstreams) -> None:
        """These alone have a socket."""
        self.pool.connected = 0
        for i in upstreams:
            self.pool.connected |= <uint64_t>1 << <uint32_t>i
        choose_upstream(&self.pool)

    def answered(self, uint8_t upstream, int64_t took_ns, bint is_probe=False) -> None:
        note_answer(&self.pool, upstream, took_ns, is_probe)
        choose_upstream(&self.pool)

    def silent(self, uint8_t upstream, bint is_probe=False) -> None:
        note_silence(&self.pool, upstream, is_probe)

    def patience_ns(self, uint8_t upstream) -> int:
        return patience_with(&self.pool, upstream)

    def after(self, tried) -> int | None:
        """Whom to ask after those; None: nobody."""
        cdef uint64_t mask = 0
        for i in tried:
            mask |= <uint64_t>1 << <uint32_t>i
        upstream = another_upstream(&self.pool, mask)
        return None if upstream == NO_UPSTREAM else upstream

    @property
    def chosen(self) -> int:
        return self.pool.chosen

    @property
    def is_any_up(self) -> bool:
        return bool(self.pool.is_any_up)
