"""The kernel's packet queue over netlink: see nfqueue.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastpath.cursor cimport Status

cdef enum:
    VERDICT_OCTETS = 40     # one NFQNL_MSG_VERDICT_BATCH message


cdef struct Queued:
    uint32_t id
    uint32_t mark
    const uint8_t* packet   # from the IP header on, into the message
    uint32_t packet_n


cdef Status parse_queued(const uint8_t* msg, size_t n, Queued* out, size_t* after) noexcept nogil
cdef size_t write_verdict(uint8_t* out, uint16_t queue, uint32_t last_id, uint32_t mark) noexcept nogil
