"""Server cookies for tests: one COOKIE option in, one out."""
import ipaddress

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset

from fastpath.dns.cookies cimport COOKIE_KEY_OCTETS, Cookies, check_cookie, open_cookies
from fastpath.dns.query cimport Question
from fastpath.dns.wire cimport COOKIE_CLIENT_OCTETS, COOKIE_MOST_OCTETS, COOKIE_OCTETS


@cython.final
cdef class CookieJar:
    """The cookies of one loop, for tests.

    master   16 octets
    Raises ValueError for a key of another length."""

    cdef Cookies c

    def __cinit__(self, bytes master not None):
        if len(master) != COOKIE_KEY_OCTETS:
            raise ValueError(f"cookies: a master key of {len(master)} octets; not used; a key has 16")
        open_cookies(&self.c, master)

    def check(self, bytes cookie, str client, uint32_t now_s) -> tuple[bool, bytes]:
        """Whether a COOKIE option with this content proves the address `client`, and the option of the answer.

        ValueError where no option has that length."""
        cdef Question q
        cdef bytes packed = ipaddress.ip_address(client).packed
        cdef bint is_good
        memset(&q, 0, sizeof(Question))
        if len(cookie) != COOKIE_CLIENT_OCTETS and not 2 * COOKIE_CLIENT_OCTETS <= len(cookie) <= COOKIE_MOST_OCTETS:
            raise ValueError(f"a cookie of {len(cookie)} octets; not read; it has 8, or 16 to 40")
        q.cookie_n = <uint8_t>len(cookie)
        memcpy(q.cookie, <const char*>cookie, len(cookie))
        is_good = check_cookie(&self.c, &q, packed, 4 if len(packed) == 4 else 6, now_s)
        return bool(is_good), PyBytes_FromStringAndSize(<const char*>q.cookie, COOKIE_OCTETS)
