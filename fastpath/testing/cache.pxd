"""The answer cache for tests: see cache.pyx."""
from libc.stdint cimport uint64_t

from fastpath.dns.cache cimport Cache
from fastpath.dns.query cimport Question


cdef class AnswerCache:
    cdef Cache cache
    cdef uint64_t[2] key
    cdef uint64_t read(self, bytes query, Question* q) except? 0
