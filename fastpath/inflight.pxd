"""Queries that wait for an upstream's answer: see inflight.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.name cimport Name


cdef struct Waiting:
    int64_t deadline_ns         # monotonic
    uint64_t question           # hash_question()
    uint32_t older              # neighbours in order of deadline; 0 is the ring's own slot
    uint32_t newer
    uint32_t client_n           # octets of `client` in use
    uint16_t client_id          # to be put back
    uint16_t upstream_id
    uint8_t upstream_socket
    uint8_t listener
    uint8_t client[28]          # sockaddr_in or sockaddr_in6
    uint8_t source[32]          # in_pktinfo or in6_pktinfo as the query brought it
    uint8_t source_n            # 0: the query brought none


cdef struct InFlight:
    uint64_t random             # xorshift64* state, never 0
    uint64_t question_key[2]
    uint16_t* slot_of           # [socket * 65536 + upstream_id]; 0: free
    Waiting* slots              # slot 0 is the ring's own
    uint32_t n_slots
    uint32_t first_free         # linked by `newer`; 0: none
    uint32_t n                  # waiting now
    uint64_t n_lost             # expired or pushed out since the caller last took the number


cdef enum:
    MAX_SOCKETS = 64
    MAX_SLOTS = 32768           # at most half of one socket's ids, so that a free id is found at once

cdef int open_inflight(InFlight* t, uint32_t n_sockets, uint32_t n_slots, const uint64_t* seed) noexcept nogil
cdef void close_inflight(InFlight* t) noexcept nogil
cdef uint64_t next_random(InFlight* t) noexcept nogil
cdef uint64_t hash_question(const InFlight* t, const Name* name, uint16_t qtype, uint16_t qclass) noexcept nogil
cdef Waiting* begin_waiting(InFlight* t, uint8_t upstream_socket, int64_t deadline_ns) noexcept nogil
cdef Waiting* find_waiting(InFlight* t, uint8_t upstream_socket, uint16_t upstream_id, uint64_t question) noexcept nogil
cdef void end_waiting(InFlight* t, Waiting* w) noexcept nogil
cdef void expire_waiting(InFlight* t, int64_t now_ns) noexcept nogil
