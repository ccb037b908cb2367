"""Reassembly windows: the octets seen of one stream, in pieces of a fixed memory pool.

    none → a small piece → a large one → a huge one;  where there are gaps, a second piece of the same size marks stored
    octets; of a huge one its other half does

Invariants: one content per position: a stored octet never changes; a contradicting segment changes nothing (rule R2).
A window holds at most two pieces, both of `room` octets, or a huge one; free_window() gives them back.
A piece that was given back is taken before an untouched one.  So resident memory is the most that was ever in use, and
the first touch of a piece (1.2 µs with its page fault) is paid once in the life of a gate.
Absent on purpose: I/O and allocation; pages of 2 MiB for pieces and flows (madvise: a hello cost 0.4 to 0.6 µs more, 7
in a cold gate); 64 pieces touched by one call (0.5 µs less for a first touch, 16 ms in the life of a gate); all of them
touched at the start (128 MiB that most gates never need).
Source: RFC 9293 §3.4, RFC 5722 (overlapping fragments are no accident).
Cost: one memcpy for a segment in order; untouched memory: `cold_517` of bench/gate_queue.py.
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memchr, memcmp, memcpy, memmove, memset

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, OK, Status


# -- memory ----------------------------------------------------------------------------------------------------------

cdef int open_memory(Memory* m, uint32_t n_small, uint32_t n_large, uint32_t n_huge) noexcept nogil:
    """Take all memory; it is touched only as it is used.   Returns 0, or -1: no memory."""
    memset(m, 0, sizeof(Memory))
    if (_open_pieces(&m.small, n_small, SMALL_OCTETS) != 0 or _open_pieces(&m.large, n_large, LARGE_OCTETS) != 0
            or _open_pieces(&m.huge, n_huge, 2 * HUGE_OCTETS) != 0):
        close_memory(m)
        return -1
    return 0


cdef void close_memory(Memory* m) noexcept nogil:
    free(m.small.at)
    free(m.small.free)
    free(m.large.at)
    free(m.large.free)
    free(m.huge.at)
    free(m.huge.free)
    memset(m, 0, sizeof(Memory))


cdef int _open_pieces(Pieces* p, uint32_t n, uint32_t octets) noexcept nogil:
    p.n = n
    p.octets = octets
    p.at = <uint8_t*>calloc(n, octets)      # calloc, not malloc: its pages stay untouched
    p.free = <uint32_t*>malloc(<size_t>n * sizeof(uint32_t))
    return 0 if p.at != NULL and p.free != NULL else -1


cdef uint8_t* _take_piece(Pieces* p) noexcept nogil:
    cdef uint32_t i
    if p.n_free > 0:
        p.n_free -= 1
        i = p.free[p.n_free]
    elif p.n_begun < p.n:
        i = p.n_begun
        p.n_begun += 1
    else:
        return NULL
    return p.at + <size_t>i * p.octets


cdef void _give_back(Pieces* p, const uint8_t* at) noexcept nogil:
    if at != NULL:
        p.free[p.n_free] = <uint32_t>((at - p.at) // p.octets)
        p.n_free += 1


cdef inline Pieces* _pieces_of(Memory* m, const Window* w) noexcept nogil:
    if w.room == HUGE_OCTETS:
        return &m.huge
    return &m.small if w.room == SMALL_OCTETS else &m.large


cdef uint8_t* _piece_for_gaps(Memory* m, const Window* w) noexcept nogil:
    return w.at + HUGE_OCTETS if w.room == HUGE_OCTETS else _take_piece(_pieces_of(m, w))


cdef uint32_t weight_of(const Window* w) noexcept nogil:
    """What this window counts against a share, in small pieces."""
    cdef uint32_t n = (w.at != NULL) + (w.there != NULL)
    return n if w.room == SMALL_OCTETS else n * LARGE_WEIGHT


cdef uint32_t n_large_of(const Window* w) noexcept nogil:
    """Large pieces that this window holds."""
    return (w.at != NULL) + (w.there != NULL) if w.room == LARGE_OCTETS else 0


cdef bint is_enough(const Memory* m, const Window* w, uint32_t octets) noexcept nogil:
    """Whether widen() to `octets` would find a piece."""
    cdef const Pieces* p = &m.small if octets <= SMALL_OCTETS else &m.large
    if octets > LARGE_OCTETS:
        return octets <= w.room or m.huge.n_free + (m.huge.n - m.huge.n_begun) > 0
    return octets <= w.room or p.n_free + (p.n - p.n_begun) >= (1 if w.there == NULL else 2)


cdef bint widen(Memory* m, Window* w, uint32_t octets) noexcept nogil:
    """Widen the window to `octets`, at most HUGE_OCTETS.   False: no piece is left, nothing changed."""
    cdef Window wider = w[0]
    if octets <= w.room:
        return True
    if not is_enough(m, w, octets):
        return False
    wider.room = SMALL_OCTETS if octets <= SMALL_OCTETS else LARGE_OCTETS if octets <= LARGE_OCTETS else HUGE_OCTETS
    wider.at = _take_piece(_pieces_of(m, &wider))
    if w.at != NULL:
        memcpy(wider.at, w.at, w.high)
    if w.there != NULL:
        wider.there = _piece_for_gaps(m, &wider)
        memcpy(wider.there, w.there, w.high)
    free_window(m, w)
    w[0] = wider
    return True


cdef void narrow(Memory* m, Window* w) noexcept nogil:
    """Go back to a smaller piece where one suffices that was used before; from a huge one, to any."""
    cdef Window smaller = w[0]
    cdef Pieces* p = &m.small if w.high <= SMALL_OCTETS else &m.large
    if w.room == HUGE_OCTETS and w.have == w.high:
        w.there = smaller.there = NULL
    if w.room <= p.octets or w.there != NULL or w.high > LARGE_OCTETS // 2:
        return
    if p.n_free == 0 and (w.room != HUGE_OCTETS or p.n_begun == p.n):
        return
    smaller.room = p.octets
    smaller.at = _take_piece(p)
    memcpy(smaller.at, w.at, w.high)
    free_window(m, w)
    w[0] = smaller


cdef void free_window(Memory* m, Window* w) noexcept nogil:
    """Give all memory back and discard the octets."""
    cdef Pieces* p = _pieces_of(m, w)
    _give_back(p, w.at)
    if w.room != HUGE_OCTETS:
        _give_back(p, w.there)
    memset(w, 0, sizeof(Window))


# -- octets ----------------------------------------------------------------------------------------------------------

cdef Status merge(Memory* m, Window* w, uint32_t offset, const uint8_t* data, uint32_t n) noexcept nogil:
    """Store octets at `offset`; there must be room for them.

    OK · MALFORMED: they contradict stored octets, nothing changed · NOT_THIS: no piece is left to mark a gap."""
    cdef uint32_t end = offset + n
    cdef uint32_t known
    if offset < w.have:
        known = (w.have if w.have < end else end) - offset
        if memcmp(w.at + offset, data, known) != 0:
            return MALFORMED
        offset += known
        data += known
        n -= known
    if n == 0:
        return OK
    if offset == w.have == w.high:
        memcpy(w.at + offset, data, n)
        w.have = end
        w.high = end
        return OK
    return _merge_behind_gap(m, w, offset, data, n)


cdef Status _merge_behind_gap(Memory* m, Window* w, uint32_t offset, const uint8_t* data, uint32_t n) noexcept nogil:
    cdef uint32_t end = offset + n
    cdef uint32_t i
    if w.there == NULL:
        w.there = _piece_for_gaps(m, w)
        if w.there == NULL:
            return NOT_THIS
    for i in range(offset, w.high if w.high < end else end):
        if w.there[i] and w.at[i] != data[i - offset]:
            return MALFORMED
    if offset > w.high:
        memset(w.there + w.high, 0, offset - w.high)
    memcpy(w.at + offset, data, n)
    memset(w.there + offset, 1, n)
    if end > w.high:
        w.high = end
    _settle(w)
    return OK


cdef void _settle(Window* w) noexcept nogil:
    """Move `have` to the first gap."""
    cdef const uint8_t* gap = <const uint8_t*>memchr(w.there + w.have, 0, w.high - w.have)
    w.have = w.high if gap == NULL else <uint32_t>(gap - w.there)


cdef bint shift_right(Memory* m, Window* w, uint32_t by) noexcept nogil:
    """Move the stored octets up by `by`, behind a gap; there must be room.   False: no piece is left to mark it."""
    if w.there == NULL:
        w.there = _piece_for_gaps(m, w)
        if w.there == NULL:
            return False
    memset(w.there, 1, w.have)      # it is not kept up to date below `have`
    memmove(w.at + by, w.at, w.high)
    memmove(w.there + by, w.there, w.high)
    memset(w.there, 0, by)
    w.high += by
    w.have = 0
    return True


cdef void shift_left(Window* w, uint32_t by) noexcept nogil:
    """Discard the first `by` octets."""
    if by >= w.high:
        w.have = 0
        w.high = 0
        return
    memmove(w.at, w.at + by, w.high - by)
    if w.there == NULL:             # no gaps: have == high
        w.high -= by
        w.have = w.high
        return
    memset(w.there, 1, w.have)
    memmove(w.there, w.there + by, w.high - by)
    w.high -= by
    w.have = 0
    _settle(w)
