"""Queries in flight to upstreams, and the clients that wait for each: see in_flight.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.dns.query cimport Question
from fastpath.dns.upstream_health cimport MAX_UPSTREAMS
from fastpath.dns.wire cimport UPSTREAM_QUERY_OCTETS

cdef enum:
    MAX_SENDING_SOCKETS = 64    # of a loop, for datagrams: those that queries leave by
    SOCKETS_FOR_ONE = 4         # places for each: the others still receive, see DnsLoop.rotate()
    MAX_UPSTREAM_SOCKETS = MAX_SENDING_SOCKETS * SOCKETS_FOR_ONE
    MAX_SOCKETS = MAX_UPSTREAM_SOCKETS + MAX_UPSTREAMS      # and one an upstream for a stream
    NO_SOCKET = 0xffff
    MAX_SLOTS = 32767           # at most half of all ids, so that a free id is found at once
    MAX_COMPARED = 32           # clients of one query, the newest: a repetition is searched among them
    RANDOM_WORDS = 512          # a call of the kernel for 250 queries
    ADDRESS_OCTETS = 28         # of a sockaddr_in6
    PKTINFO_OCTETS = 32         # room for an in6_pktinfo
    CLIENT_QUERY = 512          # octets; RFC 1035's datagram, where a question with EDNS, cookie and padding ends


cdef struct WaitingClient:      # with its query as received, which the answer is written over
    uint32_t next               # of the same query, or free; 0: none
    uint32_t address_n          # octets of `address` in use
    uint16_t query_n
    uint8_t listener
    uint8_t source_n            # octets of `source` in use; 0: the query brought none
    uint8_t client_version      # 4 or 6
    uint8_t client_addr[16]     # that of `address`, or what a proxy's header says
    uint8_t policy_version      # whose policy counts for the answer
    uint8_t policy_addr[16]
    uint8_t address[ADDRESS_OCTETS]     # where the answer goes: sockaddr_in or sockaddr_in6
    uint8_t source[PKTINFO_OCTETS]      # in_pktinfo or in6_pktinfo as the query brought it
    uint8_t query[CLIENT_QUERY]


cdef struct PendingQuery:       # one question at one upstream
    int64_t begun_ns            # monotonic
    int64_t sent_ns             # to the upstream that it waits for now
    uint64_t key                # hash_query() and what the caller adds
    uint64_t tried              # upstreams, a bit each
    uint32_t next_in_bucket     # or the next free slot; 0: none
    uint32_t clients            # newest first; 0: none
    uint16_t n_clients
    uint16_t upstream_id
    uint16_t query_n
    uint16_t upstream_socket
    uint8_t upstream
    uint8_t n_tries
    uint8_t is_probe
    uint8_t is_mixed            # the letters of its name are in random case
    uint8_t n_mismatched        # answers to its question with another id, or by another socket
    uint8_t tc_flags[2]         # octets 2 and 3 of the first truncated answer; 0: there was none
    uint8_t query[UPSTREAM_QUERY_OCTETS]    # what the upstream gets, letter for letter, with id 0


cdef struct Link:               # of a ring; an element in none is its own neighbour
    uint32_t older
    uint32_t newer


cdef struct InFlight:
    uint64_t random[RANDOM_WORDS]   # of the kernel's generator, each used once
    uint32_t n_random           # words that are left
    uint16_t* slot_of           # by upstream_id; 0: free
    PendingQuery* slots         # from n_rings on; those before are the rings' own
    WaitingClient* clients      # from 1 on
    Link* by_age                # all queries, ring 0
    Link* by_upstream           # those that may be retransmitted, ring u of upstream u; the last ring: over a stream
    uint32_t* bucket_of         # by key; 0: none
    uint32_t n_rings
    uint32_t first_free         # linked by `next_in_bucket`; 0: none
    uint32_t first_client       # linked by `next`; 0: none
    uint32_t next_young         # the oldest that next_overdue() has not given yet; 0: none
    uint32_t n                  # queries pending now
    uint64_t n_lost             # evicted or given up since the caller last took the number


cdef int open_in_flight(InFlight* t, uint32_t n_upstreams, uint32_t n_slots) noexcept nogil
cdef void close_in_flight(InFlight* t) noexcept nogil
cdef uint64_t next_random(InFlight* t) noexcept nogil
cdef uint64_t hash_query(const uint64_t* key, const Question* q) noexcept nogil
cdef PendingQuery* find_pending(InFlight* t, uint64_t key) noexcept nogil
cdef PendingQuery* begin_pending(InFlight* t, uint64_t key, int64_t now_ns) noexcept nogil
cdef WaitingClient* add_client(InFlight* t, PendingQuery* p, const uint8_t* query, size_t n, const void* address,
                               uint32_t address_n, const uint8_t* client_addr, uint8_t client_version) noexcept nogil
cdef void free_clients(InFlight* t, PendingQuery* p) noexcept nogil
cdef void move_to(InFlight* t, PendingQuery* p, uint8_t upstream, uint16_t upstream_socket,
                  int64_t now_ns) noexcept nogil
cdef void move_to_stream(InFlight* t, PendingQuery* p, uint16_t stream, int64_t now_ns) noexcept nogil
cdef void mix_case(InFlight* t, PendingQuery* p) noexcept nogil
cdef void keep_lower_case(PendingQuery* p) noexcept nogil
cdef void stop_retrying(InFlight* t, PendingQuery* p) noexcept nogil
cdef PendingQuery* match_answer(InFlight* t, uint16_t upstream_socket, uint8_t* msg, size_t n,
                                bint* is_same_case) noexcept nogil
cdef void end_pending(InFlight* t, PendingQuery* p) noexcept nogil
cdef PendingQuery* unanswered_before(InFlight* t, uint8_t upstream, int64_t ns) noexcept nogil
cdef PendingQuery* stream_unanswered_before(InFlight* t, int64_t ns) noexcept nogil
cdef PendingQuery* begun_before(InFlight* t, int64_t ns) noexcept nogil
cdef PendingQuery* next_overdue(InFlight* t, int64_t ns) noexcept nogil
