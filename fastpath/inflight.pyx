"""The table of forwarded queries whose answer has not come yet.

An answer is believed when it arrives on the socket the query left by (a connected socket, so from the upstream's own
address, at a port the kernel drew), with the id drawn for it, and with the same question.

Invariants: no allocation after open_inflight(); memory is bounded: when every slot waits, the oldest is given up and
counted as lost; a slot is in the ring exactly while its id is taken; all deadlines are equally far away when they
begin, so the ring is in order of deadline.
Source: RFC 5452 §9.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastpath.name cimport Name, name_from_wire
from fastpath.cursor cimport OK
from fastpath.siphash cimport siphash128

cdef enum:
    IDS = 65536

# Multiplier of xorshift64* (Vigna 2016); odd, so it also spreads qtype and qclass without losing any.
cdef uint64_t SPREAD = 0x2545F4914F6CDD1D


cdef int open_inflight(InFlight* t, uint32_t n_sockets, uint32_t n_slots, const uint64_t* seed) noexcept nogil:
    """Take the memory for `n_slots` queries over `n_sockets` sockets; -1 where there is none.

    seed   three random words: two key the question hash, one starts the ids
    Cost: 128 KiB a socket and 112 octets a slot."""
    cdef uint32_t i
    memset(t, 0, sizeof(InFlight))
    t.question_key[0] = seed[0]
    t.question_key[1] = seed[1]
    t.random = seed[2] | 1
    t.n_slots = n_slots
    t.slot_of = <uint16_t*>calloc(<size_t>n_sockets * IDS, sizeof(uint16_t))
    t.slots = <Waiting*>calloc(<size_t>n_slots + 1, sizeof(Waiting))
    if t.slot_of == NULL or t.slots == NULL:
        close_inflight(t)
        return -1
    for i in range(1, n_slots):
        t.slots[i].newer = i + 1
    t.first_free = 1
    return 0


cdef void close_inflight(InFlight* t) noexcept nogil:
    free(t.slot_of)
    free(t.slots)
    t.slot_of = NULL
    t.slots = NULL


cdef uint64_t next_random(InFlight* t) noexcept nogil:
    """The next of xorshift64*; its high bits are the good ones."""
    t.random ^= t.random >> 12
    t.random ^= t.random << 25
    t.random ^= t.random >> 27
    return t.random * SPREAD


cdef uint64_t hash_question(const InFlight* t, const Name* name, uint16_t qtype, uint16_t qclass) noexcept nogil:
    """Keyed, so that nobody outside can make two questions meet.  Cost: one SipHash of the name, about 50 ns."""
    cdef uint64_t hashed[2]
    siphash128(t.question_key, name.wire, name.n, hashed)
    return hashed[0] ^ (((<uint64_t>qtype << 16) | qclass) * SPREAD)


cdef Waiting* begin_waiting(InFlight* t, uint8_t upstream_socket, int64_t deadline_ns) noexcept nogil:
    """A slot with an id that is free on this socket.  The caller fills in client, source, listener and question."""
    cdef uint16_t* slot_of = t.slot_of + <size_t>upstream_socket * IDS
    cdef uint16_t drawn
    cdef uint32_t slot
    cdef Waiting* w
    if t.first_free == 0:
        t.n_lost += 1
        end_waiting(t, t.slots + t.slots[0].newer)
    slot = t.first_free
    w = t.slots + slot
    t.first_free = w.newer
    drawn = <uint16_t>(next_random(t) >> 48)
    while slot_of[drawn] != 0:
        drawn = <uint16_t>(next_random(t) >> 48)
    slot_of[drawn] = <uint16_t>slot
    w.upstream_socket = upstream_socket
    w.upstream_id = drawn
    w.deadline_ns = deadline_ns
    w.older = t.slots[0].older
    w.newer = 0
    t.slots[w.older].newer = slot
    t.slots[0].older = slot
    t.n += 1
    return w


cdef Waiting* find_waiting(InFlight* t, uint8_t upstream_socket, uint16_t upstream_id,
                           uint64_t question) noexcept nogil:
    """Who waits for this answer, or NULL.  Another question under a waiting id leaves the wait as it is."""
    cdef uint16_t slot = t.slot_of[<size_t>upstream_socket * IDS + upstream_id]
    if slot == 0 or t.slots[slot].question != question:
        return NULL
    return t.slots + slot


cdef void end_waiting(InFlight* t, Waiting* w) noexcept nogil:
    """Free the slot and its id."""
    t.slot_of[<size_t>w.upstream_socket * IDS + w.upstream_id] = 0
    t.slots[w.older].newer = w.newer
    t.slots[w.newer].older = w.older
    w.newer = t.first_free
    t.first_free = <uint32_t>(w - t.slots)
    t.n -= 1


cdef void expire_waiting(InFlight* t, int64_t now_ns) noexcept nogil:
    """Give up what is past its deadline.  Cost: one compare where nothing is."""
    while t.n != 0 and t.slots[t.slots[0].newer].deadline_ns <= now_ns:
        t.n_lost += 1
        end_waiting(t, t.slots + t.slots[0].newer)


cdef class InFlightTable:
    """The same table for tests: a query is its id, a question its wire name, qtype and qclass."""

    cdef InFlight table
    cdef uint32_t n_sockets

    def __cinit__(self, uint32_t n_sockets, uint32_t n_slots, tuple seed):
        cdef uint64_t[3] words
        if not (1 <= n_sockets <= MAX_SOCKETS and 1 <= n_slots <= MAX_SLOTS):
            raise ValueError(f"in-flight table: {n_sockets} sockets of {n_slots} slots; not made; "
                             f"ask for 1-{MAX_SOCKETS} and 1-{MAX_SLOTS}")
        words = seed
        self.n_sockets = n_sockets
        if open_inflight(&self.table, n_sockets, n_slots, words) != 0:
            raise MemoryError("in-flight table")

    def __dealloc__(self):
        close_inflight(&self.table)

    cdef uint64_t _hash(self, tuple question) except? 0:
        cdef bytes wire = question[0]
        cdef Name name
        cdef size_t after
        if name_from_wire(<const uint8_t*>wire, len(wire), 0, &name, &after) != OK:
            raise ValueError(f"{wire!r}: not a name in wire form")
        return hash_question(&self.table, &name, question[1], question[2])

    def begin(self, uint8_t upstream_socket, int64_t deadline_ns, tuple question, uint16_t client_id) -> int:
        """The id under which the query goes to the upstream."""
        cdef Waiting* w
        if upstream_socket >= self.n_sockets:
            raise ValueError(f"socket {upstream_socket}: there are {self.n_sockets}")
        hashed = self._hash(question)
        w = begin_waiting(&self.table, upstream_socket, deadline_ns)
        w.question = hashed
        w.client_id = client_id
        return w.upstream_id

    def end(self, uint8_t upstream_socket, uint16_t upstream_id, tuple question) -> int | None:
        """The client's id of the query that this answers, which then waits no more; None where none does."""
        cdef Waiting* w = NULL
        if upstream_socket < self.n_sockets:
            w = find_waiting(&self.table, upstream_socket, upstream_id, self._hash(question))
        if w == NULL:
            return None
        end_waiting(&self.table, w)
        return w.client_id

    def expire(self, int64_t now_ns) -> int:
        """Give up what is past its deadline; how many were lost since the last call, pushed out ones included."""
        expire_waiting(&self.table, now_ns)
        lost = self.table.n_lost
        self.table.n_lost = 0
        return lost

    def __len__(self) -> int:
        return self.table.n
