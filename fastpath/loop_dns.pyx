"""The DNS loop: batches of queries in, batches of answers out, no Python in between.

    turn = poll → take_tables → give up expired queries → each listener's batch → each upstream socket's batch

A query is answered in the buffer it came in, with the packet info it brought, so that the answer leaves from the
address that the query came to. What is let go leaves by one of several connected sockets under a random id; the
answer is matched, gets the client's id back and goes home the same way.

Invariants: one thread runs a loop; nothing is allocated after __cinit__; only sockets, the clock and the handover are
touched; every datagram ends as an answer, a forward or a count; an upstream that is out of reach stops nothing.
Absent on purpose: a cache, retries (the client's resolver repeats), and any lock.
Source: RFC 1035 §4.2.1, RFC 5452, RFC 6891 §7; cost: bench/dns.py.
"""
import os
import socket

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fastpath.answering cimport ANSWER, FORWARD, Answering, Outcome, answer_query, fill_cells
from fastpath.counters cimport (CNT_DNS_ANSWERED, CNT_DNS_FORWARDED, CNT_DNS_SEND_FAILED, CNT_DNS_UPSTREAM_LATE,
                                CNT_DNS_UPSTREAM_LOST, count)
from fastpath.cursor cimport OK
from fastpath.dnsmsg cimport DNS_HEADER, Question
from fastpath.inflight cimport (MAX_SLOTS, MAX_SOCKETS, InFlight, Waiting, begin_waiting, close_inflight, end_waiting,
                                expire_waiting, find_waiting, hash_question, next_random, open_inflight)
from fastpath.name cimport Name, name_from_wire
from fastpath.pktinfo cimport aim, leave_from, packet_info, remember
from fastpath.spool cimport Reporter
from fastpath.tables cimport Handoff, Handover, take_tables
from fastpath.udp cimport *

cdef enum:
    BATCH = 64              # where the curve of queries/s over batch size goes flat
    DATAGRAM = 4096         # EDNS sizes in use end at 4096; what is longer is answered with TC
    STRIDE = 4096 + 64      # so that 64 buffers do not all begin in one set of the cache
    CONTROL_WORDS = 8       # room for one in6_pktinfo and its header
    MAX_LISTENERS = 32
    MAX_FDS = 97            # listeners, upstream sockets, the eventfd
    IDLE_MS = 1000
    WAITING_MS = 100        # how late an expired query may be counted

# Stub resolvers give up and repeat at 5 s (resolv.conf(5)); an answer later than that has nobody to go to.
PATIENCE_S = 5.0


cdef struct Batch:
    mmsghdr received[64]
    mmsghdr answers[64]
    mmsghdr forwards[64]
    iovec parts[64]
    iovec forward_parts[64]
    sockaddr_in6 peers[64]      # sockaddr_in fits
    uint64_t control[64][8]
    Waiting* waiting[64]        # of forwards, to give up those that could not be sent
    uint8_t listener_of[64]     # of received answers
    uint8_t* data               # BATCH buffers, STRIDE apart


cdef struct Loop:
    Answering answering
    InFlight in_flight
    Batch batch
    pollfd fds[97]              # a descriptor of -1: not connected yet; poll() passes it over, a send to it fails
    uint8_t version_of[32]      # 4 or 6, by listener
    uint32_t n_fds
    uint32_t n_listeners
    uint32_t n_upstreams
    uint32_t sockets_each       # upstream u has sockets u * sockets_each …
    uint32_t n_sockets
    uint32_t upstream           # the one in use; written by the control thread
    uint32_t is_stopped         # likewise
    uint64_t n_turns            # rises as long as the loop lives, also when idle
    Handover* handover
    int64_t patience_ns
    int64_t now_ns              # monotonic


cdef inline int64_t _clock(int which) noexcept nogil:
    cdef timespec t
    clock_gettime(which, &t)
    return <int64_t>t.tv_sec * 1_000_000_000 + t.tv_nsec


cdef void _arm(Batch* b, uint32_t n) noexcept nogil:
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


cdef uint32_t _send_all(int fd, mmsghdr* messages, uint32_t n, uint8_t* is_lost) noexcept nogil:
    """Send a batch; mark in `is_lost` and count what would not go.

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


cdef void _forward(Loop* l, uint32_t i, const Question* q, uint8_t listener, uint8_t via, uint32_t at) noexcept nogil:
    """Make received message `i` the `at`-th of the batch that leaves by upstream socket `via`."""
    cdef Batch* b = &l.batch
    cdef Waiting* w = begin_waiting(&l.in_flight, via, l.now_ns + l.patience_ns)
    cdef uint8_t* msg = b.data + <size_t>i * STRIDE
    remember(w, &b.received[i].msg_hdr, listener, l.version_of[listener])
    w.client_id = q.id
    w.question = hash_question(&l.in_flight, &q.name, q.qtype, q.qclass)
    msg[0] = <uint8_t>(w.upstream_id >> 8)
    msg[1] = <uint8_t>w.upstream_id
    b.waiting[at] = w
    memset(&b.forwards[at], 0, sizeof(mmsghdr))
    b.forward_parts[at].iov_base = msg
    b.forward_parts[at].iov_len = b.received[i].msg_len
    b.forwards[at].msg_hdr.msg_iov = &b.forward_parts[at]
    b.forwards[at].msg_hdr.msg_iovlen = 1


cdef void _send_forwards(Loop* l, uint8_t via, uint32_t n) noexcept nogil:
    cdef uint8_t[64] is_lost
    cdef uint32_t n_lost = _send_all(l.fds[l.n_listeners + via].fd, l.batch.forwards, n, is_lost)
    cdef uint32_t i
    count(l.answering.shared.counters, CNT_DNS_FORWARDED, n - n_lost)
    count(l.answering.shared.counters, CNT_DNS_SEND_FAILED, n_lost)
    for i in range(n):
        if is_lost[i]:
            end_waiting(&l.in_flight, l.batch.waiting[i])


cdef void _serve_listener(Loop* l, uint8_t listener) noexcept nogil:
    """One batch of queries."""
    cdef Batch* b = &l.batch
    cdef uint8_t version = l.version_of[listener]
    cdef uint8_t via = _draw_socket(l)
    cdef uint8_t[64] is_lost
    cdef uint32_t n_answers = 0
    cdef uint32_t n_forwards = 0
    cdef uint32_t i
    cdef Question q
    cdef Outcome outcome
    cdef int n
    n = recvmmsg(l.fds[listener].fd, b.received, BATCH, MSG_DONTWAIT, NULL)
    if n <= 0:
        return
    for i in range(<uint32_t>n):
        outcome = _answer(l, i, version, &q)
        if outcome == ANSWER:
            b.answers[n_answers] = b.received[i]
            n_answers += 1
        elif outcome == FORWARD:
            _forward(l, i, &q, listener, via, n_forwards)
            n_forwards += 1
    if n_answers:
        count(l.answering.shared.counters, CNT_DNS_SEND_FAILED,
              _send_all(l.fds[listener].fd, b.answers, n_answers, is_lost))
    if n_forwards:
        _send_forwards(l, via, n_forwards)
    _arm(b, <uint32_t>n)


cdef inline uint8_t _draw_socket(Loop* l) noexcept nogil:
    """Any socket of the upstream in use.  One draw a batch: an off-path attacker has to guess the port either way."""
    cdef uint32_t drawn = <uint32_t>((next_random(&l.in_flight) >> 32) % l.sockets_each)
    return <uint8_t>((l.upstream % l.n_upstreams) * l.sockets_each + drawn)


cdef Outcome _answer(Loop* l, uint32_t i, uint8_t version, Question* q) noexcept nogil:
    """Judge received message `i`; where it is to be answered, its header is ready to be sent."""
    cdef Batch* b = &l.batch
    cdef msghdr* head = &b.received[i].msg_hdr
    cdef const uint8_t* addr
    cdef cmsghdr* info
    cdef size_t n = b.received[i].msg_len
    cdef Outcome outcome
    if version == 4:
        addr = <const uint8_t*>&(<sockaddr_in*>head.msg_name).sin_addr
    else:
        addr = <const uint8_t*>&(<sockaddr_in6*>head.msg_name).sin6_addr
    outcome = answer_query(&l.answering, b.data + <size_t>i * STRIDE, &n, DATAGRAM, addr, version, q)
    if outcome != ANSWER:
        return outcome
    b.parts[i].iov_len = n
    info = packet_info(head, version)
    if info == NULL:
        head.msg_control = NULL
        head.msg_controllen = 0
    else:
        leave_from(info, version)
    return ANSWER


cdef size_t _cut(uint8_t* msg, size_t after) noexcept nogil:
    """Make of an answer that our buffer could not hold one that sends the client to TCP."""
    msg[2] |= 0x02          # TC
    memset(msg + 6, 0, 6)   # no records
    return after


cdef Waiting* _match(Loop* l, uint8_t via, uint8_t* msg, size_t n, size_t* after) noexcept nogil:
    """The query that this answer answers, or NULL.   after: where its question ends."""
    cdef Name name
    if n < DNS_HEADER or not msg[2] & 0x80 or msg[4] != 0 or msg[5] != 1:
        return NULL
    if name_from_wire(msg, n, DNS_HEADER, &name, after) != OK or n - after[0] < 4:
        return NULL
    after[0] += 4
    return find_waiting(
        &l.in_flight, via, <uint16_t>((msg[0] << 8) | msg[1]),
        hash_question(&l.in_flight, &name, <uint16_t>((msg[after[0] - 4] << 8) | msg[after[0] - 3]),
                      <uint16_t>((msg[after[0] - 2] << 8) | msg[after[0] - 1])))


cdef bint _take_home(Loop* l, uint8_t via, uint32_t i) noexcept nogil:
    """Turn received answer `i` into one for its client; False where nobody waits for it."""
    cdef Batch* b = &l.batch
    cdef uint8_t* msg = b.data + <size_t>i * STRIDE
    cdef size_t n = b.received[i].msg_len
    cdef size_t after = 0
    cdef Waiting* w = _match(l, via, msg, n, &after)
    if w == NULL:
        return False
    msg[0] = <uint8_t>(w.client_id >> 8)
    msg[1] = <uint8_t>w.client_id
    if b.received[i].msg_hdr.msg_flags & MSG_TRUNC:
        n = _cut(msg, after)
    b.parts[i].iov_len = n
    b.listener_of[i] = w.listener
    aim(&b.received[i].msg_hdr, w, l.version_of[w.listener])
    end_waiting(&l.in_flight, w)
    return True


cdef void _serve_upstream(Loop* l, uint8_t via) noexcept nogil:
    """One batch of answers.  A negative return is an ICMP error of an earlier query, now cleared."""
    cdef Batch* b = &l.batch
    cdef uint64_t n_late = 0
    cdef uint32_t listener
    cdef uint32_t i
    cdef int n = recvmmsg(l.fds[l.n_listeners + via].fd, b.received, BATCH, MSG_DONTWAIT, NULL)
    if n <= 0:
        return
    for i in range(<uint32_t>n):
        if not _take_home(l, via, i):
            b.listener_of[i] = MAX_LISTENERS
            n_late += 1
    count(l.answering.shared.counters, CNT_DNS_UPSTREAM_LATE, n_late)
    for listener in range(l.n_listeners):
        _send_home(l, <uint8_t>listener, <uint32_t>n)
    _arm(b, <uint32_t>n)


cdef void _send_home(Loop* l, uint8_t listener, uint32_t n) noexcept nogil:
    """Send those of the received answers that came in by `listener`."""
    cdef Batch* b = &l.batch
    cdef uint8_t[64] is_lost
    cdef uint32_t n_lost
    cdef uint32_t n_answers = 0
    cdef uint32_t i
    for i in range(n):
        if b.listener_of[i] == listener:
            b.answers[n_answers] = b.received[i]
            n_answers += 1
    if n_answers == 0:
        return
    n_lost = _send_all(l.fds[listener].fd, b.answers, n_answers, is_lost)
    count(l.answering.shared.counters, CNT_DNS_ANSWERED, n_answers - n_lost)
    count(l.answering.shared.counters, CNT_DNS_SEND_FAILED, n_lost)


cdef void _turn(Loop* l, int timeout_ms) noexcept nogil:
    """Wait for work, at most `timeout_ms`, and do one batch of each socket that has some."""
    cdef int n_ready = poll(l.fds, l.n_fds, timeout_ms)
    cdef uint32_t i
    l.n_turns += 1
    l.now_ns = _clock(CLOCK_MONOTONIC)
    l.answering.now_ns = _clock(CLOCK_REALTIME)
    l.answering.now_s = l.answering.now_ns // 1_000_000_000
    l.answering.tables = take_tables(l.handover)
    expire_waiting(&l.in_flight, l.now_ns)
    if n_ready > 0:
        for i in range(l.n_listeners):
            if l.fds[i].revents:
                _serve_listener(l, <uint8_t>i)
        for i in range(l.n_sockets):
            if l.fds[l.n_listeners + i].revents:
                _serve_upstream(l, <uint8_t>i)
        if l.fds[l.n_fds - 1].revents:
            _drain(l.fds[l.n_fds - 1].fd)
    count(l.answering.shared.counters, CNT_DNS_UPSTREAM_LOST, l.in_flight.n_lost)
    l.in_flight.n_lost = 0


cdef void _drain(int eventfd) noexcept nogil:
    cdef uint64_t value
    read(eventfd, &value, 8)


cdef int _connected(str host, int port) except -1:
    """Descriptor of a socket that hears nobody but this upstream, at a port the kernel drew."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        opened.connect((host, port))
        return opened.detach()


cdef class DnsLoop:
    """One worker's UDP: see the module.

    listeners   bound UDP sockets with IP_PKTINFO or IPV6_RECVPKTINFO set, at most 32; they stay the caller's to close
    upstreams   (address, port), in order of preference; the first is used until use_upstream() says otherwise; what is
                out of reach now is connected by connect_missing()
    handoff     where its tables come from;  reporter  its own, never another loop's
    answers     one AnswerSpec a Reason
    n_upstream_sockets  for each upstream: that many ports an attacker has to guess among; in all at most 64
    patience_s  how long a query may wait for its upstream
    Memory: 128 KiB an upstream socket, 4 MiB for waiting queries, 260 KiB for the batch."""

    cdef Loop* loop
    cdef Handoff _handoff
    cdef Reporter _reporter
    cdef list _listeners        # kept open
    cdef list _upstreams
    cdef int _eventfd

    def __cinit__(self, listeners, upstreams, Handoff handoff not None, Reporter reporter not None, answers,
                  uint32_t n_upstream_sockets=8, double patience_s=PATIENCE_S):
        self._handoff = handoff
        self._reporter = reporter
        self._listeners = list(listeners)
        self._upstreams = list(upstreams)
        _require_sizes(len(self._listeners), len(self._upstreams), n_upstream_sockets)
        self.loop = <Loop*>calloc(1, sizeof(Loop))
        if self.loop == NULL:
            raise MemoryError("dns loop")
        self.loop.batch.data = <uint8_t*>calloc(BATCH, STRIDE)
        self.loop.n_upstreams = len(self._upstreams)
        self.loop.sockets_each = n_upstream_sockets
        self.loop.n_sockets = self.loop.n_upstreams * n_upstream_sockets
        self.loop.patience_ns = <int64_t>(patience_s * 1e9)
        self.loop.handover = &handoff.h
        self.loop.answering.shared = &reporter.shared
        fill_cells(self.loop.answering.cells, answers, ANSWER)
        self._open_table()
        self._open_sockets()
        _arm(&self.loop.batch, BATCH)

    cdef object _open_table(self):
        cdef uint64_t[3] seed
        cdef bytes drawn = os.urandom(24)
        memcpy(seed, <const char*>drawn, 24)
        if (self.loop.batch.data == NULL
                or open_inflight(&self.loop.in_flight, self.loop.n_sockets, MAX_SLOTS - 1, seed) != 0):
            raise MemoryError("dns loop")

    cdef object _open_sockets(self):
        cdef uint32_t i
        for i, listener in enumerate(self._listeners):
            self.loop.version_of[i] = 6 if listener.family == socket.AF_INET6 else 4
            self._poll_for(listener.fileno())
        self.loop.n_listeners = len(self._listeners)
        for _ in range(self.loop.n_sockets):
            self._poll_for(-1)
        self.connect_missing()
        self._eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll_for(self._eventfd)

    cdef object _poll_for(self, int number):
        self.loop.fds[self.loop.n_fds].fd = number
        self.loop.fds[self.loop.n_fds].events = POLLIN
        self.loop.n_fds += 1

    def __dealloc__(self):
        cdef uint32_t i
        if self.loop == NULL:
            return
        if self.loop.n_listeners:
            for i in range(self.loop.n_listeners, self.loop.n_fds):
                if self.loop.fds[i].fd >= 0:
                    close(self.loop.fds[i].fd)
        close_inflight(&self.loop.in_flight)
        free(self.loop.batch.data)
        free(self.loop)

    def run(self) -> None:
        """Serve until stop(), without the interpreter's lock."""
        with nogil:
            while not self.loop.is_stopped:
                _turn(self.loop, WAITING_MS if self.loop.in_flight.n else IDLE_MS)

    def turn(self, int timeout_ms) -> None:
        """One turn of run(), for tests."""
        with nogil:
            _turn(self.loop, timeout_ms)

    def stop(self) -> None:
        """Let run() return after its batch."""
        self.loop.is_stopped = 1
        self.wake()

    @property
    def n_turns(self) -> int:
        """Turns so far: a loop that lives makes one a second at least."""
        return self.loop.n_turns

    def wake(self) -> None:
        """Make the loop turn now: after giving tables to an idle one."""
        os.eventfd_write(self._eventfd, 1)

    def use_upstream(self, uint32_t index) -> None:
        """Forward to the upstream of this index from the next batch on.  Answers of the others are still heard."""
        if index >= self.loop.n_upstreams:
            raise ValueError(f"upstream {index}: there are {self.loop.n_upstreams}; not used; count from 0")
        self.loop.upstream = index

    def connect_missing(self) -> dict[int, str]:
        """Connect the upstream sockets that are not; the upstreams that still lack one, by index, with the reason.

        For the control thread, as often as it likes: the loop uses a socket from the turn after it was connected.
        Until then what is forwarded by it counts as dns_send_failed, and blocked names are answered as ever."""
        cdef pollfd* socket_of = self.loop.fds + self.loop.n_listeners
        cdef uint32_t i
        cdef dict missing = {}
        for i in range(self.loop.n_sockets):
            if socket_of[i].fd >= 0:
                continue
            host, port = self._upstreams[i // self.loop.sockets_each]
            try:
                socket_of[i].fd = _connected(host, port)
            except OSError as reason:   # no route, no such interface, no descriptor left: all of them may pass
                missing[i // self.loop.sockets_each] = str(reason.strerror or reason)
        return missing


cdef object _require_sizes(size_t n_listeners, size_t n_upstreams, size_t n_upstream_sockets):
    if not 1 <= n_listeners <= MAX_LISTENERS:
        raise ValueError(f"dns loop: {n_listeners} listeners; not started; give 1 to {MAX_LISTENERS}")
    if n_upstreams < 1 or not 1 <= n_upstream_sockets <= MAX_SOCKETS // n_upstreams:
        raise ValueError(f"dns loop: {n_upstreams} upstreams with {n_upstream_sockets} sockets each; not started; "
                         f"give at least one upstream and at most {MAX_SOCKETS} sockets in all")
