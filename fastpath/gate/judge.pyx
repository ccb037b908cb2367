"""Judgement of one packet: packet → destination → flow → TLS, QUIC or HTTP → names → Verdict → mark.

The result is the mark of the packet's verdict: MARK_VERDICT and the flow's state.  Packets to inject are in the outbox.

A stream begins at its server's SYN/ACK, which the kernel queues: the flow keeps the initial sequence number.

Invariants: a segment that an end host would ignore is dropped and never read (rule R4).  A flow is released by verdict,
never by count (R10).  What cannot be decided is counted, and `closed` decides; a hello whose beginning was evicted is
blocked, and so is a connection whose SYN/ACK was seen by a gate that has forgotten it.
Absent on purpose: I/O, the clock, allocation.
Source: RFC 9293 §3.10.7, RFC 7323 §5.3 (PAWS), RFC 2385 (the MD5 option), RFC 6093 (urgent data).
Cost: bench/gate.py.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from fastpath.base.cursor cimport NOT_THIS, OK, Status
from fastpath.gate.destination cimport judge_address, judge_source
from fastpath.gate.flow cimport (
    ANEW, BEGUN_AGAIN, EARLY, FOLLOWING, KNOWN, ONE_OF_SEVERAL, PASSED, REPEATED, RESUMABLE, UNJUDGED, WINDOW_OCTETS,
    Flow, add_flow, find_flow, is_unjudged, path_of, spend_flow, touch_flow)
from fastpath.gate.http cimport judge_http
from fastpath.gate.inject cimport reset_server
from fastpath.gate.marks cimport is_partial, state_after
from fastpath.gate.quic cimport judge_datagram
from fastpath.gate.state cimport (
    ALLOWED_SPOKEN, ANSWER_PAGE, BLOCK, BLOCKED, DROP, GO_ON, MARK_ASK, MARK_DROPPED, MARK_QUEUED, MARK_REPLY,
    MARK_STATE, MARK_UNTRACKED, MARK_VERDICT, OPEN, OPENED, PARTIAL_SPOKEN, PORT_BY_CONTENT, PORT_HTTP, PORT_NEITHER,
    PORT_TLS, RELEASE, RELEASED, UNDECIDED, Gate, Turn, Verdict)
from fastpath.gate.stream cimport (
    asks_server, begin_stream, is_passed_and_proven, note_acknowledged, put_octets, stream_position)
from fastpath.gate.tls cimport judge_server_hello, judge_tls
from fastpath.gate.unfinished cimport JUDGED, LEFT_UNJUDGED, begin_range, extend_range, is_in_earlier_range
from fastpath.gate.verdicts cimport contradicted, so_far
from fastpath.report.counters cimport (
    CNT_GATE_BEYOND_SHARE, CNT_GATE_FLOWS_EVICTED, CNT_GATE_FORGOTTEN, CNT_GATE_IGNORED, CNT_GATE_MALFORMED,
    CNT_GATE_PACKETS, CNT_GATE_RELEASED, CNT_GATE_UNFINISHED_LOST, count)
from fastpath.wire.detect cimport PROTOCOL_HTTP, PROTOCOL_OTHER, PROTOCOL_TLS, PROTOCOL_UNKNOWN, protocol_of
from fastpath.wire.packet cimport (
    FLAG_ACK, FLAG_FIN, FLAG_RST, FLAG_SYN, FLAG_URG, PROTO_TCP, PROTO_UDP, PacketView, parse_packet, turn_packet)

cdef enum:
    NEXT_FRAGMENT = 44      # RFC 8200 §4.5
    NEXT_AUTHENTICATION = 51    # TCP may be behind it
    MOST_RANGE = 1 << 30    # octets of a stream that are remembered
    # Numbers that SYN cookies for one SYN may have within a minute: Linux adds 24 bits of a secret and the MSS to them.
    NEAR_NUMBERS = 1 << 24


cdef uint32_t judge_packet(Gate* g, const uint8_t* packet, size_t n, uint32_t mark) noexcept nogil:
    """Judge one client packet, or what was asked for of a server's, from its IP header on.

    mark    as the kernel queued it: MARK_QUEUED | FlowState; a server's: MARK_QUEUED | MARK_REPLY
    Returns MARK_VERDICT | FlowState, or MARK_VERDICT | MARK_DROPPED."""
    cdef Turn t
    cdef Verdict verdict
    cdef Status status
    t.f = NULL
    t.quic_version = 0
    t.state = mark & MARK_STATE
    t.is_untracked = (mark & MARK_UNTRACKED) != 0
    t.is_reply = (mark & MARK_REPLY) != 0
    t.is_asking = 0
    count(g.shared.counters, CNT_GATE_PACKETS, 1)
    status = parse_packet(packet, n, &t.p)
    if status == NOT_THIS and _is_whole(&t.p):
        return MARK_VERDICT | state_after(t.state, _judge_addresses(g, &t))
    if status != OK:
        count(g.shared.counters, CNT_GATE_MALFORMED, 1)
        # no host takes it, or its queue has cut it: a server that reads it all the same is not to get it
        return MARK_VERDICT | (MARK_DROPPED if status != NOT_THIS else BLOCKED if g.closed else t.state)
    verdict = _judge_addresses(g, &t)
    if verdict == GO_ON and t.p.proto == PROTO_UDP:
        verdict = judge_datagram(g, &t)
    elif verdict == GO_ON:
        verdict = _judge_reply(g, &t) if t.is_reply else _judge_segment(g, &t)
    if g.flows.evicted:
        count_evicted(g)
    return MARK_VERDICT | state_after(t.state, verdict) | (MARK_ASK if _is_asking(&t) else 0)


cdef Verdict _judge_addresses(Gate* g, Turn* t) noexcept nogil:
    """Judge both ends of a packet that may be a server's, the destination of any other: BLOCK or GO_ON.

    Not of an answer to a SYN, which was judged itself."""
    if not t.is_reply:
        return judge_address(g, t)
    if t.p.proto == PROTO_TCP and t.p.flags & (FLAG_SYN | FLAG_ACK) == FLAG_SYN | FLAG_ACK:
        return GO_ON
    return BLOCK if judge_source(g, t) == BLOCK or t.p.proto != PROTO_TCP and judge_address(g, t) == BLOCK else GO_ON


cdef inline bint _is_whole(const PacketView* p) noexcept nogil:
    """Whether a packet that is neither TCP nor UDP is known to have neither: it is no fragment."""
    return p.proto != 0 and not (p.version == 6 and (p.proto == NEXT_FRAGMENT or p.proto == NEXT_AUTHENTICATION))


cdef bint _is_asking(const Turn* t) noexcept nogil:
    """Whether the kernel is to queue the server's next packets, too.  Untracked, they may take another path."""
    if t.f == NULL or t.is_untracked or t.f.spent or t.p.proto == PROTO_UDP:
        return False
    return t.is_asking or t.f.is_isn_known >= ONE_OF_SEVERAL or asks_server(t.f)


cdef Verdict _judge_reply(Gate* g, Turn* t) noexcept nogil:
    """Take what was asked for out of a server's packet: RELEASE, OPEN, or GO_ON."""
    cdef PacketView client
    turn_packet(&t.p, &client)
    if t.p.flags & FLAG_SYN:
        return _begin_at_syn_ack(g, t, &client)
    t.f = find_flow(&g.flows, &client)
    if t.f == NULL or t.f.spent or t.p.flags & FLAG_RST or not t.p.flags & FLAG_ACK:
        return GO_ON
    if _is_of_earlier(t):
        spend_flow(&g.flows, t.f, BLOCKED)
        return contradicted(g)
    _note_begin(g, t, &client)
    note_acknowledged(&g.flows, t.f, t.p.ack)
    if not _ends_hellos(t):
        return GO_ON
    count(g.shared.counters, CNT_GATE_RELEASED, 1)
    spend_flow(&g.flows, t.f, RELEASED)
    return RELEASE


cdef bint _ends_hellos(Turn* t) noexcept nogil:
    """Whether a server's packet shows that no other hello can follow."""
    if is_passed_and_proven(t.f):
        return t.f.is_doubted or t.p.payload_n > 0
    return t.f.stage == EARLY and judge_server_hello(t) == RELEASE


cdef Verdict _begin_at_syn_ack(Gate* g, Turn* t, const PacketView* client) noexcept nogil:
    """Begin the stream of a connection that its server has accepted.

    The kernel queues such a packet where its client has sent a SYN since anything of it was judged, and only from the
    interface that leads to the server.  Sent again, it comes behind octets that belong to the stream: they stay.  Where
    an earlier one came to no gate, no one knows which of those octets the server has: they are blocked.

    A server that keeps nothing of a SYN (SYN cookies) begins where its client answers: at this SYN, or at an earlier
    one, if nothing proves that it has begun there before."""
    cdef uint64_t connection
    cdef int64_t now_s = g.now_ns // 1_000_000_000
    cdef uint8_t beginning = KNOWN
    cdef bint has_lost
    if not t.p.flags & FLAG_ACK or g.port_kinds[client.dport] == PORT_NEITHER:
        return GO_ON
    t.f = find_flow(&g.flows, client)
    if t.f == NULL:
        t.f = add_flow(&g.flows, client, now_s)
    elif t.f.is_isn_known and t.f.isn == t.p.ack and not _begins_anew(t):
        if t.f.top == 0:
            t.f.heard = t.p.seq + 1     # a SYN cookie changes with time
        if t.f.is_isn_known == REPEATED:
            t.f.is_isn_known = ONE_OF_SEVERAL
        if t.f.state == UNDECIDED or t.f.spent:
            return OPEN
        t.state = t.f.state     # that of the mark was taken back
        return GO_ON
    elif _has_overtaken(t):
        count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
        spend_flow(&g.flows, t.f, BLOCKED)
        return BLOCK
    elif t.f.is_isn_known and not _begins_anew(t) and g.unfinished.sets != NULL:
        connection = path_of(&g.flows, client)
        has_lost = begin_range(&g.unfinished, connection, t.f.isn, now_s)
        if t.f.top > 0:         # what was forwarded: its server may have begun there
            has_lost |= extend_range(&g.unfinished, connection, t.f.isn, <uint32_t>min(t.f.top, <int64_t>MOST_RANGE),
                                     LEFT_UNJUDGED if is_unjudged(t.f) else JUDGED, now_s)
        has_lost |= begin_range(&g.unfinished, connection, t.p.ack, now_s)
        count(g.shared.counters, CNT_GATE_UNFINISHED_LOST, has_lost)
        beginning = ONE_OF_SEVERAL
    elif _is_begun_behind(t) and not _has_begun_anew(t):
        beginning = ANEW
    touch_flow(&g.flows, t.f, now_s)
    begin_stream(&g.flows, t.f, t.p.ack, beginning)
    t.f.heard = t.p.seq + 1
    t.f.has_heard = 1
    return OPEN


cdef bint _begins_anew(const Turn* t) noexcept nogil:
    """Whether a SYN/ACK is of a connection whose server has nothing of the octets that came before.

    It answers a SYN that came behind those octets by a number of the server's that is far from the one before.  One
    that is near may be a SYN cookie which was sent before those octets came: what stands at a position stays, as the
    server may have it."""
    return _has_begun_anew(t) or _is_begun_behind(t) and not _is_near(t)


cdef inline bint _is_begun_behind(const Turn* t) noexcept nogil:
    """Whether a client has sent a SYN behind octets of its stream, as a device does that was started again."""
    return t.f.top > 0 and (t.f.is_isn_known == REPEATED or t.f.is_isn_known == BEGUN_AGAIN)


cdef bint _is_near(const Turn* t) noexcept nogil:
    """Whether a SYN/ACK may be a SYN cookie of the server that has sent the one before.

    Linux adds its client's number to a cookie, and counts the numbers of other connections by 16 million in a second
    (net/ipv4/syncookies.c, net/core/secure_seq.c): a device needs seconds to start again."""
    cdef int32_t by = <int32_t>(t.p.seq + 1 - t.f.heard)
    cdef int32_t cookie_by = <int32_t>(t.p.seq + 1 - t.f.heard - (t.p.ack - t.f.isn))
    return -NEAR_NUMBERS < by < NEAR_NUMBERS or -NEAR_NUMBERS < cookie_by < NEAR_NUMBERS


cdef bint _is_of_earlier(const Turn* t) noexcept nogil:
    """Whether a server's packet is of the connection that a stream was to follow: it has the octets that came before.

    A keep-alive stands one number in front of the server's first octet."""
    return t.f.is_isn_known == ANEW and <uint32_t>(t.p.seq + 1 - t.f.heard) >= <uint32_t>NEAR_NUMBERS


cdef void _note_begin(Gate* g, Turn* t, const PacketView* client) noexcept nogil:
    """Learn from a server's packet that it goes on with the stream that is known: it has got octets of it, or answers
    a SYN that came again behind them."""
    if t.f.is_isn_known == REPEATED:
        t.f.is_isn_known = ONE_OF_SEVERAL
    if t.f.is_isn_known == ANEW:
        t.f.is_isn_known = KNOWN        # see _is_of_earlier()
    if (t.f.is_isn_known == ONE_OF_SEVERAL and t.p.ack != t.f.isn
            and not (g.unfinished.sets != NULL
                     and is_in_earlier_range(&g.unfinished, path_of(&g.flows, client), t.p.ack, 0))):
        t.f.is_isn_known = KNOWN


cdef bint _is_elsewhere(Gate* g, const Turn* t) noexcept nogil:
    """Whether the first octet of a stream is among a segment's that the server may have begun in this one's stead."""
    return (t.f.is_isn_known == ONE_OF_SEVERAL and g.unfinished.sets != NULL
            and is_in_earlier_range(&g.unfinished, path_of(&g.flows, &t.p), t.p.seq, t.p.payload_n))


cdef bint _answers_earlier(const Turn* t) noexcept nogil:
    """Whether a segment answers another SYN/ACK than the one at which its stream has begun again."""
    return t.f.is_isn_known == ANEW and <uint32_t>(t.p.ack - t.f.heard) >= <uint32_t>NEAR_NUMBERS


cdef bint _has_overtaken(const Turn* t) noexcept nogil:
    """Whether octets of this connection have come before its SYN/ACK: their flow's beginning is not known.

    A server takes octets that acknowledge its SYN/ACK.  The kernel drops what acknowledges more than the server has
    sent: so where it has taken any, that is the highest number that was acknowledged."""
    return not t.f.is_isn_known and not t.f.spent and not _has_begun_anew(t) and t.f.heard == t.p.seq + 1


cdef Verdict _judge_segment(Gate* g, Turn* t) noexcept nogil:
    cdef Verdict verdict
    # the kernel's rules drop a SYN with payload: it belongs to the stream only if the server acknowledges it
    if t.p.flags & FLAG_SYN:
        return _judge_syn(g, t)
    if t.p.flags & FLAG_RST or g.port_kinds[t.p.dport] == PORT_NEITHER:
        return GO_ON
    if t.p.payload_n == 0 and not (t.p.flags & FLAG_FIN and g.port_kinds[t.p.dport] & PORT_HTTP):
        return GO_ON
    if _is_ignored_by_hosts(g, &t.p):
        count(g.shared.counters, CNT_GATE_IGNORED, 1)
        return DROP
    if t.p.payload_n == 0 and find_flow(&g.flows, &t.p) == NULL:
        return _judge_unknown_end(g, t)
    if not _find_place(g, t):
        if t.f.is_doubted == RESUMABLE:
            return DROP         # its mark is older than the verdict; its client sends it again
        t.state = t.f.state
        return GO_ON
    if (t.f.is_isn_known == BEGUN_AGAIN or t.f.is_isn_known == REPEATED or _answers_earlier(t) or _is_old(t)
            or _is_before_stream(g, t)):
        count(g.shared.counters, CNT_GATE_IGNORED, 1)
        return DROP
    verdict = contradicted(g) if _is_elsewhere(g, t) else _judge_octets(g, t)
    if verdict == DROP:
        return DROP
    t.f.state = state_after(t.state, verdict)
    if verdict == BLOCK:
        reset_server(g, t)
    if verdict == RELEASE:
        count(g.shared.counters, CNT_GATE_RELEASED, 1)
    if verdict == BLOCK or verdict == RELEASE or verdict == ANSWER_PAGE:
        spend_flow(&g.flows, t.f, t.f.state)
    return verdict


cdef Verdict _judge_syn(Gate* g, Turn* t) noexcept nogil:
    """Take a SYN of a connection that the kernel knows: a client that begins again, or its SYN once more.

    What it sends until its server answers is the old connection's or the new one's: it waits for the SYN/ACK.  So does
    what follows a SYN that comes once more behind octets of its stream, as of a device that was started again and
    counts from the same number.  A server that has those octets says that it goes on; one that has forgotten them
    begins again."""
    cdef bint is_spoken = t.state == ALLOWED_SPOKEN or t.state == PARTIAL_SPOKEN
    if t.is_untracked:
        return GO_ON
    t.state = UNDECIDED         # no SYN changes its connection's mark
    t.f = find_flow(&g.flows, &t.p)
    if t.f == NULL or t.f.is_isn_known != KNOWN and t.f.is_isn_known != ONE_OF_SEVERAL:
        return GO_ON
    if is_spoken and not t.f.spent:
        t.f.state = ALLOWED_SPOKEN      # since its client's last octets: it has begun where this stream does
    if <uint32_t>(t.p.seq + 1) != t.f.isn:
        t.f.is_isn_known = BEGUN_AGAIN
    elif t.f.top > 0 and not t.f.spent:
        t.f.is_isn_known = REPEATED
    return GO_ON


cdef Verdict _judge_unknown_end(Gate* g, Turn* t) noexcept nogil:
    """Judge a FIN behind octets that are no longer known: some servers take what has come for a whole head."""
    if is_partial(t.state) or t.is_untracked and g.closed:
        count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
        return BLOCK
    return GO_ON


cdef Verdict _judge_octets(Gate* g, Turn* t) noexcept nogil:
    cdef uint8_t kind = g.port_kinds[t.p.dport]
    if kind & PORT_BY_CONTENT:
        kind = _kind_by_content(g, t, kind)
    if kind == PORT_TLS:
        return judge_tls(g, t)
    if kind == PORT_HTTP:
        return judge_http(g, t)
    if t.f.protocol == PROTOCOL_UNKNOWN and t.f.w.have < WINDOW_OCTETS:
        return so_far(t)
    # of no protocol that has names; or these octets are a decoy's, and those that come in their place contradict them
    t.f.protocol = PROTOCOL_OTHER
    t.f.stage = PASSED
    return judge_tls(g, t)


cdef uint8_t _kind_by_content(Gate* g, Turn* t, uint8_t kind) noexcept nogil:
    """A PortKind: by the octets where they suffice, else by the port; PORT_NEITHER while more octets are needed."""
    cdef size_t taken
    cdef Flow* f = t.f
    if f.protocol == PROTOCOL_UNKNOWN:
        if put_octets(&g.flows, f, t.at, t.p.payload, t.p.payload_n, &taken) != OK:
            return PORT_TLS     # judge_tls() meets the same status and counts it
        if t.at + <int64_t>taken > f.top:
            f.top = t.at + <int64_t>taken
        f.protocol = protocol_of(f.w.at, f.w.have, g.scratch)
        if f.protocol == PROTOCOL_UNKNOWN and taken == t.p.payload_n:
            return PORT_NEITHER
    if f.protocol == PROTOCOL_TLS:
        return PORT_TLS
    return PORT_HTTP if f.protocol == PROTOCOL_HTTP else kind & ~PORT_BY_CONTENT


cdef uint32_t mark_of(const Flow* f) noexcept nogil:
    """The mark with which the kernel would queue a packet of this flow.   f: NULL where none exists"""
    if f == NULL:
        return MARK_QUEUED
    return MARK_QUEUED | f.state


cdef void count_evicted(Gate* g) noexcept nogil:
    """Count the flows evicted since the last call."""
    count(g.shared.counters, CNT_GATE_FLOWS_EVICTED, g.flows.evicted)
    count(g.shared.counters, CNT_GATE_BEYOND_SHARE, g.flows.beyond)
    g.flows.evicted = g.flows.beyond = 0


# -- segments that hosts ignore --------------------------------------------------------------------------------------

cdef bint _is_ignored_by_hosts(const Gate* g, const PacketView* p) noexcept nogil:
    """E16, E18: no end host takes data without ACK, or with an MD5 option that was not agreed on.

    E08: whether an urgent octet is part of the stream is the server's choice, and no web client sends any.  A tap drops
    nothing and reads it as a part."""
    return not p.flags & FLAG_ACK or p.has_md5 or p.flags & FLAG_URG and not g.shared.is_shadow


cdef bint _is_before_stream(const Gate* g, const Turn* t) noexcept nogil:
    """Whether no octet of a segment is behind the SYN.  A keep-alive on the SYN's number is the exception."""
    cdef int64_t end = t.at + <int64_t>t.p.payload_n
    return t.f.is_isn_known and not g.shared.is_shadow and (end < 0 or end == 0 and t.p.payload_n > 1)


cdef bint _is_old(Turn* t) noexcept nogil:
    """E17: a timestamp before that of the last segment in order."""
    if not t.p.has_tsval:
        return False
    if t.f.has_tsval and <int32_t>(t.p.tsval - t.f.tsval) < 0:
        return True
    if t.at <= t.edge:
        t.f.has_tsval = 1
        t.f.tsval = t.p.tsval
    return False


# -- flow and stream position ----------------------------------------------------------------------------------------

cdef bint _find_place(Gate* g, Turn* t) noexcept nogil:
    """Find or create the packet's flow and set its stream position.   False: the flow is decided, see f.state.

    The beginning of a stream that is created here is not known: its SYN/ACK came to no gate, or to one before this."""
    cdef bint is_new = False
    t.f = find_flow(&g.flows, &t.p)
    if t.f == NULL:
        t.f = add_flow(&g.flows, &t.p, g.now_ns // 1_000_000_000)
        is_new = True
    elif _has_begun_anew(t) or _goes_on(t):
        is_new = True           # another connection of these addresses and ports, or one that was evicted
    if is_new and is_unjudged(t.f) and not t.is_untracked:
        # the kernel has forgotten a connection in the middle of a hello or head
        count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
        spend_flow(&g.flows, t.f, BLOCKED)
        return False
    if is_new and t.state == UNDECIDED and not t.is_untracked and not g.shared.is_shadow:
        # neither knows its beginning: the server may have octets ahead of these, in a body that would be skipped
        count(g.shared.counters, CNT_GATE_FORGOTTEN, g.closed or g.port_kinds[t.p.dport] != PORT_TLS)  # see tls.pyx
        if g.closed:
            spend_flow(&g.flows, t.f, BLOCKED)
            return False
    if is_new:
        begin_stream(&g.flows, t.f, t.p.seq, 0)
        t.f.heard = t.p.ack
        t.f.has_heard = 1
    elif t.f.spent:
        if t.f.is_doubted == UNJUDGED:
            t.f.is_doubted = 0
            count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
        return False
    elif not t.f.is_isn_known and not t.is_untracked and <int32_t>(t.p.ack - t.f.heard) > 0:
        t.f.heard = t.p.ack
    touch_flow(&g.flows, t.f, g.now_ns // 1_000_000_000)
    t.at = stream_position(t.f, t.p.seq)
    if is_new and t.state != UNDECIDED:
        if not _take_up(g, t):
            count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
            spend_flow(&g.flows, t.f, BLOCKED)
            return False
    t.edge = t.f.base + t.f.w.have
    if t.f.next > t.edge:
        t.edge = t.at           # inside a body that is not stored
    return True


cdef bint _has_begun_anew(const Turn* t) noexcept nogil:
    """Whether the kernel has forgotten what it knew when this flow was judged last: its client has begun again.

    A mark advances as long as its connection lives, and packets come here in the order in which they were queued.  What
    was blocked begins with a SYN/ACK alone: the server may still have octets of it that were not judged."""
    cdef uint8_t before = t.f.state
    if t.state != UNDECIDED or t.f.spent and before == BLOCKED:
        return False
    if before == RELEASED or before == ALLOWED_SPOKEN or before == PARTIAL_SPOKEN:
        return True
    return t.f.acked > 0 or t.f.base > 0


cdef inline bint _goes_on(const Turn* t) noexcept nogil:
    """Whether an evicted flow's mark says by now that it was judged."""
    return t.f.spent and t.f.is_doubted == RESUMABLE and t.state != UNDECIDED and t.state != OPENED


cdef bint _take_up(Gate* g, Turn* t) noexcept nogil:
    """Resume a flow that was allowed and is no longer in the table: evicted, idle, or the gate was restarted.

    False: the server is silent, so the octets that passed may be a decoy, or some of them are not judged (E12).  Also
    where the policy is closed and another hello may follow."""
    if t.state != ALLOWED_SPOKEN or g.closed and g.port_kinds[t.p.dport] == PORT_TLS:
        return False
    t.f.base = t.at
    t.f.next = t.at
    t.f.top = t.at
    t.f.stage = FOLLOWING
    t.f.is_doubted = 1          # these octets may be an old decoy, whose body would hide what follows
    return True
