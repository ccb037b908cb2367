"""Questions that wait for an upstream's answer, each with all the clients that asked it.

An answer is believed when it arrives on the socket the question left by (a connected socket, so from the upstream's
own address, at a port the kernel drew), with the id drawn for it, and with the same question.

    key → Asked (one question at one upstream) → Clients (who is to get the answer, and the query to write it over)

Invariants: no allocation after open_inflight(); memory is bounded: when no slot is free, the oldest question is given
up with its clients and counted as lost; a question is in the ring of ages as long as it waits, and in its upstream's
ring, or that of streams, while its silence still leads to something; each ring is in order of time, so that its head
alone is looked at.
Source: RFC 5452 §9, §5 (one question asked many times at once is a birthday attack's chance).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.cursor cimport OK
from fastpath.base.siphash cimport siphash128
from fastpath.dns.query cimport Question, parse_query
from fastpath.dns.wire cimport CD, HEADER_OCTETS, OPT_OCTETS, QR_OCTET2, TYPE_CLASS_OCTETS, UPSTREAM_QUERY_OCTETS

cdef enum:
    IDS = 65536
    BUCKETS = 32768

# Multiplier of xorshift64* (Vigna 2016); odd, so it also spreads qtype, qclass and flags without losing any.
cdef uint64_t SPREAD = 0x2545F4914F6CDD1D


cdef int open_inflight(InFlight* t, uint32_t n_sockets, uint32_t n_upstreams, uint32_t n_slots,
                       uint64_t seed) noexcept nogil:
    """Take the memory for `n_slots` questions and as many clients; -1 where there is none.

    seed   a random word, which starts the ids
    Cost: 128 KiB a socket, 128 KiB, and 950 octets a slot, of which the kernel gives what is touched."""
    cdef uint32_t n_rings = n_upstreams + 1     # one for all that are asked over a stream
    cdef uint32_t n_all = n_slots + n_rings
    cdef uint32_t i
    memset(t, 0, sizeof(InFlight))
    t.random = seed | 1
    t.n_rings = n_rings
    t.slot_of = <uint16_t*>calloc(<size_t>n_sockets * IDS, sizeof(uint16_t))
    t.slots = <Asked*>calloc(n_all, sizeof(Asked))
    t.clients = <Client*>calloc(<size_t>n_slots + 1, sizeof(Client))
    t.by_age = <Link*>calloc(n_all, sizeof(Link))
    t.by_upstream = <Link*>calloc(n_all, sizeof(Link))
    t.bucket_of = <uint32_t*>calloc(BUCKETS, sizeof(uint32_t))
    if (t.slot_of == NULL or t.slots == NULL or t.clients == NULL or t.by_age == NULL or t.by_upstream == NULL
            or t.bucket_of == NULL):
        close_inflight(t)
        return -1
    for i in range(n_all):
        t.by_age[i].older = t.by_age[i].newer = i
        t.by_upstream[i].older = t.by_upstream[i].newer = i
    for i in range(n_rings, n_all - 1):
        t.slots[i].same = i + 1
    for i in range(1, n_slots):
        t.clients[i].next = i + 1
    t.first_free = n_rings
    t.first_client = 1
    return 0


cdef void close_inflight(InFlight* t) noexcept nogil:
    free(t.slot_of)
    free(t.slots)
    free(t.clients)
    free(t.by_age)
    free(t.by_upstream)
    free(t.bucket_of)
    memset(t, 0, sizeof(InFlight))


cdef uint64_t next_random(InFlight* t) noexcept nogil:
    """The next of xorshift64*; its high bits are the good ones."""
    t.random ^= t.random >> 12
    t.random ^= t.random << 25
    t.random ^= t.random >> 27
    return t.random * SPREAD


cdef uint64_t hash_query(const uint64_t* key, const Question* q) noexcept nogil:
    """Of all that an upstream's answer depends on: name, type, class, DO and CD.

    key   two words; keyed, so that nobody outside can make two questions meet.  Cost: one SipHash, about 50 ns."""
    cdef uint64_t hashed[2]
    cdef uint64_t what = (<uint64_t>q.qtype << 16) | q.qclass
    if q.do_bit:
        what |= <uint64_t>1 << 32
    if q.flags & CD:
        what |= <uint64_t>1 << 33
    siphash128(key, q.name.wire, q.name.n, hashed)
    return hashed[0] ^ (what * SPREAD)


cdef inline uint32_t _bucket(uint64_t key) noexcept nogil:
    return <uint32_t>(key & (BUCKETS - 1))


cdef inline void _join(Link* ring, uint32_t head, uint32_t slot) noexcept nogil:
    ring[slot].older = ring[head].older
    ring[slot].newer = head
    ring[ring[head].older].newer = slot
    ring[head].older = slot


cdef inline void _leave(Link* ring, uint32_t slot) noexcept nogil:
    """Where it is in no ring, nothing changes."""
    ring[ring[slot].older].newer = ring[slot].newer
    ring[ring[slot].newer].older = ring[slot].older
    ring[slot].older = ring[slot].newer = slot


cdef Asked* find_question(InFlight* t, uint64_t key) noexcept nogil:
    """The newest question of this key that waits, or NULL."""
    cdef uint32_t slot = t.bucket_of[_bucket(key)]
    while slot != 0:
        if t.slots[slot].key == key:
            return t.slots + slot
        slot = t.slots[slot].same
    return NULL


cdef Asked* begin_asking(InFlight* t, uint64_t key, int64_t now_ns) noexcept nogil:
    """A new question without clients, at no upstream yet.  The caller writes its query and calls move_to()."""
    cdef uint32_t slot
    cdef Asked* a
    if t.first_free == 0:
        _give_up_oldest(t)
    slot = t.first_free
    a = t.slots + slot
    t.first_free = a.same
    a.begun_ns = now_ns
    a.key = key
    a.tried = 0
    a.clients = 0
    a.n_clients = 0
    a.upstream_id = 0
    a.upstream_socket = NO_SOCKET
    a.n_tries = 0
    a.is_probe = 0
    a.cut_flags[0] = a.cut_flags[1] = 0
    a.same = t.bucket_of[_bucket(key)]
    t.bucket_of[_bucket(key)] = slot
    _join(t.by_age, 0, slot)
    if t.young == 0:
        t.young = slot
    t.n += 1
    return a


cdef void _give_up_oldest(InFlight* t) noexcept nogil:
    t.n_lost += 1
    end_asking(t, t.slots + t.by_age[0].newer)


cdef Client* add_client(InFlight* t, Asked* a, const uint8_t* query, size_t n, size_t after, const void* address,
                        uint32_t address_n, const uint8_t* asker, uint8_t asker_version) noexcept nogil:
    """Let one more client wait; NULL where this very query of it already does.

    a   with fewer than MAX_CLIENTS;  asker: 4 or 16 octets by its version, in `address`, or told by the proxy there:
        a proxy that gave up waiting may use its id again for somebody else
    A query too long to keep is kept without what follows its question, which ends at `after`."""
    cdef size_t asker_n = 4 if asker_version == 4 else 16
    cdef uint32_t at = a.clients
    cdef Client* c
    while at != 0:
        c = t.clients + at
        if (c.query[0] == query[0] and c.query[1] == query[1] and c.address_n == address_n
                and memcmp(c.address, address, address_n) == 0
                and c.asker_version == asker_version and memcmp(c.asker, asker, asker_n) == 0):
            return NULL
        at = c.next
    while t.first_client == 0:
        if t.slots + t.by_age[0].newer == a:    # the others hold none
            return NULL
        _give_up_oldest(t)
    at = t.first_client
    c = t.clients + at
    t.first_client = c.next
    c.next = a.clients
    a.clients = at
    a.n_clients += 1
    c.address_n = address_n
    memcpy(c.address, address, address_n)
    c.asker_version = asker_version
    memcpy(c.asker, asker, asker_n)
    c.query_n = <uint16_t>n
    if n > CLIENT_QUERY:
        c.query_n = <uint16_t>after
        memcpy(c.query, query, c.query_n)
        memset(c.query + 6, 0, 6)
        return c
    memcpy(c.query, query, n)
    return c


cdef void free_clients(InFlight* t, Asked* a) noexcept nogil:
    """Nobody waits any more; the question itself does."""
    cdef uint32_t at = a.clients
    cdef uint32_t next_
    while at != 0:
        next_ = t.clients[at].next
        t.clients[at].next = t.first_client
        t.first_client = at
        at = next_
    a.clients = 0
    a.n_clients = 0


cdef void move_to(InFlight* t, Asked* a, uint8_t upstream, uint8_t upstream_socket, int64_t now_ns) noexcept nogil:
    """From now on believe an answer of this upstream only, on this socket, under a fresh id."""
    cdef uint32_t slot = <uint32_t>(a - t.slots)
    cdef uint16_t* slot_of = t.slot_of + <size_t>upstream_socket * IDS
    cdef uint16_t drawn = <uint16_t>(next_random(t) >> 48)
    _free_id(t, a)
    while slot_of[drawn] != 0:
        drawn = <uint16_t>(next_random(t) >> 48)
    slot_of[drawn] = <uint16_t>slot
    a.upstream = upstream
    a.upstream_socket = upstream_socket
    a.upstream_id = drawn
    a.asked_ns = now_ns
    a.tried |= <uint64_t>1 << upstream
    a.n_tries += 1
    _leave(t.by_upstream, slot)
    _join(t.by_upstream, upstream, slot)


cdef void move_to_stream(InFlight* t, Asked* a, uint8_t stream, int64_t now_ns) noexcept nogil:
    """From now on believe the same upstream's answer on this socket only, which leads to a stream.

    Those are slower than datagrams, so they have a ring of their own: streamed_before()."""
    cdef uint32_t slot = <uint32_t>(a - t.slots)
    move_to(t, a, a.upstream, stream, now_ns)
    _leave(t.by_upstream, slot)
    _join(t.by_upstream, t.n_rings - 1, slot)


cdef inline void _free_id(InFlight* t, Asked* a) noexcept nogil:
    if a.upstream_socket != NO_SOCKET:
        t.slot_of[<size_t>a.upstream_socket * IDS + a.upstream_id] = 0


cdef void stop_asking(InFlight* t, Asked* a) noexcept nogil:
    """It will not be asked again; an answer is still welcome."""
    _leave(t.by_upstream, <uint32_t>(a - t.slots))


cdef Asked* find_asked(InFlight* t, uint8_t upstream_socket, const uint8_t* msg, size_t n) noexcept nogil:
    """The question that the received message answers, or NULL.  Another one under a waiting id changes nothing."""
    cdef Asked* a
    cdef size_t name_end
    cdef uint16_t slot
    if n < HEADER_OCTETS or not msg[2] & QR_OCTET2 or msg[4] != 0 or msg[5] != 1:
        return NULL
    slot = t.slot_of[<size_t>upstream_socket * IDS + ((<size_t>msg[0] << 8) | msg[1])]
    if slot == 0:
        return NULL
    a = t.slots + slot
    name_end = <size_t>a.query_n - OPT_OCTETS - TYPE_CLASS_OCTETS
    if n < name_end + TYPE_CLASS_OCTETS:
        return NULL
    if not _is_same_name(msg + HEADER_OCTETS, a.query + HEADER_OCTETS, name_end - HEADER_OCTETS):
        return NULL
    return a if memcmp(msg + name_end, a.query + name_end, TYPE_CLASS_OCTETS) == 0 else NULL


cdef inline bint _is_same_name(const uint8_t* theirs, const uint8_t* ours, size_t n) noexcept nogil:
    """Whether two names in wire form are the same; `ours` is folded.  Length octets are below the letters."""
    cdef size_t i
    cdef uint8_t octet
    for i in range(n):
        octet = theirs[i]
        if 65 <= octet <= 90:
            octet |= 0x20
        if octet != ours[i]:
            return False
    return True


cdef void end_asking(InFlight* t, Asked* a) noexcept nogil:
    """Free the question, its id and its clients."""
    cdef uint32_t slot = <uint32_t>(a - t.slots)
    cdef uint32_t* at = &t.bucket_of[_bucket(a.key)]
    while at[0] != slot:
        at = &t.slots[at[0]].same
    at[0] = a.same
    free_clients(t, a)
    _free_id(t, a)
    if t.young == slot:
        t.young = t.by_age[slot].newer
    _leave(t.by_age, slot)
    _leave(t.by_upstream, slot)
    a.same = t.first_free
    t.first_free = slot
    t.n -= 1


cdef Asked* asked_before(InFlight* t, uint8_t upstream, int64_t ns) noexcept nogil:
    """The question that has waited longest for this upstream, if it was asked before `ns`; else NULL."""
    return _first_before(t, upstream, ns)


cdef Asked* streamed_before(InFlight* t, int64_t ns) noexcept nogil:
    """The question that has waited longest for an answer over a stream, if it was asked before `ns`; else NULL."""
    return _first_before(t, t.n_rings - 1, ns)


cdef inline Asked* _first_before(InFlight* t, uint32_t ring, int64_t ns) noexcept nogil:
    cdef uint32_t slot = t.by_upstream[ring].newer
    if slot == ring or t.slots[slot].asked_ns > ns:
        return NULL
    return t.slots + slot


cdef Asked* begun_before(InFlight* t, int64_t ns) noexcept nogil:
    """The oldest question, if it began before `ns`; else NULL."""
    cdef uint32_t slot = t.by_age[0].newer
    if slot == 0 or t.slots[slot].begun_ns > ns:
        return NULL
    return t.slots + slot


cdef Asked* became_old(InFlight* t, int64_t ns) noexcept nogil:
    """Each question once, as soon as it began before `ns`; NULL where there is no other one."""
    cdef uint32_t slot = t.young
    if slot == 0 or t.slots[slot].begun_ns > ns:
        return NULL
    t.young = t.by_age[slot].newer
    return t.slots + slot


cdef class InFlightTable:
    """The same table for tests.   A question is a query message; a client is its address, any octets up to 28."""

    cdef InFlight table
    cdef uint64_t[2] question_key
    cdef uint32_t n_sockets
    cdef uint32_t n_upstreams

    def __cinit__(self, uint32_t n_sockets, uint32_t n_slots, tuple seed, uint32_t n_upstreams=1):
        cdef uint64_t[3] words
        if not (1 <= n_upstreams <= n_sockets <= MAX_SOCKETS and 1 <= n_slots <= MAX_SLOTS):
            raise ValueError(f"in-flight table: {n_sockets} sockets of {n_slots} slots; not made; "
                             f"ask for 1-{MAX_SOCKETS} and 1-{MAX_SLOTS}")
        words = seed
        self.question_key[0] = words[0]
        self.question_key[1] = words[1]
        self.n_sockets = n_sockets
        self.n_upstreams = n_upstreams
        if open_inflight(&self.table, n_sockets, n_upstreams, n_slots, words[2]) != 0:
            raise MemoryError("in-flight table")

    def __dealloc__(self):
        close_inflight(&self.table)

    cdef uint64_t _key(self, bytes query) except? 0:
        cdef Question q
        if parse_query(<const uint8_t*>query, len(query), &q) != OK:
            raise ValueError(f"{query!r}: not a query")
        return hash_query(self.question_key, &q)

    def ask(self, uint8_t upstream_socket, int64_t now_ns, bytes query, bytes client,
            bytes asker=bytes(4)) -> int | None:
        """The id under which the question goes to the upstream of this socket; None where it waits there already.

        query   with an OPT of 11 octets at its end, its name folded;  asker: 4 or 16 octets"""
        cdef uint64_t key = self._key(query)
        cdef Asked* a = find_question(&self.table, key)
        cdef bint is_new = a == NULL or a.n_clients >= MAX_CLIENTS
        if (upstream_socket >= self.n_sockets or len(query) > UPSTREAM_QUERY_OCTETS or len(client) > ADDRESS_OCTETS
                or len(asker) not in (4, 16)):
            raise ValueError(f"socket {upstream_socket}: there are {self.n_sockets}")
        if is_new:
            a = begin_asking(&self.table, key, now_ns)
            a.query_n = len(query)
            memcpy(a.query, <const char*>query, len(query))
            move_to(&self.table, a, upstream_socket * self.n_upstreams // self.n_sockets, upstream_socket, now_ns)
        add_client(&self.table, a, <const uint8_t*>query, len(query), len(query) - OPT_OCTETS, <const char*>client,
                   len(client), asker, 4 if len(asker) == 4 else 6)
        return a.upstream_id if is_new else None

    def move(self, bytes query, uint8_t upstream_socket, int64_t now_ns, bint is_stream=False) -> int:
        """The id under which the waiting question goes to another socket.   is_stream: of the same upstream"""
        cdef Asked* a = find_question(&self.table, self._key(query))
        if a == NULL or upstream_socket >= self.n_sockets:
            raise ValueError("it does not wait, or there is no such socket")
        if is_stream:
            move_to_stream(&self.table, a, upstream_socket, now_ns)
        else:
            move_to(&self.table, a, upstream_socket * self.n_upstreams // self.n_sockets, upstream_socket, now_ns)
        return a.upstream_id

    def end(self, uint8_t upstream_socket, bytes answer) -> list[tuple[bytes, bytes]] | None:
        """(address, query) of the clients that this answers, who then wait no more; None where it answers nothing."""
        cdef Asked* a = NULL
        cdef uint32_t at
        if upstream_socket < self.n_sockets:
            a = find_asked(&self.table, upstream_socket, answer, len(answer))
        if a == NULL:
            return None
        clients = []
        at = a.clients
        while at != 0:
            clients.append((self.table.clients[at].address[:self.table.clients[at].address_n],
                            self.table.clients[at].query[:self.table.clients[at].query_n]))
            at = self.table.clients[at].next
        end_asking(&self.table, a)
        return clients

    def expire(self, int64_t ns) -> int:
        """Give up what began before `ns`; how many were lost since the last call, pushed out ones included."""
        cdef Asked* a = begun_before(&self.table, ns)
        while a != NULL:
            self.table.n_lost += 1
            end_asking(&self.table, a)
            a = begun_before(&self.table, ns)
        lost = self.table.n_lost
        self.table.n_lost = 0
        return lost

    def unanswered(self, uint8_t upstream, int64_t ns) -> int:
        """How many questions were asked at this upstream before `ns`; they are not asked again."""
        cdef Asked* a = asked_before(&self.table, upstream, ns)
        n = 0
        while a != NULL:
            stop_asking(&self.table, a)
            n += 1
            a = asked_before(&self.table, upstream, ns)
        return n

    def unanswered_over_streams(self, int64_t ns) -> int:
        """Likewise of those that were asked over a stream."""
        cdef Asked* a = streamed_before(&self.table, ns)
        n = 0
        while a != NULL:
            stop_asking(&self.table, a)
            n += 1
            a = streamed_before(&self.table, ns)
        return n

    def old(self, int64_t ns) -> int:
        """How many questions became old: began before `ns`, and were not counted before."""
        n = 0
        while became_old(&self.table, ns) != NULL:
            n += 1
        return n

    def __len__(self) -> int:
        return self.table.n
