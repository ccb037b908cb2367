"""Forwarding: queries to upstreams, retransmission, and the answer to every client that waits for it.

    forward() → the client joins a pending query of the same question, or an upstream is asked
    refresh() → an upstream is asked for the cache alone
    receive_answer() → another upstream is asked, or the answer is cached and written over each waiting client's query
        truncated → the same upstream is asked over a stream; without an answer there, clients get the truncated one
        other letters than were sent, or too many wrong answers → over the stream, too: someone may be guessing
    run_timers() → an unanswered query goes to another upstream; late clients get a stale answer, at last SERVFAIL

A stream is a datagram socket to a local process that carries each query over TCP or TLS.  It returns the answer, or the
query with TC where it got none.

Invariants: no allocation.  A query is sent at most MAX_TRIES times, and once over a stream, whichever upstream
truncates.  Each waiting client gets one message, unless the full table evicted its query.  A message that could not be
sent is counted; its query is retransmitted in time.  Streams do not count for an upstream's health and speed over UDP.
Source: RFC 1035 §7.2 (retransmission), RFC 5452 §9 (forgery), RFC 7766 §5 (truncation), RFC 8767 §5 (stale answers).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastpath.base.cursor cimport OK
from fastpath.base.sockets cimport MSG_DONTWAIT, mmsghdr, msghdr, send
from fastpath.dns.batch_io cimport BATCH, DATAGRAM, STRIDE, Outbox, next_message, queue_message, send_outbox
from fastpath.dns.in_flight cimport (
    PendingQuery, WaitingClient, add_client, begin_pending, begun_before, end_pending, find_pending, free_clients,
    hash_query, keep_lower_case, match_answer, mix_case, move_to, move_to_stream, next_overdue, next_random,
    stop_retrying, stream_unanswered_before, unanswered_before)
from fastpath.dns.pktinfo cimport address_message, save_addresses
from fastpath.dns.query cimport Question, parse_query
from fastpath.dns.query_path cimport reread_query
from fastpath.dns.response cimport Response, accept_answer, deliver_late, find_stale_answer
from fastpath.dns.rewrite cimport write_probe, write_query
from fastpath.dns.state cimport ANSWER, Client, Loop, UpstreamQuery
from fastpath.dns.synthesis cimport write_refusal
from fastpath.dns.upstream_health cimport (
    NO_UPSTREAM, choose_upstream, mixes_case, next_upstream, note_answer, note_other_case, note_timeout,
    retry_timeout_ns)
from fastpath.dns.wire cimport (
    CD, EDE_NETWORK_ERROR, HEADER_OCTETS, QR_OCTET2, RA_OCTET3, RCODE_MASK, RCODE_REFUSED, RCODE_SERVFAIL, RD,
    RD_OCTET2, TC_OCTET2, TYPE_CLASS_OCTETS, UPSTREAM_QUERY_OCTETS)
from fastpath.report.counters cimport (
    CNT_DNS_ANSWERED, CNT_DNS_COALESCED, CNT_DNS_FORGERY_SUSPECTED, CNT_DNS_FORWARDED, CNT_DNS_GIVEN_UP,
    CNT_DNS_OTHER_CASE, CNT_DNS_PREFETCHED, CNT_DNS_PROBES, CNT_DNS_RETRIED, CNT_DNS_SEND_FAILED,
    CNT_DNS_TCP_FAILED, CNT_DNS_TCP_FALLBACKS, count, count_rcode, count_took)
from fastpath.wire.name cimport name_from_wire

cdef enum:
    MAX_TRIES = 3           # of one query, over all upstreams
    MOST_MISMATCHES = 20    # of one question: a late answer or two are usual, PowerDNS had 20 for years
    NO_RD = 1               # changes the key of a query without RD

cdef int64_t PROBE_EVERY_NS = 1_000_000_000
cdef int64_t STALE_AFTER_NS = 1_800_000_000     # RFC 8767 §5: the client response timer
cdef int64_t STREAM_TIMEOUT_NS = 1_500_000_000     # TCP sends a lost SYN again after 1 s


# -- out ---------------------------------------------------------------------------------------------------------------

cdef void flush(Loop* l) noexcept nogil:
    """Send the outbox, and count for an upstream's health what could not be sent."""
    cdef Outbox* o = &l.outbox
    cdef uint32_t i
    if o.n == 0:
        return
    send_outbox(o, l.fds)
    for i in range(o.n):
        if not o.is_lost[i]:
            count(l.resolver.shared.counters, o.counts_as[i], 1)
            continue
        count(l.resolver.shared.counters, CNT_DNS_SEND_FAILED, 1)
        if o.to[i] >= l.n_listeners:
            note_timeout(&l.pool, <uint8_t>((o.to[i] - l.n_listeners) // l.sockets_each), False)
    o.n = 0


cdef inline uint8_t* _next_outgoing(Loop* l) noexcept nogil:
    """Give DATAGRAM octets for the next message; the outbox is sent first where it is full."""
    if l.outbox.n == BATCH:
        flush(l)
    return next_message(&l.outbox)


cdef void _queue_for(Loop* l, const WaitingClient* c, size_t n, uint8_t counts_as) noexcept nogil:
    """Queue the message of _next_outgoing() for this client."""
    cdef Outbox* o = &l.outbox
    cdef uint32_t at = o.n
    count_rcode(l.resolver.shared.counters, next_message(o))
    cdef msghdr* head = queue_message(o, c.listener, n, counts_as)
    address_message(head, &o.peers[at], o.control[at], c, l.version_of[c.listener])


# -- to the upstreams --------------------------------------------------------------------------------------------------

cdef void _send(Loop* l, PendingQuery* p, uint8_t upstream, uint8_t counts_as) noexcept nogil:
    """Send the query to this upstream: an off-path attacker has to guess socket, id and the case of letters."""
    cdef uint32_t drawn = <uint32_t>((next_random(&l.in_flight) >> 32) % l.n_sending)
    cdef uint16_t via = <uint16_t>(upstream * l.sockets_each + (l.first_sending[upstream] + drawn) % l.sockets_each)
    cdef uint8_t* msg = _next_outgoing(l)
    move_to(&l.in_flight, p, upstream, via, l.now_ns)
    if mixes_case(&l.pool, upstream, l.now_ns):
        mix_case(&l.in_flight, p)
    else:
        keep_lower_case(p)
    memcpy(msg, p.query, p.query_n)
    msg[0] = <uint8_t>(p.upstream_id >> 8)
    msg[1] = <uint8_t>p.upstream_id
    queue_message(&l.outbox, <uint16_t>(l.n_listeners + via), p.query_n, counts_as)


cdef inline uint64_t _key(const UpstreamQuery* query) noexcept nogil:
    """The key under which clients share one upstream query; without RD an upstream answers differently."""
    return query.key if query.question.flags & RD else query.key ^ NO_RD


cdef PendingQuery* _begin_query(Loop* l, const UpstreamQuery* query) noexcept nogil:
    cdef PendingQuery* p = begin_pending(&l.in_flight, _key(query), l.now_ns)
    p.query_n = <uint16_t>write_query(query.question, p.query)
    return p


cdef void forward(Loop* l, uint32_t i, const UpstreamQuery* query, const Client* client,
                  uint8_t listener) noexcept nogil:
    """Make the client of received message `i` wait for the answer; ask an upstream unless the question is pending."""
    cdef mmsghdr* received = &l.inbox.received[i]
    cdef PendingQuery* p = find_pending(&l.in_flight, _key(query))
    cdef bint is_new = p == NULL
    cdef WaitingClient* c
    if is_new:
        p = _begin_query(l, query)
    c = add_client(&l.in_flight, p, l.inbox.data + <size_t>i * STRIDE, received.msg_len,
                   received.msg_hdr.msg_name, received.msg_hdr.msg_namelen, client.addr, client.ip_version)
    if c != NULL:
        save_addresses(c, &received.msg_hdr, listener, l.version_of[listener])
        c.policy_version = client.policy_version
        memcpy(c.policy_addr, client.policy_addr, 16)
    if is_new:
        _send(l, p, <uint8_t>l.pool.chosen, CNT_DNS_FORWARDED)
    else:
        count(l.resolver.shared.counters, CNT_DNS_COALESCED, 1)


cdef void refresh(Loop* l, const UpstreamQuery* query) noexcept nogil:
    """Ask an upstream for the cache alone, unless the question is pending."""
    if find_pending(&l.in_flight, _key(query)) == NULL:
        _send(l, _begin_query(l, query), <uint8_t>l.pool.chosen, CNT_DNS_PREFETCHED)


cdef bint _retry_over_stream(Loop* l, PendingQuery* p) noexcept nogil:
    """Ask the same upstream over its stream; False where none exists, or it is full."""
    cdef uint8_t[UPSTREAM_QUERY_OCTETS] msg
    cdef uint16_t via = <uint16_t>(l.n_sockets + p.upstream)
    cdef int fd
    if l.n_streams == 0:
        return False
    fd = l.fds[l.n_listeners + via]
    move_to_stream(&l.in_flight, p, via, l.now_ns)
    count(l.resolver.shared.counters, CNT_DNS_TCP_FALLBACKS, 1)
    memcpy(msg, p.query, p.query_n)
    msg[0] = <uint8_t>(p.upstream_id >> 8)
    msg[1] = <uint8_t>p.upstream_id
    if send(fd, msg, p.query_n, MSG_DONTWAIT) == <ssize_t>p.query_n:
        return True
    count(l.resolver.shared.counters, CNT_DNS_SEND_FAILED, 1)
    return False


cdef void _ask_unforgeably(Loop* l, PendingQuery* p) noexcept nogil:
    """Ask over the stream instead, where no one can answer who does not see the query; without one, again.

    RFC 5452 §9.3 has that after too many wrong answers.  A client whose upstream is silent there is asked to use
    TCP."""
    if p.tc_flags[0] == 0:
        p.tc_flags[0] = QR_OCTET2 | (p.query[2] & RD_OCTET2)
        p.tc_flags[1] = RA_OCTET3
    if not _retry_over_stream(l, p):
        _retry_elsewhere(l, p)


cdef void _note_mismatch(Loop* l, uint16_t via, const uint8_t* msg, size_t n) noexcept nogil:
    """Count a message that answers no query against the question that it has: many are guesses of an attacker."""
    cdef Question q
    cdef PendingQuery* p
    cdef size_t after
    cdef uint64_t key
    cdef uint32_t flags
    if via >= l.n_sockets or n < HEADER_OCTETS or name_from_wire(msg, n, HEADER_OCTETS, &q.name, &after) != OK:
        return
    if n - after < TYPE_CLASS_OCTETS:
        return
    q.qtype = <uint16_t>((msg[after] << 8) | msg[after + 1])
    q.qclass = <uint16_t>((msg[after + 2] << 8) | msg[after + 3])
    for flags in range(8):      # a guess does not say whose question it means
        q.do_bit = flags & 1
        q.flags = CD if flags & 2 else 0
        key = hash_query(l.resolver.question_key, &q) ^ (NO_RD if flags & 4 else 0)
        p = find_pending(&l.in_flight, key)
        if p == NULL or p.upstream_socket >= l.n_sockets or p.is_probe:
            continue
        p.n_mismatched += 1
        if p.n_mismatched == MOST_MISMATCHES:
            p.n_mismatched = 0
            count(l.resolver.shared.counters, CNT_DNS_FORGERY_SUSPECTED, 1)
            _ask_unforgeably(l, p)


cdef void _retry_elsewhere(Loop* l, PendingQuery* p) noexcept nogil:
    """Retransmit an unanswered query to another upstream, or to the same one where there is no other."""
    cdef uint8_t upstream
    if p.is_probe:
        end_pending(&l.in_flight, p)
        return
    if p.n_tries >= MAX_TRIES:
        stop_retrying(&l.in_flight, p)
        return
    upstream = next_upstream(&l.pool, p.tried)
    _send(l, p, upstream if upstream != NO_UPSTREAM else <uint8_t>l.pool.chosen, CNT_DNS_RETRIED)


cdef void _probe(Loop* l) noexcept nogil:
    """Send every upstream a small query, once a second; a single upstream only while it is down."""
    cdef PendingQuery* p
    cdef uint32_t i
    l.probed_ns = l.now_ns
    choose_upstream(&l.pool)
    if l.pool.n == 1 and not l.pool.upstreams[0].is_down:
        return
    for i in range(l.pool.n):
        p = begin_pending(&l.in_flight, next_random(&l.in_flight), l.now_ns)
        p.is_probe = 1
        p.query_n = <uint16_t>write_probe(p.query)
        _send(l, p, <uint8_t>i, CNT_DNS_PROBES)


# -- to the clients ----------------------------------------------------------------------------------------------------

cdef inline void _restore_client(Client* client, WaitingClient* c) noexcept nogil:
    client.ip_version = c.client_version
    client.addr = c.client_addr
    client.policy_version = c.policy_version
    memcpy(client.policy_addr, c.policy_addr, 16)


cdef void _deliver(Loop* l, const PendingQuery* p, const Response* resp) noexcept nogil:
    """Send an answer to every waiting client.   resp  NULL: none, each gets SERVFAIL"""
    cdef WaitingClient* c
    cdef uint8_t* msg
    cdef Question q
    cdef Client client
    cdef size_t n
    cdef uint32_t at = p.clients
    while at != 0:
        c = l.in_flight.clients + at
        at = c.next
        msg = _next_outgoing(l)
        n = c.query_n
        memcpy(msg, c.query, n)
        _restore_client(&client, c)
        if not reread_query(&l.resolver, msg, n, &client, &q):
            continue
        if resp == NULL:
            _queue_for(l, c, write_refusal(msg, n, DATAGRAM, &q, RCODE_SERVFAIL, EDE_NETWORK_ERROR), CNT_DNS_GIVEN_UP)
        elif deliver_late(&l.resolver, msg, &n, DATAGRAM, &client, &q, resp) == ANSWER:
            _queue_for(l, c, n, CNT_DNS_ANSWERED)


cdef bint _deliver_stale(Loop* l, const PendingQuery* p) noexcept nogil:
    """Send every waiting client the stale answer of the cache; False where none exists."""
    cdef Question q
    cdef Response resp
    if p.clients == 0 or parse_query(p.query, p.query_n, &q) != OK:
        return False
    if not find_stale_answer(&l.resolver, &q, hash_query(l.resolver.question_key, &q), &resp):
        return False
    _deliver(l, p, &resp)
    return True


cdef void _give_up(Loop* l, PendingQuery* p) noexcept nogil:
    """End a query that no upstream has answered within the time limit."""
    if p.tc_flags[0] != 0:
        _deliver_truncated(l, p)
        return
    l.in_flight.n_lost += 1
    if not _deliver_stale(l, p):
        _deliver(l, p, NULL)
    end_pending(&l.in_flight, p)


cdef uint8_t _better_upstream(const Loop* l, const PendingQuery* p, const uint8_t* answer) noexcept nogil:
    """The upstream to ask after this answer, or NO_UPSTREAM where the answer is to be delivered."""
    cdef uint8_t rcode = answer[3] & RCODE_MASK
    cdef uint8_t upstream
    if (rcode != RCODE_SERVFAIL and rcode != RCODE_REFUSED) or p.n_tries >= MAX_TRIES:
        return NO_UPSTREAM
    upstream = next_upstream(&l.pool, p.tried)
    return NO_UPSTREAM if upstream == NO_UPSTREAM or l.pool.upstreams[upstream].is_down else upstream


cdef void _deliver_truncated(Loop* l, PendingQuery* p) noexcept nogil:
    """Send every waiting client the truncated answer, so that it can repeat its query over TCP."""
    cdef uint8_t[UPSTREAM_QUERY_OCTETS] msg
    cdef Question q
    cdef Response resp
    memcpy(msg, p.query, p.query_n)
    msg[2] = p.tc_flags[0] | TC_OCTET2
    msg[3] = p.tc_flags[1]
    if l.n_streams != 0:
        count(l.resolver.shared.counters, CNT_DNS_TCP_FAILED, 1)
    if (parse_query(p.query, p.query_n, &q) == OK
            and accept_answer(&l.resolver, &q, hash_query(l.resolver.question_key, &q), msg, p.query_n, &resp) != 0):
        _deliver(l, p, &resp)
    end_pending(&l.in_flight, p)


cdef void _receive_truncated(Loop* l, PendingQuery* p, const uint8_t* msg) noexcept nogil:
    """Take a truncated answer: ask for the full one over the stream, unless that was tried before."""
    cdef bint is_first = p.tc_flags[0] == 0
    if is_first:
        p.tc_flags[0] = msg[2]
        p.tc_flags[1] = msg[3]
    if not is_first or not _retry_over_stream(l, p):
        _deliver_truncated(l, p)


cdef bint receive_answer(Loop* l, uint16_t via, uint8_t* msg, size_t n, bint is_truncated) noexcept nogil:
    """Process a message from an upstream; False where it answers no pending query.

    is_truncated   it was longer than the receive buffer"""
    cdef bint is_same_case = False
    cdef PendingQuery* p = match_answer(&l.in_flight, via, msg, n, &is_same_case)
    cdef uint8_t upstream
    cdef Question q
    cdef Response resp
    if p == NULL:
        _note_mismatch(l, via, msg, n)
        return False
    if via < l.n_sockets and p.is_mixed and not is_same_case:
        count(l.resolver.shared.counters, CNT_DNS_OTHER_CASE, 1)
        note_other_case(&l.pool, p.upstream, l.now_ns)
        _ask_unforgeably(l, p)
        return True
    if via < l.n_sockets:
        if p.is_mixed:
            l.pool.upstreams[p.upstream].n_other_case = 0
        note_answer(&l.pool, p.upstream, l.now_ns - p.sent_ns, p.is_probe)
        if not p.is_probe:
            count_took(l.resolver.shared.counters, l.now_ns - p.sent_ns)
    if p.is_probe:
        end_pending(&l.in_flight, p)
        return True
    upstream = _better_upstream(l, p, msg)
    if upstream != NO_UPSTREAM:
        _send(l, p, upstream, CNT_DNS_RETRIED)
        return True
    if is_truncated or msg[2] & TC_OCTET2:
        _receive_truncated(l, p, msg)
        return True
    parse_query(p.query, p.query_n, &q)
    if accept_answer(&l.resolver, &q, hash_query(l.resolver.question_key, &q), msg, n, &resp) == 0:
        return False    # unreadable: the query stays pending and is retransmitted
    _deliver(l, p, &resp)
    end_pending(&l.in_flight, p)
    return True


cdef void run_timers(Loop* l) noexcept nogil:
    """Process every expired timer.

    Cost: one or two compares an upstream where none has expired."""
    cdef PendingQuery* p
    cdef uint64_t connected = 0
    cdef uint32_t i
    for i in range(l.pool.n):
        if l.fds[l.n_listeners + i * l.sockets_each + l.first_sending[i]] >= 0:
            connected |= <uint64_t>1 << i
        p = unanswered_before(&l.in_flight, <uint8_t>i, l.now_ns - retry_timeout_ns(&l.pool, <uint8_t>i))
        while p != NULL:
            note_timeout(&l.pool, <uint8_t>i, p.is_probe)
            _retry_elsewhere(l, p)
            p = unanswered_before(&l.in_flight, <uint8_t>i, l.now_ns - retry_timeout_ns(&l.pool, <uint8_t>i))
    p = stream_unanswered_before(&l.in_flight, l.now_ns - STREAM_TIMEOUT_NS)
    while p != NULL:
        _deliver_truncated(l, p)
        p = stream_unanswered_before(&l.in_flight, l.now_ns - STREAM_TIMEOUT_NS)
    p = next_overdue(&l.in_flight, l.now_ns - STALE_AFTER_NS)
    while p != NULL:
        if _deliver_stale(l, p):
            free_clients(&l.in_flight, p)
        p = next_overdue(&l.in_flight, l.now_ns - STALE_AFTER_NS)
    p = begun_before(&l.in_flight, l.now_ns - l.query_timeout_ns)
    while p != NULL:
        _give_up(l, p)
        p = begun_before(&l.in_flight, l.now_ns - l.query_timeout_ns)
    if connected != l.pool.connected:
        l.pool.connected = connected
        choose_upstream(&l.pool)
    if l.now_ns - l.probed_ns >= PROBE_EVERY_NS:
        _probe(l)
    flush(l)
