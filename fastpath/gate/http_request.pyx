"""Requests: hosts and targets of a request head → Verdict.

Invariants: every reading counts: one blocked host or URL among several blocks.
Source: semantics §6 (URLs); rules R3, R9.
"""
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcmp

from fastpath.base.cursor cimport OK, Status
from fastpath.gate.flow cimport Flow
from fastpath.gate.inject cimport answer
from fastpath.gate.labels cimport add_to_label, begin_label
from fastpath.gate.state cimport ANSWER_PAGE, BLOCK, GO_ON, NOT_A_NAME, TOO_LONG, Gate, Turn, Verdict
from fastpath.gate.verdicts cimport count_bypass, is_shut, report_block, undecidable, unless_blocked
from fastpath.images.tables cimport judge_request, lists_of
from fastpath.images.verdict cimport C_HTTP, NO_LIST, PASSTHRU, TCP_ONLY, Decision
from fastpath.report.counters cimport CNT_GATE_NO_NAME, CNT_GATE_REQUESTS, CNT_GATE_TOO_BIG, CNT_NO_TABLES, count
from fastpath.report.trace cimport note_channel, note_name
from fastpath.wire.http1 cimport HEAD_OCTETS, Piece, RequestHead, lines_of_head
from fastpath.wire.http1_octets cimport is_space
from fastpath.wire.name cimport name_from_host
from fastpath.wire.url cimport has_readings, name_from_literal_host, port_of_host
from fastpath.wire.url_path cimport READINGS, TARGET_OCTETS, is_plain_path

cdef enum:
    LF = 10
    SLASH = 47
    HTTP_PORT = 80
    READINGS_AN_OCTET = 2 * READINGS    # that an octet may have which is no plain target: at two ports


cdef struct Host:               # one that a request names, in g.name
    bint is_name                # False: an address literal, of which only URLs are listed
    int32_t said                # the port in its value; negative: none, or a default one
    int32_t met                 # the packet's, alike


cdef void earn_readings(Flow* f, size_t n) noexcept nogil:
    """Count octets that have come: what they may have read before their head is whole."""
    f.credit = _readings_of(f.credit, n)


cdef inline uint32_t _readings_of(size_t credit, size_t n) noexcept nogil:
    """`credit`, and as much as `n` octets may cost: no request of one host needs more, up to TARGET_OCTETS."""
    return <uint32_t>min(credit + READINGS_AN_OCTET * n, <size_t>READINGS_AN_OCTET * TARGET_OCTETS)


cdef bint pay_reading(uint32_t* credit, size_t n) noexcept nogil:
    """Take octets that are read from those that may be.   False: there are not so many"""
    if n > credit[0]:
        return False
    credit[0] -= <uint32_t>n
    return True


cdef Verdict by_policy(Gate* g, Turn* t, Verdict verdict) noexcept nogil:
    """The verdict of hosts alone: where a URL of theirs is not known, the policy's.   GO_ON, BLOCK or ANSWER_PAGE"""
    if verdict == TOO_LONG:
        verdict = undecidable(g, t, CNT_GATE_TOO_BIG)
    return verdict if verdict == BLOCK or verdict == ANSWER_PAGE else GO_ON


cdef Verdict judge_lines(Gate* g, Turn* t, const uint8_t* data, size_t n) noexcept nogil:
    """Judge every host of a head that has more than a RequestHead holds, without their target: as judge_hosts()."""
    cdef RequestHead lines
    cdef Verdict found = GO_ON
    cdef Verdict verdict = GO_ON
    cdef size_t n_read = 1
    while (found == GO_ON or found == TOO_LONG) and n_read > 0:
        n_read = lines_of_head(data, n, &lines)
        found = judge_hosts(g, t, &lines)
        verdict = found if found != GO_ON else verdict
        data += n_read
        n -= n_read
    return verdict


cdef Verdict judge_head(Gate* g, Turn* t, const RequestHead* head, int counter) noexcept nogil:
    """Judge every host of a head: one that is blocked blocks.   counter: as in judge_hello()."""
    cdef Decision d
    cdef uint8_t shadow = NO_LIST
    cdef uint32_t credit = _readings_of(0, head.after if head.after > 0 else HEAD_OCTETS)    # of its own octets alone
    cdef Verdict verdict
    cdef uint8_t i
    cdef bint is_undecidable = head.n_hosts == 0 or counter != CNT_GATE_NO_NAME
    begin_label(&g.labels, &t.f.label)
    if counter == CNT_GATE_NO_NAME:
        count(g.shared.counters, CNT_GATE_REQUESTS, 1)
    note_channel(g.trace, C_HTTP, 0, 0)
    for i in range(head.n_hosts):
        if _is_repeated(head, i):
            continue
        if not head.hosts[i].is_part:
            note_name(g.trace, head.hosts[i].at, head.hosts[i].n, head.target, head.target_n)
        verdict = _judge_host(g, t, head, &head.hosts[i], &credit, &shadow, &d)
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
    """Judge the hosts of a head that may not be complete, or of a part of one: a blocked one blocks.

    Else GO_ON; TOO_LONG: one has listed URLs, and its target is not known, or was not read as a whole."""
    cdef Decision d
    cdef uint8_t shadow = NO_LIST
    cdef Verdict found
    cdef Verdict verdict = GO_ON
    cdef uint8_t i
    for i in range(head.n_hosts):
        if _is_repeated(head, i):
            continue
        found = _judge_host(g, t, head, &head.hosts[i], &t.f.credit, &shadow, &d)
        if found == BLOCK:
            note_channel(g.trace, C_HTTP, 0, 0)
            note_name(g.trace, head.hosts[i].at, head.hosts[i].n, head.target, head.target_n)
            return answer(g, t, &d)
        if found == TOO_LONG:
            verdict = TOO_LONG
    return verdict


cdef Verdict judge_beginning(Gate* g, Turn* t, const RequestHead* head, const uint8_t* data) noexcept nogil:
    """Judge the first HEAD_OCTETS of what may be a head, or lines of a body: as judge_hosts().

    TOO_LONG: also where a request line does not end in them, whose URL is not known, and maybe its host (Go's have
    1 MiB).  In a body, few lines of that length begin with two words of which the second is a path or a URL."""
    cdef Verdict verdict = judge_hosts(g, t, head)
    if verdict == GO_ON and head.has_method and not head.has_line and _has_target(data, data + HEAD_OCTETS):
        return TOO_LONG
    return verdict


cdef bint _has_target(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Whether the second word begins with a slash, or has an authority."""
    while at < end and is_space(at[0]):
        at += 1
    while at < end and not is_space(at[0]):
        at += 1
    while at < end and is_space(at[0]):
        at += 1
    if at < end and at[0] == SLASH:
        return True
    while end - at >= 3 and not is_space(at[0]):
        if memcmp(at, b"://", 3) == 0:
            return True
        at += 1
    return False


cdef uint32_t whole_lines(const uint8_t* data, uint32_t n) noexcept nogil:
    """The octets up to the last LF; all of them where none exists."""
    cdef uint32_t at = n
    while at > 0 and data[at - 1] != LF:
        at -= 1
    return at if at > 0 else n


cdef bint _is_repeated(const RequestHead* head, uint8_t i) noexcept nogil:
    """Whether the same host stands before this one."""
    cdef const Piece* host = &head.hosts[i]
    cdef uint8_t j
    for j in range(i):
        if (head.hosts[j].n == host.n and head.hosts[j].is_part == host.is_part
                and memcmp(head.hosts[j].at, host.at, host.n) == 0):
            return True
    return False


cdef Verdict _judge_host(Gate* g, Turn* t, const RequestHead* head, const Piece* text, uint32_t* credit,
                         uint8_t* shadow, Decision* d) noexcept nogil:
    """Judge one host and every URL that a server could read in the request: BLOCK, GO_ON, NOT_A_NAME or TOO_LONG.

    The port is the one in the Host value, and the packet's.
    credit  in, out: as pay_reading() takes it;   shadow  in, out: as unless_blocked() takes it"""
    cdef Host host
    cdef Verdict found
    cdef Verdict verdict = GO_ON
    cdef uint8_t i
    host.is_name = name_from_host(text.at, text.n, &g.name) == OK
    host.said = port_of_host(text.at, text.n)
    host.met = -1 if t.p.dport == HTTP_PORT else t.p.dport      # as port_of_host() gives a default port
    if not host.is_name and name_from_literal_host(text.at, text.n, &g.name) != OK:
        return NOT_A_NAME
    if g.tables == NULL:    # before the first compilation
        count(g.shared.counters, CNT_NO_TABLES, 1)
        return NOT_A_NAME if is_shut(g) or not host.is_name else GO_ON
    for i in range(max(head.n_targets, 1)):
        if head.n_targets > 0:
            found = _judge_target(g, t, &host, &head.targets[i], credit, shadow, d)
        else:
            found = _judge_without_target(g, t, &host, shadow, d)
        if i == 0:
            count_bypass(g, t, d, C_HTTP)
        if found == BLOCK:
            return BLOCK
        if found == TOO_LONG and (head.n_targets > 0 or not head.has_line):     # a line of one word has no target
            verdict = TOO_LONG
    return verdict if host.is_name or verdict == TOO_LONG else NOT_A_NAME


cdef Verdict _judge_target(Gate* g, Turn* t, const Host* host, const Piece* target, uint32_t* credit,
                           uint8_t* shadow, Decision* d) noexcept nogil:
    """Judge a target in each way in which servers read its path: fastpath.wire.url_path.

    TOO_LONG: not all of it was read in each way.  Who sends more hosts and targets to read than octets pays for it."""
    cdef Verdict found
    cdef Verdict verdict
    cdef uint8_t reading
    cdef size_t path_n
    cdef size_t cost = (1 if host.met == host.said else 2) * target.n
    if cost > credit[0] and not is_plain_path(target.at, target.n, &path_n):
        return _judge_without_target(g, t, host, shadow, d)
    verdict = _judge_reading(g, t, host, 0, target, shadow, d)
    if verdict == BLOCK or g.url.n == 0 or is_plain_path(target.at, target.n, &path_n):
        return verdict
    pay_reading(credit, cost)
    if not has_readings(target.at, target.n):
        return verdict
    if not pay_reading(credit, (READINGS - 1) * cost):
        return TOO_LONG
    for reading in range(1, READINGS):
        found = _judge_reading(g, t, host, reading, target, shadow, d)
        if found == BLOCK:
            return BLOCK
        if found == TOO_LONG:
            verdict = TOO_LONG
    return verdict


cdef Verdict _judge_without_target(Gate* g, Turn* t, const Host* host, uint8_t* shadow, Decision* d) noexcept nogil:
    """Judge a host whose target is not known.   TOO_LONG: it has listed URLs"""
    cdef Piece nobodys
    nobodys.at = <const uint8_t*>b"/\x01"     # a path that no one lists
    nobodys.n = 2
    if _judge_reading(g, t, host, 0, &nobodys, shadow, d) == BLOCK:
        return BLOCK
    return TOO_LONG if g.url.n > 0 else GO_ON


cdef Verdict _judge_reading(Gate* g, Turn* t, const Host* host, uint8_t reading, const Piece* target, uint8_t* shadow,
                            Decision* d) noexcept nogil:
    """Judge one reading of a target, at both ports that it may be of.   g.url.n  0: the host has no listed URLs"""
    cdef Verdict verdict
    cdef Verdict other
    g.url.n = 0
    verdict = _judge_url(g, t, host.said, reading, target, host.is_name, shadow, d)
    if verdict == BLOCK or host.met == host.said:
        return verdict
    other = _judge_url(g, t, host.met, reading, target, host.is_name, shadow, d)
    return verdict if other == GO_ON else other


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
