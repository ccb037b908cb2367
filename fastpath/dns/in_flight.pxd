"""Questions that wait for an upstream's answer, and the clients that wait for them: see in_flight.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.dns.query cimport Question
from fastpath.dns.upstream_health cimport MAX_UPSTREAMS
from fastpath.dns.wire cimport UPSTREAM_QUERY_OCTETS

cdef enum:
    MAX_UPSTREAM_SOCKETS = 64   # of a loop, for datagrams
    MAX_SOCKETS = MAX_UPSTREAM_SOCKETS + MAX_UPSTREAMS      # and one an upstream for a stream
    NO_SOCKET = 0xff
    MAX_SLOTS = 32767           # at most half of one socket's ids, so that a free id is found at once
    MAX_CLIENTS = 32            # of one question: how far a duplicate is looked for; the next one asks again
    ADDRESS_OCTETS = 28         # of a sockaddr_in6
    PKTINFO_OCTETS = 32         # room for an in6_pktinfo
    CLIENT_QUERY = 512          # octets; RFC 1035's datagram, where a question with EDNS, cookie and padding ends


cdef struct Client:             # its query as it came, for the answer to be written over
    uint32_t next               # of the same question, or free; 0: none
    uint32_t address_n          # octets of `address` in use
    uint16_t query_n
    uint8_t listener
    uint8_t source_n            # 0: the query brought none
    uint8_t asker_version       # whom the query is from: the same as `address`, but for a proxy's
    uint8_t asker[16]
    uint8_t judged_version      # whose policy counts for the answer
    uint8_t judged[16]
    uint8_t address[ADDRESS_OCTETS]      # sockaddr_in or sockaddr_in6
    uint8_t source[PKTINFO_OCTETS]       # in_pktinfo or in6_pktinfo as the query brought it
    uint8_t query[CLIENT_QUERY]


cdef struct Asked:              # one question at one upstream
    int64_t begun_ns            # monotonic
    int64_t asked_ns            # when the upstream it waits for was asked
    uint64_t key                # hash_query() and what the caller adds
    uint64_t tried              # upstreams, a bit each
    uint32_t same               # next of its bucket, or free; 0: none
    uint32_t clients            # newest first; 0: none
    uint16_t n_clients
    uint16_t upstream_id
    uint16_t query_n
    uint8_t upstream_socket
    uint8_t upstream
    uint8_t n_tries
    uint8_t is_probe
    uint8_t cut_flags[2]        # of the truncated answer that was the first; 0: none was
    uint8_t query[UPSTREAM_QUERY_OCTETS]  # what the upstream gets, id 0


cdef struct Link:               # of a ring; an element in none is its own neighbour
    uint32_t older
    uint32_t newer


cdef struct InFlight:
    uint64_t random             # xorshift64* state, never 0
    uint16_t* slot_of           # [socket * 65536 + upstream_id]; 0: free
    Asked* slots                # from n_rings on; those before are the rings' own
    Client* clients             # from 1 on
    Link* by_age                # all questions, ring 0
    Link* by_upstream           # those that may be asked again, ring u of upstream u; the last one: over a stream
    uint32_t* bucket_of         # by key; 0: none
    uint32_t n_rings
    uint32_t first_free         # linked by `same`; 0: none
    uint32_t first_client       # linked by `next`; 0: none
    uint32_t young              # the oldest that became_old() has not given yet; 0: none
    uint32_t n                  # questions waiting now
    uint64_t n_lost             # pushed out since the caller last took the number


cdef int open_inflight(InFlight* t, uint32_t n_sockets, uint32_t n_upstreams, uint32_t n_slots,
                       uint64_t seed) noexcept nogil
cdef void close_inflight(InFlight* t) noexcept nogil
cdef uint64_t next_random(InFlight* t) noexcept nogil
cdef uint64_t hash_query(const uint64_t* key, const Question* q) noexcept nogil
cdef Asked* find_question(InFlight* t, uint64_t key) noexcept nogil
cdef Asked* begin_asking(InFlight* t, uint64_t key, int64_t now_ns) noexcept nogil
cdef Client* add_client(InFlight* t, Asked* a, const uint8_t* query, size_t n, size_t after, const void* address,
                        uint32_t address_n, const uint8_t* asker, uint8_t asker_version) noexcept nogil
cdef void free_clients(InFlight* t, Asked* a) noexcept nogil
cdef void move_to(InFlight* t, Asked* a, uint8_t upstream, uint8_t upstream_socket, int64_t now_ns) noexcept nogil
cdef void move_to_stream(InFlight* t, Asked* a, uint8_t stream, int64_t now_ns) noexcept nogil
cdef void stop_asking(InFlight* t, Asked* a) noexcept nogil
cdef Asked* find_asked(InFlight* t, uint8_t upstream_socket, const uint8_t* msg, size_t n) noexcept nogil
cdef void end_asking(InFlight* t, Asked* a) noexcept nogil
cdef Asked* asked_before(InFlight* t, uint8_t upstream, int64_t ns) noexcept nogil
cdef Asked* streamed_before(InFlight* t, int64_t ns) noexcept nogil
cdef Asked* begun_before(InFlight* t, int64_t ns) noexcept nogil
cdef Asked* became_old(InFlight* t, int64_t ns) noexcept nogil
