"""Batches of datagrams in and out: see batch_io.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.base.sockets cimport iovec, mmsghdr, msghdr, sockaddr_in6

cdef enum:
    BATCH = 64              # where the curve of queries/s over batch size goes flat
    DATAGRAM = 4096         # EDNS sizes in use end at 4096; a longer answer goes out with TC
    STRIDE = DATAGRAM + 64  # so that the buffers do not all begin in one set of the cache
    CONTROL_WORDS = 8       # room for one in6_pktinfo and its header


cdef struct Inbox:              # datagrams received in one call, and answers written in place
    mmsghdr received[BATCH]
    mmsghdr answers[BATCH]      # those of `received` that go back as answers
    iovec parts[BATCH]
    sockaddr_in6 peers[BATCH]   # sockaddr_in fits
    uint64_t control[BATCH][CONTROL_WORDS]
    uint8_t* data               # BATCH buffers, STRIDE apart


cdef struct Outbox:             # datagrams that leave together
    mmsghdr messages[BATCH]
    iovec parts[BATCH]
    sockaddr_in6 peers[BATCH]
    uint64_t control[BATCH][CONTROL_WORDS]
    uint16_t to[BATCH]          # by which descriptor
    uint8_t counts_as[BATCH]    # the counter that the caller raises once it is sent
    uint8_t is_lost[BATCH]      # after send_outbox()
    uint32_t n
    uint8_t* data


cdef int open_boxes(Inbox* i, Outbox* o) noexcept nogil
cdef void close_boxes(Inbox* i, Outbox* o) noexcept nogil
cdef void reset_headers(Inbox* b, uint32_t n) noexcept nogil
cdef uint32_t send_all(int fd, mmsghdr* messages, uint32_t n, uint8_t* is_lost) noexcept nogil
cdef void send_outbox(Outbox* o, const int* fds) noexcept nogil


cdef inline uint8_t* next_message(Outbox* o) noexcept nogil:
    """Give DATAGRAM octets for the next message.   o: with n < BATCH"""
    return o.data + <size_t>o.n * STRIDE


cdef inline msghdr* queue_message(Outbox* o, uint16_t to, size_t n, uint8_t counts_as) noexcept nogil:
    """Queue the message written at next_message(), to the peer of its connected socket or as address_message() says."""
    cdef msghdr* head = &o.messages[o.n].msg_hdr
    o.parts[o.n].iov_base = next_message(o)
    o.parts[o.n].iov_len = n
    head.msg_name = NULL
    head.msg_namelen = 0
    head.msg_iov = &o.parts[o.n]
    head.msg_iovlen = 1
    head.msg_control = NULL
    head.msg_controllen = 0
    head.msg_flags = 0
    o.to[o.n] = to
    o.counts_as[o.n] = counts_as
    o.n += 1
    return head
