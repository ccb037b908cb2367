"""Admission of clients and limits of their rates: see admission.pyx."""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum Admission:
    ADMITTED
    NOT_OURS        # outside of the ACL: REFUSED with EDE 18
    OVER_LIMIT      # no answer
    SLIPPED         # an empty answer with TC


cdef struct Prefixes:           # [first, last], in order, without overlap
    uint32_t* first4
    uint32_t* last4
    uint32_t n4
    uint64_t* first6            # pairs of words, the high one first
    uint64_t* last6
    uint32_t n6


cdef struct Bucket:
    uint64_t key                # 0: never used
    int64_t empty_ns            # when the bucket is empty: the theoretical arrival time of GCRA


cdef struct Guard:
    Prefixes clients
    Bucket* buckets             # lines of four
    uint64_t seed[2]
    int64_t query_cost_ns       # 0: no limit
    int64_t query_burst_ns
    int64_t answer_cost_ns      # 0: no limit
    int64_t answer_burst_ns
    uint64_t n_forgotten        # non-empty buckets that were evicted since the caller last took the number
    uint32_t n_over             # answers over the limit: every second one slips


cdef Admission admit(Guard* g, const uint8_t* addr, uint8_t ip_version, int64_t now_ns,
                     bint cookie_is_good) noexcept nogil
cdef Admission admit_answer(Guard* g, const uint8_t* addr, uint8_t ip_version, int64_t now_ns, uint64_t question_hash,
                            size_t n) noexcept nogil


@cython.final
cdef class ClientGuard:
    cdef Guard g
    cdef object _set_rates(self, queries_per_second, burst, large_answers_per_second)
    cdef object _take_memory(self)
