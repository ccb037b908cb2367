"""Tap loop: ring buffer → frames → packets → watch_packet().

Invariants: a block of a tap is a shadow, in events and counters alike.  Resets are sent only with `is_reset`.
Tables change only between two blocks of the ring.
Absent on purpose: Python while the loop runs; it is one thread without the GIL.
Source: see packet_ring.pyx.
Cost: bench/tap.py.
"""
import contextlib
import errno
import os
import socket

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free

from fastpath.base.clock cimport realtime_ns
from fastpath.base.cursor cimport NOT_THIS, OK
from fastpath.base.sockets cimport POLLIN, drain_eventfd, poll, pollfd
from fastpath.gate.outbox cimport packets_of, send_all
from fastpath.tap.packet_ring cimport Frame, Ring, begin_block, end_block, next_frame, take_losses
from fastpath.tap.passive cimport watch_packet
from fastpath.gate.setup cimport Limits, close_gate, open_worker_gate
from fastpath.gate.state cimport OUTBOX_ROOM, Gate
from fastpath.images.tables cimport Handoff, Handover, take_tables
from fastpath.report.counters cimport CNT_GATE_VERDICT_FAILED, CNT_TAP_FRAMES, CNT_TAP_LOST, CNT_TAP_UNREADABLE, count
from fastpath.report.hello_classes cimport Ja4Classes
from fastpath.report.spool cimport Reporter

from fastpath.gate.outbox import open_raw
from fastpath.tap.packet_ring import open_ring

cdef enum:
    MOST_INTERFACES = 8     # of one tap; more links are aggregated into one before
    POLL_MS = 100           # the longest delay of new tables without wake()

cdef struct RingLoop:
    Gate gate
    Handover* handover
    Ring rings[MOST_INTERFACES]
    int n_rings
    int wake_fd
    int raw4_fd
    int raw6_fd
    bint is_reset
    uint8_t stopping
    int failed              # number, from 1 on, of the interface that is down or removed
    uint64_t n_turns        # liveness: rises while the loop runs, also when idle


cdef void _run(RingLoop* l) noexcept nogil:
    cdef pollfd fds[MOST_INTERFACES + 1]
    cdef int i
    for i in range(l.n_rings):
        fds[i].fd = l.rings[i].fd
        fds[i].events = POLLIN
    fds[l.n_rings].fd = l.wake_fd
    fds[l.n_rings].events = POLLIN
    while not l.stopping:
        for i in range(l.n_rings + 1):
            fds[i].revents = 0
        poll(fds, l.n_rings + 1, POLL_MS)
        l.n_turns += 1
        if fds[l.n_rings].revents:
            drain_eventfd(l.wake_fd)
        l.gate.tables = take_tables(l.handover)
        for i in range(l.n_rings):
            if fds[i].revents & ~POLLIN:
                l.failed = i + 1
                return
            _take_block(l, &l.rings[i])
            count(l.gate.shared.counters, CNT_TAP_LOST, take_losses(&l.rings[i]))


cdef void _take_block(RingLoop* l, Ring* ring) noexcept nogil:
    cdef Frame frame
    if not begin_block(ring, &frame):
        return
    l.gate.now_ns = realtime_ns()
    while next_frame(&frame):
        count(l.gate.shared.counters, CNT_TAP_FRAMES, 1)
        if frame.status == OK:
            _take_packet(l, &frame)
        elif frame.status != NOT_THIS:
            count(l.gate.shared.counters, CNT_TAP_UNREADABLE, 1)
    end_block(ring)
    _send(l)


cdef void _take_packet(RingLoop* l, const Frame* frame) noexcept nogil:
    if l.gate.out.room - l.gate.out.used < OUTBOX_ROOM:
        _send(l)
    watch_packet(&l.gate, frame.ip.at, <size_t>(frame.ip.end - frame.ip.at), frame.is_summed, l.is_reset)


cdef void _send(RingLoop* l) noexcept nogil:
    if l.gate.out.used:
        count(l.gate.shared.counters, CNT_GATE_VERDICT_FAILED, send_all(&l.gate.out, l.raw4_fd, l.raw6_fd))


@cython.final
@cython.auto_pickle(False)
cdef class TapLoop:
    cdef RingLoop* _loop
    cdef Handoff _handoff
    cdef Reporter _reporter
    cdef Ja4Classes _ja4_classes
    cdef tuple _interfaces

    def __cinit__(self, interfaces, Handoff handoff not None, Reporter reporter not None, tls_ports, http_ports,
                  when_undecidable_closed, n_flows=262144, is_reset=False, n_windows=32768, share=1024,
                  initials_a_second=1000, is_h2c_let=False, Ja4Classes ja4_classes=None):
        self._handoff = handoff
        self._reporter = reporter
        self._ja4_classes = ja4_classes
        self._interfaces = tuple(interfaces)
        if len(self._interfaces) > MOST_INTERFACES:
            raise ValueError(f"tap: {len(self._interfaces)} interfaces; not started; name at most {MOST_INTERFACES}")
        self._loop = <RingLoop*>calloc(1, sizeof(RingLoop))
        if self._loop == NULL:
            raise MemoryError
        self._loop.wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._loop.handover = &handoff.h
        self._loop.is_reset = is_reset
        reporter.shared.is_shadow = 1
        open_worker_gate(&self._loop.gate, reporter, Limits(n_flows, n_windows, share, initials_a_second), tls_ports,
                         http_ports, when_undecidable_closed, is_h2c_let, ja4_classes)

    def shut_without_images(self):
        self._loop.gate.is_shut_without_images = 1

    def __dealloc__(self):
        if self._loop == NULL:
            return
        close_gate(&self._loop.gate)
        os.close(self._loop.wake_fd)
        free(self._loop)

    def run(self):
        cdef RingLoop* l = self._loop
        with contextlib.ExitStack() as stack:
            l.raw4_fd = stack.enter_context(open_raw(socket.AF_INET)).fileno()
            l.raw6_fd = stack.enter_context(open_raw(socket.AF_INET6)).fileno()
            l.n_rings = 0
            for interface in self._interfaces:
                tap, memory = open_ring(interface)
                stack.enter_context(tap)
                stack.enter_context(memory)
                self._add_ring(tap.fileno(), memory)
            l.failed = 0
            with nogil:
                _run(l)
        if l.failed:
            interface = self._interfaces[l.failed - 1]
            raise OSError(errno.ENETDOWN, f"tap of {interface}: interface down or removed; not served; see 'ip link'")

    cdef object _add_ring(self, int fd, uint8_t[::1] memory):
        cdef Ring* ring = &self._loop.rings[self._loop.n_rings]
        ring.fd = fd
        ring.at = &memory[0]
        ring.next_block = 0
        self._loop.n_rings += 1

    def stop(self):
        self._loop.stopping = 1
        self.wake()

    @property
    def n_turns(self):
        return self._loop.n_turns

    def wake(self):
        os.eventfd_write(self._loop.wake_fd, 1)

    def feed(self, bytes packet, int64_t now_s, is_summed=False):
        cdef RingLoop* l = self._loop
        if l.gate.out.room - l.gate.out.used < OUTBOX_ROOM:
            raise BufferError("outbox: full; packet not judged; take what injected() has")
        l.gate.tables = take_tables(l.handover)
        l.gate.now_ns = now_s * 1_000_000_000
        return watch_packet(&l.gate, packet, len(packet), is_summed, l.is_reset)

    def injected(self):
        return packets_of(&self._loop.gate.out)
