"""Server cookies: see cookies.pyx."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.dns.query cimport Question


cdef enum:
    COOKIE_KEY_OCTETS = 16      # of a master key
    KEPT_DAYS = 2               # two cookies in use are at most two days apart


cdef struct Cookies:            # the keys of our server cookies
    uint64_t master[2]
    uint64_t keys[KEPT_DAYS][2]  # of `days`, derived on first use
    uint32_t days[KEPT_DAYS]     # since the epoch


cdef void open_cookies(Cookies* c, const uint8_t* master) noexcept nogil
cdef bint check_cookie(Cookies* c, Question* q, const uint8_t* addr, uint8_t ip_version, uint32_t now_s) noexcept nogil
