"""Passive judgement: packets of both directions, seen and not held; each client's payload goes to judge_packet().

The flow keeps the state that the kernel's rules keep in a connection's mark.  That is the client's ISN, from its SYN or
better from the server's acknowledgement of it, and whether the server has spoken.
QUIC needs no mark: clients' datagrams go to judge_packet() as they are.

Invariants: no packet is held, so a block is only recorded (`Shared.is_shadow`).  A SYN inside a live connection does
not restart its stream: otherwise an evader could choose where inspection begins.
Absent on purpose: defragmentation, which the fanout of a tap's socket does for IPv4.
Source: filterd/kernel/ruleset.py (the rules), RFC 9293 §3.5, rules R3 and R4.
Cost: that of judge_packet(), and a parse (bench/tap.py).
"""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from fastpath.base.cursor cimport NOT_THIS, OK, Status
from fastpath.gate.flow cimport Flow, add_flow, find_flow, touch_flow
from fastpath.gate.judge cimport count_evicted, judge_packet, mark_of
from fastpath.gate.outbox cimport put_tcp
from fastpath.gate.setup cimport Limits, close_gate, open_gate, set_ports
from fastpath.gate.state cimport (
    ALLOWED, ALLOWED_SPOKEN, BLOCKED, MARK_QUEUED, MARK_VERDICT, PAGE_OCTETS, PORT_BY_CONTENT, PORT_NEITHER, UNDECIDED,
    Gate)
from fastpath.gate.stream cimport begin_stream, put_octets
from fastpath.report.counters cimport CNT_GATE_MALFORMED, CNT_GATE_RST_SENT, COUNTER_WORDS, count
from fastpath.report.spool cimport Shared
from fastpath.report.trace cimport Trace, begin_trace, sightings_of
from fastpath.wire.packet cimport (
    FLAG_ACK, FLAG_FIN, FLAG_RST, FLAG_SYN, PROTO_TCP, PacketView, has_good_checksums, parse_packet, turn_packet,
    write_tcp)


cdef enum:
    N_WINDOWS = 32768           # of a capture: the memory of one worker, without shares

cdef extern from *:
    """
    #define FD_ANY_NUMBER UINT32_C(0xffffffff)
    """
    const uint32_t ANY_NUMBER "FD_ANY_NUMBER"


cdef uint32_t watch_packet(Gate* g, const uint8_t* packet, size_t n, bint is_summed,
                           bint is_reset) noexcept nogil:
    """Judge the client's octets with this packet, from its IP header on.

    is_summed   its checksums are complete and not yet verified
    is_reset    put resets for both ends of a blocked connection into the outbox, at every packet of its client
    Returns as judge_packet(), 0 where there was nothing to judge."""
    cdef PacketView p
    cdef Flow* f
    cdef uint32_t mark = 0
    cdef Status status = parse_packet(packet, n, &p)
    if status != OK and status != NOT_THIS:
        count(g.shared.counters, CNT_GATE_MALFORMED, 1)
    if status != OK:
        return 0
    if p.proto != PROTO_TCP:
        return _watch_datagram(g, packet, n, &p, is_summed)
    if p.flags & FLAG_SYN:
        if not is_summed or has_good_checksums(packet, &p):
            return _watch_opening(g, &p)
        return 0
    if p.payload_n == 0 and not is_reset:
        return 0
    f = find_flow(&g.flows, &p)
    if f != NULL and p.payload_n > 0 and _has_early_octets(f):
        begin_stream(&g.flows, f, f.isn, f.is_isn_known)    # no SYN/ACK was seen: the server may not have them
    if f != NULL and f.spent:
        mark = MARK_VERDICT | f.state
    elif p.payload_n > 0 and (f != NULL or _is_from_client(g, &p)):
        if is_summed and not has_good_checksums(packet, &p):
            count(g.shared.counters, CNT_GATE_MALFORMED, 1)     # E14: no end host takes it
            return 0
        mark = judge_packet(g, packet, n, mark_of(f))
    if is_reset and mark == (MARK_VERDICT | BLOCKED) and not p.flags & FLAG_RST:
        _reset_both(g, &p)
    return mark


cdef uint32_t _watch_datagram(Gate* g, const uint8_t* packet, size_t n, const PacketView* p,
                              bint is_summed) noexcept nogil:
    """Judge a client's QUIC long header, as the kernel's rules would queue it."""
    if p.payload_n == 0 or not p.payload[0] & 0x80 or g.port_kinds[p.sport] & ~PORT_BY_CONTENT:
        return 0
    if is_summed and not has_good_checksums(packet, p):
        count(g.shared.counters, CNT_GATE_MALFORMED, 1)
        return 0
    return judge_packet(g, packet, n, MARK_QUEUED)


# -- in place of the kernel's marks ------------------------------------------------------------------------------------

cdef uint32_t _watch_opening(Gate* g, const PacketView* p) noexcept nogil:
    """Begin the stream of the client's octets at its SYN, or at the server's SYN/ACK.

    E10: octets of a SYN are a part of it if the SYN/ACK acknowledges them, and are judged then.  Returns as
    watch_packet()."""
    cdef PacketView client = p[0]
    cdef uint32_t isn = p.seq + 1
    cdef size_t taken
    cdef Flow* f
    if p.flags & FLAG_ACK:
        turn_packet(p, &client)
        isn = p.ack
    if g.port_kinds[client.dport] == PORT_NEITHER:
        return 0
    f = find_flow(&g.flows, &client)
    if f != NULL and _has_early_octets(f):
        if p.flags & FLAG_ACK and <uint32_t>(isn - f.isn) == f.w.high:
            return _judge_early_octets(g, p, f)
        begin_stream(&g.flows, f, isn, 1)
    if f == NULL:
        f = add_flow(&g.flows, &client, g.now_ns // 1_000_000_000)
        count_evicted(g)
    elif not f.spent:
        if f.is_isn_known and _is_sent_again(f, p, isn):
            return 0
        if f.state == ALLOWED_SPOKEN and not p.flags & FLAG_ACK:
            return 0            # no client sends a SYN in a live connection; a server answers a true one
    touch_flow(&g.flows, f, g.now_ns // 1_000_000_000)
    begin_stream(&g.flows, f, isn, 1)
    if p.payload_n > 0 and not p.flags & FLAG_ACK:
        put_octets(&g.flows, f, 0, p.payload, p.payload_n, &taken)
    return 0


cdef bint _is_sent_again(const Flow* f, const PacketView* p, uint32_t isn) noexcept nogil:
    """Whether a SYN or SYN/ACK is one of this stream's.   isn: where it says that the stream begins, or goes on"""
    if p.flags & FLAG_ACK:
        return <int64_t><uint32_t>(isn - f.isn) <= f.top
    return f.isn == isn and (p.payload_n == 0 or f.state != UNDECIDED)


cdef inline bint _has_early_octets(const Flow* f) noexcept nogil:
    """Whether the flow has octets of its SYN alone, which nothing has acknowledged yet."""
    return not f.spent and f.w.high > 0 and f.top == 0


cdef uint32_t _judge_early_octets(Gate* g, const PacketView* p, Flow* f) noexcept nogil:
    """Judge a SYN's octets as if its client had sent them behind the handshake.   p: the SYN/ACK"""
    cdef size_t n = write_tcp(g.page, PAGE_OCTETS, p, True, p.ack - f.w.high, p.seq + 1, FLAG_ACK, f.w.at, f.w.high)
    return judge_packet(g, g.page, n, mark_of(f))


cdef bint _is_from_client(Gate* g, const PacketView* p) noexcept nogil:
    """Whether the client sent this payload, which has no known flow in its direction.  Notes a server's first payload.

    Without a SYN the client is the end that sends to a configured port.  Between two other ports it may be either end;
    the octets decide."""
    cdef PacketView turned
    cdef Flow* f
    turn_packet(p, &turned)
    f = find_flow(&g.flows, &turned)
    if f != NULL and (f.is_isn_known or g.port_kinds[p.sport] & ~PORT_BY_CONTENT):
        if f.state == ALLOWED:
            f.state = ALLOWED_SPOKEN
        return False
    if g.port_kinds[p.dport] & ~PORT_BY_CONTENT:
        return True
    return g.port_kinds[p.dport] != PORT_NEITHER and not g.port_kinds[p.sport] & ~PORT_BY_CONTENT


# -- resets ------------------------------------------------------------------------------------------------------------

cdef void _reset_both(Gate* g, const PacketView* p) noexcept nogil:
    """Put a reset for each end into the outbox.

    The server expects the number behind this packet, which has reached it by now; the client expects what it
    acknowledges.  Either may have moved on: then the next packet of the client brings the next pair.
    Source: RFC 5961 §3.2: a reset counts only with exactly the number that its receiver expects."""
    cdef uint32_t after = p.seq + p.payload_n + (1 if p.flags & FLAG_FIN else 0)
    cdef uint32_t n_put = put_tcp(&g.out, p, True, p.ack, after, FLAG_RST | FLAG_ACK, NULL, 0)
    n_put += put_tcp(&g.out, p, False, after, p.ack, FLAG_RST | FLAG_ACK, NULL, 0)
    count(g.shared.counters, CNT_GATE_RST_SENT, n_put)


@cython.final
@cython.auto_pickle(False)
cdef class Replay:
    cdef Gate _gate
    cdef Shared _shared
    cdef Trace* _trace

    def __cinit__(self, tls_ports=(443,), http_ports=(80,), uint32_t n_flows=65536):
        self._shared.is_shadow = 1
        self._shared.counters = <uint64_t*>calloc(COUNTER_WORDS, sizeof(uint64_t))
        self._trace = <Trace*>calloc(1, sizeof(Trace))
        if self._shared.counters == NULL or self._trace == NULL:
            raise MemoryError
        self._gate.trace = self._trace
        open_gate(&self._gate, &self._shared, Limits(n_flows, N_WINDOWS, N_WINDOWS, ANY_NUMBER))
        set_ports(&self._gate, tls_ports, http_ports, PORT_BY_CONTENT)

    def __dealloc__(self):
        close_gate(&self._gate)
        free(self._shared.counters)
        free(self._trace)

    def feed(self, bytes packet, int64_t time_ns):
        begin_trace(self._trace)
        self._gate.now_ns = time_ns
        # a capture of the host's own packets is made before the card computes checksums
        watch_packet(&self._gate, packet, len(packet), False, False)
        self._gate.out.used = 0
        return sightings_of(self._trace)

    @property
    def n_lost(self):
        return self._trace.n_lost
