"""Search for hellos in a TLS stream whose beginning is not known: a hello may begin at any offset, in any piece.

A stream that the kernel tracks is searched up to a full window, and until its server has acknowledged what came.  With
asymmetric routing nothing ever shows that no other hello follows: there each octet is searched as it comes, in any
order, as long as the flow lives.

Invariants: octets that may be the beginning of a hello stay unjudged (Flow.next).  In a stream that is searched as it
comes only octets that were searched leave the window; others in their place are undecidable, and counted.
Source: RFC 8446 §5.1; rules R8 and E12.
Cost: one memchr over each segment.  One encrypted octet in 2**34 looks like the head of a hello: of a connection that
outlives its gate with asymmetric routing and `open`, such a one in 16 GiB of upload is reset.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr

from fastpath.base.cursor cimport NOT_THIS, TOO_BIG, Status
from fastpath.gate.flow cimport FOLLOWING, OPENING, WINDOW_OCTETS, Flow
from fastpath.gate.reassembly cimport SMALL_OCTETS, Window
from fastpath.gate.state cimport BLOCK, GO_ON, Gate, Turn, Verdict
from fastpath.gate.stream cimport slide_window
from fastpath.gate.verdicts cimport undecidable
from fastpath.report.counters cimport CNT_GATE_FORGOTTEN, CNT_GATE_NOT_TLS, CNT_GATE_TOO_BIG, count
from fastpath.wire.tls cimport ClientHello, parse_client_hello

cdef enum:
    HANDSHAKE = 22          # RFC 8446 §5.1
    MAJOR_VERSION = 3
    CLIENT_HELLO = 1
    TYPE_AT = 5             # the type of a record's first message
    HELLO_BEGIN = 6         # octets of a record header and the message type behind it
    HELLO_HEAD = 9          # and the message's length


cdef bint begins_hello(Gate* g, const uint8_t* data, size_t n) noexcept nogil:
    """Whether these octets may begin a hello, or records that a server steps over before one."""
    cdef ClientHello hello
    return parse_client_hello(data, n, g.scratch, &hello) != NOT_THIS


cdef bint holds_hello(Gate* g, Flow* f) noexcept nogil:
    """Whether a hello begins anywhere in the window, as after octets that its server has discarded (E04).

    One encrypted octet in 2**26 looks like a beginning, and few of those continue so.   f.need: searched up to here"""
    cdef const uint8_t* at = f.w.at + f.need
    cdef const uint8_t* end = f.w.at + f.w.have
    while end - at >= HELLO_BEGIN:
        at = <const uint8_t*>memchr(at, HANDSHAKE, <size_t>(end - at) - (HELLO_BEGIN - 1))
        if at == NULL:
            at = end - (HELLO_BEGIN - 1)
        elif at[1] == MAJOR_VERSION and at[TYPE_AT] == CLIENT_HELLO and begins_hello(g, at, <size_t>(end - at)):
            return True
        else:
            at += 1
    f.need = <uint32_t>(at - f.w.at)
    return False


# -- asymmetric routing ------------------------------------------------------------------------------------------------

cdef bint is_searched(const Gate* g, const Turn* t) noexcept nogil:
    """Whether the flow is searched as it comes: neither its beginning is known, nor ever what its server has."""
    return t.is_untracked and not t.f.is_isn_known and not g.shared.is_shadow


cdef bint is_before_search(const Turn* t) noexcept nogil:
    """Whether a segment begins before the window, which cannot move back to it."""
    cdef const Flow* f = t.f
    return t.at < f.base and (f.base > 0 or f.base + <int64_t>f.w.high - t.at > WINDOW_OCTETS)


cdef void make_way(Gate* g, Flow* f, int64_t end) noexcept nogil:
    """Let searched octets leave the window, so that a small piece is enough for those in order up to `end`.

    Not before position 0: up to there the window may move back."""
    cdef int64_t base = min(f.next, end - <int64_t>SMALL_OCTETS)
    if f.stage != OPENING and base > max(f.base, <int64_t>0):
        slide_window(&g.flows, f, base)


cdef Verdict search_octets(Gate* g, Turn* t, int64_t at, size_t n) noexcept nogil:
    """Judge `n` octets that were stored at stream position `at`: BLOCK where they are of a hello's head, or GO_ON.

    That its beginning is missing makes a flow undecidable, which is counted once."""
    cdef Flow* f = t.f
    cdef Status found = _find_head(g, f, at, n)
    if found == TOO_BIG and undecidable(g, t, CNT_GATE_TOO_BIG) == BLOCK:
        return BLOCK
    if found != NOT_THIS and found != TOO_BIG:
        count(g.shared.counters, CNT_GATE_FORGOTTEN, 1)
        return BLOCK
    if f.stage == OPENING and undecidable(g, t, CNT_GATE_NOT_TLS) == BLOCK:
        return BLOCK
    f.stage = FOLLOWING
    f.next = f.base + _searched(&f.w)
    return GO_ON


cdef Status _find_head(Gate* g, const Flow* f, int64_t at, size_t n) noexcept nogil:
    """The parser's status of the first head of a hello of which these octets are a part; NOT_THIS: none exists."""
    cdef ClientHello hello
    cdef Status status
    cdef const Window* w = &f.w
    cdef const uint8_t* found
    cdef int64_t end = min(at + <int64_t>n - f.base, <int64_t>w.high)
    cdef int64_t i = max(at - f.base - (HELLO_HEAD - 1), <int64_t>0)
    while i < end:
        found = <const uint8_t*>memchr(w.at + i, HANDSHAKE, <size_t>(end - i))
        if found == NULL:
            return NOT_THIS
        i = found - w.at
        if _run(w, <uint32_t>i) >= HELLO_HEAD and found[1] == MAJOR_VERSION and found[TYPE_AT] == CLIENT_HELLO:
            status = parse_client_hello(found, _run(w, <uint32_t>i), g.scratch, &hello)
            if status != NOT_THIS:
                return status
        i += 1
    return NOT_THIS


cdef uint32_t _run(const Window* w, uint32_t at) noexcept nogil:
    """How many octets are stored from window[at] to the next gap."""
    cdef const uint8_t* gap
    if at < w.have:
        return w.have - at
    gap = <const uint8_t*>memchr(w.there + at, 0, w.high - at)
    return w.high - at if gap == NULL else <uint32_t>(gap - w.there) - at


cdef uint32_t _searched(const Window* w) noexcept nogil:
    """How many octets of the window no hello can begin with any more: up to the first gap, without the head of one."""
    cdef uint32_t at = w.have - min(w.have, <uint32_t>(HELLO_HEAD - 1))
    while at < w.have and not (w.at[at] == HANDSHAKE and (at + 1 == w.have or w.at[at + 1] == MAJOR_VERSION)):
        at += 1
    return at
