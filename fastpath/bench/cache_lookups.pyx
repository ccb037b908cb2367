"""How long a hit in the answer cache takes without Python around it: for benchmarks."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from fastpath.base.clock cimport monotonic_ns
from fastpath.dns.cache cimport CACHE_NONE, AnswerCache, find_answer, write_cached
from fastpath.dns.query cimport Question

cdef struct Asked:
    Question q
    uint64_t hash


def hit_ns(AnswerCache cache not None, list queries, uint32_t now_s, int passes=1) -> float:
    """Nanoseconds from a parsed question to the answer in the client's buffer, in the fastest of some passes.

    ValueError where a query has no answer in `cache`."""
    cdef Asked* asked = <Asked*>malloc(len(queries) * sizeof(Asked) or 1)
    cdef size_t i, n_hits
    cdef int64_t best = 0
    cdef int64_t took
    if asked == NULL:
        raise MemoryError("measuring hits")
    try:
        for i, query in enumerate(queries):
            asked[i].hash = cache.read(query, &asked[i].q)
        for i in range(<size_t>passes):
            took = _pass(cache, asked, len(queries), now_s, &n_hits)
            best = took if i == 0 else min(best, took)
    finally:
        free(asked)
    if n_hits != <size_t>len(queries):
        raise ValueError(f"{len(queries) - n_hits} of {len(queries)} queries: no answer; not measured; put them first")
    return <double>best / len(queries)


cdef int64_t _pass(AnswerCache cache, const Asked* asked, size_t n, uint32_t now_s, size_t* n_hits) noexcept nogil:
    """Nanoseconds of one pass over all queries."""
    cdef uint8_t[65535] msg
    cdef const uint8_t* answer
    cdef size_t i, octets
    cdef int64_t begin
    n_hits[0] = 0
    begin = monotonic_ns()
    for i in range(n):
        if find_answer(&cache.cache, &asked[i].q, asked[i].hash, now_s, &answer, &octets) != CACHE_NONE:
            write_cached(answer, octets, msg, sizeof(msg), &asked[i].q, now_s)
            n_hits[0] += 1
    return monotonic_ns() - begin
