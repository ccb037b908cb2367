"""The answer cache for tests: whole messages in and out, under a hash key of its own."""
import os

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastpath.base.cursor cimport OK
from fastpath.dns.cache cimport (
    CACHE_LEAST, CACHE_NONE, Cached, close_cache, find_answer, note_failure, open_cache, put_answer, write_cached)
from fastpath.dns.in_flight cimport hash_query
from fastpath.dns.query cimport Question, parse_query
from fastpath.dns.wire cimport MESSAGE_OCTETS


@cython.final
@cython.auto_pickle(False)
cdef class AnswerCache:
    """The cache of one loop, for tests.   octets: of memory, at least 1 MiB"""

    def __cinit__(self, size_t octets):
        cdef bytes drawn = os.urandom(16)
        memcpy(self.key, <const char*>drawn, 16)
        if octets < CACHE_LEAST or octets >> 35:
            raise ValueError(f"answer cache: {octets} octets; not made; give {CACHE_LEAST} to {(1 << 35) - 1}")
        if open_cache(&self.cache, octets) != 0:
            raise MemoryError("answer cache")

    def __dealloc__(self):
        close_cache(&self.cache)

    cdef uint64_t read(self, bytes query, Question* q) except? 0:
        """Parse a query; give its hash."""
        if parse_query(query, len(query), q) != OK:
            raise ValueError("the query is not one readable question")
        return hash_query(self.key, q)

    def put(self, bytes query, bytes answer, uint32_t now_s) -> bool:
        """Store the answer to the query; False where it must not be cached."""
        cdef Question q
        cdef uint64_t hashed = self.read(query, &q)
        return bool(put_answer(&self.cache, &q, hashed, answer, len(answer), now_s))

    def get(self, bytes query, uint32_t now_s, size_t room=MESSAGE_OCTETS) -> tuple[str, bytes] | None:
        """Give ("fresh", "due" or "stale", the answer to this query without an OPT), or None."""
        cdef Question q
        cdef uint8_t[MESSAGE_OCTETS] msg
        cdef const uint8_t* answer = NULL
        cdef size_t n = 0
        cdef uint64_t hashed = self.read(query, &q)
        cdef Cached found = find_answer(&self.cache, &q, hashed, now_s, &answer, &n)
        if found == CACHE_NONE:
            return None
        memcpy(msg, <const char*>query, min(<size_t>len(query), sizeof(msg)))
        n = write_cached(answer, n, msg, min(room, sizeof(msg)), &q, now_s)
        return ("", "fresh", "due", "stale")[found], msg[:n]

    def fail(self, bytes query, uint32_t now_s) -> None:
        """Note that no upstream answered this query."""
        cdef Question q
        cdef uint64_t hashed = self.read(query, &q)
        note_failure(&self.cache, &q, hashed, now_s)

    @property
    def n_evicted(self) -> int:
        """Fresh answers that were evicted, so far."""
        return self.cache.n_evicted

    def __len__(self) -> int:
        return self.cache.n
