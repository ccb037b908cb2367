"""A loop's state, its questions to upstreams and its answers to the clients that wait: see forwarding.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fastpath.answering cimport Wanted
from fastpath.blocking cimport Answering, Asker
from fastpath.cache cimport Cache
from fastpath.datagrams cimport Inbox, Outbox
from fastpath.guard cimport Guard
from fastpath.inflight cimport InFlight
from fastpath.names cimport Hits
from fastpath.pool cimport Pool
from fastpath.proxied cimport Told
from fastpath.question cimport Question
from fastpath.tables cimport Handover
from fastpath.udp cimport pollfd

cdef enum:
    MAX_LISTENERS = 32
    MAX_UPSTREAM_SOCKETS = 64
    MAX_FDS = 161           # listeners, upstream sockets, a stream for each upstream, the eventfd
    MESSAGE = 65535         # octets of the longest that a stream carries


cdef struct Loop:
    Answering answering
    Cache cache
    InFlight in_flight
    Pool pool
    Inbox inbox
    Asker askers[64]            # of the messages in the inbox, one each
    Told told[64]
    Question questions[64]
    Hits hits[64]
    uint64_t keys[64]           # hash_query() of the questions; 0: not known
    Outbox outbox
    uint8_t* streamed           # MESSAGE octets for an answer that came over a stream; for all of them
    pollfd fds[161]             # a descriptor of -1: not connected yet; poll() passes it over, a send to it fails
    uint8_t version_of[32]      # 4 or 6, by listener
    uint32_t n_fds
    uint32_t n_listeners
    uint32_t sockets_each       # upstream u has sockets u * sockets_each …
    uint32_t n_sockets
    uint32_t n_streams          # behind the sockets, one an upstream, or none
    uint32_t is_stopped         # written by the control thread
    uint64_t n_turns            # rises as long as the loop lives, also when idle
    Handover* handover
    Guard* proxies              # whose datagrams begin with a PROXY header; NULL: nobody's
    int64_t patience_ns
    int64_t now_ns              # monotonic
    int64_t probed_ns
    int64_t ahead_ns            # of the clocks; 0 but in tests


cdef void flush(Loop* l) noexcept nogil
cdef void forward(Loop* l, uint32_t i, const Wanted* wanted, const Asker* who, uint8_t listener) noexcept nogil
cdef void refresh(Loop* l, const Wanted* wanted) noexcept nogil
cdef bint take_answer(Loop* l, uint8_t via, uint8_t* msg, size_t n, bint is_cut) noexcept nogil
cdef void look_after(Loop* l) noexcept nogil
