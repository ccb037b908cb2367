"""Batches of datagrams: received ones that are answered in place, and an outbox of others.

Invariants: open_boxes() takes all memory.  A message that cannot be sent does not hold up the others.
Source: recvmmsg(2), sendmmsg(2).
Cost: one call a batch (bench/dns.py).
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastpath.base.sockets cimport *


cdef int open_boxes(Inbox* i, Outbox* o) noexcept nogil:
    """Allocate 260 KiB for each; -1 where there is no memory.   i, o: zeroed"""
    i.data = <uint8_t*>calloc(BATCH, STRIDE)
    o.data = <uint8_t*>calloc(BATCH, STRIDE)
    if i.data == NULL or o.data == NULL:
        return -1
    reset_headers(i, BATCH)
    return 0


cdef void close_boxes(Inbox* i, Outbox* o) noexcept nogil:
    free(i.data)
    free(o.data)
    i.data = NULL
    o.data = NULL


cdef void reset_headers(Inbox* b, uint32_t n) noexcept nogil:
    """Restore the first `n` headers after recvmmsg() and answers in place have changed them."""
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
    """Send a batch; mark in `is_lost` (BATCH octets) and count the messages that could not be sent.

    A failed message does not hold up the others.  The kernel reports an ICMP error of an earlier message instead of
    sending: that message is tried again."""
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


cdef void send_outbox(Outbox* o, const int* fds) noexcept nogil:
    """Send the outbox, about one call a descriptor; `is_lost` marks what could not be sent.  The caller empties it.

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
        send_all(fds[o.to[first]], together, n, is_lost)
        for i in range(n):
            o.is_lost[which[i]] = is_lost[i]
