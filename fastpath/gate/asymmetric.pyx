"""Asymmetric routing: judgement of a client's packets where the server's may take another path.

    SYN → ISN of the flow    payload → judge_packet(), with the mark that the flow stands in for

The kernel does not track these connections, as conntrack would take them for invalid.  So every SYN and every payload
of a client is judged here for the life of its connection.

Invariants: TLS is never released, as nothing that a client sends proves that its server has spoken.  Judged octets are
compared with new segments as long as the flow is in the table.
For HTTP the client's acknowledgements are believed: a window that never moves would end long connections.
A flow evicted in the middle of a hello or head is blocked from then on (FlowTable.forgotten).  Where its record is
gone, too, or the gate was started again, Gate.unfinished knows it: what goes on, or begins again with another SYN, is
blocked.
Where a second SYN has another ISN, one of the two was a decoy, or the ports were reused.  Then undecidable input is
blocked, and so are octets that do not continue those seen.  A policy of `closed` blocks the flow.
Absent on purpose: the proof of a server's SYN/ACK.  A decoy SYN and a decoy hello, sent before the real ones without a
gap, get the real hello through where the policy is `open`.
Source: rules R3, R4; RFC 9293 §3.10.7.4.
Cost: that of judge_packet(), a parse and a flow lookup.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from fastpath.base.cursor cimport OK
from fastpath.gate.flow cimport IDLE_S, OPENING, Flow, add_flow, find_flow, path_of, spend_flow, touch_flow
from fastpath.gate.judge cimport judge_packet, mark_of
from fastpath.gate.state cimport (
    ALLOWED, ALLOWED_SPOKEN, BLOCKED, MARK_DROPPED, MARK_UNTRACKED, MARK_VERDICT, PORT_HTTP, PORT_NEITHER, Gate)
from fastpath.gate.stream cimport begin_stream, stream_position
from fastpath.gate.unfinished cimport KEPT, LOST, Recollection, recall
from fastpath.gate.verdicts cimport contradicted
from fastpath.report.counters cimport (
    CNT_GATE_FORGOTTEN, CNT_GATE_IGNORED, CNT_GATE_PACKETS, CNT_GATE_UNFINISHED_LOST, count)
from fastpath.wire.packet cimport FLAG_FIN, FLAG_SYN, PROTO_TCP, PacketView, has_good_checksums, parse_packet


cdef uint32_t judge_asymmetric(Gate* g, const uint8_t* packet, size_t n, uint32_t mark,
                               bint is_summed) noexcept nogil:
    """Judge one client packet, from its IP header on.

    mark        as the kernel queued it; used only where the kernel tracks the connection: other protocols and ports
    is_summed   its checksums are complete and not yet verified
    Returns as judge_packet()."""
    cdef PacketView p
    cdef Flow* f
    cdef uint8_t closed = g.closed
    if parse_packet(packet, n, &p) != OK or p.proto != PROTO_TCP or g.port_kinds[p.dport] == PORT_NEITHER:
        return judge_packet(g, packet, n, mark)
    if is_summed and not has_good_checksums(packet, &p):
        return _dropped(g)      # E14
    f = find_flow(&g.flows, &p)
    if _is_unfinished(g, f, &p):
        count(g.shared.counters, CNT_GATE_PACKETS, 1)
        count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
        return MARK_VERDICT | BLOCKED
    if p.flags & FLAG_SYN:
        f = _begin_at_syn(g, &p, f)
    elif f != NULL and p.payload_n > 0 and not f.spent:
        if f.is_isn_known and (_is_far_off(f, &p) or g.closed and _is_ahead(f, &p)):
            return _dropped(g)
        if f.is_doubted and _is_misplaced(g, f, &p):
            count(g.shared.counters, CNT_GATE_PACKETS, 1)
            contradicted(g)
            spend_flow(&g.flows, f, BLOCKED)
            return MARK_VERDICT | BLOCKED
        _note_ack(g, f, &p)
    if f != NULL and f.is_doubted:
        g.closed = 1
    mark = judge_packet(g, packet, n, mark_of(f) | MARK_UNTRACKED)
    g.closed = closed
    return mark


cdef uint32_t _dropped(Gate* g) noexcept nogil:
    """Count and drop a packet that no end host takes."""
    count(g.shared.counters, CNT_GATE_PACKETS, 1)
    count(g.shared.counters, CNT_GATE_IGNORED, 1)
    return MARK_VERDICT | MARK_DROPPED


cdef bint _is_unfinished(Gate* g, const Flow* f, const PacketView* p) noexcept nogil:
    """Whether a packet begins or continues a connection with unjudged octets, whose place in its stream is not known.

    A server that waits for the rest does not begin anew at a SYN: the rest would be read as a beginning.  The true
    stream, if its flow is in the table, goes on."""
    cdef Recollection found
    if f != NULL and (not p.flags & FLAG_SYN or _is_sent_again(f, p)):
        return False
    if not p.flags & (FLAG_SYN | FLAG_FIN) and p.payload_n == 0:
        return False
    found = recall(&g.unfinished, path_of(&g.flows, p), g.now_ns // 1_000_000_000)
    if found == LOST:
        count(g.shared.counters, CNT_GATE_UNFINISHED_LOST, 1)
    return found == KEPT


cdef bint _is_sent_again(const Flow* f, const PacketView* p) noexcept nogil:
    """Whether a SYN is the one with which the flow has begun."""
    cdef uint32_t isn = p.seq + 1
    return f.is_isn_known and f.isn == isn & 0xffffff and f.isn_high == isn >> 24 and not f.spent


cdef Flow* _begin_at_syn(Gate* g, const PacketView* p, Flow* f) noexcept nogil:
    """Begin the stream at a client's SYN."""
    cdef uint32_t isn = p.seq + 1
    cdef int64_t now_s = g.now_ns // 1_000_000_000
    cdef bint is_doubted = False
    if f == NULL:
        f = add_flow(&g.flows, p, now_s)
    elif _is_sent_again(f, p):
        return f
    else:
        is_doubted = (f.is_doubted or not f.spent) and now_s - f.used_s <= IDLE_S
    touch_flow(&g.flows, f, now_s)
    begin_stream(&g.flows, f, isn, 1)
    f.isn_high = isn >> 24
    f.is_doubted = is_doubted
    return f


cdef bint _is_far_off(const Flow* f, const PacketView* p) noexcept nogil:
    """E15: whether a segment is 2**23 octets or more from the highest seen: in no host's receive window."""
    return <uint32_t>stream_position(f, p.seq) != p.seq - (<uint32_t>f.isn_high << 24 | f.isn)


cdef bint _is_ahead(const Flow* f, const PacketView* p) noexcept nogil:
    """Whether a segment leaves a gap before anything of its stream was judged.

    A client can send its SYN again to a gate that has forgotten the first half of a hello: the other half may then be
    all that its server still needs.  It is dropped, and an honest client sends both again."""
    return f.stage == OPENING and stream_position(f, p.seq) > f.base + f.w.have


cdef bint _is_misplaced(const Gate* g, const Flow* f, const PacketView* p) noexcept nogil:
    """Whether a segment of a flow with two ISNs does not continue the octets seen: the other may be the true one."""
    cdef int64_t at = stream_position(f, p.seq)
    return g.closed or at < 0 or f.stage == OPENING and at > f.base + f.w.have


cdef void _note_ack(Gate* g, Flow* f, const PacketView* p) noexcept nogil:
    """Note that an HTTP server has spoken: its client acknowledges more than with its first payload."""
    if not f.has_heard:
        f.has_heard = 1
        f.heard = p.ack
    elif f.state == ALLOWED and g.port_kinds[p.dport] & PORT_HTTP and <int32_t>(p.ack - f.heard) > 0:
        f.state = ALLOWED_SPOKEN
