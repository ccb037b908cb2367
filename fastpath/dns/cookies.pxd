"""Server cookies in C: see cookies.pyx."""
cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.dns.query cimport Question


cdef enum:
    KEPT_DAYS = 2               # those that are asked for lie at most two days apart


cdef struct Cookies:            # the keys of our server cookies
    uint64_t master[2]
    uint64_t keys[KEPT_DAYS][2]  # of the days in `days`, made when they are needed
    uint32_t days[KEPT_DAYS]     # since the epoch


cdef void open_cookies(Cookies* c, const uint8_t* master) noexcept nogil
cdef bint check_cookie(Cookies* c, Question* q, const uint8_t* addr, uint8_t ip_version, uint32_t now_s) noexcept nogil


@cython.final
cdef class CookieJar:
    cdef Cookies c
