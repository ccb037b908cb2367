"""Benchmark of URL look-ups, without Python in the measured time.

Each host is written where the look-up reads it, as a parser would just have done.  A request begins when the previous
one has ended.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fastpath.base.clock cimport monotonic_ns
from fastpath.base.cursor cimport OK
from fastpath.images.tables cimport TableSet, Tables, judge_request
from fastpath.images.verdict cimport PASSTHRU, Decision
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
    cdef size_t n_found         # of the last pass: requests that are blocked, or URLs that can be read
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
        cdef int64_t begin
        cdef RequestSizes sizes
        cdef size_t after
        cdef size_t _i
        cdef Name host
        begin = monotonic_ns()
        for _i in range(self.n):
            memcpy(&sizes, at, sizeof(RequestSizes))
            at += sizeof(RequestSizes)
            name_from_wire(at, sizes.host_n, 0, &host, &after)
            at += sizes.host_n
            settle()
            if t != NULL:
                judge_request(t, &host, -1, 0, at, sizes.target_n, NULL, 0, 0, &self.url, &self.decision)
                self.n_found += self.decision.action != PASSTHRU
            elif is_read_only:
                self.n_found += url_from_parts(&host, -1, at, sizes.target_n, 0, &self.url) == OK
            at += sizes.target_n
        return monotonic_ns() - begin

    cdef int64_t best(self, const Tables* t, bint is_read_only, int passes) noexcept nogil:
        """Of several passes the one that was disturbed least."""
        cdef int64_t best
        cdef int64_t found
        cdef int _pass
        self.n_found = 0
        best = self.passed(t, is_read_only)
        for _pass in range(passes - 1):
            self.n_found = 0
            found = self.passed(t, is_read_only)
            if found < best:
                best = found
        return best


def request_ns(TableSet tables not None, list requests, int passes=1) -> tuple[float, int]:
    """Nanoseconds of judge_request(), in the mean of the best pass, and how many requests one pass blocks.

    requests   (host in wire form, target)"""
    cdef _Requests measured = _Requests(requests)
    cdef int64_t alone = measured.best(NULL, False, passes)
    cdef int64_t judged = measured.best(&tables.tables, False, passes)
    return (judged - alone) / <double>measured.n, measured.n_found


def canonical_ns(list requests, int passes=1) -> tuple[float, int]:
    """Nanoseconds of it that making the URL canonical takes, and how many URLs can be read."""
    cdef _Requests measured = _Requests(requests)
    cdef int64_t alone = measured.best(NULL, False, passes)
    cdef int64_t canonical = measured.best(NULL, True, passes)
    return (canonical - alone) / <double>measured.n, measured.n_found
