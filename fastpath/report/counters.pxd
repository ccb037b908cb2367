"""Counters in shared memory: see counters.pyx for what each counts."""
cimport cython
from libc.stdint cimport uint8_t, uint64_t

from fastpath.images.layout cimport MAX_LISTS

cdef enum Counter:
    CNT_DNS_QUERIES
    CNT_DNS_BLOCKED
    CNT_DNS_FORWARDED
    CNT_DNS_ANSWERED        # upstream answers sent on
    CNT_DNS_MALFORMED
    CNT_DNS_NOT_A_QUERY
    CNT_DNS_UPSTREAM_LATE   # answers that no in-flight query waits for
    CNT_DNS_UPSTREAM_LOST   # queries whose answer never came
    CNT_DNS_SEND_FAILED
    CNT_DNS_TCP_QUERIES
    CNT_GATE_PACKETS
    CNT_GATE_HELLOS         # whole ClientHellos judged
    CNT_GATE_REQUESTS       # whole HTTP request heads judged
    CNT_GATE_BLOCKED
    CNT_GATE_RELEASED
    CNT_GATE_NOT_TLS        # undecidable: first octets of a TLS port are no TLS
    CNT_GATE_NO_NAME        # undecidable: hello without a name
    CNT_GATE_MALFORMED
    CNT_GATE_TOO_BIG
    CNT_GATE_OVERLAP        # a segment contradicted octets already forwarded: dropped
    CNT_GATE_FLOWS_EVICTED  # the flow table was full
    CNT_GATE_RST_SENT
    CNT_GATE_PAGES_SENT
    CNT_GATE_QUEUE_OVERRUN  # packets that a full queue has dropped: filterd.kernel.queue_drops
    CNT_GATE_VERDICT_FAILED
    CNT_NO_TABLES           # judged with no image at all: let go
    CNT_EVENTS              # block events written to the spool
    CNT_EVENTS_LOST         # the spool had no room
    CNT_DNS_COALESCED       # queries that wait for the upstream's answer to somebody's earlier one
    CNT_DNS_RETRIED         # questions asked once more, or of another upstream
    CNT_DNS_PROBES          # of our own, to learn how an upstream does
    CNT_DNS_CACHE_HITS
    CNT_DNS_CACHE_MISSES
    CNT_DNS_STALE           # answers past their time, given because no upstream gave one (RFC 8767)
    CNT_DNS_PREFETCHED
    CNT_DNS_INSPECTED       # blocked for what the answer leads to
    CNT_DNS_GIVEN_UP        # clients told SERVFAIL, because no upstream answered
    CNT_DNS_TLS_QUERIES     # of those over streams
    CNT_DNS_HTTPS_QUERIES   # of those over streams
    CNT_DNS_STREAMS_REFUSED  # connections beyond a limit
    CNT_DNS_HANDSHAKES_FAILED
    CNT_DNS_PROXY_REFUSED   # connections and datagrams of a listed proxy without a good PROXY header
    CNT_DNS_TOKENS_UNKNOWN  # refused: a device token that no subscriber has
    CNT_DNS_HTTPS_REFUSED   # requests answered 4xx
    CNT_DNS_NOT_OURS        # refused: the client is outside of the ACL
    CNT_DNS_OVER_LIMIT      # queries and answers beyond a client's rate: silence
    CNT_DNS_SLIPPED         # answers beyond it that were cut instead
    CNT_DNS_SPECIAL         # canaries, resolver.arpa, safe search: answered here, or another name was asked for
    CNT_DNS_UNREADABLE      # SERVFAIL: an upstream's answer that cannot be inspected, or not without its ech
    CNT_DNS_FORGOTTEN       # clients in debt that gave way to others: the guard was full, and failed open
    CNT_DNS_TCP_FALLBACKS   # questions asked again over TCP, as their answer over UDP was truncated
    CNT_DNS_TCP_FAILED      # of those: no whole answer in time, so the truncated one was handed on
    CNT_GATE_IGNORED        # packets dropped because no end host would take them
    CNT_GATE_OVER_BUDGET    # more QUIC Initials or connections than a client may have, or too long a hello
    CNT_GATE_H2C            # HTTP/2 without TLS
    CNT_GATE_INITIALS       # QUIC Initials opened
    CNT_GATE_UNREADABLE     # QUIC Initials that no key fits: no server reads them either
    CNT_GATE_BEYOND_SHARE   # of the flows evicted: their client's own newer ones took its share of memory
    CNT_GATE_FORGOTTEN      # blocked: the begin of the hello or head is not known any more
    CNT_GATE_UNKNOWN_QUIC   # undecidable: a QUIC version that is not known
    CNT_GATE_ADDRESS_BLOCKED  # of CNT_GATE_BLOCKED: for the destination's address
    CNT_GATE_QUIC_REFUSED   # Initials dropped because the client's profile refuses QUIC
    CNT_GATE_BYPASS_SEEN    # names and connections met that a list of the category bypass has
    CNT_GATE_BYPASS_BLOCKED  # of those: blocked for it
    CNT_GATE_SHADOWED       # would have been blocked, but was only seen: a tap
    CNT_TAP_FRAMES
    CNT_TAP_LOST            # frames for which the ring had no room
    CNT_TAP_UNREADABLE      # frames cut inside their headers, or with more tags than anybody has
    N_COUNTERS

cdef enum:
    CONFIDENTIAL_AT = 128   # then one counter a list and channel: CONFIDENTIAL_AT + list * 8 + channel
    COUNTED_AT = 1152       # 128 + 128 * 8; the same of lists that are only counted
    CLASSES_AT = 2176       # 1152 + 128 * 8; then a slot for OTHER_SLOT and each class of software: a count, its name
    N_CLASSES = 16          # enough to read at a glance; each is a line of the operator's graph
    CLASS_OCTETS = 32       # of a class's name
    CLASS_WORDS = 5         # 1 + 32 / 8
    OTHER_SLOT = 0          # of what no class has
    COUNTER_WORDS = 2261    # 2176 + (1 + 16) * 5


cdef inline void count(uint64_t* counters, int index, uint64_t by) noexcept nogil:
    """Add `by`.  One writer a file, so a plain add; readers see whole 64-bit words."""
    counters[index] += by


@cython.final
cdef class Counters:
    cdef object _map
    cdef uint8_t[::1] _view
    cdef uint64_t* at
