"""Sockets and streams of a loop to its upstreams: opened, renewed and closed by the control thread.

Each has a place, `via`: upstream u's sockets from u * sockets_each on, of which n_sending at a time send and all
receive, and behind all of them one stream an upstream.  The loop learns from `epoll` which are ready; an event tells
the place.  Renewing takes the place that has received longest: what arrives at its old socket is not wanted any more.

Invariants: the loop reads a place's descriptor at any time: it changes by one write, and what it was is closed once the
loop has begun a turn, and ended it, since then.
Source: RFC 5452 §9.2 (many ports, and new ones).
"""
import os
import socket

from libc.stdint cimport uint32_t, uint64_t

from fastpath.base.atomic cimport load_u64
from fastpath.base.sockets cimport (
    EPOLLIN, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, close, epoll_create1, epoll_ctl, epoll_event, errno)
from fastpath.dns.state cimport MAX_FDS, MAX_RETIRED


cdef object open_sockets(Loop* l):
    cdef uint32_t i
    for i in range(l.n_listeners, <uint32_t>MAX_FDS):
        l.fds[i] = -1
    l.epoll = epoll_create1(EPOLL_CLOEXEC)
    if l.epoll < 0:
        raise OSError(errno, os.strerror(errno))


cdef dict connect_missing(Loop* l, list upstreams, list streams):
    cdef uint32_t upstream, i
    cdef dict missing = {}
    for upstream in range(l.pool.n):
        try:
            for i in range(l.n_sending):
                _open_missing(l, _place(l, upstream, i), upstreams[upstream])
            if l.n_streams:
                _open_missing(l, l.n_sockets + upstream, streams[upstream])
        except OSError as reason:   # no route, no such interface, no descriptor left: each may be temporary
            missing[upstream] = str(reason.strerror or reason)
    return missing


cdef object renew_sockets(Loop* l, list upstreams):
    cdef uint32_t upstream
    _close_retired(l)
    for upstream in range(l.pool.n):
        if callable(upstreams[upstream]) or l.n_retired == MAX_RETIRED:
            continue
        try:
            _renew(l, upstream, upstreams[upstream])
        except OSError:     # the old ones stay; connect_missing() says what is wrong
            continue


cdef void close_sockets(Loop* l) noexcept:
    cdef uint32_t i
    if l.epoll < 0:
        return
    for i in range(l.n_listeners, <uint32_t>MAX_FDS):
        if l.fds[i] >= 0:
            close(l.fds[i])
    for i in range(l.n_retired):
        close(l.retired[i])
    close(l.epoll)


cdef int _connected(str host, int port) except -1:
    """Open a socket connected to this upstream, at a port that the kernel draws; give its descriptor."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        opened.connect((host, port))
        return opened.detach()


cdef inline uint32_t _place(const Loop* l, uint32_t upstream, uint32_t i) noexcept:
    """The place of an upstream's socket that is `i` behind the first one that sends."""
    return upstream * l.sockets_each + (l.first_sending[upstream] + i) % l.sockets_each


cdef object _open_missing(Loop* l, uint32_t via, opener):
    if l.fds[l.n_listeners + via] < 0:
        _use(l, via, opener() if callable(opener) else _connected(opener[0], opener[1]))


cdef object _use(Loop* l, uint32_t via, int fd):
    """Send and receive by this descriptor from now on.   Raises OSError; it is closed then"""
    cdef epoll_event event
    event.events = EPOLLIN
    event.data.u32 = via
    if epoll_ctl(l.epoll, EPOLL_CTL_ADD, fd, &event) != 0:
        fault = OSError(errno, os.strerror(errno))
        close(fd)
        raise fault
    l.fds[l.n_listeners + via] = fd


cdef object _renew(Loop* l, uint32_t upstream, address):
    cdef uint32_t via = _place(l, upstream, l.n_sending)
    cdef int old = l.fds[l.n_listeners + via]
    host, port = address
    _use(l, via, _connected(host, port))
    l.first_sending[upstream] = (l.first_sending[upstream] + 1) % l.sockets_each
    if old >= 0:
        epoll_ctl(l.epoll, EPOLL_CTL_DEL, old, NULL)
        l.retired[l.n_retired] = old
        l.retired_at[l.n_retired] = load_u64(&l.n_turns)
        l.n_retired += 1


cdef object _close_retired(Loop* l):
    """Close what the loop cannot be using any more: it has begun a turn, and ended it, since it was retired."""
    cdef uint64_t now = load_u64(&l.n_turns)
    cdef uint32_t i
    cdef uint32_t n_kept = 0
    for i in range(l.n_retired):
        if now - l.retired_at[i] >= 2:
            close(l.retired[i])
            continue
        l.retired[n_kept] = l.retired[i]
        l.retired_at[n_kept] = l.retired_at[i]
        n_kept += 1
    l.n_retired = n_kept
