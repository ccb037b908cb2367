"""Asymmetric routing: judgement of a client's packets where the server's may take another path.

    SYN → ISN of the flow    payload → judge_packet(), with the mark that the flow stands in for

The kernel keeps no state of these connections, as conntrack would take their handshake for invalid; it has but a label
of the client's half, for the cut.  So every SYN and every payload of a client is judged here for the life of its
connection.

Invariants: TLS is never released, as nothing that a client sends proves that its server has spoken.  Judged octets are
compared with new segments as long as the flow is in the table.
For HTTP the client's acknowledgements are believed: a window that never moves would end long connections.
A flow evicted in the middle of a hello or head is blocked from then on (FlowTable.forgotten).  Where its record is
gone, too, or the gate was started again, Gate.unfinished knows it: what goes on in it is blocked.
Where a second SYN has another ISN, one of the two was a decoy, or the ports were reused.  The later one begins a stream
that is judged from its beginning.  A server that still has the earlier one takes octets only where that one stood, or
behind it: there they are blocked (Gate.unfinished has the places).
Absent on purpose: the proof of a server's SYN/ACK.
Source: rules R3, R4; RFC 9293 §3.10.7.4.
Cost: that of judge_packet(), a parse and a flow lookup.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from fastpath.base.cursor cimport OK
from fastpath.gate.flow cimport ENDED, Flow, add_flow, find_flow, path_of, spend_flow, touch_flow
from fastpath.gate.judge cimport judge_packet, mark_of
from fastpath.gate.marks cimport is_partial
from fastpath.gate.state cimport (
    ALLOWED, ALLOWED_SPOKEN, BLOCKED, MARK_DROPPED, MARK_STATE, MARK_UNTRACKED, MARK_VERDICT, PORT_HTTP, PORT_NEITHER,
    Gate)
from fastpath.gate.stream cimport begin_stream, stream_position
from fastpath.gate.unfinished cimport (
    EXPIRED, JUDGED, LEFT_UNJUDGED, Recollection, begin_range, extend_range, is_in_earlier_range, recall)
from fastpath.report.counters cimport (
    CNT_GATE_FORGOTTEN, CNT_GATE_IGNORED, CNT_GATE_OVERLAP, CNT_GATE_PACKETS, CNT_GATE_UNFINISHED_LOST, count)
from fastpath.report.trace cimport note_undecidable
from fastpath.wire.packet cimport (
    FLAG_FIN, FLAG_RST, FLAG_SYN, PROTO_TCP, PacketView, has_good_checksums, parse_packet)

cdef enum:
    FAR_OCTETS = 1 << 23


cdef uint32_t judge_asymmetric(Gate* g, const uint8_t* packet, size_t n, uint32_t mark,
                               bint is_summed) noexcept nogil:
    """Judge one client packet, from its IP header on.

    mark        as the kernel queued it; used only where the kernel tracks the connection: other protocols and ports
    is_summed   its checksums are complete and not yet verified
    Returns as judge_packet()."""
    cdef PacketView p
    cdef Flow* f
    cdef uint64_t connection
    cdef size_t sent
    if parse_packet(packet, n, &p) != OK or p.proto != PROTO_TCP or g.port_kinds[p.dport] == PORT_NEITHER:
        return judge_packet(g, packet, n, mark)
    if is_summed and not has_good_checksums(packet, &p):
        return _dropped(g)      # E14
    f = find_flow(&g.flows, &p)
    connection = path_of(&g.flows, &p)
    if _is_opening(&p):
        f = _begin_at_syn(g, &p, f, connection)
    elif p.payload_n > 0 or p.flags & FLAG_FIN:
        if f == NULL and _recall(g, connection) == LEFT_UNJUDGED:
            return _blocked(g, CNT_GATE_FORGOTTEN)
        if f != NULL and not f.spent and f.is_isn_known and p.payload_n > 0 and _is_far_off(f, &p):
            return _dropped(g)
        if is_in_earlier_range(&g.unfinished, connection, p.seq, <uint32_t>p.payload_n + (p.flags & FLAG_FIN > 0)):
            if f != NULL:
                spend_flow(&g.flows, f, BLOCKED)
            return _blocked(g, CNT_GATE_OVERLAP)
        if f != NULL and not f.spent and p.payload_n > 0:
            _note_ack(g, f, &p)
    sent = g.out.used
    mark = judge_packet(g, packet, n, mark_of(f) | MARK_UNTRACKED)
    if p.payload_n > 0 and not p.flags & (FLAG_SYN | FLAG_RST):
        _remember(g, &p, f, connection, mark & MARK_STATE, g.out.used > sent)
    return mark


cdef uint32_t _blocked(Gate* g, int counter) noexcept nogil:
    count(g.shared.counters, CNT_GATE_PACKETS, 1)
    count(g.shared.counters, counter, 1)
    note_undecidable(g.trace, counter)
    return MARK_VERDICT | BLOCKED


cdef uint32_t _dropped(Gate* g) noexcept nogil:
    """Count and drop a packet that no end host takes."""
    count(g.shared.counters, CNT_GATE_PACKETS, 1)
    count(g.shared.counters, CNT_GATE_IGNORED, 1)
    return MARK_VERDICT | MARK_DROPPED


cdef inline bint _is_opening(const PacketView* p) noexcept nogil:
    """Whether it is a SYN for its server: with RST it is a reset."""
    return p.flags & (FLAG_SYN | FLAG_RST) == FLAG_SYN


cdef Recollection _recall(Gate* g, uint64_t connection) noexcept nogil:
    """recall(), and what it has lost."""
    cdef Recollection found = recall(&g.unfinished, connection, g.now_ns // 1_000_000_000)
    count(g.shared.counters, CNT_GATE_UNFINISHED_LOST, found == EXPIRED)
    return found


cdef bint _is_sent_again(const Flow* f, const PacketView* p) noexcept nogil:
    """Whether a SYN is the one with which the flow has begun."""
    cdef uint32_t isn = p.seq + 1
    return f.is_isn_known and f.isn == isn and not f.spent


cdef Flow* _begin_at_syn(Gate* g, const PacketView* p, Flow* f, uint64_t connection) noexcept nogil:
    """Begin the stream at a client's SYN."""
    cdef uint32_t isn = p.seq + 1
    cdef int64_t now_s = g.now_ns // 1_000_000_000
    if f == NULL:
        f = add_flow(&g.flows, p, now_s)
    elif _is_sent_again(f, p):
        return f
    touch_flow(&g.flows, f, now_s)
    begin_stream(&g.flows, f, isn, 1)
    _recall(g, connection)
    count(g.shared.counters, CNT_GATE_UNFINISHED_LOST, begin_range(&g.unfinished, connection, isn, now_s))
    return f


cdef bint _is_far_off(const Flow* f, const PacketView* p) noexcept nogil:
    """E15: whether a segment is so far ahead of the highest seen that no client has lost what is between.

    One far behind may be the rest of a long body.  In front of its stream it is dropped (judge.pyx)."""
    return stream_position(f, p.seq) - f.top >= FAR_OCTETS


cdef void _remember(Gate* g, const PacketView* p, Flow* f, uint64_t connection, uint8_t state,
                    bint is_replaced) noexcept nogil:
    """Remember where octets stand that are forwarded, and whether all of them are judged.

    is_replaced   where the packet is dropped, one in its stead goes on: the flow has the state of its octets

    A FIN may be a decoy: what it has ended is as it was before, as the server may still wait for the rest."""
    cdef int64_t now_s = g.now_ns // 1_000_000_000
    cdef Recollection what = JUDGED
    if f == NULL:
        f = find_flow(&g.flows, p)
    if state == MARK_DROPPED and is_replaced and f != NULL:
        state = f.state
    if state == BLOCKED or state == MARK_DROPPED:
        return
    if is_partial(state):
        what = LEFT_UNJUDGED
    elif f != NULL and f.stage == ENDED and recall(&g.unfinished, connection, now_s) == LEFT_UNJUDGED:
        what = LEFT_UNJUDGED
    count(g.shared.counters, CNT_GATE_UNFINISHED_LOST,
          extend_range(&g.unfinished, connection, p.seq, <uint32_t>p.payload_n, what, now_s))


cdef void _note_ack(Gate* g, Flow* f, const PacketView* p) noexcept nogil:
    """Note that an HTTP server has spoken: its client acknowledges more than with its first payload."""
    if not f.has_heard:
        f.has_heard = 1
        f.heard = p.ack
    elif f.state == ALLOWED and g.port_kinds[p.dport] & PORT_HTTP and <int32_t>(p.ack - f.heard) > 0:
        f.state = ALLOWED_SPOKEN
