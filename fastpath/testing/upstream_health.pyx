"""The upstream pool for tests; every upstream is connected until connect() says otherwise."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fastpath.dns.upstream_health cimport (
    MAX_UPSTREAMS, NO_UPSTREAM, Pool, choose_upstream, is_known_dead, mixes_case, next_upstream, note_answer,
    note_other_case, note_timeout, open_pool, retry_timeout_ns)


cdef class UpstreamPool:
    """The upstreams of one loop, for tests."""

    cdef Pool pool

    def __cinit__(self, uint32_t n):
        if not 1 <= n <= MAX_UPSTREAMS:
            raise ValueError(f"upstream pool: {n} upstreams; not made; give 1 to {MAX_UPSTREAMS}")
        open_pool(&self.pool, n)
        self.connect(range(n))

    def connect(self, upstreams) -> None:
        """Connect these upstreams alone."""
        self.pool.connected = 0
        for i in upstreams:
            self.pool.connected |= <uint64_t>1 << <uint32_t>i
        choose_upstream(&self.pool)

    def answered(self, uint8_t upstream, int64_t took_ns, bint is_probe=False) -> None:
        note_answer(&self.pool, upstream, took_ns, is_probe)
        choose_upstream(&self.pool)

    def silent(self, uint8_t upstream, bint is_probe=False) -> None:
        note_timeout(&self.pool, upstream, is_probe)

    def patience_ns(self, uint8_t upstream) -> int:
        return retry_timeout_ns(&self.pool, upstream)

    def after(self, tried) -> int | None:
        """The upstream to ask after those; None: none."""
        cdef uint64_t mask = 0
        for i in tried:
            mask |= <uint64_t>1 << <uint32_t>i
        upstream = next_upstream(&self.pool, mask)
        return None if upstream == NO_UPSTREAM else upstream

    @property
    def chosen(self) -> int:
        return self.pool.chosen

    @property
    def is_known_dead(self) -> bool:
        return is_known_dead(&self.pool)

    def mixes_case(self, uint8_t upstream, int64_t now_ns) -> bool:
        return mixes_case(&self.pool, upstream, now_ns)

    def other_case(self, uint8_t upstream, int64_t now_ns) -> None:
        note_other_case(&self.pool, upstream, now_ns)

    @property
    def is_any_up(self) -> bool:
        return bool(self.pool.is_any_up)
