"""TLS in the gate: segments → hellos → names → State.

*Invariants*
- A packet is forwarded at once; the one that completes a hello is judged before it leaves (rule R1).
- A flow is released by verdict, never by count, and not before the server has spoken (R10): so a decoy that only we saw
  stays in the window, and the real octets contradict it.
- A hello is judged only where the server's SYN/ACK has said which octets count; elsewhere its flow is blocked (E12).

*Source*: RFC 8446 §4.1.2 (second hello after HelloRetryRequest), §5.1.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from fastpath.counters cimport (
    CNT_GATE_FORGOTTEN, CNT_GATE_HELLOS, CNT_GATE_NO_NAME, CNT_GATE_TOO_BIG, count)
from fastpath.cursor cimport MALFORMED, NEED_MORE, NOT_THIS, OK, Status
from fastpath.flow cimport FOLLOWING, OPENING, PASSED, WINDOW_OCTETS, Flow, put_octets
from fastpath.gate cimport ALLOWED_SPOKEN, BLOCKED, RELEASED, Gate, Turn
from fastpath.gatenames cimport contradicted, counter_of, judge_hello, over_budget, so_far, undecidable
from fastpath.tls cimport ClientHello, parse_client_hello
from fastpath.verdict cimport C_SNI
from fastpath.window cimport SMALL_OCTETS


cdef uint8_t judge_tls(Gate* g, Turn* t) noexcept nogil:
    """The State of the flow after this segment."""
    cdef size_t taken = 0
    cdef size_t n = t.p.payload_n
    cdef Status status
    cdef Flow* f = t.f
    if f.stage == PASSED and t.state == ALLOWED_SPOKEN:
        return RELEASED
    if not f.is_isn_known and not g.shared.is_shadow and _begins_hello(g, t):
        count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
        return BLOCKED
    if f.stage == PASSED and f.is_isn_known:
        # what passed may have been a decoy: it is compared on as long as the server is silent, but nothing is added
        n = _seen_before(f, t.at, n)
    status = put_octets(&g.flows, f, t.at, t.p.payload, n, &taken)
    if status == MALFORMED:
        return contradicted(g)
    if status == NOT_THIS:
        return over_budget(g, t)
    if t.at + <int64_t>taken > f.top:
        f.top = t.at + <int64_t>taken
    if _read_hellos(g, t) == BLOCKED:
        return BLOCKED
    if taken < n and f.stage != PASSED and _too_far(g, t) == BLOCKED:
        return BLOCKED
    return RELEASED if f.stage == PASSED and t.state == ALLOWED_SPOKEN else so_far(t)


cdef bint _begins_hello(Gate* g, Turn* t) noexcept nogil:
    """E12: a hello in a connection whose SYN/ACK was not seen, or was forgotten since.

    Nobody knows which octets its server waits for, so it may be a decoy, or the one behind a decoy.  An honest client
    that was between the two opens another connection, and its begin is seen."""
    cdef ClientHello hello
    return parse_client_hello(t.p.payload, t.p.payload_n, g.scratch, &hello) != NOT_THIS


cdef size_t _seen_before(const Flow* f, int64_t at, size_t n) noexcept nogil:
    """How many octets of a segment stand where the window has some."""
    cdef int64_t left = f.base + f.w.high - at
    if left <= 0:
        return 0
    return <size_t>left if left < <int64_t>n else n


cdef uint8_t _too_far(Gate* g, Turn* t) noexcept nogil:
    """Octets beyond the window: after an allowed hello they do not matter, before it they are undecidable."""
    cdef uint8_t verdict = t.keep
    if t.f.stage == OPENING:
        verdict = undecidable(g, t, CNT_GATE_TOO_BIG)
    # while the server is silent the hello may still come, and this was a decoy
    if t.state == ALLOWED_SPOKEN or t.f.stage == FOLLOWING:
        t.f.stage = PASSED
    return verdict


cdef uint8_t _read_hellos(Gate* g, Turn* t) noexcept nogil:
    """Judge every hello that is whole: the first, and one after a HelloRetryRequest."""
    cdef ClientHello hello
    cdef Status status
    cdef uint32_t start
    cdef Flow* f = t.f
    cdef uint8_t verdict = t.keep
    while f.stage != PASSED and f.next < f.base + f.w.have and _is_worth_it(f):
        start = <uint32_t>(f.next - f.base)
        status = parse_client_hello(f.w.at + start, f.w.have - start, g.scratch, &hello)
        if status == NEED_MORE and f.w.have < WINDOW_OCTETS:
            f.need = min(start + <uint32_t>hello.after, <uint32_t>WINDOW_OCTETS)
            return t.keep
        if status == OK and hello.after > 0:
            count(g.shared.counters, CNT_GATE_HELLOS, 1)
            verdict = judge_hello(g, t, &hello, C_SNI, CNT_GATE_NO_NAME)
            f.next += hello.after
            f.stage = FOLLOWING
        else:
            if f.stage == OPENING or status == MALFORMED:
                verdict = judge_hello(g, t, &hello, C_SNI, counter_of(status))
            f.stage = PASSED
        if verdict == BLOCKED:
            return BLOCKED
    return t.keep


cdef bint _is_worth_it(const Flow* f) noexcept nogil:
    """Whether to parse again.  A long hello in small pieces, with every one of them, would cost seconds (E31)."""
    return f.w.have <= SMALL_OCTETS or f.w.have >= f.need
