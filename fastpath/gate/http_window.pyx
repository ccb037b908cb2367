"""Octets of HTTP in a flow's window: where they are stored, skipped, or have to come again.

A connection is as fast as it is without a gate where the window holds all that its server has not acknowledged: it
grows to HUGE_OCTETS for a body that is searched.  Where there is no memory for that, a gate is like a server with a
smaller window: what does not fit is dropped, and its client sends it again.

Invariants: judged octets leave a window only where their server has them, if that can be known.  Where it is not seen,
half of a window stays, and what comes in the place of the others is undecidable.
Source: RFC 9293 §3.8.6 (a host takes nothing beyond its window); rule R2.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, Status
from fastpath.gate.flow cimport (
    KNOWN, LOST, ONE_OF_SEVERAL, OPENING, WINDOW_OCTETS, Flow, FlowTable, make_huge, window_octets)
from fastpath.gate.reassembly cimport HUGE_OCTETS, SMALL_OCTETS, Pieces
from fastpath.gate.state cimport DROP, GO_ON, Gate, Turn, Verdict
from fastpath.gate.stream cimport asks_server, is_cheap_to_slide, put_octets, slide_window
from fastpath.gate.verdicts cimport contradicted, is_proven, over_budget, undecidable
from fastpath.report.counters cimport CNT_GATE_TOO_BIG, count
from fastpath.report.trace cimport note_undecidable

cdef enum:
    SILENT_S = 10           # a flow that is silent for so long loses a huge window to another


cdef Verdict store_octets(Gate* g, Turn* t, int64_t at, const uint8_t* data, size_t n, size_t* taken) noexcept nogil:
    """Store as many of these octets as possible, at least one.   GO_ON, or the packet's verdict."""
    cdef Flow* f = t.f
    cdef Verdict verdict = GO_ON
    taken[0] = 0
    if (at < f.next and at >= f.base + f.w.have and f.w.high >= SMALL_OCTETS and f.w.high == f.w.have
            and (f.stage == LOST or f.body == f.next)):     # how a body begins was looked at
        taken[0] = min(n, <size_t>(f.next - at))    # a long body: nothing to store
        f.skipped = at + <int64_t>taken[0]
    elif f.skipped <= f.base + f.w.have or at < f.next:
        if f.skipped > f.base + f.w.have:   # what follows the body would wait behind a gap
            n = min(n, <size_t>(f.next - at))
        verdict = _put(g, t, at, data, n, taken)
        if verdict == GO_ON and taken[0] == 0 and at < f.next:
            taken[0] = min(n, <size_t>(f.next - at))
    if verdict == GO_ON and taken[0] == 0 and _is_behind_window(f, at) and _make_huge(g, t):
        verdict = _put(g, t, at, data, n, taken)
    if verdict == GO_ON and taken[0] == 0:
        if _has_to_wait(g, t, at):
            t.is_asking = 1
            return DROP         # its client sends it again
        if not _move_window(g, t, at):
            return undecidable(g, t, CNT_GATE_TOO_BIG)
        verdict = _put(g, t, at, data, n, taken)
        if verdict == GO_ON and taken[0] == 0:
            return undecidable(g, t, CNT_GATE_TOO_BIG)
    if verdict == GO_ON and at + <int64_t>taken[0] > f.top:
        f.top = at + <int64_t>taken[0]
    return verdict


cdef Verdict _put(Gate* g, Turn* t, int64_t at, const uint8_t* data, size_t n, size_t* taken) noexcept nogil:
    """put_octets(), and the verdict where it refuses them."""
    cdef Status status = put_octets(&g.flows, t.f, at, data, n, taken)
    if status == MALFORMED:
        return contradicted(g)
    return over_budget(g, t) if status == NOT_THIS else GO_ON


cdef bint _is_behind_window(const Flow* f, int64_t at) noexcept nogil:
    """Whether octets would have a place in a huge window alone, and all in front of them is stored, or may be.

    A single one far ahead of the others takes none: the gap before it would be marked for nothing."""
    return (f.stage != OPENING and window_octets(f) <= at - f.base < HUGE_OCTETS and at - f.top < WINDOW_OCTETS
            and f.skipped <= f.base + f.w.have)


cdef bint _make_huge(Gate* g, Turn* t) noexcept nogil:
    """Give the turn's flow a huge window, where none is left that of the flow silent for longest."""
    cdef Flow* silent
    if make_huge(&g.flows, t.f):
        return True
    silent = _longest_huge(&g.flows)
    return (silent != NULL and t.f.used_s - silent.used_s > SILENT_S and _leave_huge(g, t, silent)
            and make_huge(&g.flows, t.f))


cdef Flow* _longest_huge(FlowTable* flows) noexcept nogil:
    """Of the flows with a huge window and no gap in it, the one silent for longest; or NULL."""
    cdef const Pieces* pool = &flows.memory.huge
    cdef const uint32_t* holders = flows.large_holders + flows.memory.large.n
    cdef Flow* f
    cdef Flow* found = NULL
    cdef uint32_t i
    for i in range(pool.n_begun):
        f = &flows.flows[holders[i] - 1]
        if f.w.at != pool.at + <size_t>i * pool.octets or f.w.have < f.w.high:
            continue
        if found == NULL or f.used_s < found.used_s:
            found = f
    return found


cdef void end_window(Gate* g, Turn* t) noexcept nogil:
    """Have a flow that its client ends, and whose server has answered, go on in a usual window."""
    if is_proven(g, t):
        _leave_huge(g, t, t.f)


cdef bint _leave_huge(Gate* g, const Turn* t, Flow* f) noexcept nogil:
    """Have a flow go on in a usual window, half full of what came last.   False: more of it has to stay.

    Where its server is not seen, a huge one would stay until the flow is idle.   t: of any flow of this gate"""
    cdef int64_t base = f.base + f.w.high - WINDOW_OCTETS // 2
    if f.w.room != HUGE_OCTETS or f.w.have < f.w.high or base > f.next:
        return False
    if not t.is_untracked and not g.shared.is_shadow and f.acked < base:
        return False
    slide_window(&g.flows, f, max(base, f.base))
    return f.w.room != HUGE_OCTETS


cdef bint _has_to_wait(const Gate* g, const Turn* t, int64_t at) noexcept nogil:
    """Whether what the window has no room for has to come again, as a server's window would have none for it.

    Until its server has the judged octets that fill it, or, behind a gap, what is missing: unless its server has that
    already.  Where the server is not seen, a gap may be one in what the gate saw: then the policy decides."""
    cdef const Flow* f = t.f
    cdef int64_t gap = max(f.base + <int64_t>f.w.have, f.next)
    cdef bint is_begun = f.is_isn_known == KNOWN or f.is_isn_known == ONE_OF_SEVERAL
    if g.shared.is_shadow:
        return False
    if t.is_untracked:
        return g.closed and is_begun and at > gap
    return asks_server(f) or is_begun and at > gap and f.acked <= gap


cdef bint _move_window(Gate* g, Turn* t, int64_t at) noexcept nogil:
    """Move the window so that it contains `at`.   False: judged octets that the server may not have must stay, or a
    huge one would be moved for little.

    Where the server is not seen, half of them stay, and what comes in the place of the others is undecidable."""
    cdef Flow* f = t.f
    cdef int64_t half = window_octets(f) // 2
    if f.stage == OPENING or not (t.is_untracked or is_proven(g, t)):
        return False
    if f.next > f.base and 0 <= at - f.next < 2 * half:
        if not t.is_untracked or at - f.next >= half or f.next - f.base <= half or f.next > f.base + f.w.have:
            half = 0
        if f.w.room == HUGE_OCTETS and f.w.have < f.w.high and not is_cheap_to_slide(f, f.next - half):
            return False        # what is behind a gap is not moved for a few octets
        slide_window(&g.flows, f, f.next - half)
        return True
    count(g.shared.counters, CNT_GATE_TOO_BIG, 1)
    note_undecidable(g.trace, CNT_GATE_TOO_BIG)
    if g.closed:
        return False
    slide_window(&g.flows, f, at)     # beyond a gap longer than the window: start again behind it
    return True
