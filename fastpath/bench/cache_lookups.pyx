"""Benchmark of a hit in the answer cache, without Python in the measured time."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from fastpath.base.clock cimport monotonic_ns
from fastpath.dns.cache cimport CACHE_NONE, find_answer, write_cached
from fastpath.dns.query cimport Question
from fastpath.dns.wire cimport MESSAGE_OCTETS
from fastpath.testing.cache cimport AnswerCache

cdef struct HashedQuestion:
    Question q
    uint64_t hash


def hit_ns(AnswerCache cache not None, list queries, uint32_t now_s, int passes=1) -> float:
    """Measure the nanoseconds from a parsed question to the answer in the client's buffer, in the fastest pass.

    ValueError where a query has no answer in `cache`."""
    cdef HashedQuestion* questions = <HashedQuestion*>malloc(len(queries) * sizeof(HashedQuestion) or 1)
    cdef size_t i, n_hits
    cdef int64_t best = 0
    cdef int64_t took
    if questions == NULL:
        raise MemoryError("measuring hits")
    try:
        for i, query in enumerate(queries):
            questions[i].hash = cache.read(query, &questions[i].q)
        for i in range(<size_t>passes):
            took = _pass(cache, questions, len(queries), now_s, &n_hits)
            best = took if i == 0 else min(best, took)
    finally:
        free(questions)
    if n_hits != <size_t>len(queries):
        raise ValueError(f"{len(queries) - n_hits} of {len(queries)} queries: no answer; not measured; put them first")
    return <double>best / len(queries)


cdef int64_t _pass(AnswerCache cache, const HashedQuestion* questions, size_t n, uint32_t now_s,
                   size_t* n_hits) noexcept nogil:
    """Measure one pass over all queries in nanoseconds."""
    cdef uint8_t[MESSAGE_OCTETS] msg
    cdef const uint8_t* answer
    cdef size_t i, octets
    cdef int64_t begin
    n_hits[0] = 0
    begin = monotonic_ns()
    for i in range(n):
        if find_answer(&cache.cache, &questions[i].q, questions[i].hash, now_s, &answer, &octets) != CACHE_NONE:
            write_cached(answer, octets, msg, sizeof(msg), &questions[i].q, now_s)
            n_hits[0] += 1
    return monotonic_ns() - begin
