"""Server cookies: a client that returns ours has the address that it asks from.

Invariants: a cookie holds the time it was made, and each day has a key of its own, derived from one master key.  So
workers with the same master key accept each other's cookies, yesterday's key works as long as its last cookies do, and
no rotation is needed.  A good cookie is good for its client cookie, its address, its version and its hour alone.
Absent on purpose: BADCOOKIE (a client without a good cookie is answered, within the guard's limits), and one fixed
secret shared with other servers at the same address.
Source: RFC 7873 §4–5, RFC 9018 §4.
Cost: one SipHash of 20 or 32 octets, two where a cookie is renewed; a day's first one more.
"""
import ipaddress

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastpath.base.siphash cimport siphash128, siphash64
from fastpath.dns.query cimport Question
from fastpath.dns.wire cimport COOKIE_OCTETS

cdef enum:
    COOKIE_VERSION = 1          # RFC 9018 §4.1
    HASHED_HEAD = 16            # client cookie, version, reserved, timestamp
    COOKIE_AGE_S = 3600         # RFC 9018 §4.3: older ones are bad,
    COOKIE_AHEAD_S = 300        # and those that come from the future,
    COOKIE_YOUNG_S = 1800       # and from this age on a new one is given
    DAY_S = 86400

cdef extern from *:
    """
    #define FD_NO_DAY UINT32_C(0xffffffff)
    """
    const uint32_t NO_DAY "FD_NO_DAY"  # later than any a 32-bit timestamp can name


cdef void open_cookies(Cookies* c, const uint8_t* master) noexcept nogil:
    """Start with this master key of 16 octets."""
    memcpy(c.master, master, 16)
    c.days[0] = NO_DAY
    c.days[1] = NO_DAY


cdef bint check_cookie(Cookies* c, Question* q, const uint8_t* addr, uint8_t ip_version, uint32_t now_s) noexcept nogil:
    """Whether the client's cookie proves its address; a client with a cookie gets one in its answer.

    q      its cookie becomes that of the answer;  addr: 4 or 16 octets by ip_version;  now_s: unix"""
    cdef uint32_t made_s
    cdef int32_t age_s
    cdef bint is_good
    if q.cookie_n == 0:
        return False
    made_s = _timestamp(q.cookie)
    age_s = <int32_t>(now_s - made_s)       # serial numbers, RFC 9018 §4.3
    is_good = (q.cookie_n == COOKIE_OCTETS and q.cookie[8] == COOKIE_VERSION
               and -COOKIE_AHEAD_S <= age_s <= COOKIE_AGE_S and _is_ours(c, q, addr, ip_version, made_s))
    if not is_good or age_s > COOKIE_YOUNG_S:
        _renew(c, q, addr, ip_version, now_s)
    q.cookie_n = COOKIE_OCTETS
    q.has_our_cookie = 1
    return is_good


cdef inline uint32_t _timestamp(const uint8_t* cookie) noexcept nogil:
    return ((<uint32_t>cookie[12] << 24) | (<uint32_t>cookie[13] << 16) | (<uint32_t>cookie[14] << 8) | cookie[15])


cdef inline bint _is_ours(Cookies* c, const Question* q, const uint8_t* addr, uint8_t ip_version,
                          uint32_t made_s) noexcept nogil:
    """Compared as one word, so that the time it takes reveals nothing."""
    cdef uint64_t said
    memcpy(&said, q.cookie + HASHED_HEAD, 8)
    return said == _cookie_hash(_key_of(c, made_s), q.cookie, addr, ip_version)


cdef void _renew(Cookies* c, Question* q, const uint8_t* addr, uint8_t ip_version, uint32_t now_s) noexcept nogil:
    cdef uint64_t hashed
    q.cookie[8] = COOKIE_VERSION
    memset(q.cookie + 9, 0, 3)
    q.cookie[12] = <uint8_t>(now_s >> 24)
    q.cookie[13] = <uint8_t>(now_s >> 16)
    q.cookie[14] = <uint8_t>(now_s >> 8)
    q.cookie[15] = <uint8_t>now_s
    hashed = _cookie_hash(_key_of(c, now_s), q.cookie, addr, ip_version)
    memcpy(q.cookie + HASHED_HEAD, &hashed, 8)


cdef inline const uint64_t* _key_of(Cookies* c, uint32_t made_s) noexcept nogil:
    """The key of this timestamp's day; two are kept, as two cookies in use are at most two days apart."""
    cdef uint32_t day = made_s // DAY_S
    cdef uint32_t slot = day % KEPT_DAYS
    if c.days[slot] != day:
        c.days[slot] = day
        siphash128(c.master, <const uint8_t*>&day, sizeof(day), c.keys[slot])
    return c.keys[slot]


cdef uint64_t _cookie_hash(const uint64_t* key, const uint8_t* head, const uint8_t* addr,
                           uint8_t ip_version) noexcept nogil:
    """SipHash-2-4 of client cookie, version, reserved, timestamp and the client's address (RFC 9018 §4.4)."""
    cdef uint8_t[32] hashed
    cdef size_t n = 4 if ip_version == 4 else 16
    memcpy(hashed, head, HASHED_HEAD)
    memcpy(<uint8_t*>hashed + HASHED_HEAD, addr, n)
    return siphash64(key, hashed, HASHED_HEAD + n)


def cookie_hash(secret: bytes, head: bytes, client: str) -> bytes:
    """Compute the hash in a server cookie (RFC 9018 §4.4).

    secret   16 octets, of one day;  head: client cookie, version, reserved and timestamp, 16 octets
    ValueError for other lengths, or a client that is no address."""
    cdef uint64_t[2] key
    cdef uint64_t hashed
    cdef bytes packed = ipaddress.ip_address(client).packed
    if len(secret) != 16 or len(head) != HASHED_HEAD:
        raise ValueError(f"a secret of {len(secret)} and a head of {len(head)} octets; not hashed; both have 16")
    memcpy(key, <const char*><bytes>secret, 16)
    hashed = _cookie_hash(key, <bytes>head, packed, 4 if len(packed) == 4 else 6)
    return PyBytes_FromStringAndSize(<const char*>&hashed, 8)
