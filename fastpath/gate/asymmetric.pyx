"""Client packets of connections whose servers may answer on another way: the flow remembers what a mark would.

    SYN → where the client's octets begin    payload → judge_packet(), with what the flow remembers

The kernel does not track these connections: it would take them for invalid.  So every SYN and every payload of a client
comes here for as long as its connection lives.

*Invariants*
- TLS is never released: nothing that a client sends can prove that its server has spoken, so what was judged is
  compared with what comes as long as the flow is remembered.
- Of HTTP the client's acknowledgements are believed, as a window that never moves would end long connections.
- What is forgotten in the middle of a hello or head is blocked from then on (FlowTable.forgotten).
- Where a SYN names another begin than the one before, one of them was a decoy, or honest ports are used again: nothing
  undecidable passes then, and nothing that does not follow on what is there.  A policy of `closed` lets nothing pass.

*Absent on purpose*: what a server's SYN/ACK proves.  A decoy SYN with a decoy hello behind it, in front of the real
ones without a gap, gets through where the policy is `open`.
*Source*: rules R3, R4; RFC 9293 §3.10.7.4.   *Cost*: that of judge_packet(), a parse and a look for the flow.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from fastpath.base.cursor cimport OK
from fastpath.gate.flow cimport (
    IDLE_S, OPENING, Flow, add_flow, begin_stream, find_flow, spend_flow, stream_position, touch_flow)
from fastpath.gate.judge cimport judge_packet, mark_of
from fastpath.gate.state cimport (
    ALLOWED, ALLOWED_SPOKEN, BLOCKED, MARK_DROPPED, MARK_VERDICT, PORT_HTTP, PORT_NEITHER, Gate)
from fastpath.gate.verdicts cimport contradicted
from fastpath.report.counters cimport CNT_GATE_IGNORED, CNT_GATE_PACKETS, count
from fastpath.wire.packet cimport FLAG_SYN, PROTO_TCP, PacketView, has_good_checksums, parse_packet


cdef uint32_t judge_asymmetric(Gate* g, const uint8_t* packet, size_t n, uint32_t mark,
                               bint is_summed) noexcept nogil:
    """Judge one client packet, from its IP header on.

    mark        as the kernel queued it; what it says of a connection counts where the kernel tracks it: not here
    is_summed   its checksums are there, and nobody has verified them yet
    Returns as judge_packet()."""
    cdef PacketView p
    cdef Flow* f
    cdef uint8_t closed = g.closed
    if parse_packet(packet, n, &p) != OK or p.proto != PROTO_TCP or g.port_kinds[p.dport] == PORT_NEITHER:
        return judge_packet(g, packet, n, mark)
    if is_summed and not has_good_checksums(packet, &p):
        return _dropped(g)      # E14
    f = find_flow(&g.flows, &p, 0)
    if p.flags & FLAG_SYN:
        f = _open(g, &p, f)
    elif f != NULL and p.payload_n > 0 and not f.spent:
        if f.is_isn_known and _is_far_off(f, &p):
            return _dropped(g)
        if f.is_doubted and _is_astray(g, f, &p):
            count(g.shared.counters, CNT_GATE_PACKETS, 1)
            contradicted(g)
            spend_flow(&g.flows, f, BLOCKED)
            return MARK_VERDICT | BLOCKED
        _hear(g, f, &p)
    if f != NULL and f.is_doubted:
        g.closed = 1
    mark = judge_packet(g, packet, n, mark_of(f))
    g.closed = closed
    return mark


cdef uint32_t _dropped(Gate* g) noexcept nogil:
    """No end host takes the packet."""
    count(g.shared.counters, CNT_GATE_PACKETS, 1)
    count(g.shared.counters, CNT_GATE_IGNORED, 1)
    return MARK_VERDICT | MARK_DROPPED


cdef Flow* _open(Gate* g, const PacketView* p, Flow* f) noexcept nogil:
    """A client's SYN: its octets begin behind it."""
    cdef uint32_t isn = p.seq + 1
    cdef int64_t now_s = g.now_ns // 1_000_000_000
    cdef bint is_doubted = False
    if f == NULL:
        f = add_flow(&g.flows, p, 0, now_s)
    elif f.is_isn_known and f.isn == isn & 0xffffff and f.isn_high == isn >> 24 and not f.spent:
        return f            # the same again
    else:
        is_doubted = (f.is_doubted or not f.spent) and now_s - f.used_s <= IDLE_S
    touch_flow(&g.flows, f, now_s)
    begin_stream(&g.flows, f, isn, 1)
    f.isn_high = isn >> 24
    f.is_doubted = is_doubted
    return f


cdef bint _is_far_off(const Flow* f, const PacketView* p) noexcept nogil:
    """E15: whether a segment stands 2**23 octets or more from what came so far: in no host's window."""
    return <uint32_t>stream_position(f, p.seq) != p.seq - (<uint32_t>f.isn_high << 24 | f.isn)


cdef bint _is_astray(const Gate* g, const Flow* f, const PacketView* p) noexcept nogil:
    """Whether a segment of a flow with two begins stands where the true begin may be the other one."""
    cdef int64_t at = stream_position(f, p.seq)
    return g.closed or at < 0 or f.stage == OPENING and at > f.base + f.w.have


cdef void _hear(Gate* g, Flow* f, const PacketView* p) noexcept nogil:
    """What a client acknowledges beyond what its first request did, a server of HTTP has said."""
    if not f.has_heard:
        f.has_heard = 1
        f.heard = p.ack
    elif f.state == ALLOWED and g.port_kinds[p.dport] & PORT_HTTP and <int32_t>(p.ack - f.heard) > 0:
        f.state = ALLOWED_SPOKEN
