"""Judgement of addresses: a packet's destination, or its source, against the lists, before its payload is parsed.

    destination, and the IPv4 address in one of NAT64 or 6to4 → its name below rpz-ip
        → hits?  no: go on    yes: judge() for its client → BLOCK, or go on

Invariants: every queued packet is judged, at any port, protocol, payload and state: so a list published after its flow
began applies too.  Only lists block here: a lock leaves the help corridor open, which is defined by names.
There is no lookup where no image holds addresses.
A block of a SYN or a datagram is recorded for no subscriber.
The source is judged where the kernel says that a packet may be a server's: else a listed server, or who writes in its
name, begins an entry in which all that follows passes.
Absent on purpose: the HTTP page, as no request was seen yet.
Source: fastpath.wire.address (names of addresses).
Cost: bench/gate.py; some 60 ns an IPv4 address, 170 with large images and another address each time.
"""
from libc.stdint cimport uint8_t

from fastpath.gate.inject cimport reset_server
from fastpath.gate.state cimport BLOCK, GO_ON, Gate, Turn, Verdict
from fastpath.gate.verdicts cimport count_bypass, is_counted, is_first, report_block
from fastpath.images.names cimport Hits, find_hits
from fastpath.images.tables cimport hold_addresses, judge_found
from fastpath.images.verdict cimport C_ADDRESS, NO_SUBSCRIBER, PASSTHRU, TCP_ONLY, T_LOCK, Decision
from fastpath.report.counters cimport CNT_GATE_ADDRESS_BLOCKED, count
from fastpath.report.spool cimport note_shadow
from fastpath.wire.address cimport embedded_ipv4_at, name_of_address


cdef Verdict judge_address(Gate* g, Turn* t) noexcept nogil:
    """BLOCK where the client may not reach the packet's destination, GO_ON otherwise."""
    return _judge_place(g, t, t.p.dst, t.p.src)


cdef Verdict judge_source(Gate* g, Turn* t) noexcept nogil:
    """BLOCK where the packet's destination may not be reached from its source, GO_ON otherwise."""
    return _judge_place(g, t, t.p.src, t.p.dst)


cdef Verdict _judge_place(Gate* g, Turn* t, const uint8_t* place, const uint8_t* client) noexcept nogil:
    cdef size_t embedded
    if g.tables == NULL or not hold_addresses(g.tables):
        return GO_ON
    if _judge_one(g, t, place, t.p.version, client) == BLOCK:
        return BLOCK
    embedded = embedded_ipv4_at(place) if t.p.version == 6 else 0
    return GO_ON if embedded == 0 else _judge_one(g, t, place + embedded, 4, client)


cdef Verdict _judge_one(Gate* g, Turn* t, const uint8_t* address, uint8_t version,
                        const uint8_t* client) noexcept nogil:
    cdef Hits hits
    cdef Decision d
    cdef bint is_nobodys = is_first(t) or client == <const uint8_t*>t.p.dst     # anyone may have written it
    name_of_address(address, version, &g.name)
    find_hits(&g.tables.names, &g.tables.names_delta, &g.name, &hits)
    if hits.n == 0:
        return GO_ON
    judge_found(g.tables, &g.name, &hits, client, t.p.version, g.now_ns // 1_000_000_000, True, &d)
    if d.action == PASSTHRU or d.action == TCP_ONLY or d.tier == T_LOCK:
        if is_first(t):     # once a connection
            count_bypass(g, t, &d, C_ADDRESS)
            note_shadow(g.shared, d.shadow, C_ADDRESS)
        return GO_ON
    count_bypass(g, t, &d, C_ADDRESS)
    if is_nobodys:
        d.subscriber = NO_SUBSCRIBER
    report_block(g, t, &d, C_ADDRESS)
    if is_counted(g, t, C_ADDRESS):
        count(g.shared.counters, CNT_GATE_ADDRESS_BLOCKED, 1)
    if not is_nobodys:      # a server has not received the SYN
        t.at = t.edge = 0
        reset_server(g, t)
    return BLOCK
