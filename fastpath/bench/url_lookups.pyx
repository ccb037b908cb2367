"""Benchmark of URL look-ups, without Python in the measured time.

Each host is written where the look-up reads it, as a parser would just have done.  A request begins when the previous
one has ended.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from fastpath.images.tables cimport TableSet, Tables, judge_request
from fastpath.images.verdict cimport Decision
from fastpath.wire.name cimport Name, name_from_wire
from fastpath.wire.url cimport Url, url_from_parts

cdef extern from *:
    """
    #if defined(__x86_64__)
    #define fd_settled() __asm__ volatile("lfence" ::: "memory")
    #else
    #define fd_settled() __sync_synchronize()
    #endif
    """
    void settle "fd_settled"() noexcept nogil


cdef struct RequestSizes:
    uint32_t host_n
    uint32_t target_n           # host and target follow each other


cdef class _Requests:
    cdef uint8_t* octets
    cdef size_t n
    cdef Url url
    cdef Decision decision

    def __cinit__(self, list requests):
        cdef uint8_t* at
        cdef RequestSizes sizes
        octets = sum(sizeof(RequestSizes) + len(host) + len(target) for host, target in requests)
        self.octets = <uint8_t*>malloc(octets or 1)
        if self.octets == NULL:
            raise MemoryError("measuring requests")
        at = self.octets
        for host, target in requests:
            sizes.host_n = <uint32_t>len(host)
            sizes.target_n = <uint32_t>len(target)
            memcpy(at, &sizes, sizeof(RequestSizes))
            memcpy(at + sizeof(RequestSizes), <const uint8_t*>(<bytes>host), sizes.host_n)
            memcpy(at + sizeof(RequestSizes) + sizes.host_n, <const uint8_t*>(<bytes>target), sizes.target_n)
            at += sizeof(RequestSizes) + sizes.host_n + sizes.target_n
            self.n += 1

    def __dealloc__(self):
        free(self.octets)

    cdef int64_t passed(self, const Tables* t, bint is_read_only) noexcept nogil:
        """Measure one pass in nanoseconds.   is_read_only  the URL is made canonical, nothing is looked up"""
        cdef const uint8_t* at = self.octets
        cdef timespec begin
        cdef timespec end
        cdef RequestSizes sizes
        cdef size_t after
        cdef size_t _i
        cdef Name host
        clock_gettime(CLOCK_MONOTONIC, &begin)
        for _i in range(self.n):
            memcpy(&sizes, at, sizeof(RequestSizes))
            at += sizeof(RequestSizes)
            name_from_wire(at, sizes.host_n, 0, &host, &after)
            at += sizes.host_n
            settle()
            if t != NULL:
                judge_request(t, &host, -1, at, sizes.target_n, NULL, 0, 0, &self.url, &self.decision)
            elif is_read_only:
                url_from_parts(&host, -1, at, sizes.target_n, &self.url)
            at += sizes.target_n
        clock_gettime(CLOCK_MONOTONIC, &end)
        return (end.tv_sec - begin.tv_sec) * 1_000_000_000 + end.tv_nsec - begin.tv_nsec

    cdef int64_t best(self, const Tables* t, bint is_read_only, int passes) noexcept nogil:
        """Give the fastest of several passes."""
        cdef int64_t best = self.passed(t, is_read_only)
        cdef int64_t found
        cdef int _pass
        for _pass in range(passes - 1):
            found = self.passed(t, is_read_only)
            if found < best:
                best = found
        return best


def request_ns(TableSet tables not None, list requests, int passes=1) -> float:
    """Measure judge_request() in nanoseconds: the mean of the fastest pass.   requests  (host in wire form, target)"""
    cdef _Requests measured = _Requests(requests)
    return (measured.best(&tables.tables, False, passes) - measured.best(NULL, False, passes)) / <double>measured.n


def canonical_ns(list requests, int passes=1) -> float:
    """Measure in nanoseconds how much of that making the URL canonical takes."""
    cdef _Requests measured = _Requests(requests)
    return (measured.best(NULL, True, passes) - measured.best(NULL, False, passes)) / <double>measured.n
