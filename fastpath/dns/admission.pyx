"""Admission: which clients may ask, how often, and how many large answers they get.

    query    admit(): is its prefix in the ACL? is it within its rate?
    answer   admit_answer(), over UDP without a good cookie: is it large, and was the same sent as often already?

A client is one IPv4 address or one IPv6 /56, which is what a household gets.  Rates are leaky buckets (GCRA): one time
a client, at which its bucket will be empty.  A good cookie has a bucket of its own, so that a forger of an address
cannot use up its owner's rate.  Answers over their rate are dropped, but every second one is truncated instead: a
client whose address is forged still gets its answer over TCP.

Invariants: memory is taken once.  A client's place is found by a keyed hash, so that no client can choose another's.
Where a line is full of non-empty buckets, the one that will be empty first is evicted, and counted: rate limits
fail open, the ACL never does.  One thread uses a guard; each worker counts for itself.
Absent on purpose: locks, and a limit of large answers over TCP, which proves the address.
Source: RFC 5358 (no open resolvers), Vixie and Schryver, Response Rate Limiting (ISC-TN-2012-1), RFC 8914 §4.19,
ITU-T I.371 (GCRA), RFC 6177 (a /56 a household).
Cost: 10 ns where the client's line is in the processor's cache; 4 MiB.
"""
import ipaddress
import os

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fastpath.base.clock cimport monotonic_ns
from fastpath.dns.wire cimport UDP_OCTETS

cdef extern from "<stdlib.h>" nogil:
    void* aligned_alloc(size_t alignment, size_t n)

cdef enum:
    WAYS = 4                    # buckets in a line of the processor's cache
    LINE_OCTETS = 64
    LINE_BITS = 16              # 262,144 clients: more than query one box within the time that a bucket takes to drain
    BURST_S = 5                 # of large answers: a burst after the client's network came back
    KIND_QUERY4 = 1
    KIND_QUERY6 = 2
    KIND_PROVEN = 4             # added where a good cookie came with the query
    KIND_ANSWER = 8

ADMISSIONS = ("admitted", "not_ours", "over_limit", "slipped")
MAX_PREFIXES = 100_000
MAX_RATE = 1_000_000_000        # a second: one for each nanosecond, the clock's resolution


cdef Admission admit(Guard* g, const uint8_t* addr, uint8_t ip_version, int64_t now_ns,
                     bint cookie_is_good) noexcept nogil:
    """Whether the query of this client may be answered: ADMITTED, NOT_OURS or OVER_LIMIT.

    addr   4 or 16 octets by ip_version;  now_ns: monotonic"""
    cdef uint64_t key
    if not _is_in(&g.clients, addr, ip_version):
        return NOT_OURS
    if g.query_cost_ns == 0:
        return ADMITTED
    key = _client(addr, ip_version)
    if cookie_is_good:
        key |= KIND_PROVEN
    return ADMITTED if _take(g, key, now_ns, g.query_cost_ns, g.query_burst_ns) else OVER_LIMIT


cdef Admission admit_answer(Guard* g, const uint8_t* addr, uint8_t ip_version, int64_t now_ns, uint64_t question_hash,
                            size_t n) noexcept nogil:
    """Whether an answer of `n` octets may go to an unproven address: ADMITTED, OVER_LIMIT or SLIPPED.

    question_hash   keyed; the same for every answer of this content"""
    cdef uint64_t key
    if n <= UDP_OCTETS or g.answer_cost_ns == 0:
        return ADMITTED
    key = (_client(addr, ip_version) + question_hash) * <uint64_t>0x9e3779b97f4a7c15 | KIND_ANSWER
    if _take(g, key, now_ns, g.answer_cost_ns, g.answer_burst_ns):
        return ADMITTED
    g.n_over += 1
    return SLIPPED if g.n_over & 1 else OVER_LIMIT


cdef inline uint64_t _client(const uint8_t* addr, uint8_t ip_version) noexcept nogil:
    """The key of a client, with room for its kind in the low octet; never 0.

    The shift drops the eighth octet of an IPv6 address, the highest of the loaded word: a /56 is left."""
    cdef uint64_t high
    if ip_version == 4:
        return (<uint64_t>_word4(addr) << 8) | KIND_QUERY4
    memcpy(&high, addr, 8)
    return (high << 8) | KIND_QUERY6


cdef inline bint _take(Guard* g, uint64_t key, int64_t now_ns, int64_t cost_ns, int64_t burst_ns) noexcept nogil:
    """Add one to the bucket of `key`; False where it is full."""
    cdef Bucket* b = _bucket(g, key, now_ns)
    cdef int64_t empty_ns = max(b.empty_ns, now_ns) + cost_ns
    if empty_ns - now_ns > burst_ns:
        return False
    b.empty_ns = empty_ns
    return True


cdef inline Bucket* _bucket(Guard* g, uint64_t key, int64_t now_ns) noexcept nogil:
    """Find the bucket of `key`; a new one evicts the bucket of the line that will be empty first."""
    cdef uint64_t line = ((key ^ g.seed[0]) * g.seed[1]) >> (64 - LINE_BITS)
    cdef Bucket* first = g.buckets + line * WAYS
    cdef Bucket* victim = first
    cdef int i
    for i in range(WAYS):
        if first[i].key == key:
            return first + i
        if first[i].empty_ns < victim.empty_ns:
            victim = first + i
    if victim.empty_ns > now_ns:
        g.n_forgotten += 1
    victim.key = key
    victim.empty_ns = now_ns
    return victim


cdef inline uint32_t _word4(const uint8_t* addr) noexcept nogil:
    return (<uint32_t>addr[0] << 24) | (<uint32_t>addr[1] << 16) | (<uint32_t>addr[2] << 8) | addr[3]


cdef inline uint64_t _word8(const uint8_t* at) noexcept nogil:
    return (<uint64_t>_word4(at) << 32) | _word4(at + 4)


cdef inline bint _is_in(const Prefixes* p, const uint8_t* addr, uint8_t ip_version) noexcept nogil:
    return _is_in4(p, _word4(addr)) if ip_version == 4 else _is_in6(p, _word8(addr), _word8(addr + 8))


cdef inline bint _is_in4(const Prefixes* p, uint32_t address) noexcept nogil:
    """Whether an address is in a prefix: only the last one that begins at or before it can hold it."""
    cdef uint32_t low = 0
    cdef uint32_t high = p.n4
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if p.first4[middle] <= address:
            low = middle + 1
        else:
            high = middle
    return low != 0 and address <= p.last4[low - 1]


cdef inline bint _is_in6(const Prefixes* p, uint64_t high_word, uint64_t low_word) noexcept nogil:
    cdef uint32_t low = 0
    cdef uint32_t high = p.n6
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if _is_less(high_word, low_word, p.first6[2 * middle], p.first6[2 * middle + 1]):
            high = middle
        else:
            low = middle + 1
    return low != 0 and not _is_less(p.last6[2 * low - 2], p.last6[2 * low - 1], high_word, low_word)


cdef inline bint _is_less(uint64_t high, uint64_t low, uint64_t than_high, uint64_t than_low) noexcept nogil:
    return high < than_high or (high == than_high and low < than_low)


cdef class ClientGuard:
    """The guard of one loop or stream resolver.

    clients             prefixes that may ask, "192.0.2.0/24" or "2001:db8::/32"
    queries_per_second  of one client, after `burst` at once; 0: no limit
    large_answers_per_second    how often one client gets the same answer of more than 512 octets over UDP without
                        a cookie; 0: no limit
    Raises ValueError for an invalid prefix or rate, MemoryError."""

    def __cinit__(self, clients, uint32_t queries_per_second=0, uint32_t burst=0, uint32_t large_answers_per_second=0):
        memset(&self.g, 0, sizeof(Guard))
        _fill(&self.g.clients, clients)
        self._set_rates(queries_per_second, burst, large_answers_per_second)
        if queries_per_second or large_answers_per_second:
            self._take_memory()

    cdef object _set_rates(self, queries_per_second, burst, large_answers_per_second):
        if max(queries_per_second, large_answers_per_second) > MAX_RATE:
            raise ValueError(f"guard: a rate above {MAX_RATE} a second; not used; write 0 for no limit")
        if queries_per_second:
            self.g.query_cost_ns = MAX_RATE // queries_per_second
            self.g.query_burst_ns = self.g.query_cost_ns * max(1, burst)
        if large_answers_per_second:
            self.g.answer_cost_ns = MAX_RATE // large_answers_per_second
            self.g.answer_burst_ns = self.g.answer_cost_ns * large_answers_per_second * BURST_S

    cdef object _take_memory(self):
        cdef bytes drawn = os.urandom(16)
        memcpy(self.g.seed, <const char*>drawn, 16)
        self.g.seed[1] |= 1         # a multiplier has to be odd
        self.g.buckets = <Bucket*>aligned_alloc(LINE_OCTETS, LINE_OCTETS << LINE_BITS)
        if self.g.buckets == NULL:
            raise MemoryError("guard")
        memset(self.g.buckets, 0, LINE_OCTETS << LINE_BITS)

    def __dealloc__(self):
        _free(&self.g.clients)
        free(self.g.buckets)

    def admit(self, str client, int64_t now_ns, bint cookie_is_good=False) -> str:
        """One of ADMISSIONS.   ValueError for a client that is no address."""
        cdef bytes packed = ipaddress.ip_address(client).packed
        return ADMISSIONS[<int>admit(&self.g, packed, 4 if len(packed) == 4 else 6, now_ns, cookie_is_good)]

    def admit_answer(self, str client, int64_t now_ns, uint64_t question_hash, size_t n) -> str:
        """One of ADMISSIONS for an answer of `n` octets.   ValueError for a client that is no address."""
        cdef bytes packed = ipaddress.ip_address(client).packed
        cdef uint8_t version = 4 if len(packed) == 4 else 6
        return ADMISSIONS[<int>admit_answer(&self.g, packed, version, now_ns, question_hash, n)]

    @property
    def n_forgotten(self) -> int:
        """Clients whose non-empty bucket was evicted."""
        return self.g.n_forgotten

    def measure(self, uint32_t n_clients, uint32_t n) -> float:
        """Measure one admit() in nanoseconds, over `n` queries of IPv4 clients in turn."""
        cdef uint8_t addr[4]
        cdef uint32_t i, word
        cdef uint32_t n_admitted = 0
        cdef int64_t begin = monotonic_ns()
        with nogil:
            for i in range(n):
                word = (<uint32_t>10 << 24) | (i % n_clients)
                addr[0] = <uint8_t>(word >> 24)
                addr[1] = <uint8_t>(word >> 16)
                addr[2] = <uint8_t>(word >> 8)
                addr[3] = <uint8_t>word
                n_admitted += admit(&self.g, addr, 4, <int64_t>i * 1000, False) == ADMITTED
        return (monotonic_ns() - begin) / <double>n


cdef int _fill(Prefixes* p, object prefixes) except -1:
    networks = [ipaddress.ip_network(each) for each in prefixes]
    four = list(ipaddress.collapse_addresses(each for each in networks if each.version == 4))
    six = list(ipaddress.collapse_addresses(each for each in networks if each.version == 6))
    if len(four) + len(six) > MAX_PREFIXES:
        raise ValueError(f"guard: {len(four) + len(six)} prefixes; not used; give at most {MAX_PREFIXES}")
    p.first4 = <uint32_t*>_taken(len(four), sizeof(uint32_t))
    p.last4 = <uint32_t*>_taken(len(four), sizeof(uint32_t))
    p.first6 = <uint64_t*>_taken(2 * len(six), sizeof(uint64_t))
    p.last6 = <uint64_t*>_taken(2 * len(six), sizeof(uint64_t))
    for i, network in enumerate(four):
        p.first4[<size_t>i] = int(network.network_address)
        p.last4[<size_t>i] = int(network.broadcast_address)
    for i, network in enumerate(six):
        _split(int(network.network_address), p.first6 + 2 * <size_t>i)
        _split(int(network.broadcast_address), p.last6 + 2 * <size_t>i)
    p.n4 = len(four)
    p.n6 = len(six)
    return 0


cdef void _free(Prefixes* p) noexcept nogil:
    free(p.first4)
    free(p.last4)
    free(p.first6)
    free(p.last6)


cdef void* _taken(size_t n, size_t size) except NULL:
    cdef void* taken = calloc(n + 1, size)
    if taken == NULL:
        raise MemoryError("guard")
    return taken


cdef int _split(object address, uint64_t* words) except -1:
    words[0] = address >> 64
    words[1] = address & ((1 << 64) - 1)
    return 0
