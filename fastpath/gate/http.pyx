"""HTTP/1.x judgement: segments → request heads → Verdict.

A body is skipped only where every server reads it alike: see wire/http1_body.pyx.  Behind any other head, and in
what is no HTTP, each line may begin a request (stage LOST); no later octet of that connection is certain again.

Invariants: a packet is forwarded at once; the one that completes a head is judged before it is forwarded (rule R1).
HTTP is never released.  Judged octets leave the window only after the server has spoken.  What may become a request
stays unjudged (Flow.next), what cannot any more does not.
TLS may begin where a head has ended: behind CONNECT, or behind `Upgrade: TLS/1.0`, which Apache answers.  Its hello is
not read here: it is undecidable.
Source: RFC 9112 §6 (bodies), RFC 2817 (TLS within HTTP), RFC 9113 §3.3 (HTTP/2 without TLS, by prior knowledge),
RFC 9293 §3.8.4 (keep-alives).
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memset

from fastpath.base.cursor cimport NEED_MORE, NOT_THIS, OK, TOO_BIG, Status
from fastpath.gate.flow cimport (
    ENDED, FOLLOWING, LOST, OPENING, Flow, charge_window, is_unjudged, make_room, window_octets)
from fastpath.gate.http_request cimport (
    by_policy, earn_readings, judge_beginning, judge_head, judge_hosts, judge_lines, pay_reading, whole_lines)
from fastpath.gate.http_window cimport end_window, store_octets
from fastpath.gate.inject cimport without_h2c
from fastpath.gate.reassembly cimport SMALL_OCTETS, Window
from fastpath.gate.state cimport ALLOW, ANSWER_PAGE, BLOCK, DROP, GO_ON, TOO_LONG, WAIT, Gate, Turn, Verdict
from fastpath.gate.stream cimport is_resumed_and_unproven
from fastpath.gate.verdicts cimport (
    contradicted, is_apart, is_keep_alive, judge_keep_alive, over_budget, so_far, undecidable, unless_forgotten)
from fastpath.images.verdict cimport C_HTTP
from fastpath.report.counters cimport (
    CNT_GATE_FORGOTTEN, CNT_GATE_H2C, CNT_GATE_MALFORMED, CNT_GATE_NO_NAME, CNT_GATE_TOO_BIG, count)
from fastpath.report.trace cimport note_channel, note_undecidable
from fastpath.wire.detect cimport RECORD_BEGIN, may_begin_tls
from fastpath.wire.http1 cimport (
    HEAD_OCTETS, LINE_BEGUN, LINE_NEW, LINE_REFUTED, RequestHead, lines_of_head, may_be_host, other_octets,
    other_octets_in_body, parse_body_head, parse_exact_head, parse_marked_head, parse_request_head)
from fastpath.wire.http1_body cimport NOT_ALIKE, body_octets
from fastpath.wire.packet cimport FLAG_FIN

cdef enum:
    LF = 10
    OFTEN_OCTETS = 4096         # up to here a head is parsed with every segment; one of 64 KiB would cost seconds
    ODD_OCTETS = 256            # a longer first word of octets that no method has is not held back
    ENDS_THERE = 0x40000000     # in Flow.need: a head ends there, and those that begin before it
    SEEN = 0x20000000           # in Flow.need: what was judged of a short head that is not complete, no offset
    IN_HEAD = -0x40000000       # in Flow.body: the lines that follow may belong to a head before them


cdef Verdict judge_http(Gate* g, Turn* t) noexcept nogil:
    """Judge a flow with its new segment: ALLOW, WAIT, BLOCK or ANSWER_PAGE."""
    cdef Flow* f = t.f
    cdef int64_t at = t.at
    cdef const uint8_t* data = t.p.payload
    cdef size_t left = t.p.payload_n
    cdef size_t taken
    cdef Verdict verdict
    if is_keep_alive(t):
        return judge_keep_alive(g, t)
    earn_readings(f, left)
    if _is_rest_of_unknown(g, t):
        return undecidable(g, t, CNT_GATE_FORGOTTEN)
    if is_apart(g, t):
        count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
        return BLOCK
    if (f.is_isn_known or f.acked > 0) and f.acked >= at + <int64_t>left:
        return so_far(t)        # its server has them: it takes no others
    if at < f.base and f.stage != OPENING and _is_lost_before(g, t):
        return BLOCK
    if at > t.edge and is_resumed_and_unproven(f) and not t.is_untracked and not g.shared.is_shadow:
        return DROP             # its server may have what is missing; its client sends this again
    if f.stage == ENDED and at + <int64_t>left > f.top:
        return contradicted(g)  # the end was a decoy's, or these are
    if f.stage != OPENING and (at < f.base or f.base + f.w.have < f.next and (f.stage == LOST or at >= f.next)):
        # behind a body, or inside one that not all servers read, or older than the window
        verdict = _look_for_request(g, t, t.p.payload, t.p.payload_n)
        if verdict != GO_ON:
            return verdict
    while left > 0:
        verdict = store_octets(g, t, at, data, min(left, <size_t>SMALL_OCTETS), &taken)
        if verdict == GO_ON:
            verdict = _read_requests(g, t)
        if verdict != GO_ON:
            return verdict
        at += <int64_t>taken
        data += taken
        left -= taken
    verdict = _judge_end(g, t) if t.p.flags & FLAG_FIN else so_far(t)
    return without_h2c(g, t, verdict) if f.offers_h2c and (verdict == ALLOW or verdict == WAIT) else verdict


cdef bint _is_lost_before(Gate* g, Turn* t) noexcept nogil:
    """Whether octets before the window are to be blocked: those that were there may have been a decoy's.

    In a flow that was resumed no one has judged them, and its server may not have them yet.  Where the server is not
    seen, its client's word has moved the window, and the policy decides."""
    if t.is_untracked:
        return undecidable(g, t, CNT_GATE_TOO_BIG) == BLOCK
    if not t.f.is_doubted or t.f.acked >= t.f.base or g.shared.is_shadow:
        return False
    count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
    return True


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
    cdef Verdict verdict
    cdef Flow* f = t.f
    cdef Window before = f.w
    cdef bint has_room
    cdef int64_t end = t.at + <int64_t>t.p.payload_n
    if end > f.top and not g.shared.is_shadow:
        return DROP             # what is between may be a head, which its server then ends here
    if not is_unjudged(f) and end >= f.top or g.shared.is_shadow and end != f.base + f.w.have:
        end_window(g, t)
        return so_far(t)
    if end < f.top:
        return contradicted(g)
    if end > f.base + f.w.have:
        return DROP
    if f.w.have + 2 > window_octets(f):
        return undecidable(g, t, CNT_GATE_TOO_BIG)
    has_room = make_room(&g.flows, f, f.w.have + 2)
    charge_window(&g.flows, f, &before)
    if not has_room:
        return over_budget(g, t)
    memset(f.w.at + f.w.have, LF, 2)    # behind the last octet none exist: these end its line, and a head
    f.w.have += 2
    verdict = _read_requests(g, t)
    f.w.have -= 2
    f.next = f.base + f.w.have
    f.stage = ENDED
    return so_far(t) if verdict == GO_ON else verdict


cdef Verdict _read_requests(Gate* g, Turn* t) noexcept nogil:
    """Judge every complete head.   GO_ON, BLOCK or ANSWER_PAGE."""
    cdef Flow* f = t.f
    cdef Verdict verdict = GO_ON
    if f.stage == OPENING:
        f.body = f.next     # its beginning may have moved
    while verdict == GO_ON:
        if f.stage != LOST and f.body != f.next:
            verdict = _begin_body(g, t)
        elif _skip_blanks(f):
            verdict = _read_head(g, t)
        else:
            return GO_ON
    return GO_ON if verdict == WAIT else verdict


cdef bint _skip_blanks(Flow* f) noexcept nogil:
    """Step over line ends and blanks in front of a second head, as parse_request_head() does.   False: nothing is left.

    They are judged: what remains of a body or a head that has ended leaves nothing unjudged behind."""
    cdef int64_t end = f.base + f.w.have
    while f.stage != OPENING and f.next < end and _is_blank(f.w.at[f.next - f.base]):
        if f.body == IN_HEAD and _ends_head(f.w.at, <size_t>(f.next + 1 - f.base)):
            f.body = f.next
        if f.w.at[f.next - f.base] == LF:
            f.is_within_line = LINE_NEW
        f.next += 1
        f.body += f.body == f.next - 1
    return f.next < end


cdef bint _ends_head(const uint8_t* data, size_t n) noexcept nogil:
    """Whether every server reads the end of a head at the end of these octets: to Waitress LF LF is no end."""
    return n >= 4 and memcmp(data + n - 4, b"\r\n\r\n", 4) == 0


cdef inline bint _is_blank(uint8_t c) noexcept nogil:
    return c == 32 or 9 <= c <= 13


cdef inline void _go_to(Flow* f, int64_t at) noexcept nogil:
    """Read on at a stream position where no body begins."""
    f.next = at
    f.body = at


cdef inline void _step_to(Flow* f, int64_t at) noexcept nogil:
    """As _go_to() in stage LOST: maybe still in a head, or before the end that a body has for some server."""
    f.next = at
    if f.body != IN_HEAD and f.body < at:
        f.body = at


# -- heads -------------------------------------------------------------------------------------------------------------

cdef Verdict _read_head(Gate* g, Turn* t) noexcept nogil:
    """Judge what begins at Flow.next.   WAIT: more octets are needed."""
    cdef RequestHead head
    cdef Flow* f = t.f
    cdef uint32_t start = <uint32_t>(f.next - f.base)
    cdef uint32_t n = f.w.have - start
    cdef const uint8_t* lf
    cdef Status status
    cdef Verdict verdict
    if n and f.stage != OPENING and may_begin_tls(f.w.at + start, n):
        if n < RECORD_BEGIN:
            return WAIT
        if undecidable(g, t, CNT_GATE_MALFORMED) == BLOCK:
            return BLOCK
    if _is_in_framed_body(f):
        lf = <const uint8_t*>memchr(f.w.at + start, LF, n)
        status = parse_body_head(f.w.at + start, lf + 1 - (f.w.at + start), &head) if lf != NULL else OK
        if status == NOT_THIS and not head.is_http2:
            return _read_other(g, t, &head, start)
    if n > OFTEN_OCTETS and f.w.have < window_octets(f) and n < HEAD_OCTETS:
        verdict = _read_ahead(g, t, start)
        if verdict != GO_ON:
            return verdict
    if f.is_within_line == LINE_REFUTED:
        return _skip_line(f, start, n)
    if f.is_within_line == LINE_BEGUN and _is_in_framed_body(f):
        memset(&head, 0, sizeof(RequestHead))
        return _read_other(g, t, &head, start)
    if f.stage != LOST:
        status = parse_exact_head(f.w.at + start, n, &head)
    elif _is_in_framed_body(f):
        status = parse_body_head(f.w.at + start, n, &head)
    else:
        status = parse_request_head(f.w.at + start, n, &head)
    if head.is_http2:
        count(g.shared.counters, CNT_GATE_H2C, 1)
        note_channel(g.trace, C_HTTP, 0, 0)
        note_undecidable(g.trace, CNT_GATE_H2C)
        if not g.is_h2c_let:
            return BLOCK
    if status == NOT_THIS:
        return _read_other(g, t, &head, start)
    return _judge_found(g, t, &head, start, status)


cdef inline bint _is_in_framed_body(const Flow* f) noexcept nogil:
    return f.stage == LOST and f.is_framed and f.body != IN_HEAD


cdef Verdict _skip_line(Flow* f, uint32_t start, uint32_t n) noexcept nogil:
    """Go to the end of a line that begins no request, or of a body before it.   GO_ON"""
    cdef const uint8_t* lf = <const uint8_t*>memchr(f.w.at + start, LF, n)
    cdef int64_t end = f.next + (n if lf == NULL else lf + 1 - (f.w.at + start))
    f.is_within_line = LINE_REFUTED if lf == NULL else LINE_NEW
    if f.next < f.body <= end:
        end = f.body
        f.is_within_line = LINE_NEW
    _step_to(f, end)
    return GO_ON


cdef Verdict _read_ahead(Gate* g, Turn* t, uint32_t start) noexcept nogil:
    """Read the new lines of a long head.   WAIT: it cannot end in them.

    It ends at an empty line, or at the end of its first line (HTTP/0.9).  A head that a bare CR ends for some server is
    not parsed again for each of them: its hosts are judged here, without their target."""
    cdef RequestHead lines
    cdef Flow* f = t.f
    cdef uint32_t known = _known(f)
    cdef bint is_first = known <= start
    cdef uint32_t begin = start if is_first else known
    cdef uint32_t at = begin
    cdef uint32_t n = 1
    cdef Verdict verdict = GO_ON
    if f.need & ENDS_THERE and known > start:
        return GO_ON            # read from a line before this one
    lines.is_ended = 0
    while verdict == GO_ON and n > 0 and not lines.is_ended:
        n = <uint32_t>lines_of_head(f.w.at + at, f.w.have - at, &lines)
        at += n
        if lines.may_be_whole:
            verdict = judge_hosts(g, t, &lines)
            verdict = _unless_ended(verdict) if is_first else by_policy(g, t, verdict)
    f.need = at | (<uint32_t>ENDS_THERE if lines.is_ended else 0)
    if verdict != GO_ON or lines.is_ended or is_first and at > begin:
        return verdict
    return WAIT


cdef inline uint32_t _known(const Flow* f) noexcept nogil:
    """Up to where the window was read ahead."""
    return 0 if f.need & SEEN else f.need & ~<uint32_t>ENDS_THERE


cdef Verdict _judge_found(Gate* g, Turn* t, const RequestHead* head, uint32_t start, Status status) noexcept nogil:
    """Judge a head, or one that is not complete or too long, and go on behind it."""
    cdef Verdict verdict = GO_ON
    cdef size_t n = head.after if status == OK else t.f.w.have - start
    if head.is_overflowed and (status != NEED_MORE or head.may_be_whole):
        if status != NEED_MORE or pay_reading(&t.f.credit, n):
            verdict = judge_lines(g, t, t.f.w.at + start, n)
        else:
            verdict = TOO_LONG
        # a whole one is undecidable for it in any case
        verdict = _unless_ended(verdict) if status == OK else by_policy(g, t, verdict)
    if verdict != GO_ON:
        return verdict
    if status == NEED_MORE:
        return _judge_incomplete(g, t, head, start)
    if status == TOO_BIG:
        return _judge_too_big(g, t, head, start)
    return _take_head(g, t, head, start)


cdef Verdict _judge_incomplete(Gate* g, Turn* t, const RequestHead* head, uint32_t start) noexcept nogil:
    """WAIT for the rest of a head, unless it is whole to some server: a bare CR ends it for mini_httpd.

    It is judged again as it has more hosts or targets, not with each segment."""
    cdef Verdict verdict
    cdef uint32_t seen = <uint32_t>SEEN | <uint32_t>head.n_hosts << 25 | <uint32_t>head.n_targets << 22 | start
    if not head.may_be_whole or t.f.need == seen:
        return WAIT
    if t.f.w.have - start <= OFTEN_OCTETS:
        t.f.need = seen
    verdict = by_policy(g, t, judge_hosts(g, t, head))
    return WAIT if verdict == GO_ON else verdict


cdef Verdict _take_head(Gate* g, Turn* t, const RequestHead* head, uint32_t start) noexcept nogil:
    """Judge a head that begins at window[start] and continue behind it, or behind its body."""
    cdef Flow* f = t.f
    cdef Verdict verdict = GO_ON
    cdef bint is_sure, is_framed
    cdef int64_t n_body = body_octets(f.w.at + start, head.after, &is_sure, &is_framed)
    if head.n_hosts > 0 or f.stage != LOST:
        verdict = judge_head(g, t, head, CNT_GATE_NO_NAME)
    f.offers_h2c |= head.offers_h2c
    f.is_within_line = LINE_NEW
    f.is_framed = is_framed and not f.is_doubted and (f.stage != LOST or f.is_framed)
    f.next += <int64_t>head.after
    f.body = f.next if f.stage != LOST or f.body == IN_HEAD else max(f.body, f.next)
    if f.stage == LOST or f.is_doubted or n_body == NOT_ALIKE or not is_sure:
        f.stage = LOST
        f.body = f.next + n_body if n_body > 0 else f.body
        if head.is_marked and not _ends_head(f.w.at + start, head.after):
            f.body = IN_HEAD
    else:
        f.stage = FOLLOWING
        f.next += n_body
    return _unless_ended(verdict)


cdef Verdict _judge_too_big(Gate* g, Turn* t, const RequestHead* head, uint32_t start) noexcept nogil:
    """Judge a head longer than HEAD_OCTETS by what is known of it, and read on in it.

    In a body of unknown length it may be none, so it is undecidable only where a head must begin here."""
    cdef Flow* f = t.f
    cdef Verdict verdict
    if f.stage != LOST:
        verdict = judge_head(g, t, head, CNT_GATE_TOO_BIG)
    else:
        verdict = by_policy(g, t, judge_beginning(g, t, head, f.w.at + start))
    f.stage = LOST
    if head.has_line:
        f.body = IN_HEAD
    _step_to(f, f.next + whole_lines(f.w.at + start, HEAD_OCTETS))
    return _unless_ended(verdict)


cdef Verdict _read_other(Gate* g, Turn* t, const RequestHead* head, uint32_t start) noexcept nogil:
    """Continue behind octets that begin no request in the usual form: in a body of unknown length, or in no HTTP.

    A request may begin with any line (E61, E63).  No line is parsed twice: quadratic time would be seconds."""
    cdef RequestHead marked
    cdef Flow* f = t.f
    cdef Verdict verdict = GO_ON
    cdef bint is_marked = False
    cdef uint8_t line_is = f.is_within_line
    cdef uint32_t n = f.w.have - start
    cdef size_t n_other
    if f.stage == OPENING:
        f.is_framed = 0
        verdict = _unless_ended(judge_head(g, t, head, unless_forgotten(g, t, CNT_GATE_MALFORMED)))
    if f.stage != LOST and head.has_method:
        f.body = IN_HEAD        # Waitress wants neither a version nor a path
    f.stage = LOST
    if verdict != GO_ON:
        return verdict
    if _is_in_framed_body(f):
        n_other = other_octets_in_body(f.w.at + start, n, &is_marked, &line_is)
    else:
        line_is = LINE_NEW
        n_other = other_octets(f.w.at + start, n, &is_marked)
    if is_marked and not head.is_http2:
        return _judge_found(g, t, &marked, start, parse_marked_head(f.w.at + start, n, &marked))
    if f.body == IN_HEAD and n_other > 0:
        verdict = by_policy(g, t, judge_lines(g, t, f.w.at + start, n_other))
        if f.w.at[start + n_other - 1] != LF and may_be_host(f.w.at + start, n):
            n_other = 0         # the rest of the line has to come
    if n_other == 0 and n >= HEAD_OCTETS:
        n_other = HEAD_OCTETS
    if f.next < f.body <= f.next + <int64_t>n_other:
        n_other = <size_t>(f.body - f.next)
        line_is = LINE_NEW
    if n_other > 0:
        f.is_within_line = line_is
    _step_to(f, f.next + <int64_t>n_other)
    return WAIT if verdict == GO_ON and n_other == 0 else verdict


cdef inline Verdict _unless_ended(Verdict verdict) noexcept nogil:
    return verdict if verdict == BLOCK or verdict == ANSWER_PAGE else GO_ON


# -- bodies ------------------------------------------------------------------------------------------------------------

cdef Verdict _begin_body(Gate* g, Turn* t) noexcept nogil:
    """Look at the beginning of a body whose end is known (E63).   WAIT: more of it is needed.

    A server that reads no body would take a request in it, so from that on each line may begin one.  Such a server
    answers anything else with an error, and closes.

    Of Flow.next and Flow.body one is the body's beginning, one its end.  It is skipped (next is the end) until its
    first octets come, and held back (next is the beginning) while they may become a request."""
    cdef RequestHead head
    cdef Flow* f = t.f
    cdef int64_t begin = min(f.next, f.body), end = max(f.next, f.body), have = f.base + f.w.have
    cdef bint is_marked = False
    cdef uint8_t line_is = LINE_NEW
    cdef Status status
    if begin < f.base:
        _go_to(f, end)
        return GO_ON
    if begin >= have:
        return WAIT
    if have < end and have - begin < HEAD_OCTETS and not _has_new_line(f, <uint32_t>(begin - f.base)):
        return WAIT
    status = parse_body_head(f.w.at + (begin - f.base), <size_t>(have - begin), &head)
    if status == NEED_MORE and not head.has_line:
        return _hold_body(g, t, &head, begin, end)
    if status == NOT_THIS:
        other_octets_in_body(f.w.at + (begin - f.base), <size_t>(have - begin), &is_marked, &line_is)
    if line_is == LINE_BEGUN and have - begin <= ODD_OCTETS:
        return _hold_body(g, t, &head, begin, end)
    if not (head.is_marked or is_marked):       # in HTTP/0.9, if any, and that request is the last one
        _go_to(f, end)
        return GO_ON if status != OK else _unless_ended(judge_head(g, t, &head, CNT_GATE_NO_NAME))
    f.stage = LOST
    f.is_framed = 1
    return _back_to(g, f, begin, end)


cdef bint _has_new_line(Flow* f, uint32_t start) noexcept nogil:
    """Whether a line end has come since the last call, or so little is there that it costs nothing to look again."""
    cdef uint32_t at = max(start, _known(f))
    f.need = f.w.have
    return at - start <= OFTEN_OCTETS or memchr(f.w.at + at, LF, f.w.have - at) != NULL


cdef Verdict _hold_body(Gate* g, Turn* t, const RequestHead* head, int64_t begin, int64_t end) noexcept nogil:
    """Hold back a body whose first line is not complete, as long as it may be a request's."""
    cdef Flow* f = t.f
    cdef int64_t have = f.base + f.w.have
    cdef Verdict verdict
    if not head.has_method and (have >= end or have - begin > OFTEN_OCTETS):    # one word: no server has such a method
        _go_to(f, end)
        return GO_ON
    verdict = _back_to(g, f, begin, end)
    if have >= end:
        f.stage = LOST          # the line may go on behind the body
        f.is_framed = 0
    elif verdict == GO_ON:
        return WAIT
    return verdict


cdef Verdict _back_to(Gate* g, Flow* f, int64_t begin, int64_t end) noexcept nogil:
    """Read on at the beginning of a body.   BLOCK: some of it was forwarded and not kept, as it seemed to be one."""
    if f.skipped > f.base + f.w.have:
        count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
        return BLOCK
    f.next = begin
    f.body = end
    return GO_ON


cdef Verdict _look_for_request(Gate* g, Turn* t, const uint8_t* data, size_t n) noexcept nogil:
    """Judge octets inside a body that may be a request.   GO_ON: none, or an allowed one."""
    cdef RequestHead head
    cdef Status status
    n = min(n, <size_t>HEAD_OCTETS)
    if t.f.stage == LOST and not t.f.is_framed:
        status = parse_request_head(data, n, &head)
    else:
        status = parse_body_head(data, n, &head)
    if status != OK or head.n_hosts == 0:
        return GO_ON
    return _unless_ended(judge_head(g, t, &head, CNT_GATE_NO_NAME))
