"""What the DNS loop does with a question that it lets go, until every client that asked it has an answer.

    forward() → a wait for the answer to the same question, or an upstream is asked;  refresh(): for the cache alone
    take_answer() → another upstream is asked, or the answer is kept, and written over each waiting client's query
        a truncated one → the same upstream is asked over a stream; where that gives nothing, it is handed on truncated
    look_after() → whose upstream is silent asks elsewhere; who has waited too long gets a stale answer or SERVFAIL

A stream is a datagram socket to somebody on this box who carries each question over TCP or TLS and gives the answer
back, or the question with TC where there is none to be had.

Invariants: no allocation; a question is asked at most MAX_TRIES times, and once over a stream, whoever truncates what;
each waiting client gets one message, unless the table was full and its question pushed out; what could not be sent is
counted and goes elsewhere in its time; what a stream does says nothing about its upstream's health and speed over UDP.
Source: RFC 1035 §7.2 (retransmission), RFC 5452, RFC 7766 §5 (truncation), RFC 8767 §5 (stale answers).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastpath.base.cursor cimport OK
from fastpath.base.sockets cimport MSG_DONTWAIT, mmsghdr, send
from fastpath.dns.batch_io cimport BATCH, DATAGRAM, STRIDE, Outbox, message_of, post, send_outbox
from fastpath.dns.in_flight cimport (
    MAX_CLIENTS, Asked, Client, add_client, asked_before, became_old, begin_asking, begun_before, end_asking,
    find_asked, find_question, free_clients, hash_query, move_to, move_to_stream, next_random, stop_asking,
    streamed_before)
from fastpath.dns.pktinfo cimport aim, remember
from fastpath.dns.query cimport Question, parse_query
from fastpath.dns.query_path cimport read_again
from fastpath.dns.response cimport Found, deliver, fall_back, take_in
from fastpath.dns.rewrite cimport write_probe, write_query
from fastpath.dns.state cimport ANSWER, Asker, Loop, Wanted
from fastpath.dns.synthesis cimport write_refusal
from fastpath.dns.upstream_health cimport (
    NO_UPSTREAM, another_upstream, choose_upstream, note_answer, note_silence, patience_with)
from fastpath.dns.wire cimport (
    EDE_NETWORK_ERROR, RCODE_MASK, RCODE_REFUSED, RCODE_SERVFAIL, RD, TC_OCTET2, UPSTREAM_QUERY_OCTETS)
from fastpath.report.counters cimport (
    CNT_DNS_ANSWERED, CNT_DNS_COALESCED, CNT_DNS_FORWARDED, CNT_DNS_GIVEN_UP, CNT_DNS_PREFETCHED, CNT_DNS_PROBES,
    CNT_DNS_RETRIED, CNT_DNS_SEND_FAILED, CNT_DNS_TCP_FAILED, CNT_DNS_TCP_FALLBACKS, count)

cdef enum:
    MAX_TRIES = 3           # of one question, over all upstreams
    NO_RD = 1               # changes the key of a question that wants no recursion

cdef int64_t PROBE_EVERY_NS = 1_000_000_000
cdef int64_t STALE_AFTER_NS = 1_800_000_000     # RFC 8767 §5: the client response timer
cdef int64_t STREAM_PATIENCE_NS = 1_500_000_000     # a SYN that was lost is sent again after 1 s


# -- out ---------------------------------------------------------------------------------------------------------------

cdef void flush(Loop* l) noexcept nogil:
    """Send the outbox, and learn from what would not go."""
    cdef Outbox* o = &l.outbox
    cdef uint32_t i
    if o.n == 0:
        return
    send_outbox(o, l.fds)
    for i in range(o.n):
        if not o.is_lost[i]:
            count(l.answering.shared.counters, o.counts_as[i], 1)
            continue
        count(l.answering.shared.counters, CNT_DNS_SEND_FAILED, 1)
        if o.to[i] >= l.n_listeners:
            note_silence(&l.pool, <uint8_t>((o.to[i] - l.n_listeners) // l.sockets_each), False)
    o.n = 0


cdef inline uint8_t* _room(Loop* l) noexcept nogil:
    """DATAGRAM octets for one more message."""
    if l.outbox.n == BATCH:
        flush(l)
    return message_of(&l.outbox)


cdef void _post_to(Loop* l, const Client* c, size_t n, uint8_t counts_as) noexcept nogil:
    """The message of _room() is for this client."""
    cdef Outbox* o = &l.outbox
    cdef uint32_t at = o.n
    aim(post(o, c.listener, n, counts_as), &o.peers[at], o.control[at], c, l.version_of[c.listener])


# -- to the upstreams --------------------------------------------------------------------------------------------------

cdef void _ask(Loop* l, Asked* a, uint8_t upstream, uint8_t counts_as) noexcept nogil:
    """Send the question to this upstream, by any of its sockets: an off-path attacker has to guess the port."""
    cdef uint32_t drawn = <uint32_t>((next_random(&l.in_flight) >> 32) % l.sockets_each)
    cdef uint8_t via = <uint8_t>(upstream * l.sockets_each + drawn)
    cdef uint8_t* msg = _room(l)
    move_to(&l.in_flight, a, upstream, via, l.now_ns)
    memcpy(msg, a.query, a.query_n)
    msg[0] = <uint8_t>(a.upstream_id >> 8)
    msg[1] = <uint8_t>a.upstream_id
    post(&l.outbox, <uint8_t>(l.n_listeners + via), a.query_n, counts_as)


cdef inline uint64_t _key(const Wanted* wanted) noexcept nogil:
    """Of questions that one upstream query answers: without recursion an upstream says something else."""
    return wanted.key if wanted.question.flags & RD else wanted.key ^ NO_RD


cdef Asked* _begin(Loop* l, const Wanted* wanted) noexcept nogil:
    cdef Asked* a = begin_asking(&l.in_flight, _key(wanted), l.now_ns)
    a.query_n = <uint16_t>write_query(wanted.question, a.query)
    return a


cdef void forward(Loop* l, uint32_t i, const Wanted* wanted, const Asker* who, uint8_t listener) noexcept nogil:
    """Let the client of received message `i` wait for the upstream's answer, and ask unless that is on its way."""
    cdef mmsghdr* received = &l.inbox.received[i]
    cdef Asked* a = find_question(&l.in_flight, _key(wanted))
    cdef bint is_new = a == NULL or a.n_clients >= MAX_CLIENTS
    cdef Client* c
    if is_new:
        a = _begin(l, wanted)
    c = add_client(&l.in_flight, a, l.inbox.data + <size_t>i * STRIDE, received.msg_len, wanted.after,
                   received.msg_hdr.msg_name, received.msg_hdr.msg_namelen, who.addr, who.ip_version)
    if c != NULL:
        remember(c, &received.msg_hdr, listener, l.version_of[listener])
        c.judged_version = who.judged_version
        memcpy(c.judged, who.judged, 16)
    if is_new:
        _ask(l, a, <uint8_t>l.pool.chosen, CNT_DNS_FORWARDED)
    else:
        count(l.answering.shared.counters, CNT_DNS_COALESCED, 1)


cdef void refresh(Loop* l, const Wanted* wanted) noexcept nogil:
    """Ask for the cache alone, unless somebody waits for the same."""
    if find_question(&l.in_flight, _key(wanted)) == NULL:
        _ask(l, _begin(l, wanted), <uint8_t>l.pool.chosen, CNT_DNS_PREFETCHED)


cdef bint _ask_over_stream(Loop* l, Asked* a) noexcept nogil:
    """Ask its upstream once more; False where there is no stream, or it is full."""
    cdef uint8_t[UPSTREAM_QUERY_OCTETS] msg
    cdef uint8_t via = <uint8_t>(l.n_sockets + a.upstream)
    cdef int fd
    if l.n_streams == 0:
        return False
    fd = l.fds[l.n_listeners + via].fd
    move_to_stream(&l.in_flight, a, via, l.now_ns)
    count(l.answering.shared.counters, CNT_DNS_TCP_FALLBACKS, 1)
    memcpy(msg, a.query, a.query_n)
    msg[0] = <uint8_t>(a.upstream_id >> 8)
    msg[1] = <uint8_t>a.upstream_id
    if send(fd, msg, a.query_n, MSG_DONTWAIT) == <ssize_t>a.query_n:
        return True
    count(l.answering.shared.counters, CNT_DNS_SEND_FAILED, 1)
    return False


cdef void _ask_elsewhere(Loop* l, Asked* a) noexcept nogil:
    """Its upstream let it wait: ask another one, or the same where there is no other."""
    cdef uint8_t upstream
    if a.is_probe:
        end_asking(&l.in_flight, a)
        return
    if a.n_tries >= MAX_TRIES:
        stop_asking(&l.in_flight, a)
        return
    upstream = another_upstream(&l.pool, a.tried)
    _ask(l, a, upstream if upstream != NO_UPSTREAM else <uint8_t>l.pool.chosen, CNT_DNS_RETRIED)


cdef void _probe(Loop* l) noexcept nogil:
    """Ask every upstream something small, once a second; a single one only while it is down."""
    cdef Asked* a
    cdef uint32_t i
    l.probed_ns = l.now_ns
    choose_upstream(&l.pool)
    if l.pool.n == 1 and not l.pool.upstreams[0].is_down:
        return
    for i in range(l.pool.n):
        a = begin_asking(&l.in_flight, next_random(&l.in_flight), l.now_ns)
        a.is_probe = 1
        a.query_n = <uint16_t>write_probe(a.query)
        _ask(l, a, <uint8_t>i, CNT_DNS_PROBES)


# -- to the clients ----------------------------------------------------------------------------------------------------

cdef inline void _recall_asker(Asker* who, Client* c) noexcept nogil:
    who.ip_version = c.asker_version
    who.addr = c.asker
    who.judged_version = c.judged_version
    memcpy(who.judged, c.judged, 16)


cdef void _deliver(Loop* l, const Asked* a, const Found* f) noexcept nogil:
    """Give an answer to all who wait for it; NULL: tell them that no upstream has given one."""
    cdef Client* c
    cdef uint8_t* msg
    cdef Question q
    cdef Asker who
    cdef size_t n
    cdef uint32_t at = a.clients
    while at != 0:
        c = l.in_flight.clients + at
        at = c.next
        msg = _room(l)
        n = c.query_n
        memcpy(msg, c.query, n)
        _recall_asker(&who, c)
        if not read_again(&l.answering, msg, n, &who, &q):
            continue
        if f == NULL:
            _post_to(l, c, write_refusal(msg, n, DATAGRAM, &q, RCODE_SERVFAIL, EDE_NETWORK_ERROR), CNT_DNS_GIVEN_UP)
        elif deliver(&l.answering, msg, &n, DATAGRAM, &who, &q, f) == ANSWER:
            _post_to(l, c, n, CNT_DNS_ANSWERED)


cdef bint _deliver_old(Loop* l, const Asked* a) noexcept nogil:
    """Give what the cache has of old to all who wait; False where it has nothing."""
    cdef Question q
    cdef Found f
    if a.clients == 0 or parse_query(a.query, a.query_n, &q) != OK:
        return False
    if not fall_back(&l.answering, &q, hash_query(l.answering.question_key, &q), &f):
        return False
    _deliver(l, a, &f)
    return True


cdef void _give_up(Loop* l, Asked* a) noexcept nogil:
    """No upstream answered in all that time."""
    if a.cut_flags[0] != 0:
        _hand_on_cut(l, a)
        return
    l.in_flight.n_lost += 1
    if not _deliver_old(l, a):
        _deliver(l, a, NULL)
    end_asking(&l.in_flight, a)


cdef uint8_t _who_knows_better(const Loop* l, const Asked* a, const uint8_t* answer) noexcept nogil:
    """The upstream to ask after this answer, or NO_UPSTREAM where it is to be delivered."""
    cdef uint8_t rcode = answer[3] & RCODE_MASK
    cdef uint8_t upstream
    if (rcode != RCODE_SERVFAIL and rcode != RCODE_REFUSED) or a.n_tries >= MAX_TRIES:
        return NO_UPSTREAM
    upstream = another_upstream(&l.pool, a.tried)
    return NO_UPSTREAM if upstream == NO_UPSTREAM or l.pool.upstreams[upstream].is_down else upstream


cdef void _hand_on_cut(Loop* l, Asked* a) noexcept nogil:
    """There is nothing but the truncated answer: whoever waits may come over TCP."""
    cdef uint8_t[UPSTREAM_QUERY_OCTETS] msg
    cdef Question q
    cdef Found f
    memcpy(msg, a.query, a.query_n)
    msg[2] = a.cut_flags[0] | TC_OCTET2
    msg[3] = a.cut_flags[1]
    if l.n_streams != 0:
        count(l.answering.shared.counters, CNT_DNS_TCP_FAILED, 1)
    if (parse_query(a.query, a.query_n, &q) == OK
            and take_in(&l.answering, &q, hash_query(l.answering.question_key, &q), msg, a.query_n, &f) != 0):
        _deliver(l, a, &f)
    end_asking(&l.in_flight, a)


cdef void _take_cut(Loop* l, Asked* a, const uint8_t* msg) noexcept nogil:
    """It was truncated: the whole of it is asked for, unless that was tried before."""
    cdef bint is_first = a.cut_flags[0] == 0
    if is_first:
        a.cut_flags[0] = msg[2]
        a.cut_flags[1] = msg[3]
    if not is_first or not _ask_over_stream(l, a):
        _hand_on_cut(l, a)


cdef bint take_answer(Loop* l, uint8_t via, uint8_t* msg, size_t n, bint is_cut) noexcept nogil:
    """What an upstream said; False where nobody waits for it.   is_cut: it was longer than our buffer."""
    cdef Asked* a = find_asked(&l.in_flight, via, msg, n)
    cdef uint8_t upstream
    cdef Question q
    cdef Found f
    if a == NULL:
        return False
    if via < l.n_sockets:
        note_answer(&l.pool, a.upstream, l.now_ns - a.asked_ns, a.is_probe)
    if a.is_probe:
        end_asking(&l.in_flight, a)
        return True
    upstream = _who_knows_better(l, a, msg)
    if upstream != NO_UPSTREAM:
        _ask(l, a, upstream, CNT_DNS_RETRIED)
        return True
    if is_cut or msg[2] & TC_OCTET2:
        _take_cut(l, a, msg)
        return True
    parse_query(a.query, a.query_n, &q)
    if take_in(&l.answering, &q, hash_query(l.answering.question_key, &q), msg, n, &f) == 0:
        return False    # it may still be asked elsewhere, in time
    _deliver(l, a, &f)
    end_asking(&l.in_flight, a)
    return True


cdef void look_after(Loop* l) noexcept nogil:
    """Everything whose time is up.  Cost: a compare or two for each upstream where nothing is."""
    cdef Asked* a
    cdef uint64_t connected = 0
    cdef uint32_t i
    for i in range(l.pool.n):
        if l.fds[l.n_listeners + i * l.sockets_each].fd >= 0:
            connected |= <uint64_t>1 << i
        a = asked_before(&l.in_flight, <uint8_t>i, l.now_ns - patience_with(&l.pool, <uint8_t>i))
        while a != NULL:
            note_silence(&l.pool, <uint8_t>i, a.is_probe)
            _ask_elsewhere(l, a)
            a = asked_before(&l.in_flight, <uint8_t>i, l.now_ns - patience_with(&l.pool, <uint8_t>i))
    a = streamed_before(&l.in_flight, l.now_ns - STREAM_PATIENCE_NS)
    while a != NULL:
        _hand_on_cut(l, a)
        a = streamed_before(&l.in_flight, l.now_ns - STREAM_PATIENCE_NS)
    a = became_old(&l.in_flight, l.now_ns - STALE_AFTER_NS)
    while a != NULL:
        if _deliver_old(l, a):
            free_clients(&l.in_flight, a)
        a = became_old(&l.in_flight, l.now_ns - STALE_AFTER_NS)
    a = begun_before(&l.in_flight, l.now_ns - l.patience_ns)
    while a != NULL:
        _give_up(l, a)
        a = begun_before(&l.in_flight, l.now_ns - l.patience_ns)
    if connected != l.pool.connected:
        l.pool.connected = connected
        choose_upstream(&l.pool)
    if l.now_ns - l.probed_ns >= PROBE_EVERY_NS:
        _probe(l)
    flush(l)
