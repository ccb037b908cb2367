"""Flow table: connections, and the memory that each subscriber's hold.  All memory is taken once, by open_flows().

Invariants: a flow is in exactly one of three lists: live without octets, live with octets, or spent (decided for good,
or evicted).  Memory is only taken from a flow that holds some: who has sent nothing yet loses nothing by it. A new flow
takes a record that was never used, then the one spent for longest, then the live one silent for longest. Each
subscriber has an account of its own, so that none pays for another, as long as one of N_PLACES is free. A subscriber
whose flows hold its whole share loses its own flow silent for longest.  Where all memory is held, the one that holds
most of it loses: a large piece is taken from a flow whose payer holds most large ones.  A flow silent for IDLE_S holds
no memory.
A connection of QUIC is found by its connection ID, regardless of its addresses and ports; TCP's by those.
Absent on purpose: I/O.   Source: rule R8.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.siphash cimport siphash13
from fastpath.gate.reassembly cimport (
    HUGE_OCTETS, LARGE_OCTETS, SMALL_OCTETS, Pieces, Window, close_memory, free_window, is_enough, n_large_of,
    open_memory, weight_of, widen)
from fastpath.images.key_table cimport prefetch
from fastpath.wire.packet cimport PROTO_UDP, PacketView, turn_packet

cdef enum:
    IDLE_AT_ONCE = 2    # idle flows evicted per new flow: more than one, so they cannot pile up
    LINE_OCTETS = 64    # of a cache
    LINES_OF_STREAM = 3  # of a flow's four: what is behind them is QUIC's
    SPENT = 1           # lists, by their heads behind the last flow; 0: live flows without octets
    HOLDING = 2         # live flows with octets
    N_LISTS = 3
    SAMPLE = 64         # flows silent for longest of which one is evicted
    IN_QUEUE_S = 10     # a packet waits less for its verdict, in the kernel's queue


# -- the table -------------------------------------------------------------------------------------------------------

cdef int open_flows(FlowTable* t, uint32_t n_flows, uint32_t n_small, uint32_t n_large, uint32_t n_huge,
                    uint32_t share, const uint8_t* key) noexcept nogil:
    """Take all memory; it is touched only as it is used.   0, or -1: no memory.

    share   pieces one subscriber may hold;  key: 16 random octets"""
    cdef uint32_t n_buckets = 1, i
    while n_buckets < 2 * n_flows:
        n_buckets *= 2
    memset(t, 0, sizeof(FlowTable))
    t.n_flows, t.share = n_flows, share
    memcpy(t.key, key, sizeof(t.key))
    t.bucket_mask = n_buckets - 1
    t.flows = <Flow*>calloc(<size_t>n_flows + N_LISTS, sizeof(Flow))
    t.buckets = <uint32_t*>calloc(n_buckets, sizeof(uint32_t))
    t.payers = <Payer*>calloc(N_PAYERS, sizeof(Payer))
    t.large_holders = <uint32_t*>calloc(<size_t>n_large + n_huge, sizeof(uint32_t))
    if (open_memory(&t.memory, n_small, n_large, n_huge) != 0 or t.flows == NULL or t.buckets == NULL
            or t.payers == NULL or t.large_holders == NULL):
        close_flows(t)
        return -1
    for i in range(n_flows, n_flows + N_LISTS):
        t.flows[i].newer = t.flows[i].older = i
    return 0


cdef void close_flows(FlowTable* t) noexcept nogil:
    free(t.flows)
    free(t.buckets)
    free(t.payers)
    free(t.large_holders)
    close_memory(&t.memory)
    memset(t, 0, sizeof(FlowTable))


cdef Flow* find_flow(FlowTable* t, const PacketView* p) noexcept nogil:
    """The flow of this packet's client-to-server direction, or NULL."""
    cdef FlowKey key
    _key_of(p, &key)
    return _find(t, &key)


cdef Flow* _find(FlowTable* t, const FlowKey* key) noexcept nogil:
    cdef uint32_t i = t.buckets[_hash(t, key) & t.bucket_mask]
    while i != 0:
        if memcmp(&t.flows[i - 1].key, key, sizeof(FlowKey)) == 0:
            return &t.flows[i - 1]
        i = t.flows[i - 1].in_bucket
    return NULL


cdef void expect_bucket(const FlowTable* t, const PacketView* p, Path* out) noexcept nogil:
    """Have the bucket of a client's packet fetched, as find_flow() would wait for it.   out: for fetch_flow()"""
    _key_of(p, &out.key)
    out.hash = siphash13(t.key, <const uint8_t*>&out.key, sizeof(FlowKey))
    prefetch(t.buckets + (out.hash & t.bucket_mask))


cdef void fetch_flow(const FlowTable* t, const Path* path) noexcept nogil:
    """Have the bucket's first flow fetched."""
    cdef uint32_t number = t.buckets[path.hash & t.bucket_mask]
    cdef const uint8_t* at
    cdef int line
    if number == 0:
        return
    at = <const uint8_t*>&t.flows[number - 1]
    for line in range(LINES_OF_STREAM):
        prefetch(at + line * LINE_OCTETS)


cdef Flow* add_flow(FlowTable* t, const PacketView* p, int64_t now_s) noexcept nogil:
    """Add a live flow for a packet for which find_flow() gives none."""
    cdef FlowKey key
    _key_of(p, &key)
    return _add(t, payer_of(t, p), &key, now_s)


cdef Flow* _add(FlowTable* t, Payer* payer, const FlowKey* key, int64_t now_s) noexcept nogil:
    cdef uint32_t i
    cdef uint32_t* bucket
    cdef Flow* f
    _evict_idle(t, now_s)
    if t.is_bounding and payer.n_live >= t.share:     # a SYN costs its client nothing
        t.beyond += 1
        _evict(t, payer.oldest - 1, now_s)
    i = _free_record(t, now_s)
    f = &t.flows[i]
    memset(f, 0, sizeof(Flow))
    _link(t, i, t.n_flows)
    f.key = key[0]
    f.payer = <uint16_t>(payer - t.payers)
    payer.n_records += 1
    bucket = &t.buckets[_hash(t, &f.key) & t.bucket_mask]
    f.in_bucket = bucket[0]
    bucket[0] = i + 1
    f.in_use, f.used_s = 1, now_s
    _join_own(t, f)
    return f


cdef void touch_flow(FlowTable* t, Flow* f, int64_t now_s) noexcept nogil:
    """Make the flow live and the most recently used."""
    cdef uint32_t i = <uint32_t>(f - t.flows)
    f.used_s = now_s
    _unlink(t, i)
    _link(t, i, t.n_flows + (HOLDING if f.w.room else 0))
    if not f.spent:
        _leave_own(t, f)
    f.spent = 0
    _join_own(t, f)


cdef void spend_flow(FlowTable* t, Flow* f, uint8_t state) noexcept nogil:
    """Mark a flow decided for good.  It can still be found: packets queued with its last one have the old mark."""
    cdef uint32_t i = <uint32_t>(f - t.flows)
    f.state = state
    discard_octets(t, f)
    if not f.spent:
        _leave_own(t, f)
    f.spent = 1
    _unlink(t, i)
    _link(t, i, t.n_flows + SPENT)


cdef Payer* payer_of(FlowTable* t, const PacketView* p) noexcept nogil:
    """The account of a subscriber: one per IPv4 address, or IPv6 /56 (RFC 6177 §2: what a household is given)."""
    return _payer_at(t, p.src, p.version)


cdef Payer* receiver_of(FlowTable* t, const PacketView* p) noexcept nogil:
    """The account of the subscriber to whom a server has sent this packet."""
    return _payer_at(t, p.dst, p.version)


cdef Payer* _payer_at(FlowTable* t, const uint8_t* address, uint8_t version) noexcept nogil:
    """The account of a prefix: its own, or a free one.   Where none of its places is free, another's."""
    cdef uint64_t home, prefix = 0
    cdef Payer* payer
    cdef Payer* unused = NULL
    cdef int place
    memcpy(&prefix, address, 4 if version == 4 else 7)
    (<uint8_t*>&prefix)[7] = version
    home = siphash13(t.key, <const uint8_t*>&prefix, sizeof(prefix))
    for place in range(N_PLACES):
        payer = &t.payers[(home + place) & (N_PAYERS - 1)]
        if payer.prefix == prefix:
            return payer
        if unused == NULL and payer.n_records == 0:
            unused = payer
        if payer.prefix == 0:
            break               # nor was any place behind it
    if unused == NULL:
        return &t.payers[home & (N_PAYERS - 1)]
    unused.prefix, unused.spent = prefix, 0     # that was another's
    return unused


cdef uint32_t _free_record(FlowTable* t, int64_t now_s) noexcept nogil:
    cdef uint32_t i
    if t.n_begun < t.n_flows:
        t.n_begun += 1
        return t.n_begun - 1
    i = t.flows[t.n_flows + SPENT].newer    # the head's newer neighbour is the oldest of the list
    if i == t.n_flows + SPENT:
        _evict(t, _heaviest_live(t), now_s)
        i = t.flows[t.n_flows + SPENT].newer
    _leave_table(t, i)
    _unlink(t, i)
    return i


cdef void _evict_idle(FlowTable* t, int64_t now_s) noexcept nogil:
    cdef uint32_t i
    cdef int _n
    for _n in range(IDLE_AT_ONCE):
        i = _longest_silent(t)
        if i == t.n_flows or now_s - t.flows[i].used_s <= IDLE_S:
            return
        _evict(t, i, now_s)


cdef uint32_t _longest_silent(const FlowTable* t) noexcept nogil:
    """The live flow silent for longest; n_flows where none exists."""
    cdef uint32_t i = t.flows[t.n_flows].newer
    cdef uint32_t holder = t.flows[t.n_flows + HOLDING].newer
    if holder == t.n_flows + HOLDING:
        return i
    return holder if i == t.n_flows or t.flows[holder].used_s < t.flows[i].used_s else i


cdef void _evict(FlowTable* t, uint32_t i, int64_t now_s) noexcept nogil:
    """Evict a live flow; its record is the first to be reused, but where it says what marks may not say yet.

    One with unjudged octets stays in it, decided: what was forwarded and not judged is not completed by what follows,
    regardless of what the kernel knows of it (E12).  So does one that was judged just now: the mark of packets that
    were queued
    before is older.  Its record outlives them, as there are more records than packets in the kernel's queue."""
    cdef Flow* f = &t.flows[i]
    t.evicted += now_s - f.used_s <= IDLE_S
    if t.forgotten and is_unjudged(f):
        spend_flow(t, f, t.forgotten)
        f.is_doubted = UNJUDGED
        return
    if t.forgotten and not t.is_bounding and f.state and now_s - f.used_s <= IN_QUEUE_S:
        spend_flow(t, f, f.state)
        f.is_doubted = RESUMABLE
        return
    discard_octets(t, f)
    _leave_own(t, f)
    _leave_table(t, i)
    memset(&f.key, 0, sizeof(FlowKey))
    f.in_use = 0
    f.spent = 1
    _unlink(t, i)
    _link(t, i, t.flows[t.n_flows + SPENT].newer)       # as the oldest one


cdef void _join_own(FlowTable* t, Flow* f) noexcept nogil:
    cdef uint32_t number = <uint32_t>(f - t.flows) + 1
    cdef Payer* payer = &t.payers[f.payer]
    payer.n_live += 1
    f.own_newer = 0
    f.own_older = payer.newest
    if payer.newest:
        t.flows[payer.newest - 1].own_newer = number
    else:
        payer.oldest = number
    payer.newest = number


cdef void _leave_own(FlowTable* t, Flow* f) noexcept nogil:
    cdef Payer* payer = &t.payers[f.payer]
    payer.n_live -= 1
    if f.own_newer:
        t.flows[f.own_newer - 1].own_older = f.own_older
    else:
        payer.newest = f.own_older
    if f.own_older:
        t.flows[f.own_older - 1].own_newer = f.own_newer
    else:
        payer.oldest = f.own_newer


cdef void _key_of(const PacketView* p, FlowKey* out) noexcept nogil:
    memcpy(out.src, p.src, 16)
    memcpy(out.dst, p.dst, 16)
    out.sport = p.sport
    out.dport = p.dport
    out.version = p.version
    out.proto = p.proto
    out.cid_n = 0


cdef inline uint64_t _hash(const FlowTable* t, const FlowKey* key) noexcept nogil:
    if t.expected.key.version != 0 and memcmp(key, &t.expected.key, sizeof(FlowKey)) == 0:
        return t.expected.hash
    return siphash13(t.key, <const uint8_t*>key, sizeof(FlowKey))


cdef void _leave_table(FlowTable* t, uint32_t i) noexcept nogil:
    """Take a record that is in use out of its bucket, and off its account's."""
    cdef uint32_t* at = &t.buckets[_hash(t, &t.flows[i].key) & t.bucket_mask]
    if not t.flows[i].in_use:
        return
    while at[0] != i + 1:
        at = &t.flows[at[0] - 1].in_bucket
    at[0] = t.flows[i].in_bucket
    t.payers[t.flows[i].payer].n_records -= 1


cdef void _link(FlowTable* t, uint32_t i, uint32_t head) noexcept nogil:
    cdef uint32_t newest = t.flows[head].older
    t.flows[i].older = newest
    t.flows[i].newer = head
    t.flows[newest].newer = i
    t.flows[head].older = i


cdef void _unlink(FlowTable* t, uint32_t i) noexcept nogil:
    t.flows[t.flows[i].older].newer = t.flows[i].newer
    t.flows[t.flows[i].newer].older = t.flows[i].older


# -- QUIC connections --------------------------------------------------------------------------------------------------

cdef Flow* find_connection(FlowTable* t, const uint8_t* cid, uint8_t n) noexcept nogil:
    """The flow of a QUIC connection by its client's first destination connection ID, or NULL."""
    cdef FlowKey key
    _key_of_connection(cid, n, &key)
    return _find(t, &key)


cdef Flow* add_connection(FlowTable* t, const PacketView* p, const uint8_t* cid, uint8_t n,
                          int64_t now_s) noexcept nogil:
    """Add a live flow for which find_connection() gives none; the sender of `p` pays for it."""
    cdef FlowKey key
    _key_of_connection(cid, n, &key)
    return _add(t, payer_of(t, p), &key, now_s)


cdef const uint8_t* connection_id(const Flow* f) noexcept nogil:
    """The connection ID in a flow's key; f.key.cid_n octets."""
    return <const uint8_t*>&f.key


cdef uint64_t connection_hash(const FlowTable* t, const uint8_t* cid, uint8_t n) noexcept nogil:
    """A keyed hash of a connection ID, apart from those of path_of()."""
    cdef FlowKey key
    _key_of_connection(cid, n, &key)
    return _hash(t, &key)


cdef Flow* newest_of(FlowTable* t, const Payer* payer) noexcept nogil:
    """The most recently used of an account's live flows, or NULL."""
    return &t.flows[payer.newest - 1] if payer.newest else NULL


cdef Flow* next_older(FlowTable* t, const Flow* f) noexcept nogil:
    """The live flow of the same account that was used before this one, or NULL."""
    return &t.flows[f.own_older - 1] if f.own_older else NULL


cdef uint64_t path_of(const FlowTable* t, const PacketView* p) noexcept nogil:
    """A keyed hash of a packet's addresses and ports."""
    cdef FlowKey key
    _key_of(p, &key)
    return _hash(t, &key)


cdef uint64_t path_back_of(const FlowTable* t, const PacketView* p) noexcept nogil:
    """path_of() the packets that this one answers."""
    cdef PacketView answered
    turn_packet(p, &answered)
    return path_of(t, &answered)


cdef void _key_of_connection(const uint8_t* cid, uint8_t n, FlowKey* out) noexcept nogil:
    """A connection ID of at most 20 octets stands where addresses do; no packet has the IP version 0."""
    memset(out, 0, sizeof(FlowKey))
    memcpy(out, cid, n)
    out.proto = PROTO_UDP
    out.cid_n = n


# -- memory of flows -------------------------------------------------------------------------------------------------

cdef bint is_unjudged(const Flow* f) noexcept nogil:
    """Whether octets of this flow were forwarded, and may still complete a hello or a head."""
    return f.stage != PASSED and f.w.high > 0 and f.base + f.w.high > f.next


cdef bint make_room(FlowTable* t, Flow* f, uint32_t octets) noexcept nogil:
    """Make room in the flow's window; evicts its payer's flows where its share is used up, else who holds most."""
    cdef Payer* payer = &t.payers[f.payer]
    cdef uint32_t i
    if octets <= f.w.room:
        return True
    while payer.pieces >= t.share:
        i = _oldest_holder(t, payer)
        if &t.flows[i] == f:
            return False
        t.beyond += f.used_s - t.flows[i].used_s <= IDLE_S
        _evict(t, i, f.used_s)
    while not is_enough(&t.memory, &f.w, octets):
        i = _heaviest(t, f, t.n_flows + HOLDING) if octets <= SMALL_OCTETS else _heaviest_of_large(t, f)
        if i == t.n_flows:
            return False
        _evict(t, i, f.used_s)
    return widen(&t.memory, &f.w, octets)


cdef bint make_huge(FlowTable* t, Flow* f) noexcept nogil:
    """Give the flow a huge window, where its payer has few of them and one is left: no one loses anything for it."""
    cdef Window before = f.w
    if f.w.room == HUGE_OCTETS or t.payers[f.payer].n_huge >= MOST_HUGE or not widen(&t.memory, &f.w, HUGE_OCTETS):
        return False
    charge_window(t, f, &before)
    return True


cdef uint32_t _oldest_holder(const FlowTable* t, const Payer* payer) noexcept nogil:
    """Of an account's SAMPLE live flows silent for longest, the first with octets; without one, the first of all."""
    cdef uint32_t number = payer.oldest
    cdef int _n
    for _n in range(SAMPLE):
        if number == 0:
            break
        if t.flows[number - 1].w.room:
            return number - 1
        number = t.flows[number - 1].own_newer
    return payer.oldest - 1


cdef uint32_t _heaviest_live(const FlowTable* t) noexcept nogil:
    """The flow whose record another one is to have, where none is spent."""
    cdef uint32_t i = _heaviest(t, NULL, t.n_flows)
    cdef uint32_t holder = _heaviest(t, NULL, t.n_flows + HOLDING), weight, other
    if i == t.n_flows or holder == t.n_flows:
        return holder if i == t.n_flows else i
    weight = _weight_of(t, &t.flows[i])
    other = _weight_of(t, &t.flows[holder])
    return holder if other > weight or other == weight and t.flows[holder].used_s < t.flows[i].used_s else i


cdef uint32_t _heaviest(const FlowTable* t, const Flow* f, uint32_t head) noexcept nogil:
    """Of a list's SAMPLE flows silent for longest, but f, the one whose payer holds most; n_flows where none exists.

    A sample, as a flood is the better part of it; among equals the one silent for longest."""
    cdef uint32_t found = t.n_flows, most = 0
    cdef uint32_t i = t.flows[head].newer, weight
    cdef int _n
    for _n in range(SAMPLE):
        if i == head:
            break
        weight = _weight_of(t, &t.flows[i])
        if &t.flows[i] != f and weight > most:
            most = weight
            found = i
        i = t.flows[i].newer
    return found


cdef inline uint32_t _weight_of(const FlowTable* t, const Flow* f) noexcept nogil:
    """What the payer of a flow holds: records and memory."""
    return t.payers[f.payer].pieces + t.payers[f.payer].n_live


cdef uint32_t _heaviest_of_large(const FlowTable* t, const Flow* f) noexcept nogil:
    """The flow but f with a large piece whose payer has most of them and which is silent for longest; or n_flows."""
    cdef const Pieces* pool = &t.memory.large
    cdef uint32_t found = t.n_flows, i, holder
    for i in range(pool.n_begun):
        if t.large_holders[i] == 0:
            continue            # so far it has only marked gaps
        holder = t.large_holders[i] - 1
        if &t.flows[holder] == f or t.flows[holder].w.at != pool.at + <size_t>i * pool.octets:
            continue
        if found == t.n_flows or _is_heavier(t, &t.flows[holder], &t.flows[found]):
            found = holder
    return found


cdef bint _is_heavier(const FlowTable* t, const Flow* one, const Flow* other) noexcept nogil:
    cdef uint32_t n_large = t.payers[one.payer].n_large, n_other = t.payers[other.payer].n_large
    return n_large > n_other or n_large == n_other and one.used_s < other.used_s


cdef void charge_window(FlowTable* t, Flow* f, const Window* before) noexcept nogil:
    """Charge what the window of a live flow holds now, and no longer holds, to its payer."""
    cdef Payer* payer = &t.payers[f.payer]
    cdef const Pieces* pool = &t.memory.large
    payer.pieces += weight_of(&f.w) - weight_of(before)
    payer.n_large += n_large_of(&f.w) - n_large_of(before)
    payer.n_huge += <uint32_t>(f.w.room == HUGE_OCTETS) - <uint32_t>(before.room == HUGE_OCTETS)
    if f.w.room == LARGE_OCTETS:
        t.large_holders[(f.w.at - pool.at) // LARGE_OCTETS] = <uint32_t>(f - t.flows) + 1
    elif f.w.room == HUGE_OCTETS:
        t.large_holders[pool.n + (f.w.at - t.memory.huge.at) // t.memory.huge.octets] = <uint32_t>(f - t.flows) + 1
    if (f.w.room > 0) != (before.room > 0):
        _unlink(t, <uint32_t>(f - t.flows))
        _link(t, <uint32_t>(f - t.flows), t.n_flows + (HOLDING if f.w.room else 0))


cdef void discard_octets(FlowTable* t, Flow* f) noexcept nogil:
    cdef Window before = f.w
    free_window(&t.memory, &f.w)
    charge_window(t, f, &before)
