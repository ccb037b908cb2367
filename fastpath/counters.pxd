"""Counters in shared memory: see counters.pyx for what each counts."""
cimport cython
from libc.stdint cimport uint8_t, uint64_t

from fastpath.layout cimport MAX_LISTS

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
    CNT_GATE_QUEUE_OVERRUN  # ENOBUFS of the queue's socket
    CNT_GATE_VERDICT_FAILED
    CNT_NO_TABLES           # judged with no image at all: let go
    CNT_EVENTS              # block events written to the spool
    CNT_EVENTS_LOST         # the spool had no room
    N_COUNTERS

cdef enum:
    CONFIDENTIAL_AT = 64    # then one counter a list and channel: CONFIDENTIAL_AT + list * 8 + channel
    COUNTER_WORDS = 1088    # 64 + 128 * 8


cdef inline void count(uint64_t* counters, int index, uint64_t by) noexcept nogil:
    """Add `by`.  One writer a file, so a plain add; readers see whole 64-bit words."""
    counters[index] += by


@cython.final
cdef class Counters:
    cdef object _map
    cdef uint8_t[::1] _view
    cdef uint64_t* at
