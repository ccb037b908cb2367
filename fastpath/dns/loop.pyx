"""The DNS loop: batches of queries in, batches of answers out, no Python in between.

    turn = poll → take_tables → whose time is up → each listener's batch → each upstream socket's batch → each stream's

A query is answered in the buffer it came in, with the packet info it brought, so that the answer leaves from the
address that the query came to.  What is let go is answered out of the cache, or waits with everybody who asked the
same; the question leaves by one of several connected sockets under a random id, is asked elsewhere where no answer
comes in time or a useless one, and the answer is written over each waiting client's own query.  What a listed proxy
sends begins with a header: it is taken off, and whom it tells of is who asks, while the answer goes to the proxy.

Invariants: one thread runs a loop; nothing is allocated after __cinit__; only sockets, the clock and the handover are
touched; every datagram ends as an answer, a forward, a wait for somebody else's forward, or a count; an upstream that
is out of reach stops nothing; a client that waits gets an answer, a stale one or SERVFAIL at last, unless the table of
what waits is full; a decision comes before the cache, an inspection after it.
Absent on purpose: TCP and TLS, which dns/upstreams/stream_client.py speaks: the loop sends it datagrams; any lock.
Source: RFC 1035 §4.2.1, RFC 5452, RFC 6891 §7, RFC 7766 §5; cost: bench/dns.py.
"""
import os
import socket

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove

from fastpath.base.clock cimport monotonic_ns, realtime_ns
from fastpath.base.cursor cimport OK
from fastpath.base.sockets cimport *
from fastpath.dns.admission cimport ADMITTED, ClientGuard, admit
from fastpath.dns.batch_io cimport BATCH, DATAGRAM, STRIDE, Inbox, arm, close_boxes, open_boxes, send_all
from fastpath.dns.block_answers cimport open_answering
from fastpath.dns.cache cimport Cache, close_cache, prefetch_entry, prefetch_index
from fastpath.dns.forwarder cimport flush, forward, look_after, refresh, take_answer
from fastpath.dns.in_flight cimport MAX_SLOTS, MAX_UPSTREAM_SOCKETS, close_inflight, hash_query, open_inflight
from fastpath.dns.pktinfo cimport address_of, leave_from, packet_info
from fastpath.dns.query_path cimport answer_read, read_query
from fastpath.dns.response cimport take_cache
from fastpath.dns.special_names cimport SpecialNames
from fastpath.dns.state cimport (
    ANSWER, FORWARD, MAX_LISTENERS, SAY_NOTHING, Asker, Loop, Outcome, Wanted)
from fastpath.dns.upstream_health cimport Pool, note_silence, open_pool
from fastpath.dns.wire cimport MESSAGE_OCTETS
from fastpath.images.names cimport BATCH_NAMES, find_hits_batch
from fastpath.images.tables cimport Handoff, take_tables
from fastpath.report.counters cimport (
    CNT_DNS_FORGOTTEN, CNT_DNS_PROXY_REFUSED, CNT_DNS_SEND_FAILED, CNT_DNS_UPSTREAM_LATE, CNT_DNS_UPSTREAM_LOST, count)
from fastpath.report.spool cimport Reporter
from fastpath.wire.name cimport Name
from fastpath.wire.proxy_protocol cimport Told, read_header

cdef enum:
    IDLE_MS = 1000          # also how often upstreams are probed
    WAITING_MS = 20         # how late a question may be asked again where nothing else happens
    STREAM_BATCH = 16       # answers of a stream in one turn: of 64 KiB each they take a millisecond

# Stub resolvers give up and repeat at 5 s (resolv.conf(5)); SERVFAIL should be there before.
PATIENCE_S = 4.5


# -- in ----------------------------------------------------------------------------------------------------------------

cdef bint _take_header(Loop* l, uint32_t i, Asker* who, Told* told) noexcept nogil:
    """Take the PROXY header off a listed proxy's datagram, and its word for who asks; False where there is no good one.

    The answer goes to the proxy all the same."""
    cdef uint8_t* msg = l.inbox.data + <size_t>i * STRIDE
    cdef size_t n = l.inbox.received[i].msg_len
    if admit(l.proxies, who.addr, who.ip_version, 0, False) != ADMITTED:
        return True
    if read_header(msg, n, told) != OK:
        count(l.answering.shared.counters, CNT_DNS_PROXY_REFUSED, 1)
        return False
    l.inbox.received[i].msg_len = <unsigned int>(n - told.after)
    memmove(msg, msg + told.after, n - told.after)
    if told.ip_version != 0:
        who.ip_version = told.ip_version
        who.addr = told.addr
    return True


cdef Outcome _read(Loop* l, uint32_t i, uint8_t version, size_t* n) noexcept nogil:
    """Read received message `i`.   n: its octets;  FORWARD: to be decided on"""
    cdef Asker* who = &l.askers[i]
    who.addr = address_of(l.inbox.received[i].msg_hdr.msg_name, version)
    who.ip_version = version
    if l.proxies != NULL and not _take_header(l, i, who, &l.told[i]):
        return SAY_NOTHING
    n[0] = l.inbox.received[i].msg_len
    return read_query(&l.answering, l.inbox.data + <size_t>i * STRIDE, n, DATAGRAM, who, &l.questions[i])


cdef void _look_up(Loop* l, const Outcome* outcomes, uint32_t n) noexcept nogil:
    """What the lists hold of every question that is to be decided on: fetched from memory for many at once."""
    cdef const Name* names[BATCH_NAMES]
    cdef uint32_t first = 0
    cdef uint32_t i, n_names
    if l.answering.tables == NULL:
        return
    while first < n:
        n_names = min(n - first, <uint32_t>BATCH_NAMES)
        for i in range(n_names):
            if outcomes[first + i] != FORWARD:
                l.questions[first + i].name.n_labels = 0    # the root, which nobody lists
            names[i] = &l.questions[first + i].name
        find_hits_batch(&l.answering.tables.names, &l.answering.tables.names_delta, names, n_names, l.hits + first)
        first += n_names


cdef void _fetch_kept(Loop* l, const Outcome* outcomes, uint32_t n) noexcept nogil:
    """Fetch from memory what is kept of the questions that no list holds: of all of them at once."""
    cdef Cache* cache = l.answering.cache
    cdef uint32_t i
    for i in range(n):
        l.keys[i] = 0
        if cache != NULL and outcomes[i] == FORWARD and (l.answering.tables == NULL or l.hits[i].n == 0):
            l.keys[i] = hash_query(l.answering.question_key, &l.questions[i])
            prefetch_index(cache, l.keys[i])
    for i in range(n):
        if l.keys[i] != 0:
            prefetch_entry(cache, l.keys[i])


cdef void _aim_back(Inbox* b, uint32_t i, uint8_t version, size_t n) noexcept nogil:
    """Make the header of received message `i` ready for its answer of `n` octets."""
    cdef msghdr* head = &b.received[i].msg_hdr
    cdef cmsghdr* info = packet_info(head, version)
    b.parts[i].iov_len = n
    if info == NULL:
        head.msg_control = NULL
        head.msg_controllen = 0
    else:
        leave_from(info, version)


cdef void _serve_listener(Loop* l, uint8_t listener) noexcept nogil:
    """One batch of queries."""
    cdef Inbox* b = &l.inbox
    cdef Outcome[BATCH] outcomes
    cdef size_t[BATCH] n_octets
    cdef uint8_t[BATCH] is_lost
    cdef uint32_t n_answers = 0
    cdef uint32_t i
    cdef Wanted wanted
    cdef uint8_t version = l.version_of[listener]
    cdef int n = recvmmsg(l.fds[listener].fd, b.received, BATCH, MSG_DONTWAIT, NULL)
    if n <= 0:
        return
    for i in range(<uint32_t>n):
        outcomes[i] = _read(l, i, version, &n_octets[i])
    _look_up(l, outcomes, <uint32_t>n)
    _fetch_kept(l, outcomes, <uint32_t>n)
    for i in range(<uint32_t>n):
        wanted.is_due = 0
        if outcomes[i] == FORWARD:
            outcomes[i] = answer_read(&l.answering, b.data + <size_t>i * STRIDE, &n_octets[i], DATAGRAM, &l.askers[i],
                                      &l.questions[i], &l.hits[i], l.keys[i], &wanted)
        if outcomes[i] == ANSWER:
            _aim_back(b, i, version, n_octets[i])
            b.answers[n_answers] = b.received[i]
            n_answers += 1
            if wanted.is_due:
                refresh(l, &wanted)
        elif outcomes[i] == FORWARD:
            forward(l, i, &wanted, &l.askers[i], listener)
    if n_answers:
        count(l.answering.shared.counters, CNT_DNS_SEND_FAILED,
              send_all(l.fds[listener].fd, b.answers, n_answers, is_lost))
    flush(l)
    arm(b, <uint32_t>n)


cdef void _serve_upstream(Loop* l, uint8_t via) noexcept nogil:
    """One batch of answers."""
    cdef Inbox* b = &l.inbox
    cdef uint64_t n_late = 0
    cdef uint32_t i
    cdef bint is_cut
    cdef int n = recvmmsg(l.fds[l.n_listeners + via].fd, b.received, BATCH, MSG_DONTWAIT, NULL)
    if n < 0 and errno == ECONNREFUSED:     # ICMP about an earlier question, now cleared
        note_silence(&l.pool, <uint8_t>(via // l.sockets_each), False)
    if n <= 0:
        return
    for i in range(<uint32_t>n):
        is_cut = (b.received[i].msg_hdr.msg_flags & MSG_TRUNC) != 0
        if not take_answer(l, via, b.data + <size_t>i * STRIDE, b.received[i].msg_len, is_cut):
            n_late += 1
    count(l.answering.shared.counters, CNT_DNS_UPSTREAM_LATE, n_late)
    flush(l)
    arm(b, <uint32_t>n)


cdef void _serve_stream(Loop* l, uint32_t stream) noexcept nogil:
    """Some of the answers that came over a stream: each alone, as it may be long."""
    cdef uint8_t via = <uint8_t>(l.n_sockets + stream)
    cdef uint32_t _i
    cdef ssize_t n
    for _i in range(<uint32_t>STREAM_BATCH):
        n = recv(l.fds[l.n_listeners + via].fd, l.streamed, MESSAGE_OCTETS, MSG_DONTWAIT)
        if n < 0:
            break
        if not take_answer(l, via, l.streamed, <size_t>n, False):
            count(l.answering.shared.counters, CNT_DNS_UPSTREAM_LATE, 1)
    flush(l)


# -- the turn ----------------------------------------------------------------------------------------------------------

cdef void _turn(Loop* l, int timeout_ms) noexcept nogil:
    """Wait for work, at most `timeout_ms`, and do one batch of each socket that has some."""
    cdef int n_ready = poll(l.fds, l.n_fds, timeout_ms)
    cdef uint32_t i
    l.n_turns += 1
    l.now_ns = monotonic_ns() + l.ahead_ns
    l.answering.now_ns = realtime_ns() + l.ahead_ns
    l.answering.now_s = l.answering.now_ns // 1_000_000_000
    l.answering.monotonic_ns = l.now_ns
    l.answering.cache_s = <uint32_t>(l.now_ns // 1_000_000_000)
    l.answering.tables = take_tables(l.handover)
    look_after(l)
    l.answering.is_nobody_up = not l.pool.is_any_up
    if n_ready > 0:
        for i in range(l.n_listeners):
            if l.fds[i].revents:
                _serve_listener(l, <uint8_t>i)
        for i in range(l.n_sockets):
            if l.fds[l.n_listeners + i].revents:
                _serve_upstream(l, <uint8_t>i)
        for i in range(l.n_streams):
            if l.fds[l.n_listeners + l.n_sockets + i].revents:
                _serve_stream(l, i)
        if l.fds[l.n_fds - 1].revents:
            _drain(l.fds[l.n_fds - 1].fd)
    count(l.answering.shared.counters, CNT_DNS_UPSTREAM_LOST, l.in_flight.n_lost)
    l.in_flight.n_lost = 0
    if l.answering.guard != NULL:
        count(l.answering.shared.counters, CNT_DNS_FORGOTTEN, l.answering.guard.n_forgotten)
        l.answering.guard.n_forgotten = 0


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
    upstreams   in order of preference; (address, port), or what opens a datagram socket to it: called for each of its
                sockets, gives a descriptor, the loop's from then on.  What cannot be had now: connect_missing()
    handoff     where its tables come from;  reporter  its own, never another loop's
    answers     one AnswerSpec a Reason
    n_upstream_sockets  for each upstream: that many ports an attacker has to guess among; in all at most 64
    patience_s  how long a query may wait for all of its upstreams together
    cache_octets  of memory for upstreams' answers, taken as they come; 0: none
    guard       who may ask, and how often, its own; None: everybody;  specials: any number of loops may share them
    forwarders  whose word on the device that asks is taken; only their prefixes count;  None: nobody's
    proxies     whose datagrams begin with a PROXY header, version 2; likewise
    streams     for each upstream, what opens a datagram socket to it over TCP or TLS, as in `upstreams`: it is asked
                there for what came truncated;  None: the client is told to
    cookie_master  16 octets, the same for all workers of a box; empty: no cookies
    Memory: 128 KiB an upstream socket or stream, 584 KiB for the batches, up to 31 MiB for waiting queries as they
    come."""

    cdef Loop* loop
    cdef tuple _kept            # alive
    cdef list _listeners        # kept open
    cdef list _ways             # (upstream, how to open it) of each socket and stream
    cdef int _eventfd

    def __cinit__(self, listeners, upstreams, Handoff handoff not None, Reporter reporter not None, answers,
                  uint32_t n_upstream_sockets=8, double patience_s=PATIENCE_S, size_t cache_octets=0,
                  ClientGuard guard=None, ClientGuard forwarders=None, SpecialNames specials=None,
                  bytes cookie_master=b"", ClientGuard proxies=None, streams=None):
        self._kept = (handoff, reporter, guard, forwarders, specials, proxies)
        self._listeners = list(listeners)
        upstreams, streams = list(upstreams), list(streams or [])
        _require_sizes(len(self._listeners), len(upstreams), n_upstream_sockets, len(streams))
        self._ways = [(i, way) for i, way in enumerate(upstreams) for _ in range(n_upstream_sockets)]
        self._ways += enumerate(streams)
        self.loop = <Loop*>calloc(1, sizeof(Loop))
        if self.loop == NULL:
            raise MemoryError("dns loop")
        open_pool(&self.loop.pool, len(upstreams))
        self.loop.sockets_each = n_upstream_sockets
        self.loop.n_sockets = self.loop.pool.n * n_upstream_sockets
        self.loop.n_streams = len(streams)
        self.loop.patience_ns = <int64_t>(patience_s * 1e9)
        self.loop.handover = &handoff.h
        self.loop.answering.shared = &reporter.shared
        open_answering(&self.loop.answering, answers, ANSWER, guard, forwarders, specials, cookie_master)
        if proxies is not None:
            self.loop.proxies = &proxies.g
        self.loop.answering.cache = take_cache(&self.loop.cache, cache_octets)
        self._open_table()
        self._open_sockets()

    cdef object _open_table(self):
        cdef uint64_t[3] seed
        cdef bytes drawn = os.urandom(24)
        memcpy(seed, <const char*>drawn, 24)
        memcpy(self.loop.answering.question_key, seed, 16)
        self.loop.streamed = <uint8_t*>calloc(1, MESSAGE_OCTETS)
        if (self.loop.streamed == NULL or open_boxes(&self.loop.inbox, &self.loop.outbox) != 0
                or open_inflight(&self.loop.in_flight, self.loop.n_sockets + self.loop.n_streams, self.loop.pool.n,
                                 MAX_SLOTS - self.loop.pool.n, seed[2]) != 0):
            raise MemoryError("dns loop")

    cdef object _open_sockets(self):
        cdef uint32_t i
        for i, listener in enumerate(self._listeners):
            self.loop.version_of[i] = 6 if listener.family == socket.AF_INET6 else 4
            self._poll_for(listener.fileno())
        self.loop.n_listeners = len(self._listeners)
        for _ in range(self.loop.n_sockets + self.loop.n_streams):
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
        close_cache(&self.loop.cache)
        close_boxes(&self.loop.inbox, &self.loop.outbox)
        free(self.loop.streamed)
        free(self.loop)

    def run(self) -> None:
        """Serve until stop(), without the interpreter's lock."""
        with nogil:
            while not self.loop.is_stopped:
                _turn(self.loop, WAITING_MS if self.loop.in_flight.n else IDLE_MS)

    def turn(self, int timeout_ms, int64_t ahead_ns=0) -> None:
        """One turn of run(), for tests.   ahead_ns: so much later than it is"""
        self.loop.ahead_ns = ahead_ns
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

    def preference(self) -> list[int]:
        """Upstreams by index, whom to ask first: the one in use, those that are up, the others."""
        cdef Pool* pool = &self.loop.pool
        chosen = pool.chosen
        return sorted(range(pool.n), key=lambda i: (i != chosen, pool.upstreams[<uint32_t>i].is_down))

    def down(self) -> list[int]:
        """Upstreams by index that do not answer: they are left alone until they answer a probe."""
        return [i for i in range(self.loop.pool.n) if self.loop.pool.upstreams[<uint32_t>i].is_down]

    def connect_missing(self) -> dict[int, str]:
        """Connect the upstream sockets and streams that are not; the upstreams that still lack one, by index, and why.

        For the control thread, as often as it likes: the loop uses a socket from the turn after it was connected.
        Until then what is forwarded by it counts as dns_send_failed, and blocked names are answered as ever."""
        cdef pollfd* socket_of = self.loop.fds + self.loop.n_listeners
        cdef uint32_t i
        cdef dict missing = {}
        for i in range(self.loop.n_sockets + self.loop.n_streams):
            if socket_of[i].fd >= 0:
                continue
            upstream, way = self._ways[i]
            try:
                socket_of[i].fd = way() if callable(way) else _connected(way[0], way[1])
            except OSError as reason:   # no route, no such interface, no descriptor left: all of them may pass
                missing[upstream] = str(reason.strerror or reason)
        return missing


cdef object _require_sizes(size_t n_listeners, size_t n_upstreams, size_t n_upstream_sockets, size_t n_streams):
    if not 1 <= n_listeners <= MAX_LISTENERS:
        raise ValueError(f"dns loop: {n_listeners} listeners; not started; give 1 to {MAX_LISTENERS}")
    if n_upstreams < 1 or not 1 <= n_upstream_sockets <= MAX_UPSTREAM_SOCKETS // n_upstreams:
        raise ValueError(f"dns loop: {n_upstreams} upstreams with {n_upstream_sockets} sockets each; not started; "
                         f"give at least one upstream and at most {MAX_UPSTREAM_SOCKETS} sockets in all")
    if n_streams not in (0, n_upstreams):
        raise ValueError(f"dns loop: {n_streams} streams for {n_upstreams} upstreams; not started; give one for each")
