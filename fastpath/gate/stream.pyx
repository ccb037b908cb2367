"""Octets of one TCP stream or CRYPTO stream, at their positions.

Invariants: a stream position is 64 bits from the client's first octet, and all 32 bits of a sequence number say where
it is: a window is at most 2**30 octets (RFC 7323 §2.3), so nothing that a server may take is read at another place.
Judged octets leave a window only where the server has acknowledged them, if that can be known.
Source: RFC 9293 §3.4 (sequence numbers); rule R2.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memset

from fastpath.base.cursor cimport NOT_THIS, OK, TOO_BIG, Status
from fastpath.gate.flow cimport (
    EARLY, FOLLOWING, OPENING, PASSED, WINDOW_OCTETS, Flow, FlowTable, charge_window, discard_octets, make_room,
    window_octets)
from fastpath.gate.reassembly cimport SMALL_OCTETS, Window, merge, narrow, shift_left, shift_right

cdef enum:
    HALF_WINDOW = WINDOW_OCTETS // 2    # asked for early, an acknowledgement comes before the window is full

cdef void begin_stream(FlowTable* t, Flow* f, uint32_t isn, uint8_t is_isn_known) noexcept nogil:
    """Discard all octets; stream position 0 is the octet with sequence number `isn`."""
    discard_octets(t, f)
    f.isn = isn
    f.is_isn_known = is_isn_known
    f.stage = OPENING
    f.protocol = 0
    f.state = 0
    f.has_tsval = 0
    f.is_doubted = 0
    f.has_heard = 0
    f.is_framed = 0
    f.is_within_line = 0
    f.offers_h2c = 0
    f.need = 0
    f.credit = 0
    f.base = 0
    f.next = 0
    f.body = 0
    f.top = 0
    f.skipped = 0
    f.acked = 0
    memset(&f.label, 0, sizeof(f.label))


cdef int64_t stream_position(const Flow* f, uint32_t seq) noexcept nogil:
    """The stream position of `seq`, within 2**31 octets of the highest position accepted so far."""
    return f.top + <int32_t>(seq - f.isn - <uint32_t>f.top)


cdef Status put_octets(FlowTable* t, Flow* f, int64_t at, const uint8_t* data, size_t n, size_t* taken) noexcept nogil:
    """Store a segment at stream position `at`.

    taken   octets of it that are not needed again: stored, equal to stored ones, or before the window
    Returns OK · MALFORMED: it contradicts stored octets, nothing changed · TOO_BIG: all of it is beyond the window ·
    NOT_THIS: this flow alone would take more than the client's share of memory."""
    cdef int64_t offset = at - f.base
    cdef int64_t most = window_octets(f)
    cdef size_t before = 0
    cdef size_t fit
    cdef Status status
    taken[0] = 0
    # behind 0 the window has moved on, or begins where its server does: what is before it is old
    if offset < 0 and not f.is_isn_known and f.base <= 0 and f.w.high - offset <= WINDOW_OCTETS:
        status = _begin_earlier(t, f, <uint32_t>-offset)
        if status != OK:
            return status
        offset = 0
    if offset < 0:
        before = n if <int64_t>n < -offset else <size_t>-offset
        offset = 0
    if offset >= most:
        return TOO_BIG
    fit = n - before
    if fit > <size_t>(most - offset):
        fit = <size_t>(most - offset)
    if fit > 0:
        status = _store(t, f, <uint32_t>offset, data + before, <uint32_t>fit)
        if status != OK:
            return status
    taken[0] = before + fit
    return OK


cdef Status _store(FlowTable* t, Flow* f, uint32_t offset, const uint8_t* data, uint32_t n) noexcept nogil:
    cdef Window before = f.w
    cdef Status status = NOT_THIS
    if make_room(t, f, offset + n):
        status = merge(&t.memory, &f.w, offset, data, n)
    charge_window(t, f, &before)
    return status


cdef void slide_window(FlowTable* t, Flow* f, int64_t base) noexcept nogil:
    """Move the window's beginning forward to `base` and discard the octets before it."""
    cdef int64_t by = base - f.base
    cdef Window before = f.w
    f.base = base
    if f.next < base:
        f.next = base
        f.is_within_line = 0
    if f.top < base:
        f.top = base
    shift_left(&f.w, <uint32_t>by if by < f.w.high else f.w.high)
    narrow(&t.memory, &f.w)
    charge_window(t, f, &before)
    f.need = 0
    f.skipped = max(f.skipped, base)


cdef bint asks_server(const Flow* f) noexcept nogil:
    """Whether the server's next packets matter: what it says to a hello with early data, or how far it has received.

    A flow that was resumed goes on where its server says, as old octets may be sent again in front of new ones.  TLS is
    released when its server has octets that are no hello.

    Judged octets leave a window only where their server has them: the rest may be a decoy's, in the place of the true
    ones.  Far from the end of a long body there is nothing to ask for."""
    if f.stage == EARLY and f.has_heard or f.stage == PASSED or is_resumed_and_unproven(f):
        return True
    if f.acked >= f.next or f.next == f.base or f.next - f.top > HALF_WINDOW:
        return False
    return f.next - f.base > HALF_WINDOW or f.w.high > HALF_WINDOW or f.skipped > f.base + f.w.have


cdef bint is_passed_and_proven(const Flow* f) noexcept nogil:
    """Whether a TLS flow is past its hellos, and its server has the octets that show it: else they may be a decoy's.

    A resumed flow's server misses no octet before those that came."""
    return f.stage == PASSED and f.acked >= (f.top if f.is_doubted else f.base + f.w.have)


cdef bint is_resumed_and_unproven(const Flow* f) noexcept nogil:
    """Whether a resumed flow's server may be ahead of the octets that came since."""
    return f.is_doubted and f.acked < f.top


cdef void note_acknowledged(FlowTable* t, Flow* f, uint32_t ack) noexcept nogil:
    """Note how far the server has received, and let judged octets before that leave the window."""
    cdef int64_t at = stream_position(f, ack)
    if f.is_doubted and at > f.top:
        _resume_at(t, f, at)
    at = min(at, f.top)
    if at > f.acked:
        f.acked = at
    at = min(f.acked, f.next)
    if f.stage != OPENING and _is_worth_sliding(f, at):
        slide_window(t, f, at)


cdef bint _is_worth_sliding(const Flow* f, int64_t at) noexcept nogil:
    """Whether so many octets leave the window that those behind are moved for it: a huge one's may be millions."""
    if f.w.room > WINDOW_OCTETS and at < f.base + f.w.high:
        return is_cheap_to_slide(f, at)
    return at - f.base > SMALL_OCTETS or f.skipped > f.base + f.w.have and at > f.base


cdef bint is_cheap_to_slide(const Flow* f, int64_t base) noexcept nogil:
    """Whether a huge window is moved to `base` at all: for a quarter of it that came in order, or where nothing stays.

    What stays is at most three octets, and a mark of each, for an octet that came; a body that a head announces counts
    for none.  Elsewhere one octet at a time would stop a worker."""
    return base - f.base >= f.w.high or min(base - f.base, <int64_t>f.w.have) > f.w.room // 4


cdef void _resume_at(FlowTable* t, Flow* f, int64_t at) noexcept nogil:
    """Go on where the server of a resumed flow does: it has all octets before, and takes no others in their place."""
    discard_octets(t, f)
    f.base = at
    f.next = at
    f.body = at
    f.skipped = at
    f.top = at
    f.need = 0
    f.is_framed = 0
    f.is_within_line = 0
    f.stage = FOLLOWING


cdef Status _begin_earlier(FlowTable* t, Flow* f, uint32_t by) noexcept nogil:
    """Move the window's beginning `by` octets back: the ISN is unknown, and an octet before the first one seen came."""
    cdef Window before = f.w
    cdef bint is_done = make_room(t, f, f.w.high + by) and (f.w.high == 0 or shift_right(&t.memory, &f.w, by))
    charge_window(t, f, &before)
    if not is_done:
        return NOT_THIS
    f.base -= by
    f.next = f.base
    f.skipped = f.base
    f.acked = f.base
    f.need = 0
    f.stage = OPENING
    f.protocol = 0
    return OK
