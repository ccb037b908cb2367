"""HTTP/1.x judgement: segments → request heads → hosts and URLs → Verdict.

Invariants: a packet is forwarded at once; the one that completes a head is judged before it is forwarded (rule R1).
HTTP is never released.  Judged octets leave the window only after the server has spoken.
Source: RFC 9112 §6 (bodies), RFC 9113 §3.3 (HTTP/2 without TLS, by prior knowledge), RFC 9293 §3.8.4 (keep-alives).
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memset

from fastpath.base.cursor cimport MALFORMED, NEED_MORE, NOT_THIS, OK, Status
from fastpath.gate.flow cimport FOLLOWING, LOST, OPENING, WINDOW_OCTETS, Flow, is_unjudged
from fastpath.gate.inject cimport answer
from fastpath.gate.reassembly cimport SMALL_OCTETS
from fastpath.gate.state cimport ANSWER_PAGE, BLOCK, DROP, GO_ON, NOT_A_NAME, TOO_LONG, WAIT, Gate, Turn, Verdict
from fastpath.gate.stream cimport asks_server, put_octets, slide_window
from fastpath.gate.verdicts cimport (
    contradicted, count_block, count_bypass, is_apart, is_keep_alive, is_proven, judge_keep_alive, over_budget, so_far,
    undecidable, unless_blocked)
from fastpath.images.tables cimport judge_request
from fastpath.images.verdict cimport C_HTTP, NO_LIST, PASSTHRU, TCP_ONLY, Decision
from fastpath.report.counters cimport (
    CNT_GATE_FORGOTTEN, CNT_GATE_H2C, CNT_GATE_MALFORMED, CNT_GATE_NO_NAME, CNT_GATE_REQUESTS, CNT_GATE_TOO_BIG,
    CNT_NO_TABLES, count)
from fastpath.report.spool cimport note_block, note_url_block
from fastpath.report.trace cimport note_channel, note_name, note_undecidable
from fastpath.wire.http1 cimport HEAD_OCTETS, RequestHead, body_octets, parse_request_head
from fastpath.wire.name cimport name_from_host
from fastpath.wire.packet cimport FLAG_FIN
from fastpath.wire.url cimport name_from_literal_host, port_of_host

cdef enum:
    LF = 10
    CR = 13
    OFTEN_OCTETS = 4096         # up to here a head is parsed with every segment; one of 64 KiB would cost seconds


cdef Verdict judge_http(Gate* g, Turn* t) noexcept nogil:
    """Judge a flow with its new segment: ALLOW, WAIT, BLOCK or ANSWER_PAGE."""
    cdef Flow* f = t.f
    cdef int64_t at = t.at
    cdef const uint8_t* data = t.p.payload
    cdef size_t left = t.p.payload_n
    cdef size_t taken
    cdef Verdict verdict
    if is_keep_alive(t):
        return judge_keep_alive(t)
    if _is_rest_of_unknown(g, t):
        return undecidable(g, t, CNT_GATE_FORGOTTEN)
    if is_apart(g, t):
        count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
        return BLOCK
    if f.acked >= at + <int64_t>left:
        return so_far(t)        # its server has them: it takes no others
    if f.stage != OPENING and (at < f.base or f.base + f.w.have < f.next):
        # inside a body, or older than the window
        verdict = _look_for_request(g, t, t.p.payload, t.p.payload_n)
        if verdict == BLOCK or verdict == ANSWER_PAGE:
            return verdict
    while left > 0:
        verdict = _store_octets(g, t, at, data, min(left, <size_t>SMALL_OCTETS), &taken)
        if verdict == GO_ON:
            verdict = _read_requests(g, t)
        if verdict != GO_ON:
            return verdict
        at += <int64_t>taken
        data += taken
        left -= taken
    return _judge_end(g, t) if t.p.flags & FLAG_FIN and not g.shared.is_shadow else so_far(t)


cdef bint _is_rest_of_unknown(const Gate* g, const Turn* t) noexcept nogil:
    """Whether line ends are the first octets of a stream whose beginning is unknown: they may end a head (E12)."""
    cdef size_t i
    if t.f.is_isn_known or g.shared.is_shadow or t.f.stage != OPENING or t.f.w.high > 0 or t.p.payload_n == 0:
        return False
    for i in range(t.p.payload_n):
        if not _is_blank(t.p.payload[i]):
            return False
    return True


cdef Verdict _judge_end(Gate* g, Turn* t) noexcept nogil:
    """Judge a stream that its client ends here: http.server of Python takes the lines that have come for a whole head.

    A FIN before other octets is a contradiction; one behind a gap is dropped, and its client sends it again."""
    cdef RequestHead head
    cdef Verdict verdict = GO_ON
    cdef Flow* f = t.f
    cdef int64_t end = t.at + <int64_t>t.p.payload_n
    cdef uint32_t start = <uint32_t>(f.next - f.base)
    if end < f.top:
        return contradicted(g)
    if not is_unjudged(f):
        return so_far(t)
    if end > f.base + f.w.have:
        return DROP
    if f.w.have + 2 > f.w.room:
        return undecidable(g, t, CNT_GATE_TOO_BIG)
    memset(f.w.at + f.w.have, LF, 2)        # behind the last octet there are none: they end its line and the head
    if parse_request_head(f.w.at + start, f.w.have + 2 - start, &head) == OK:
        verdict = _judge_request(g, t, &head, CNT_GATE_NO_NAME)
    f.next = f.base + f.w.have
    f.stage = LOST
    return so_far(t) if verdict == GO_ON else verdict


cdef Verdict _store_octets(Gate* g, Turn* t, int64_t at, const uint8_t* data, size_t n, size_t* taken) noexcept nogil:
    """Store as many of these octets as possible, at least one.   GO_ON, or the packet's verdict."""
    cdef Flow* f = t.f
    cdef Status status
    taken[0] = 0
    if at < f.next and at >= f.base + f.w.have and f.w.high >= SMALL_OCTETS and f.w.high == f.w.have:
        taken[0] = min(n, <size_t>(f.next - at))    # a long body: nothing to store
        f.skipped = at + <int64_t>taken[0]
    elif f.skipped <= f.base + f.w.have or at < f.next:
        status = put_octets(&g.flows, f, at, data, n, taken)
        if status == MALFORMED:
            return contradicted(g)
        if status == NOT_THIS:
            return over_budget(g, t)
        if taken[0] == 0 and at < f.next:
            taken[0] = min(n, <size_t>(f.next - at))
    if taken[0] == 0:
        if asks_server(f) and not t.is_untracked and not g.shared.is_shadow:
            return DROP         # its client sends it again
        if not _move_window(g, t, at):
            return undecidable(g, t, CNT_GATE_TOO_BIG)
        return _store_octets(g, t, at, data, n, taken)
    if at + <int64_t>taken[0] > f.top:
        f.top = at + <int64_t>taken[0]
    return GO_ON


cdef bint _move_window(Gate* g, Turn* t, int64_t at) noexcept nogil:
    """Move the window so that it contains `at`.   False: judged octets that the server may not have must stay."""
    cdef Flow* f = t.f
    if f.stage == OPENING or not is_proven(g, t):
        return False
    if f.next > f.base and 0 <= at - f.next < WINDOW_OCTETS:
        slide_window(&g.flows, f, f.next)
        return True
    count(g.shared.counters, CNT_GATE_TOO_BIG, 1)
    note_undecidable(g.trace, CNT_GATE_TOO_BIG)
    if g.closed:
        return False
    slide_window(&g.flows, f, at)     # beyond a gap longer than the window: start again behind it
    return True


cdef Verdict _read_requests(Gate* g, Turn* t) noexcept nogil:
    """Judge every complete head.   GO_ON, BLOCK or ANSWER_PAGE."""
    cdef RequestHead head
    cdef Status status
    cdef uint32_t start
    cdef Verdict verdict
    cdef Flow* f = t.f
    while _skip_blanks(f):
        start = <uint32_t>(f.next - f.base)
        if f.w.have - start > OFTEN_OCTETS and f.w.have < WINDOW_OCTETS and not _may_end(f, start):
            break
        status = parse_request_head(f.w.at + start, f.w.have - start, &head)
        if status == NEED_MORE and (f.w.have < WINDOW_OCTETS or start > 0):
            break
        if status == NOT_THIS and _is_http2(f.w.at + start, f.w.have - start):
            count(g.shared.counters, CNT_GATE_H2C, 1)
            if not g.is_h2c_let:
                return BLOCK
        if status == OK and head.after > 0 and (head.n_hosts > 0 or f.stage != LOST):
            verdict = _judge_head(g, t, &head, start)
            f.stage = LOST if f.is_doubted else FOLLOWING
        else:
            verdict = _judge_other(g, t, &head, start, status)
            f.stage = LOST
        if verdict == BLOCK or verdict == ANSWER_PAGE:
            return verdict
    return _look_into_body(g, t)


cdef bint _skip_blanks(Flow* f) noexcept nogil:
    """Step over line ends and blanks in front of a second head, as parse_request_head() does.   False: nothing is left.

    They are judged: what remains of a body or a head that has ended leaves nothing unjudged behind."""
    cdef int64_t end = f.base + f.w.have
    while f.stage != OPENING and f.next < end and _is_blank(f.w.at[f.next - f.base]):
        f.body += f.body == f.next
        f.next += 1
    return f.next < end


cdef inline bint _is_blank(uint8_t c) noexcept nogil:
    return c == 32 or 9 <= c <= 13


cdef bint _may_end(Flow* f, uint32_t start) noexcept nogil:
    """Whether a head that begins at window[start] may end in the octets since the last call.

    It ends at an empty line, or at the end of its first line (HTTP/0.9)."""
    cdef const uint8_t* begin = f.w.at + start
    cdef const uint8_t* end = f.w.at + f.w.have
    cdef const uint8_t* at = f.w.at + max(start, f.need)
    cdef const uint8_t* before
    while at < end:
        at = <const uint8_t*>memchr(at, LF, <size_t>(end - at))
        if at == NULL:
            break
        before = at - 1
        at += 1
        while before >= begin and before[0] == CR:
            before -= 1
        if before < begin or before[0] == LF or memchr(begin, LF, <size_t>(at - 1 - begin)) == NULL:
            f.need = <uint32_t>(at - f.w.at)
            return True
    f.need = f.w.have
    return False


cdef bint _is_http2(const uint8_t* data, size_t n) noexcept nogil:
    """Match the beginning of HTTP/2's client preface (RFC 9113 §3.4)."""
    return n >= 14 and memcmp(data, b"PRI * HTTP/2.0", 14) == 0


cdef Verdict _judge_head(Gate* g, Turn* t, const RequestHead* head, uint32_t start) noexcept nogil:
    """Judge a head that begins at window[start] and continue behind its body."""
    cdef Flow* f = t.f
    cdef Verdict verdict = _judge_request(g, t, head, CNT_GATE_NO_NAME)
    f.body = f.next + <int64_t>head.after
    f.next = f.body
    if not f.is_doubted:
        f.next += body_octets(f.w.at + start, head.after)
    return verdict


cdef Verdict _judge_other(Gate* g, Turn* t, const RequestHead* head, uint32_t start, Status status) noexcept nogil:
    """Continue behind octets that are no head: in a body of unknown length, or in no HTTP at all.

    A request may begin with any of its lines (E61, E63).  No line is parsed twice: quadratic time would be seconds."""
    cdef Flow* f = t.f
    cdef const uint8_t* at = f.w.at + start
    cdef const uint8_t* end = f.w.at + f.w.have
    cdef Verdict verdict = GO_ON
    if f.stage == OPENING:
        verdict = _judge_request(g, t, head, CNT_GATE_MALFORMED if status == NOT_THIS else CNT_GATE_TOO_BIG)
    elif head.n_hosts > 0:
        verdict = _judge_request(g, t, head, CNT_GATE_NO_NAME)
        verdict = verdict if verdict == BLOCK or verdict == ANSWER_PAGE else GO_ON
    if status == NOT_THIS:
        at = _next_line(at, end)
    elif status == OK:
        at += head.after        # lines of a head without a host
    else:
        at = end
    f.next = f.base + (at - f.w.at)
    return verdict


cdef const uint8_t* _next_line(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Skip white space, as parse_request_head() does, and the line that follows."""
    while at < end and _is_blank(at[0]):
        at += 1
    if at < end:
        at = <const uint8_t*>memchr(at, LF, <size_t>(end - at))
    return end if at == NULL else at + 1 if at < end else end


cdef Verdict _look_into_body(Gate* g, Turn* t) noexcept nogil:
    """Judge a request hidden at the beginning of a body (E63), over any number of segments."""
    cdef Flow* f = t.f
    cdef Verdict verdict = GO_ON
    if f.base <= f.body < f.next and f.body < f.base + f.w.have:
        verdict = _look_for_request(g, t, f.w.at + (f.body - f.base), <size_t>(f.base + f.w.have - f.body))
        if verdict != WAIT:
            f.body = f.next     # the body is searched
    return GO_ON if verdict == WAIT else verdict


cdef Verdict _look_for_request(Gate* g, Turn* t, const uint8_t* data, size_t n) noexcept nogil:
    """Judge octets that may be a request.   WAIT: an incomplete one."""
    cdef RequestHead head
    cdef Verdict verdict
    cdef Status status = parse_request_head(data, n if n < HEAD_OCTETS else HEAD_OCTETS, &head)
    if status != OK or head.n_hosts == 0:
        return WAIT if status == NEED_MORE else GO_ON
    verdict = _judge_request(g, t, &head, CNT_GATE_NO_NAME)
    return verdict if verdict == BLOCK or verdict == ANSWER_PAGE else GO_ON


cdef Verdict _judge_request(Gate* g, Turn* t, const RequestHead* head, int counter) noexcept nogil:
    """Judge every host of a head: one that is blocked blocks.   counter: as in judge_hello()."""
    cdef Decision d
    cdef uint8_t shadow = NO_LIST
    cdef Verdict verdict
    cdef uint8_t i
    cdef bint is_undecidable = head.n_hosts == 0 or counter != CNT_GATE_NO_NAME
    if counter == CNT_GATE_NO_NAME:
        count(g.shared.counters, CNT_GATE_REQUESTS, 1)
    note_channel(g.trace, C_HTTP, 0, 0)
    for i in range(head.n_hosts):
        note_name(g.trace, head.hosts[i].at, head.hosts[i].n, head.target, head.target_n)
        verdict = _judge_host(g, t, head, head.hosts[i].at, head.hosts[i].n, &shadow, &d)
        if verdict == BLOCK:
            return answer(g, t, &d)
        if verdict == NOT_A_NAME or verdict == TOO_LONG:
            is_undecidable = True
        if verdict == TOO_LONG:
            counter = CNT_GATE_TOO_BIG
    if head.hosts_overflowed:
        is_undecidable = True
        counter = CNT_GATE_TOO_BIG
    return unless_blocked(g, t, is_undecidable, counter, shadow, C_HTTP)


cdef Verdict _judge_host(Gate* g, Turn* t, const RequestHead* head, const uint8_t* text, size_t n,
                         uint8_t* shadow, Decision* d) noexcept nogil:
    """Judge one host and every URL that a server could read in the request: BLOCK, GO_ON, NOT_A_NAME or TOO_LONG.

    The port is the one in the Host value, and the packet's.  In a target with blanks, some servers read the first word,
    others all of it.   shadow  in, out: as unless_blocked() takes it"""
    cdef bint is_name = name_from_host(text, n, &g.name) == OK
    cdef int32_t said = port_of_host(text, n)
    cdef int32_t met = t.p.dport
    cdef Verdict verdict
    if not is_name and name_from_literal_host(text, n, &g.name) != OK:
        return NOT_A_NAME
    if g.tables == NULL:    # before the first compilation
        count(g.shared.counters, CNT_NO_TABLES, 1)
        return NOT_A_NAME if g.closed or not is_name else GO_ON
    verdict = _judge_url(g, t, said, head.target, head.target_n, is_name, shadow, d)
    count_bypass(g, d, C_HTTP)
    if verdict == GO_ON and met != said:
        verdict = _judge_url(g, t, met, head.target, head.target_n, is_name, shadow, d)
    if verdict == GO_ON and head.spaced_n > head.target_n:
        verdict = _judge_url(g, t, said, head.target, head.spaced_n, is_name, shadow, d)
    return NOT_A_NAME if verdict == GO_ON and not is_name else verdict


cdef Verdict _judge_url(Gate* g, Turn* t, int32_t port, const uint8_t* target, size_t n, bint is_name,
                        uint8_t* shadow, Decision* d) noexcept nogil:
    """Judge one reading of a request to g.name.   is_name  False: an address literal, of which only URLs are listed"""
    cdef Status status = judge_request(g.tables, &g.name, port, target, n, t.p.src, t.p.version,
                                       g.now_ns // 1_000_000_000, &g.url, d)
    # only DNS can truncate an answer
    if d.action == PASSTHRU or d.action == TCP_ONLY or not (is_name or d.rule_url_n):
        if shadow[0] == NO_LIST and (is_name or d.shadow_is_url):
            shadow[0] = d.shadow
        return GO_ON if status == OK else TOO_LONG
    count_block(g)
    if d.rule_url_n:
        note_url_block(g.shared, g.tables, &g.url, d, C_HTTP, g.now_ns)
    else:
        note_block(g.shared, g.tables, &g.name, d, C_HTTP, g.now_ns)
    return BLOCK
