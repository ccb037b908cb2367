"""Flows and the octets seen of each.  No I/O; all memory is taken once, by open_flows().

*Invariants*
- One content per sequence number: an octet that is in the window never changes; a segment that contradicts it changes
  nothing and is MALFORMED (rule R2).
- A stream position is counted from the client's first octet in 64 bits; from the wire only 24 bits of it are used,
  because the mark carries 24 bits of the ISN.  So a decoy 2**24 octets away falls on the very octets it imitates.
- A flow is in exactly one of two lists: live, or spent (decided for good, or never used).  New flows take the
  longest spent one first; only when none is left is the longest silent live flow evicted.

*Source*: RFC 9293 §3.4 (sequence numbers), RFC 5722 (overlap is no accident).
"""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy, memmove, memset

from fastpath.cursor cimport MALFORMED, OK, TOO_BIG, Status
from fastpath.packet cimport PacketView

cdef enum:
    IDLE_S = 120    # E01: pieces of a hello may come far apart; 60 s at least


# -- the table -------------------------------------------------------------------------------------------------------

cdef int open_flows(FlowTable* t, uint32_t n_flows, uint64_t seed) noexcept nogil:
    """Take all memory: 32 KiB a flow, touched only as it is used.  Returns 0, or -1 for no memory."""
    cdef uint32_t n_buckets = 1
    cdef uint32_t i
    while n_buckets < 2 * n_flows:
        n_buckets *= 2
    t.n_flows = n_flows
    t.seed = seed | 1
    t.bucket_mask = n_buckets - 1
    t.flows = <Flow*>calloc(n_flows + 2, sizeof(Flow))
    t.octets = <uint8_t*>calloc(n_flows, 2 * WINDOW_OCTETS)
    t.buckets = <uint32_t*>calloc(n_buckets, sizeof(uint32_t))
    if t.flows == NULL or t.octets == NULL or t.buckets == NULL:
        close_flows(t)
        return -1
    for i in range(n_flows, n_flows + 2):
        t.flows[i].newer = i
        t.flows[i].older = i
    for i in range(n_flows):
        t.flows[i].window = t.octets + <size_t>i * 2 * WINDOW_OCTETS
        t.flows[i].there = t.flows[i].window + WINDOW_OCTETS
        t.flows[i].spent = 1
        _link(t, i, n_flows + 1)
    return 0


cdef void close_flows(FlowTable* t) noexcept nogil:
    free(t.flows)
    free(t.octets)
    free(t.buckets)
    memset(t, 0, sizeof(FlowTable))


cdef Flow* find_flow(FlowTable* t, const PacketView* p) noexcept nogil:
    """The flow of this packet's client-to-server direction, or NULL."""
    cdef FlowKey key
    cdef uint32_t i
    _key_of(p, &key)
    i = t.buckets[_hash(t, &key) & t.bucket_mask]
    while i != 0:
        if memcmp(&t.flows[i - 1].key, &key, sizeof(FlowKey)) == 0:
            return &t.flows[i - 1]
        i = t.flows[i - 1].in_bucket
    return NULL


cdef Flow* add_flow(FlowTable* t, const PacketView* p, int64_t now_s, uint8_t* evicted) noexcept nogil:
    """A flow for a packet that find_flow() does not know.  evicted: 1 if a live flow that was not idle had to go."""
    cdef uint32_t i = t.flows[t.n_flows + 1].newer     # the head's newer neighbour is the oldest of the list
    cdef uint32_t* bucket
    cdef Flow* f
    evicted[0] = 0
    if i == t.n_flows + 1:
        i = t.flows[t.n_flows].newer
        evicted[0] = now_s - t.flows[i].used_s <= IDLE_S
    f = &t.flows[i]
    if f.in_use:
        _leave_bucket(t, i)
    _unlink(t, i)
    _link(t, i, t.n_flows)
    _key_of(p, &f.key)
    bucket = &t.buckets[_hash(t, &f.key) & t.bucket_mask]
    f.in_bucket = bucket[0]
    bucket[0] = i + 1
    f.in_use = 1
    f.used_s = now_s
    return f


cdef void touch_flow(FlowTable* t, Flow* f, int64_t now_s) noexcept nogil:
    """The flow is live and the newest of all."""
    cdef uint32_t i = <uint32_t>(f - t.flows)
    f.used_s = now_s
    f.spent = 0
    _unlink(t, i)
    _link(t, i, t.n_flows)


cdef void spend_flow(FlowTable* t, Flow* f, uint8_t state) noexcept nogil:
    """Decided for good.  Still found, because packets that were queued with the last one have the old mark."""
    cdef uint32_t i = <uint32_t>(f - t.flows)
    f.state = state
    f.spent = 1
    _unlink(t, i)
    _link(t, i, t.n_flows + 1)


cdef void _key_of(const PacketView* p, FlowKey* out) noexcept nogil:
    memcpy(out.src, p.src, 16)
    memcpy(out.dst, p.dst, 16)
    out.sport = p.sport
    out.dport = p.dport
    out.version = p.version


cdef uint64_t _hash(const FlowTable* t, const FlowKey* key) noexcept nogil:
    cdef uint64_t words[5]
    cdef uint64_t h = t.seed
    cdef int i
    memcpy(words, key, sizeof(FlowKey))
    for i in range(5):
        h = (h ^ words[i]) * <uint64_t>0x9E3779B97F4A7C15    # 2**64 / golden ratio
        h ^= h >> 29
    return h >> 16


cdef void _leave_bucket(FlowTable* t, uint32_t i) noexcept nogil:
    cdef uint32_t* at = &t.buckets[_hash(t, &t.flows[i].key) & t.bucket_mask]
    while at[0] != i + 1:
        at = &t.flows[at[0] - 1].in_bucket
    at[0] = t.flows[i].in_bucket


cdef void _link(FlowTable* t, uint32_t i, uint32_t head) noexcept nogil:
    cdef uint32_t newest = t.flows[head].older
    t.flows[i].older = newest
    t.flows[i].newer = head
    t.flows[newest].newer = i
    t.flows[head].older = i


cdef void _unlink(FlowTable* t, uint32_t i) noexcept nogil:
    t.flows[t.flows[i].older].newer = t.flows[i].newer
    t.flows[t.flows[i].newer].older = t.flows[i].older


# -- the octets of one flow --------------------------------------------------------------------------------------------

cdef void begin_stream(Flow* f, uint32_t isn, uint8_t is_isn_known) noexcept nogil:
    """Forget all octets; stream position 0 is the octet with sequence number `isn` (mod 2**24)."""
    f.isn = isn & 0xffffff
    f.is_isn_known = is_isn_known
    f.stage = OPENING
    f.protocol = 0
    f.state = 0
    f.base = 0
    f.next = 0
    f.body = 0
    f.top = 0
    f.have = 0
    f.high = 0


cdef int64_t stream_position(const Flow* f, uint32_t seq) noexcept nogil:
    """Where `seq` stands in the stream: within 2**23 octets of the highest position accepted so far."""
    cdef uint32_t ahead = (seq - f.isn - <uint32_t>(f.top & 0xffffff)) & 0xffffff
    cdef int32_t distance = <int32_t>ahead
    if ahead >= 0x800000:
        distance -= 0x1000000
    return f.top + distance


cdef Status put_octets(Flow* f, int64_t at, const uint8_t* data, size_t n, size_t* taken) noexcept nogil:
    """Add a segment that stands at stream position `at`.

    taken   octets of it that need not come again: stored, equal to what is there, or before the window
    Returns OK · MALFORMED: it contradicts what is there, nothing changed · TOO_BIG: all of it is beyond the window.
    Cost: one memcpy for a segment in order.
    """
    cdef int64_t offset = at - f.base
    cdef size_t before = 0
    cdef size_t fit
    taken[0] = 0
    if offset < 0 and not f.is_isn_known and f.high - offset <= WINDOW_OCTETS:
        _begin_earlier(f, <uint32_t>-offset)
        offset = 0
    if offset < 0:
        before = n if <int64_t>n < -offset else <size_t>-offset
        offset = 0
    if offset >= WINDOW_OCTETS:
        return TOO_BIG
    fit = n - before
    if fit > <size_t>(WINDOW_OCTETS - offset):
        fit = <size_t>(WINDOW_OCTETS - offset)
    if _merge(f, <uint32_t>offset, data + before, <uint32_t>fit) != OK:
        return MALFORMED
    taken[0] = before + fit
    return OK


cdef void slide_window(Flow* f, int64_t base) noexcept nogil:
    """Let the window begin at `base` (not before where it begins now) and forget what was before."""
    cdef int64_t by = base - f.base
    f.base = base
    if f.next < base:
        f.next = base
    if f.top < base:
        f.top = base
    if by >= f.high:
        f.have = 0
        f.high = 0
        return
    memset(f.there, 1, f.have)      # it was not kept up below `have`
    memmove(f.window, f.window + by, f.high - by)
    memmove(f.there, f.there + by, f.high - by)
    f.high -= <uint32_t>by
    f.have = 0
    _settle(f)


cdef void _begin_earlier(Flow* f, uint32_t by) noexcept nogil:
    """The ISN is not known and an octet came that stands before the first one seen: begin `by` octets earlier."""
    memset(f.there, 1, f.have)
    memmove(f.window + by, f.window, f.high)
    memmove(f.there + by, f.there, f.high)
    memset(f.there, 0, by)
    f.high += by
    f.have = 0
    f.base -= by
    f.next = f.base
    f.stage = OPENING
    f.protocol = 0


cdef Status _merge(Flow* f, uint32_t offset, const uint8_t* data, uint32_t n) noexcept nogil:
    cdef uint32_t end = offset + n
    cdef uint32_t known = 0
    cdef uint32_t i
    if offset < f.have:
        known = (f.have if f.have < end else end) - offset
        if memcmp(f.window + offset, data, known) != 0:
            return MALFORMED
        offset += known
        data += known
        n -= known
    if n == 0:
        return OK
    if offset == f.have == f.high:
        memcpy(f.window + offset, data, n)
        f.have = end
        f.high = end
        return OK
    for i in range(offset, f.high if f.high < end else end):
        if f.there[i] and f.window[i] != data[i - offset]:
            return MALFORMED
    if offset > f.high:
        memset(f.there + f.high, 0, offset - f.high)
    memcpy(f.window + offset, data, n)
    memset(f.there + offset, 1, n)
    if end > f.high:
        f.high = end
    _settle(f)
    return OK


cdef void _settle(Flow* f) noexcept nogil:
    """Move `have` to the first gap."""
    cdef const uint8_t* gap = <const uint8_t*>memchr(f.there + f.have, 0, f.high - f.have)
    f.have = f.high if gap == NULL else <uint32_t>(gap - f.there)


@cython.final
@cython.auto_pickle(False)
cdef class Stream:
    """One flow's octets, for tests and fuzzers."""
    cdef FlowTable _table
    cdef Flow* _flow

    def __cinit__(self, int isn=-1):
        cdef PacketView nobody
        cdef uint8_t evicted
        memset(&nobody, 0, sizeof(PacketView))
        if open_flows(&self._table, 1, 1) != 0:
            raise MemoryError
        self._flow = add_flow(&self._table, &nobody, 0, &evicted)
        begin_stream(self._flow, isn if isn >= 0 else 0, isn >= 0)

    def __dealloc__(self):
        close_flows(&self._table)

    def position(self, unsigned int seq):
        return stream_position(self._flow, seq)

    def put(self, long long at, bytes data):
        cdef size_t taken
        if put_octets(self._flow, at, data, len(data), &taken) == MALFORMED:
            raise ValueError(f"segment at {at}: other octets than before; dropped; look for an evasion")
        if at + <long long>taken > self._flow.top:
            self._flow.top = at + <long long>taken
        return taken

    def slide(self, long long base):
        slide_window(self._flow, base)

    @property
    def contiguous(self):
        return self._flow.window[:self._flow.have]
