"""TLS judgement: segments → reassembled hellos → names → Verdict.

Invariants: a packet is forwarded at once; the one that completes a hello is judged before it is forwarded (rule R1).
A flow is released by verdict, never by count, and not before the server has spoken (R10).  So a decoy that the server
never received stays in the window, and the real octets contradict it.
A hello is judged only where the server's SYN/ACK has shown the ISN; elsewhere its flow is blocked (E12), at any offset
at which a hello begins.
Source: RFC 8446 §4.1.2 (second hello after HelloRetryRequest), §5.1.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr

from fastpath.base.cursor cimport MALFORMED, NEED_MORE, NOT_THIS, OK, Status
from fastpath.gate.flow cimport FOLLOWING, OPENING, PASSED, WINDOW_OCTETS, Flow, put_octets
from fastpath.gate.reassembly cimport SMALL_OCTETS
from fastpath.gate.state cimport ALLOWED_SPOKEN, BLOCK, GO_ON, RELEASE, Gate, Turn, Verdict
from fastpath.gate.verdicts cimport contradicted, counter_of, is_apart, judge_hello, over_budget, so_far, undecidable
from fastpath.images.verdict cimport C_SNI
from fastpath.report.counters cimport CNT_GATE_FORGOTTEN, CNT_GATE_HELLOS, CNT_GATE_NO_NAME, CNT_GATE_TOO_BIG, count
from fastpath.wire.tls cimport ClientHello, parse_client_hello

cdef enum:
    HANDSHAKE = 22          # RFC 8446 §5.1
    CLIENT_HELLO = 1
    HELLO_BEGIN = 6         # octets of a record header and the message type behind it


cdef Verdict judge_tls(Gate* g, Turn* t) noexcept nogil:
    """Judge a flow with its new segment: ALLOW, WAIT, RELEASE or BLOCK."""
    cdef size_t taken = 0
    cdef size_t n = t.p.payload_n
    cdef Status status
    cdef Flow* f = t.f
    cdef bint is_begin_unknown = not f.is_isn_known and not g.shared.is_shadow
    if f.stage == PASSED and t.state == ALLOWED_SPOKEN:
        return RELEASE
    if is_begin_unknown and (_begins_hello(g, t.p.payload, n) or _is_stray(g, t)):
        return _block_unseen_begin(g)
    if f.stage == PASSED and (f.is_isn_known or g.flows.forgotten):
        # the allowed octets may be a decoy: while the server is silent, segments are compared with them, none is stored
        n = _seen_before(f, t.at, n)
    elif is_begin_unknown and g.flows.forgotten:
        n = min(n, <size_t>SMALL_OCTETS)    # no server's word ever frees it: only a hello's beginning is stored
    status = put_octets(&g.flows, f, t.at, t.p.payload, n, &taken)
    if status == MALFORMED:
        return contradicted(g)
    if status == NOT_THIS:
        return over_budget(g, t)
    if t.at + <int64_t>taken > f.top:
        f.top = t.at + <int64_t>taken
    if is_begin_unknown and _holds_hello(g, f):
        return _block_unseen_begin(g)
    if _read_hellos(g, t) == BLOCK:
        return BLOCK
    if taken < n and f.stage != PASSED and _too_far(g, t) == BLOCK:
        return BLOCK
    return RELEASE if f.stage == PASSED and t.state == ALLOWED_SPOKEN else so_far(t)


cdef Verdict _block_unseen_begin(Gate* g) noexcept nogil:
    """E12: block a hello in a connection whose SYN/ACK was not seen, or was evicted since.

    The octets that its server expects are unknown: the hello may be a decoy, or follow one.  An honest client in this
    state opens another connection, whose SYN/ACK is seen."""
    count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
    return BLOCK


cdef bint _begins_hello(Gate* g, const uint8_t* data, size_t n) noexcept nogil:
    cdef ClientHello hello
    return parse_client_hello(data, n, g.scratch, &hello) != NOT_THIS


cdef bint _holds_hello(Gate* g, Flow* f) noexcept nogil:
    """Whether a hello begins anywhere in the window, as after octets that its server has discarded (E04).

    One encrypted octet in 2**26 looks like a beginning, and few of those continue so.   f.need: searched up to here"""
    cdef const uint8_t* at = f.w.at + f.need
    cdef const uint8_t* end = f.w.at + f.w.have
    while end - at >= HELLO_BEGIN:
        at = <const uint8_t*>memchr(at, HANDSHAKE, <size_t>(end - at) - (HELLO_BEGIN - 1))
        if at == NULL:
            at = end - (HELLO_BEGIN - 1)
        elif at[1] == 3 and at[5] == CLIENT_HELLO and _begins_hello(g, at, <size_t>(end - at)):
            return True
        else:
            at += 1
    f.need = <uint32_t>(at - f.w.at)
    return False


cdef bint _is_stray(const Gate* g, const Turn* t) noexcept nogil:
    """Whether a segment is apart from the octets seen.  Never with asymmetric routing: there gaps are common.

    Nor behind a full window: nothing is stored there, so no hello that continues the window can begin there."""
    return is_apart(g, t) and not g.flows.forgotten and t.f.w.have < WINDOW_OCTETS


cdef size_t _seen_before(const Flow* f, int64_t at, size_t n) noexcept nogil:
    """How many octets of a segment lie within the window's octets."""
    cdef int64_t left = f.base + f.w.high - at
    if left <= 0:
        return 0
    return <size_t>left if left < <int64_t>n else n


cdef Verdict _too_far(Gate* g, Turn* t) noexcept nogil:
    """Judge octets beyond the window: before the first hello they are undecidable, after it they do not matter."""
    cdef Verdict verdict = GO_ON
    if t.f.stage == OPENING:
        verdict = undecidable(g, t, CNT_GATE_TOO_BIG)
    # while the server is silent, this may be a decoy and the hello still to come
    if t.state == ALLOWED_SPOKEN or t.f.stage == FOLLOWING:
        t.f.stage = PASSED
    return verdict


cdef Verdict _read_hellos(Gate* g, Turn* t) noexcept nogil:
    """Judge every complete hello: the first, and one after a HelloRetryRequest.   BLOCK or GO_ON."""
    cdef ClientHello hello
    cdef Status status
    cdef uint32_t start
    cdef Flow* f = t.f
    cdef Verdict verdict = GO_ON
    while f.stage != PASSED and f.next < f.base + f.w.have and _is_worth_it(f):
        start = <uint32_t>(f.next - f.base)
        status = parse_client_hello(f.w.at + start, f.w.have - start, g.scratch, &hello)
        if status == NEED_MORE and f.w.have < WINDOW_OCTETS:
            f.need = min(start + <uint32_t>hello.after, <uint32_t>WINDOW_OCTETS)
            return GO_ON
        if status == OK and hello.after > 0:
            count(g.shared.counters, CNT_GATE_HELLOS, 1)
            verdict = judge_hello(g, t, &hello, C_SNI, CNT_GATE_NO_NAME)
            f.next += hello.after
            f.stage = FOLLOWING
        else:
            if f.stage == OPENING or status == MALFORMED:
                verdict = judge_hello(g, t, &hello, C_SNI, counter_of(status))
            f.stage = PASSED
        if verdict == BLOCK:
            return BLOCK
    return GO_ON


cdef bint _is_worth_it(const Flow* f) noexcept nogil:
    """Whether to parse again: a long hello in tiny segments, parsed with each of them, would cost seconds (E31)."""
    return f.w.have <= SMALL_OCTETS or f.w.have >= f.need
