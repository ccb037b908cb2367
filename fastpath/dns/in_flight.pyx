"""Queries in flight to upstreams, and the clients that wait for each.

An answer is accepted when it arrives on the socket that the query left by, with the id drawn for it and the same
question, letter for letter where the query's were in random case.  The socket is connected: an answer comes from the
upstream's own address, at a port that the kernel drew.  Who does not see the query has to guess 16 bits of the id, some
15 of the port and one of each letter.

    key → PendingQuery (one question at one upstream) → WaitingClients (each with the query to write the answer over)

Invariants: no allocation after open_in_flight(); memory is bounded.  One question is at one upstream once, however
many clients wait for it.  What is drawn comes from the kernel's generator and is used once.  When no slot is free, the
oldest query is evicted with its clients and counted as lost.  A query is in the ring of ages as long as it is pending.
It is in its upstream's ring, or in that of streams, as long as a timeout still has an effect.  Each ring is in order
of time: only its head is looked at.
Source: RFC 5452 §9, §5 (several queries of one question at a time make birthday attacks possible); Dagon and
others, Increased DNS Forgery Resistance Through 0x20-Bit Encoding (2008: letters in random case).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.sockets cimport getrandom
from fastpath.base.siphash cimport siphash64
from fastpath.dns.edns cimport condense_query
from fastpath.dns.query cimport Question
from fastpath.dns.wire cimport CD, HEADER_OCTETS, OPT_OCTETS, QR_OCTET2, TYPE_CLASS_OCTETS

cdef enum:
    IDS = 65536
    BUCKETS = 32768
    LOWER = 0x20                # the bit by which a letter's two cases differ

# Multiplier of xorshift64* (Vigna 2016); odd, so it spreads qtype, qclass and flags without losing any.
cdef uint64_t SPREAD = 0x2545F4914F6CDD1D


cdef int open_in_flight(InFlight* t, uint32_t n_upstreams, uint32_t n_slots) noexcept nogil:
    """Allocate room for `n_slots` queries and as many clients; -1 where there is no memory.

    Cost: 256 KiB, and 950 octets a slot; untouched pages take no memory."""
    cdef uint32_t n_rings = n_upstreams + 1     # the last one: over streams
    cdef uint32_t n_all = n_slots + n_rings
    cdef uint32_t i
    memset(t, 0, sizeof(InFlight))
    t.n_rings = n_rings
    t.slot_of = <uint16_t*>calloc(IDS, sizeof(uint16_t))
    t.slots = <PendingQuery*>calloc(n_all, sizeof(PendingQuery))
    t.clients = <WaitingClient*>calloc(<size_t>n_slots + 1, sizeof(WaitingClient))
    t.by_age = <Link*>calloc(n_all, sizeof(Link))
    t.by_upstream = <Link*>calloc(n_all, sizeof(Link))
    t.bucket_of = <uint32_t*>calloc(BUCKETS, sizeof(uint32_t))
    if (t.slot_of == NULL or t.slots == NULL or t.clients == NULL or t.by_age == NULL or t.by_upstream == NULL
            or t.bucket_of == NULL):
        close_in_flight(t)
        return -1
    for i in range(n_all):
        t.by_age[i].older = t.by_age[i].newer = i
        t.by_upstream[i].older = t.by_upstream[i].newer = i
    for i in range(n_rings, n_all - 1):
        t.slots[i].next_in_bucket = i + 1
    for i in range(1, n_slots):
        t.clients[i].next = i + 1
    t.first_free = n_rings
    t.first_client = 1
    return 0


cdef void close_in_flight(InFlight* t) noexcept nogil:
    free(t.slot_of)
    free(t.slots)
    free(t.clients)
    free(t.by_age)
    free(t.by_upstream)
    free(t.bucket_of)
    memset(t, 0, sizeof(InFlight))


cdef uint64_t next_random(InFlight* t) noexcept nogil:
    """Draw 64 random bits.

    Cost: 2 ns, and 10 us for the kernel's call every RANDOM_WORDS."""
    if t.n_random == 0:
        _refill(t)
    t.n_random -= 1
    return t.random[t.n_random]


cdef void _refill(InFlight* t) noexcept nogil:
    cdef size_t n = 0
    cdef ssize_t drawn
    while n < sizeof(t.random):     # a signal may cut it short; it fails on no kernel that filterd runs on
        drawn = getrandom(<uint8_t*>t.random + n, sizeof(t.random) - n, 0)
        if drawn > 0:
            n += <size_t>drawn
    t.n_random = RANDOM_WORDS


cdef uint64_t hash_query(const uint64_t* key, const Question* q) noexcept nogil:
    """Hash what an upstream's answer depends on: name, type, class, DO and CD.

    key   two secret words, so that no client can choose questions of one hash
    Cost: one SipHash-2-4, about 20 ns; not 1-3, as queries that wait are distinguished by it alone."""
    cdef uint64_t what = (<uint64_t>q.qtype << 16) | q.qclass
    if q.do_bit:
        what |= <uint64_t>1 << 32
    if q.flags & CD:
        what |= <uint64_t>1 << 33
    return siphash64(key, q.name.wire, q.name.n) ^ (what * SPREAD)


cdef inline uint32_t _bucket(uint64_t key) noexcept nogil:
    return <uint32_t>(key & (BUCKETS - 1))


cdef inline void _append(Link* ring, uint32_t head, uint32_t slot) noexcept nogil:
    ring[slot].older = ring[head].older
    ring[slot].newer = head
    ring[ring[head].older].newer = slot
    ring[head].older = slot


cdef inline void _remove(Link* ring, uint32_t slot) noexcept nogil:
    """Remove a slot from its ring; no effect where it is in none."""
    ring[ring[slot].older].newer = ring[slot].newer
    ring[ring[slot].newer].older = ring[slot].older
    ring[slot].older = ring[slot].newer = slot


cdef PendingQuery* find_pending(InFlight* t, uint64_t key) noexcept nogil:
    """Find the newest pending query of this key, or NULL."""
    cdef uint32_t slot = t.bucket_of[_bucket(key)]
    while slot != 0:
        if t.slots[slot].key == key:
            return t.slots + slot
        slot = t.slots[slot].next_in_bucket
    return NULL


cdef PendingQuery* begin_pending(InFlight* t, uint64_t key, int64_t now_ns) noexcept nogil:
    """Add a query without clients or upstream.  The caller writes its message and calls move_to()."""
    cdef uint32_t slot
    cdef PendingQuery* p
    if t.first_free == 0:
        _evict_oldest(t)
    slot = t.first_free
    p = t.slots + slot
    t.first_free = p.next_in_bucket
    p.begun_ns = now_ns
    p.key = key
    p.tried = 0
    p.clients = 0
    p.n_clients = 0
    p.upstream_id = 0
    p.upstream_socket = NO_SOCKET
    p.n_tries = 0
    p.is_probe = 0
    p.is_mixed = 0
    p.n_mismatched = 0
    p.tc_flags[0] = p.tc_flags[1] = 0
    p.next_in_bucket = t.bucket_of[_bucket(key)]
    t.bucket_of[_bucket(key)] = slot
    _append(t.by_age, 0, slot)
    if t.next_young == 0:
        t.next_young = slot
    t.n += 1
    return p


cdef void _evict_oldest(InFlight* t) noexcept nogil:
    t.n_lost += 1
    end_pending(t, t.slots + t.by_age[0].newer)


cdef WaitingClient* add_client(InFlight* t, PendingQuery* p, const uint8_t* query, size_t n, const void* address,
                               uint32_t address_n, const uint8_t* client_addr, uint8_t client_version) noexcept nogil:
    """Add a waiting client; NULL for a retransmission of a query that already waits.

    client_addr   4 or 16 octets by client_version: of `address`, or of the proxy's header.  It is compared, too, as a
                  proxy may use an id again for another client
    A query longer than CLIENT_QUERY is kept in its short form, see condense_query()."""
    cdef size_t client_n = 4 if client_version == 4 else 16
    cdef uint32_t at = p.clients
    cdef uint32_t n_compared = 0
    cdef WaitingClient* c
    while at != 0 and n_compared < MAX_COMPARED:
        n_compared += 1
        c = t.clients + at
        if (c.query[0] == query[0] and c.query[1] == query[1] and c.address_n == address_n
                and memcmp(c.address, address, address_n) == 0
                and c.client_version == client_version and memcmp(c.client_addr, client_addr, client_n) == 0):
            return NULL
        at = c.next
    while t.first_client == 0:
        if t.slots + t.by_age[0].newer == p:    # no other query has clients
            return NULL
        _evict_oldest(t)
    at = t.first_client
    c = t.clients + at
    t.first_client = c.next
    c.next = p.clients
    p.clients = at
    p.n_clients += 1
    c.address_n = address_n
    memcpy(c.address, address, address_n)
    c.client_version = client_version
    memcpy(c.client_addr, client_addr, client_n)
    if n > CLIENT_QUERY:
        c.query_n = <uint16_t>condense_query(query, n, c.query)
        return c
    c.query_n = <uint16_t>n
    memcpy(c.query, query, n)
    return c


cdef void free_clients(InFlight* t, PendingQuery* p) noexcept nogil:
    """Remove all clients; the query stays pending."""
    cdef uint32_t at = p.clients
    cdef uint32_t next_
    while at != 0:
        next_ = t.clients[at].next
        t.clients[at].next = t.first_client
        t.first_client = at
        at = next_
    p.clients = 0
    p.n_clients = 0


cdef void move_to(InFlight* t, PendingQuery* p, uint8_t upstream, uint16_t upstream_socket,
                  int64_t now_ns) noexcept nogil:
    """Move a query to this upstream and socket, under a new random id; answers from elsewhere no longer match."""
    cdef uint32_t slot = <uint32_t>(p - t.slots)
    cdef uint16_t drawn = <uint16_t>next_random(t)
    _free_id(t, p)
    while t.slot_of[drawn] != 0:
        drawn = <uint16_t>next_random(t)
    t.slot_of[drawn] = <uint16_t>slot
    p.upstream = upstream
    p.upstream_socket = upstream_socket
    p.upstream_id = drawn
    p.sent_ns = now_ns
    p.tried |= <uint64_t>1 << upstream
    p.n_tries += 1
    _remove(t.by_upstream, slot)
    _append(t.by_upstream, upstream, slot)


cdef void move_to_stream(InFlight* t, PendingQuery* p, uint16_t stream, int64_t now_ns) noexcept nogil:
    """Move a query to the stream of its upstream.

    Streams are slower than datagrams, so they have a ring of their own: stream_unanswered_before()."""
    cdef uint32_t slot = <uint32_t>(p - t.slots)
    move_to(t, p, p.upstream, stream, now_ns)
    _remove(t.by_upstream, slot)
    _append(t.by_upstream, t.n_rings - 1, slot)


cdef inline void _free_id(InFlight* t, PendingQuery* p) noexcept nogil:
    if p.upstream_socket != NO_SOCKET:
        t.slot_of[p.upstream_id] = 0


cdef inline uint8_t* _name_end(PendingQuery* p) noexcept nogil:
    return p.query + p.query_n - OPT_OCTETS - TYPE_CLASS_OCTETS


cdef inline bint _is_letter(uint8_t octet) noexcept nogil:
    """Whether an octet of a name is an ASCII letter; length octets are below those."""
    return 97 <= (octet | LOWER) <= 122


cdef void mix_case(InFlight* t, PendingQuery* p) noexcept nogil:
    """Put each letter of the query's name into random case (0x20).

    Cost: 1 ns an octet."""
    cdef uint8_t* at = p.query + HEADER_OCTETS
    cdef const uint8_t* end = _name_end(p)
    cdef uint64_t bits = 0
    cdef uint32_t n_bits = 0
    while at < end:
        if _is_letter(at[0]):
            if n_bits == 0:
                bits = next_random(t)
                n_bits = 64
            at[0] ^= <uint8_t>((bits & 1) << 5)
            bits >>= 1
            n_bits -= 1
            p.is_mixed = 1
        at += 1


cdef void keep_lower_case(PendingQuery* p) noexcept nogil:
    """Put the query's name back into lower case."""
    if p.is_mixed:
        _lower(p.query + HEADER_OCTETS, _name_end(p))
        p.is_mixed = 0


cdef inline void _lower(uint8_t* at, const uint8_t* end) noexcept nogil:
    while at < end:
        if _is_letter(at[0]):
            at[0] |= LOWER
        at += 1


cdef void stop_retrying(InFlight* t, PendingQuery* p) noexcept nogil:
    """Stop retransmissions of a query; its answer is still accepted."""
    _remove(t.by_upstream, <uint32_t>(p - t.slots))


cdef PendingQuery* match_answer(InFlight* t, uint16_t upstream_socket, uint8_t* msg, size_t n,
                                bint* is_same_case) noexcept nogil:
    """Find the query that a received message answers, or NULL: wrong socket, id or question.

    is_same_case   whether the letters of its question are those that were sent
    The question of a message that matches is put into lower case."""
    cdef PendingQuery* p
    cdef size_t name_end, n_name
    cdef uint16_t slot
    if n < HEADER_OCTETS or not msg[2] & QR_OCTET2 or msg[4] != 0 or msg[5] != 1:
        return NULL
    slot = t.slot_of[(<uint16_t>msg[0] << 8) | msg[1]]
    if slot == 0 or t.slots[slot].upstream_socket != upstream_socket:
        return NULL
    p = t.slots + slot
    name_end = <size_t>p.query_n - OPT_OCTETS - TYPE_CLASS_OCTETS
    if n < name_end + TYPE_CLASS_OCTETS:
        return NULL
    if memcmp(msg + name_end, p.query + name_end, TYPE_CLASS_OCTETS) != 0:
        return NULL
    n_name = name_end - HEADER_OCTETS
    is_same_case[0] = memcmp(msg + HEADER_OCTETS, p.query + HEADER_OCTETS, n_name) == 0
    if not is_same_case[0] and not _is_same_name(msg + HEADER_OCTETS, p.query + HEADER_OCTETS, n_name):
        return NULL
    _lower(msg + HEADER_OCTETS, msg + name_end)
    return p


cdef inline bint _is_same_name(const uint8_t* one, const uint8_t* other, size_t n) noexcept nogil:
    """Whether two names in wire form are equal but for the case of letters."""
    cdef size_t i
    for i in range(n):
        if one[i] != other[i] and (not _is_letter(one[i]) or one[i] ^ LOWER != other[i]):
            return False
    return True


cdef void end_pending(InFlight* t, PendingQuery* p) noexcept nogil:
    """Remove a query, its id and its clients."""
    cdef uint32_t slot = <uint32_t>(p - t.slots)
    cdef uint32_t* at = &t.bucket_of[_bucket(p.key)]
    while at[0] != slot:
        at = &t.slots[at[0]].next_in_bucket
    at[0] = p.next_in_bucket
    free_clients(t, p)
    _free_id(t, p)
    if t.next_young == slot:
        t.next_young = t.by_age[slot].newer
    _remove(t.by_age, slot)
    _remove(t.by_upstream, slot)
    p.next_in_bucket = t.first_free
    t.first_free = slot
    t.n -= 1


cdef PendingQuery* unanswered_before(InFlight* t, uint8_t upstream, int64_t ns) noexcept nogil:
    """The query that has waited longest for this upstream, if it was sent before `ns`; else NULL."""
    return _first_before(t, upstream, ns)


cdef PendingQuery* stream_unanswered_before(InFlight* t, int64_t ns) noexcept nogil:
    """The query that has waited longest for an answer over a stream, if it was sent before `ns`; else NULL."""
    return _first_before(t, t.n_rings - 1, ns)


cdef inline PendingQuery* _first_before(InFlight* t, uint32_t ring, int64_t ns) noexcept nogil:
    cdef uint32_t slot = t.by_upstream[ring].newer
    if slot == ring or t.slots[slot].sent_ns > ns:
        return NULL
    return t.slots + slot


cdef PendingQuery* begun_before(InFlight* t, int64_t ns) noexcept nogil:
    """The oldest query, if it began before `ns`; else NULL."""
    cdef uint32_t slot = t.by_age[0].newer
    if slot == 0 or t.slots[slot].begun_ns > ns:
        return NULL
    return t.slots + slot


cdef PendingQuery* next_overdue(InFlight* t, int64_t ns) noexcept nogil:
    """The next query that began before `ns`, each one once; NULL where none exists."""
    cdef uint32_t slot = t.next_young
    if slot == 0 or t.slots[slot].begun_ns > ns:
        return NULL
    t.next_young = t.by_age[slot].newer
    return t.slots + slot
