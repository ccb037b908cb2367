"""Batches of datagrams: received ones that are answered in place, and a box of others that leave together.

Invariants: all memory is taken by open_boxes(); one message that cannot be sent never holds up the rest.
Source: recvmmsg(2), sendmmsg(2); cost: bench/dns.py.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastpath.base.sockets cimport *


cdef int open_boxes(Inbox* i, Outbox* o) noexcept nogil:
    """Take 260 KiB each; -1 where there are none.   i, o: zeroed."""
    i.data = <uint8_t*>calloc(BATCH, STRIDE)
    o.data = <uint8_t*>calloc(BATCH, STRIDE)
    if i.data == NULL or o.data == NULL:
        return -1
    arm(i, BATCH)
    return 0


cdef void close_boxes(Inbox* i, Outbox* o) noexcept nogil:
    free(i.data)
    free(o.data)
    i.data = NULL
    o.data = NULL


cdef void arm(Inbox* b, uint32_t n) noexcept nogil:
    """Put back what recvmmsg() and an answer in place have changed in the first `n` headers."""
    cdef msghdr* head
    cdef uint32_t i
    for i in range(n):
        head = &b.received[i].msg_hdr
        head.msg_name = &b.peers[i]
        head.msg_namelen = sizeof(sockaddr_in6)
        head.msg_iov = &b.parts[i]
        head.msg_iovlen = 1
        head.msg_control = b.control[i]
        head.msg_controllen = CONTROL_WORDS * 8
        head.msg_flags = 0
        b.parts[i].iov_base = b.data + <size_t>i * STRIDE
        b.parts[i].iov_len = DATAGRAM


cdef uint32_t send_all(int fd, mmsghdr* messages, uint32_t n, uint8_t* is_lost) noexcept nogil:
    """Send a batch; mark in `is_lost` (BATCH octets) and count what would not go.

    One bad message must not hold up the rest, and an ICMP error left over from an earlier one is reported instead of
    sending: the message is then tried once more."""
    cdef uint32_t done = 0
    cdef uint32_t n_lost = 0
    cdef uint32_t tries = 0
    cdef int sent
    memset(is_lost, 0, BATCH)
    while done < n:
        sent = sendmmsg(fd, messages + done, n - done, MSG_DONTWAIT)
        if sent > 0:
            done += <uint32_t>sent
            tries = 0
        elif (errno == EINTR or errno == ECONNREFUSED) and tries < 2:
            tries += 1
        else:
            is_lost[done] = 1
            n_lost += 1
            done += 1
            tries = 0
    return n_lost


cdef void send_outbox(Outbox* o, const pollfd* fds) noexcept nogil:
    """Send all of the box, a call or so for each descriptor; `is_lost` says what would not go.  The caller empties it.

    fds   by Outbox.to"""
    cdef mmsghdr[BATCH] together
    cdef uint16_t[BATCH] which
    cdef uint8_t[BATCH] is_lost
    cdef uint8_t[BATCH] is_done
    cdef uint32_t first, i, n
    memset(is_done, 0, sizeof(is_done))
    for first in range(o.n):
        if is_done[first]:
            continue
        n = 0
        for i in range(first, o.n):
            if o.to[i] == o.to[first]:
                together[n] = o.messages[i]
                which[n] = <uint16_t>i
                is_done[i] = 1
                n += 1
        send_all(fds[o.to[first]].fd, together, n, is_lost)
        for i in range(n):
            o.is_lost[which[i]] = is_lost[i]
