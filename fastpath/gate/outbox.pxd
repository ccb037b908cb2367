"""Outbox of packets to inject: see outbox.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.wire.packet cimport PacketView


cdef struct Outbox:         # {length u32, IP packet} one after the other
    uint8_t* at
    size_t used
    size_t room


cdef bint put_tcp(Outbox* out, const PacketView* like, bint reversed, uint32_t seq, uint32_t ack, uint8_t flags,
                  const uint8_t* payload, size_t n) noexcept nogil
cdef uint32_t send_all(Outbox* out, int raw4_fd, int raw6_fd) noexcept nogil
cdef list packets_of(Outbox* out)
