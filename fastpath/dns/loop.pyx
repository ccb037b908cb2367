"""The DNS loop over UDP: batches of queries in, batches of answers out, no Python in between.

    turn = poll → take_tables → timers → each listener's batch → epoll → the batch of each upstream socket or stream

A query is answered in the buffer it came in, with the packet info it brought, so that the answer leaves from the
address that the query came to.  A query that is not blocked is answered from the cache, or waits with all others of the
same question.  One query goes upstream by one of several connected sockets, which are renewed all the time, under a
random id and with its letters in random case; without a useful answer in time it goes to another upstream.  The answer
is written over each waiting client's own query.  A datagram of a listed proxy begins with a PROXY header: it is
removed, and its address is the client's; the answer goes to the proxy.

Invariants: one thread runs a loop.  Nothing is allocated after __cinit__.  Only sockets, the clock, the kernel's
random numbers and the hand-over of tables are touched.  Every datagram ends as an answer, a forwarded query, a client
that waits, or a count.  An unreachable upstream stops nothing.  A waiting client gets an answer, a stale one or at
last SERVFAIL, unless the in-flight table is full.  The decision comes before the cache, inspection after it.
Absent on purpose: TCP and TLS, which dns/base/stream_client.py speaks and the loop sends datagrams to; any lock.
Source: RFC 1035 §4.2.1, RFC 5452, RFC 6891 §7, RFC 7766 §5.
Cost: bench/dns.py.
"""
import os
import socket

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove

from fastpath.base.clock cimport monotonic_ns, realtime_ns
from fastpath.base.cursor cimport OK
from fastpath.base.sockets cimport *
from fastpath.dns.admission cimport ADMITTED, ClientGuard, admit
from fastpath.dns.batch_io cimport BATCH, DATAGRAM, STRIDE, Inbox, close_boxes, open_boxes, reset_headers, send_all
from fastpath.dns.block_answers cimport open_resolver
from fastpath.dns.cache cimport Cache, close_cache, prefetch_entry, prefetch_index
from fastpath.dns.forwarder cimport flush, forward, receive_answer, refresh, run_timers
from fastpath.dns.in_flight cimport (
    MAX_SENDING_SOCKETS, MAX_SLOTS, MAX_SOCKETS, SOCKETS_FOR_ONE, close_in_flight, hash_query, open_in_flight)
from fastpath.dns.pktinfo cimport address_of, leave_from, packet_info
from fastpath.dns.query_path cimport decide_query, read_query
from fastpath.dns.response cimport open_answer_cache
from fastpath.dns.special_names cimport SpecialNames
from fastpath.dns.state cimport (
    ANSWER, FORWARD, MAX_LISTENERS, NO_REPLY, Client, Loop, Outcome, UpstreamQuery)
from fastpath.dns.upstream_health cimport Pool, is_known_dead, mixes_case, note_timeout, open_pool
from fastpath.dns.upstream_sockets cimport close_sockets, connect_missing, open_sockets, renew_sockets
from fastpath.dns.wire cimport MESSAGE_OCTETS
from fastpath.images.names cimport BATCH_NAMES, find_hits_batch
from fastpath.images.tables cimport Handoff, take_tables
from fastpath.report.counters cimport (
    CNT_DNS_FORGOTTEN, CNT_DNS_PROXY_REFUSED, CNT_DNS_SEND_FAILED, CNT_DNS_UPSTREAM_LATE, CNT_DNS_UPSTREAM_LOST, count,
    count_rcode)
from fastpath.report.spool cimport Reporter
from fastpath.wire.name cimport Name
from fastpath.wire.proxy_protocol cimport ProxyHeader, read_header

cdef enum:
    IDLE_MS = 1000          # also the interval of upstream probes
    WAITING_MS = 20         # the most by which a retransmission is late where nothing else happens
    STREAM_BATCH = 16       # answers of a stream in one turn: at 64 KiB each they take a millisecond

# Stub resolvers time out at 5 s (resolv.conf(5)): SERVFAIL should arrive before.
PATIENCE_S = 4.5


# -- in ----------------------------------------------------------------------------------------------------------------

cdef bint _take_proxy_header(Loop* l, uint32_t i, Client* client, ProxyHeader* header) noexcept nogil:
    """Remove the PROXY header of a listed proxy's datagram, and use its client; False where there is no valid one.

    The answer still goes to the proxy."""
    cdef uint8_t* msg = l.inbox.data + <size_t>i * STRIDE
    cdef size_t n = l.inbox.received[i].msg_len
    if admit(l.proxies, client.addr, client.ip_version, 0, False) != ADMITTED:
        return True
    if read_header(msg, n, header) != OK:
        count(l.resolver.shared.counters, CNT_DNS_PROXY_REFUSED, 1)
        return False
    l.inbox.received[i].msg_len = <unsigned int>(n - header.after)
    memmove(msg, msg + header.after, n - header.after)
    if header.ip_version != 0:
        client.ip_version = header.ip_version
        client.addr = header.addr
    return True


cdef Outcome _read_message(Loop* l, uint32_t i, uint8_t version, size_t* n) noexcept nogil:
    """Parse received message `i`.   n: its octets;  FORWARD: it is to be decided on"""
    cdef Client* client = &l.clients[i]
    client.addr = address_of(l.inbox.received[i].msg_hdr.msg_name, version)
    client.ip_version = version
    if l.proxies != NULL and not _take_proxy_header(l, i, client, &l.proxied[i]):
        return NO_REPLY
    n[0] = l.inbox.received[i].msg_len
    return read_query(&l.resolver, l.inbox.data + <size_t>i * STRIDE, n, DATAGRAM, client, &l.questions[i])


cdef void _find_batch_hits(Loop* l, const Outcome* outcomes, uint32_t n) noexcept nogil:
    """Look up the names of all questions that are to be decided on, in batches that share memory latency."""
    cdef const Name* names[BATCH_NAMES]
    cdef uint32_t first = 0
    cdef uint32_t i, n_names
    if l.resolver.tables == NULL:
        return
    while first < n:
        n_names = min(n - first, <uint32_t>BATCH_NAMES)
        for i in range(n_names):
            if outcomes[first + i] != FORWARD:
                l.questions[first + i].name.n_labels = 0    # the root, which no list has
            names[i] = &l.questions[first + i].name
        find_hits_batch(&l.resolver.tables.names, &l.resolver.tables.names_delta, names, n_names, l.hits + first)
        first += n_names


cdef void _prefetch_cached(Loop* l, const Outcome* outcomes, uint32_t n) noexcept nogil:
    """Prefetch the cache entries of all questions that no list has."""
    cdef Cache* cache = l.resolver.cache
    cdef uint32_t i
    for i in range(n):
        l.keys[i] = 0
        if cache != NULL and outcomes[i] == FORWARD and (l.resolver.tables == NULL or l.hits[i].n == 0):
            l.keys[i] = hash_query(l.resolver.question_key, &l.questions[i])
            prefetch_index(cache, l.keys[i])
    for i in range(n):
        if l.keys[i] != 0:
            prefetch_entry(cache, l.keys[i])


cdef void _address_answer(Inbox* b, uint32_t i, uint8_t version, size_t n) noexcept nogil:
    """Prepare the header of received message `i` for its answer of `n` octets."""
    cdef msghdr* head = &b.received[i].msg_hdr
    cdef cmsghdr* info = packet_info(head, version)
    b.parts[i].iov_len = n
    if info == NULL:
        head.msg_control = NULL
        head.msg_controllen = 0
    else:
        leave_from(info, version)


cdef void _serve_listener(Loop* l, uint8_t listener) noexcept nogil:
    """Serve one batch of queries of a listener."""
    cdef Inbox* b = &l.inbox
    cdef Outcome[BATCH] outcomes
    cdef size_t[BATCH] n_octets
    cdef uint8_t[BATCH] is_lost
    cdef uint32_t n_answers = 0
    cdef uint32_t i
    cdef UpstreamQuery query
    cdef uint8_t version = l.version_of[listener]
    cdef int n = recvmmsg(l.fds[listener], b.received, BATCH, MSG_DONTWAIT, NULL)
    if n <= 0:
        return
    for i in range(<uint32_t>n):
        outcomes[i] = _read_message(l, i, version, &n_octets[i])
    _find_batch_hits(l, outcomes, <uint32_t>n)
    _prefetch_cached(l, outcomes, <uint32_t>n)
    for i in range(<uint32_t>n):
        query.is_prefetch = 0
        if outcomes[i] == FORWARD:
            outcomes[i] = decide_query(&l.resolver, b.data + <size_t>i * STRIDE, &n_octets[i], DATAGRAM, &l.clients[i],
                                       &l.questions[i], &l.hits[i], l.keys[i], &query)
        if outcomes[i] == ANSWER:
            _address_answer(b, i, version, n_octets[i])
            count_rcode(l.resolver.shared.counters, b.data + <size_t>i * STRIDE)
            b.answers[n_answers] = b.received[i]
            n_answers += 1
            if query.is_prefetch:
                refresh(l, &query)
        elif outcomes[i] == FORWARD:
            forward(l, i, &query, &l.clients[i], listener)
    if n_answers:
        count(l.resolver.shared.counters, CNT_DNS_SEND_FAILED,
              send_all(l.fds[listener], b.answers, n_answers, is_lost))
    flush(l)
    reset_headers(b, <uint32_t>n)


cdef void _serve_upstream(Loop* l, uint16_t via) noexcept nogil:
    """Process one batch of answers of an upstream socket."""
    cdef Inbox* b = &l.inbox
    cdef uint64_t n_late = 0
    cdef uint32_t i
    cdef bint is_truncated
    cdef int n = recvmmsg(l.fds[l.n_listeners + via], b.received, BATCH, MSG_DONTWAIT, NULL)
    if n < 0 and errno == ECONNREFUSED:     # ICMP about an earlier query, now cleared
        note_timeout(&l.pool, <uint8_t>(via // l.sockets_each), False)
    if n <= 0:
        return
    for i in range(<uint32_t>n):
        is_truncated = (b.received[i].msg_hdr.msg_flags & MSG_TRUNC) != 0
        if not receive_answer(l, via, b.data + <size_t>i * STRIDE, b.received[i].msg_len, is_truncated):
            n_late += 1
    count(l.resolver.shared.counters, CNT_DNS_UPSTREAM_LATE, n_late)
    flush(l)
    reset_headers(b, <uint32_t>n)


cdef void _serve_stream(Loop* l, uint32_t stream) noexcept nogil:
    """Process up to STREAM_BATCH answers of a stream, one at a time: each may be 64 KiB."""
    cdef uint16_t via = <uint16_t>(l.n_sockets + stream)
    cdef uint32_t _i
    cdef ssize_t n
    for _i in range(<uint32_t>STREAM_BATCH):
        n = recv(l.fds[l.n_listeners + via], l.stream_answer, MESSAGE_OCTETS, MSG_DONTWAIT)
        if n < 0:
            break
        if not receive_answer(l, via, l.stream_answer, <size_t>n, False):
            count(l.resolver.shared.counters, CNT_DNS_UPSTREAM_LATE, 1)
    flush(l)


cdef void _serve_upstreams(Loop* l) noexcept nogil:
    """Process the answers that are there: one batch of each upstream socket and stream."""
    cdef int n_ready = epoll_wait(l.epoll, l.ready, MAX_SOCKETS, 0)
    cdef int i
    cdef uint32_t via
    for i in range(n_ready):
        via = l.ready[i].data.u32
        if via < l.n_sockets:
            _serve_upstream(l, <uint16_t>via)
        else:
            _serve_stream(l, via - l.n_sockets)


# -- the turn ----------------------------------------------------------------------------------------------------------

cdef void _turn(Loop* l, int timeout_ms) noexcept nogil:
    """Wait for work, at most `timeout_ms`, then serve one batch of each socket that is ready."""
    cdef int n_ready = poll(l.polled, l.n_listeners + 2, timeout_ms)
    cdef uint32_t i
    l.n_turns += 1
    l.now_ns = monotonic_ns() + l.ahead_ns
    l.resolver.now_ns = realtime_ns() + l.ahead_ns
    l.resolver.now_s = l.resolver.now_ns // 1_000_000_000
    l.resolver.monotonic_ns = l.now_ns
    l.resolver.cache_s = <uint32_t>(l.now_ns // 1_000_000_000)
    l.resolver.tables = take_tables(l.handover)
    run_timers(l)
    l.resolver.is_no_upstream_up = not l.pool.is_any_up
    l.resolver.is_upstream_dead = not l.pool.is_any_up and is_known_dead(&l.pool)
    if n_ready > 0:
        for i in range(l.n_listeners):
            if l.polled[i].revents:
                _serve_listener(l, <uint8_t>i)
        if l.polled[l.n_listeners].revents:
            _serve_upstreams(l)
        if l.polled[l.n_listeners + 1].revents:
            drain_eventfd(l.eventfd)
    count(l.resolver.shared.counters, CNT_DNS_UPSTREAM_LOST, l.in_flight.n_lost)
    l.in_flight.n_lost = 0
    if l.resolver.guard != NULL:
        count(l.resolver.shared.counters, CNT_DNS_FORGOTTEN, l.resolver.guard.n_forgotten)
        l.resolver.guard.n_forgotten = 0


cdef class DnsLoop:
    """The UDP loop of one worker.

    listeners   bound UDP sockets with IP_PKTINFO or IPV6_RECVPKTINFO set, at most 32; they stay the caller's to close
    upstreams   in order of preference; (address, port), or a callable that opens a datagram socket to it.  It is called
                for each socket and gives a descriptor, which the loop then owns.  Failures: connect_missing()
    handoff     where its tables come from;  reporter  its own: two loops never share one
    answers     one AnswerSpec a Reason
    n_upstream_sockets  that queries leave by at a time, for each upstream; in all at most 64
    patience_s  how long a query may wait for all of its upstreams together
    cache_octets  of memory for upstream answers, used as they come; 0: no cache
    guard       admission and rate limits, its own; None: every client;  specials: any number of loops may share them
    forwarders  clients whose device option is believed; only their prefixes count;  None: no client
    proxies     clients whose datagrams begin with a PROXY header, version 2; likewise
    streams     for each upstream, a callable as in `upstreams`: its socket leads to the upstream over TCP or TLS and
                carries queries whose answer was truncated;  None: the client gets TC
    cookie_master  16 octets, the same for all workers of a box; empty: no cookies
    Memory: 840 KiB, and up to 31 MiB for pending queries as they come."""

    cdef Loop* loop
    cdef tuple _kept            # alive
    cdef list _listeners        # kept open
    cdef list _upstreams        # how to open a socket to each
    cdef list _streams

    def __cinit__(self, listeners, upstreams, Handoff handoff not None, Reporter reporter not None, answers,
                  uint32_t n_upstream_sockets=8, double patience_s=PATIENCE_S, size_t cache_octets=0,
                  ClientGuard guard=None, ClientGuard forwarders=None, SpecialNames specials=None,
                  bytes cookie_master=b"", ClientGuard proxies=None, streams=None):
        self._kept = (handoff, reporter, guard, forwarders, specials, proxies)
        self._listeners = list(listeners)
        upstreams, streams = list(upstreams), list(streams or [])
        _require_sizes(len(self._listeners), len(upstreams), n_upstream_sockets, len(streams))
        self._upstreams, self._streams = upstreams, streams
        self.loop = <Loop*>calloc(1, sizeof(Loop))
        if self.loop == NULL:
            raise MemoryError("dns loop")
        self.loop.epoll = self.loop.eventfd = -1
        open_pool(&self.loop.pool, len(upstreams))
        self.loop.n_sending = n_upstream_sockets
        self.loop.sockets_each = n_upstream_sockets * SOCKETS_FOR_ONE
        for i, opener in enumerate(upstreams):
            self.loop.pool.upstreams[<uint32_t>i].is_over_tls = callable(opener)
        self.loop.n_sockets = self.loop.pool.n * self.loop.sockets_each
        self.loop.n_streams = len(streams)
        self.loop.query_timeout_ns = <int64_t>(patience_s * 1e9)
        self.loop.handover = &handoff.h
        self.loop.resolver.shared = &reporter.shared
        open_resolver(&self.loop.resolver, answers, ANSWER, guard, forwarders, specials, cookie_master)
        if proxies is not None:
            self.loop.proxies = &proxies.g
        self.loop.resolver.cache = open_answer_cache(&self.loop.cache, cache_octets)
        self._open_table()
        self._open_sockets()

    def shut_without_images(self):
        self.loop.resolver.is_shut_without_images = 1

    cdef object _open_table(self):
        cdef bytes drawn = os.urandom(16)
        memcpy(self.loop.resolver.question_key, <const char*>drawn, 16)
        self.loop.stream_answer = <uint8_t*>calloc(1, MESSAGE_OCTETS)
        if (self.loop.stream_answer == NULL or open_boxes(&self.loop.inbox, &self.loop.outbox) != 0
                or open_in_flight(&self.loop.in_flight, self.loop.pool.n, MAX_SLOTS - self.loop.pool.n) != 0):
            raise MemoryError("dns loop")

    cdef object _open_sockets(self):
        cdef Loop* l = self.loop
        cdef uint32_t i
        for i, listener in enumerate(self._listeners):
            l.version_of[i] = 6 if listener.family == socket.AF_INET6 else 4
            l.fds[i] = listener.fileno()
            self._poll_for(i, l.fds[i])
        l.n_listeners = len(self._listeners)
        open_sockets(l)
        self._poll_for(l.n_listeners, l.epoll)
        self.connect_missing()
        l.eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll_for(l.n_listeners + 1, l.eventfd)

    cdef object _poll_for(self, uint32_t place, int fd):
        self.loop.polled[place].fd = fd
        self.loop.polled[place].events = POLLIN

    def __dealloc__(self):
        if self.loop == NULL:
            return
        close_sockets(self.loop)
        if self.loop.eventfd >= 0:
            close(self.loop.eventfd)
        close_in_flight(&self.loop.in_flight)
        close_cache(&self.loop.cache)
        close_boxes(&self.loop.inbox, &self.loop.outbox)
        free(self.loop.stream_answer)
        free(self.loop)

    def run(self) -> None:
        """Serve until stop(), without the GIL."""
        with nogil:
            while not self.loop.is_stopped:
                _turn(self.loop, WAITING_MS if self.loop.in_flight.n else IDLE_MS)

    def turn(self, int timeout_ms, int64_t ahead_ns=0) -> None:
        """Run one turn, for tests.   ahead_ns: added to the clocks"""
        self.loop.ahead_ns = ahead_ns
        with nogil:
            _turn(self.loop, timeout_ms)

    def stop(self) -> None:
        """Make run() return after its batch."""
        self.loop.is_stopped = 1
        self.wake()

    @property
    def n_turns(self) -> int:
        """Turns so far: a live loop makes at least one a second."""
        return self.loop.n_turns

    def wake(self) -> None:
        """Make the loop turn now: after giving tables to an idle one."""
        os.eventfd_write(self.loop.eventfd, 1)

    def preference(self) -> list[int]:
        """Upstreams by index in order of preference: the chosen one, those that are up, the others."""
        cdef Pool* pool = &self.loop.pool
        chosen = pool.chosen
        return sorted(range(pool.n), key=lambda i: (i != chosen, pool.upstreams[<uint32_t>i].is_down))

    def down(self) -> list[int]:
        """Upstreams by index that are down: they get only probes until they answer one."""
        return [i for i in range(self.loop.pool.n) if self.loop.pool.upstreams[<uint32_t>i].is_down]

    def connect_missing(self) -> dict[int, str]:
        """Connect the upstream sockets and streams that are not connected; give the reasons of failures, by upstream.

        For the control thread, at any time: the loop uses a socket from its next turn on.  Until then, queries
        forwarded by it count as dns_send_failed; blocked names are answered as usual."""
        return connect_missing(self.loop, self._upstreams, self._streams)

    def rotate(self) -> None:
        """Give every upstream over UDP a fresh socket to send by, at a new port; the one that has sent longest only
        receives from now on, and the one that has received longest is closed.

        For the control thread.  SOCKETS_FOR_ONE - 1 times n_upstream_sockets of these calls take no less time than a
        query waits.   Cost: 30 us an upstream."""
        renew_sockets(self.loop, self._upstreams)

    def without_case(self) -> list[int]:
        """Upstreams by index that do not keep the case of letters, and get them in lower case."""
        cdef Pool* pool = &self.loop.pool
        cdef uint8_t i
        return [i for i in range(pool.n)
                if not pool.upstreams[i].is_over_tls and not mixes_case(pool, i, self.loop.now_ns)]

    @property
    def is_upstream_dead(self) -> bool:
        """Whether there is no upstream to ask: all are known to be away."""
        return bool(self.loop.resolver.is_upstream_dead)


cdef object _require_sizes(size_t n_listeners, size_t n_upstreams, size_t n_upstream_sockets, size_t n_streams):
    if not 1 <= n_listeners <= MAX_LISTENERS:
        raise ValueError(f"dns loop: {n_listeners} listeners; not started; give 1 to {MAX_LISTENERS}")
    if n_upstreams < 1 or not 1 <= n_upstream_sockets <= MAX_SENDING_SOCKETS // n_upstreams:
        raise ValueError(f"dns loop: {n_upstreams} upstreams with {n_upstream_sockets} sockets each; not started; "
                         f"give at least one upstream and at most {MAX_SENDING_SOCKETS} sockets in all")
    if n_streams not in (0, n_upstreams):
        raise ValueError(f"dns loop: {n_streams} streams for {n_upstreams} upstreams; not started; give one for each")
