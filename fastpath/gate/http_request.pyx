"""Requests: hosts and targets of a request head → Verdict.

Invariants: every reading counts: one blocked host or URL among several blocks.
Source: semantics §6 (URLs); rules R3, R9.
"""
from libc.stdint cimport int32_t, uint8_t

from fastpath.base.cursor cimport OK, Status
from fastpath.gate.inject cimport answer
from fastpath.gate.labels cimport add_to_label, begin_label
from fastpath.gate.state cimport BLOCK, GO_ON, NOT_A_NAME, TOO_LONG, Gate, Turn, Verdict
from fastpath.gate.verdicts cimport count_bypass, is_shut, report_block, unless_blocked
from fastpath.images.tables cimport judge_request, lists_of
from fastpath.images.verdict cimport C_HTTP, NO_LIST, PASSTHRU, TCP_ONLY, Decision
from fastpath.report.counters cimport CNT_GATE_NO_NAME, CNT_GATE_REQUESTS, CNT_GATE_TOO_BIG, CNT_NO_TABLES, count
from fastpath.report.trace cimport note_channel, note_name
from fastpath.wire.http1 cimport Piece, RequestHead, lines_of_head
from fastpath.wire.name cimport name_from_host
from fastpath.wire.url cimport has_readings, name_from_literal_host, port_of_host
from fastpath.wire.url_path cimport READINGS

cdef enum:
    HTTP_PORT = 80
    READING_OCTETS = 196608     # of paths with `..` that one head has read again: 8 KiB in 12 ways at two ports


cdef Verdict judge_lines(Gate* g, Turn* t, const uint8_t* data, size_t n) noexcept nogil:
    """Judge every host of a head that has more than a RequestHead holds, without their target."""
    cdef RequestHead lines
    cdef Verdict verdict = GO_ON
    cdef size_t n_read = 1
    while verdict == GO_ON and n_read > 0:
        n_read = lines_of_head(data, n, &lines)
        verdict = judge_hosts(g, t, &lines)
        data += n_read
        n -= n_read
    return verdict


cdef Verdict judge_head(Gate* g, Turn* t, const RequestHead* head, int counter) noexcept nogil:
    """Judge every host of a head: one that is blocked blocks.   counter: as in judge_hello()."""
    cdef Decision d
    cdef uint8_t shadow = NO_LIST
    cdef size_t left = READING_OCTETS
    cdef Verdict verdict
    cdef uint8_t i
    cdef bint is_undecidable = head.n_hosts == 0 or counter != CNT_GATE_NO_NAME
    begin_label(&g.labels, &t.f.label)
    if counter == CNT_GATE_NO_NAME:
        count(g.shared.counters, CNT_GATE_REQUESTS, 1)
    note_channel(g.trace, C_HTTP, 0, 0)
    for i in range(head.n_hosts):
        if not head.hosts[i].is_part:
            note_name(g.trace, head.hosts[i].at, head.hosts[i].n, head.target, head.target_n)
        verdict = _judge_host(g, t, head, head.hosts[i].at, head.hosts[i].n, &shadow, &left, &d)
        if verdict == BLOCK and head.hosts[i].is_part:
            note_name(g.trace, head.hosts[i].at, head.hosts[i].n, head.target, head.target_n)
        if verdict == BLOCK:
            return answer(g, t, &d)
        if verdict == NOT_A_NAME and not head.hosts[i].is_part or verdict == TOO_LONG:
            is_undecidable = True
        if verdict == TOO_LONG:
            counter = CNT_GATE_TOO_BIG
    if head.is_overflowed:
        is_undecidable = True
        counter = CNT_GATE_TOO_BIG
    return unless_blocked(g, t, is_undecidable, counter, shadow, C_HTTP)


cdef Verdict judge_hosts(Gate* g, Turn* t, const RequestHead* head) noexcept nogil:
    """Judge the hosts of a head that may not be complete, or of a part of one: a blocked one blocks.   Else GO_ON."""
    cdef Decision d
    cdef uint8_t shadow = NO_LIST
    cdef size_t left = READING_OCTETS
    cdef uint8_t i
    for i in range(head.n_hosts):
        if _judge_host(g, t, head, head.hosts[i].at, head.hosts[i].n, &shadow, &left, &d) == BLOCK:
            note_channel(g.trace, C_HTTP, 0, 0)
            note_name(g.trace, head.hosts[i].at, head.hosts[i].n, head.target, head.target_n)
            return answer(g, t, &d)
    return GO_ON


cdef Verdict _judge_host(Gate* g, Turn* t, const RequestHead* head, const uint8_t* text, size_t n,
                         uint8_t* shadow, size_t* left, Decision* d) noexcept nogil:
    """Judge one host and every URL that a server could read in the request: BLOCK, GO_ON, NOT_A_NAME or TOO_LONG.

    The port is the one in the Host value, and the packet's.
    shadow  in, out: as unless_blocked() takes it;   left  as _judge_readings() takes it"""
    cdef bint is_name = name_from_host(text, n, &g.name) == OK
    cdef int32_t said = port_of_host(text, n)
    cdef int32_t met = -1 if t.p.dport == HTTP_PORT else t.p.dport      # as port_of_host() gives a default port
    cdef Verdict verdict = GO_ON
    cdef Piece target
    cdef uint8_t i
    if not is_name and name_from_literal_host(text, n, &g.name) != OK:
        return NOT_A_NAME
    if g.tables == NULL:    # before the first compilation
        count(g.shared.counters, CNT_NO_TABLES, 1)
        return NOT_A_NAME if is_shut(g) or not is_name else GO_ON
    for i in range(max(head.n_targets, 1)):
        target = head.targets[i]
        if head.n_targets == 0:
            target.at = <const uint8_t*>b"/\x01"      # not known: a path that nobody lists
            target.n = 2
        g.url.n = 0
        verdict = _judge_reading(g, t, said, met, 0, &target, is_name, shadow, d)
        if i == 0:
            count_bypass(g, t, d, C_HTTP)
        if verdict == GO_ON and g.url.n > 0 and has_readings(target.at, target.n):
            verdict = _judge_readings(g, t, said, met, &target, is_name, shadow, left, d)
        if verdict != GO_ON:
            return verdict
    return GO_ON if is_name else NOT_A_NAME


cdef Verdict _judge_readings(Gate* g, Turn* t, int32_t said, int32_t met, const Piece* target, bint is_name,
                             uint8_t* shadow, size_t* left, Decision* d) noexcept nogil:
    """Judge a path with `..` in the other ways in which servers read it: fastpath.wire.url_path.

    left  in, out: octets that this head may have read again; TOO_LONG where they do not suffice"""
    cdef Verdict verdict
    cdef uint8_t reading
    cdef size_t cost = 2 * READINGS * target.n
    if cost > left[0]:
        return TOO_LONG
    left[0] -= cost
    for reading in range(1, READINGS):
        verdict = _judge_reading(g, t, said, met, reading, target, is_name, shadow, d)
        if verdict != GO_ON:
            return verdict
    return GO_ON


cdef Verdict _judge_reading(Gate* g, Turn* t, int32_t said, int32_t met, uint8_t reading, const Piece* target,
                            bint is_name, uint8_t* shadow, Decision* d) noexcept nogil:
    """Judge one reading of a target, at both ports that it may be of."""
    cdef Verdict verdict = _judge_url(g, t, said, reading, target, is_name, shadow, d)
    if verdict == GO_ON and met != said:
        verdict = _judge_url(g, t, met, reading, target, is_name, shadow, d)
    return verdict


cdef Verdict _judge_url(Gate* g, Turn* t, int32_t port, uint8_t reading, const Piece* target, bint is_name,
                        uint8_t* shadow, Decision* d) noexcept nogil:
    """Judge one reading of a request to g.name.   is_name  False: an address literal, of which only URLs are listed"""
    cdef Status status = judge_request(g.tables, &g.name, port, reading, target.at, target.n, t.p.src, t.p.version,
                                       g.now_ns // 1_000_000_000, &g.url, d)
    # only DNS can truncate an answer
    if d.action == PASSTHRU or d.action == TCP_ONLY or not (is_name or d.rule_url_n):
        if shadow[0] == NO_LIST and (is_name or d.shadow_is_url):
            shadow[0] = d.shadow
        if is_name:
            add_to_label(&g.labels, &g.name, d, lists_of(g.tables))
        return GO_ON if status == OK else TOO_LONG
    report_block(g, t, d, C_HTTP)
    return BLOCK
