"""NFQUEUE's netlink messages: see nfqueue.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastpath.base.cursor cimport Status

cdef enum:
    VERDICT_OCTETS = 40     # one NFQNL_MSG_VERDICT_BATCH message
    MAXLEN_OCTETS = 28      # one NFQNL_MSG_CONFIG message
    LEAST_MAXLEN = 256      # a loop may wait for its core; a shorter queue would overflow meanwhile


cdef struct Queued:
    uint32_t id
    uint32_t mark
    uint8_t is_unlabelled   # no packet: the kernel has refused a label
    uint8_t is_summed       # its checksums are complete and not yet verified
    const uint8_t* packet   # from the IP header on, into the message
    uint32_t packet_n


cdef Status parse_queued(const uint8_t* msg, size_t n, Queued* out, size_t* after) noexcept nogil
cdef size_t write_verdict(uint8_t* out, uint16_t queue, uint32_t last_id, uint32_t mark) noexcept nogil
cdef uint32_t fit_maxlen(uint32_t maxlen, uint32_t n_packets) noexcept nogil
cdef size_t write_maxlen(uint8_t* out, uint16_t queue, uint32_t maxlen) noexcept nogil
