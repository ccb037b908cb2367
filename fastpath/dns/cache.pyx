"""Answers of upstreams, kept for their TTL and served again: no policy in them, no Python, bounded memory.

    index    hash → place in the log; open addressing, linear probing, deletion by shifting back
    log      a ring buffer of entries of any size.  A new entry is written behind the newest.  The oldest are evicted to
             make room, but one that was hit since the log's end last passed it is written again (CLOCK: FIFO with
             second chances)

An answer is stored as it will be delivered: id 0, the question in lower case, no OPT, TTLs capped, and behind it the
offsets of its TTLs.  So a hit is one probe, one compare of the question, one copy and a few subtractions.

Invariants: open_cache() takes all memory.  An entry matches by question, DO and CD, not by its hash alone.  Only what
read_answer() has read to its end is put.  A delivered TTL is never more than what is left of the upstream's.  A failure
never replaces an answer that may still be served stale.
Absent on purpose: locks (a cache belongs to one loop), policy (decide() is before it, inspection after it), OPT
(it belongs to one hop), and persistence.
Source: RFC 1035 §7.4, RFC 2308, RFC 4035 §3.2 (DO, CD, AD), RFC 8767 §4–5; Yang et al., FIFO queues are all you need
for cache eviction (SOSP 2023).
Cost: fastpath/bench/cache_lookups.pyx measures a hit.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memmove, memset
from posix.mman cimport (MADV_HUGEPAGE, MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE, madvise, mmap,
                         munmap)

from fastpath.base.cursor cimport OK
from fastpath.dns.query cimport Question
from fastpath.dns.ttl cimport Lifespan, read_answer
from fastpath.dns.wire cimport (
    AD, AD_OCTET3, CD, HEADER_OCTETS, QR, QR_OCTET2, RA, RCODE_MASK, RCODE_SERVFAIL, RD, TC_OCTET2, TYPE_CLASS_OCTETS)
from fastpath.images.key_table cimport prefetch

cdef enum:
    LINE_OCTETS = 64            # of the processor's cache
    LEAST_SLOTS = 16
    SHARE_OF_INDEX = 8          # at most an eighth of the memory: an entry takes 60 octets and more
    SHARE_OF_ONE = 8            # no entry takes more than an eighth of the log, so room is found in one round
    SECOND_CHANCES = 8          # a put rewrites at most so many entries, then the oldest is evicted in any case
    PREFETCH_TENTH = 10            # prefetch in the last tenth of a lifetime
    STALE_S = 86400             # RFC 8767 §4: one to three days; older addresses are likely wrong
    STALE_TTL_S = 30            # RFC 8767 §4
    FAILURE_RECHECK_S = 30        # RFC 8767 §5: the failure recheck timer


# -- memory ------------------------------------------------------------------------------------------------------------

cdef int open_cache(Cache* c, size_t octets) noexcept nogil:
    """Map `octets` of memory (at least CACHE_LEAST), used only as they fill; -1 where none exists."""
    cdef size_t n_slots = LEAST_SLOTS
    memset(c, 0, sizeof(Cache))
    if octets < CACHE_LEAST or octets >> 35 != 0:   # places are 32 bits, in units of 8 octets
        return -1
    while n_slots * 2 * sizeof(uint64_t) * SHARE_OF_INDEX <= octets:
        n_slots *= 2
    c.index = <uint64_t*>mmap(NULL, octets // 8 * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    if <void*>c.index == MAP_FAILED:
        c.index = NULL
        return -1
    madvise(c.index, octets // 8 * 8, MADV_HUGEPAGE)    # a hit touches two or three places far apart
    c.log = <uint8_t*>(c.index + n_slots)
    c.log_octets = (octets // 8 - n_slots) * 8
    c.index_mask = <uint32_t>(n_slots - 1)
    return 0


cdef void close_cache(Cache* c) noexcept nogil:
    if c.index != NULL:
        munmap(c.index, (<size_t>c.index_mask + 1) * sizeof(uint64_t) + c.log_octets)
    memset(c, 0, sizeof(Cache))


# -- the index ---------------------------------------------------------------------------------------------------------

cdef inline Entry* _entry_at(const Cache* c, uint64_t slot) noexcept nogil:
    return <Entry*>(c.log + (<size_t><uint32_t>slot - 1) * 8)


cdef inline uint64_t _slot_of(const Cache* c, const Entry* e) noexcept nogil:
    return (e.hash >> 32 << 32) | (<uint64_t>(<const uint8_t*>e - c.log) // 8 + 1)


cdef inline uint8_t* _message(const Entry* e) noexcept nogil:
    return <uint8_t*>e + sizeof(Entry)


cdef inline uint8_t _do_cd(const Question* q) noexcept nogil:
    return <uint8_t>((1 if q.do_bit else 0) | (2 if q.flags & CD else 0))


cdef inline bint _is_for(const Entry* e, const Question* q) noexcept nogil:
    """Whether this is the entry of exactly this question.  Its message holds the question in lower case."""
    cdef const uint8_t* question = _message(e) + HEADER_OCTETS
    if e.do_cd != _do_cd(q) or <size_t>e.message_n < HEADER_OCTETS + TYPE_CLASS_OCTETS + <size_t>q.name.n:
        return False
    if memcmp(question, q.name.wire, q.name.n) != 0:
        return False
    question += q.name.n
    return (question[0] == q.qtype >> 8 and question[1] == q.qtype & 0xff
            and question[2] == q.qclass >> 8 and question[3] == q.qclass & 0xff)


cdef Entry* _find(const Cache* c, const Question* q, uint64_t hashed) noexcept nogil:
    cdef uint32_t tag = <uint32_t>(hashed >> 32)
    cdef uint32_t i = tag & c.index_mask
    cdef Entry* e
    while c.index[i] != 0:
        if c.index[i] >> 32 == tag:
            e = _entry_at(c, c.index[i])
            if e.hash == hashed and _is_for(e, q):
                return e
        i = (i + 1) & c.index_mask
    return NULL


cdef void prefetch_index(const Cache* c, uint64_t hashed) noexcept nogil:
    prefetch(c.index + (<uint32_t>(hashed >> 32) & c.index_mask))


cdef void prefetch_entry(const Cache* c, uint64_t hashed) noexcept nogil:
    """Prefetch an entry that stands in its first slot, as nearly all do."""
    cdef uint64_t slot = c.index[<uint32_t>(hashed >> 32) & c.index_mask]
    if slot != 0 and slot >> 32 == hashed >> 32:
        prefetch(_entry_at(c, slot))
        prefetch(<const uint8_t*>_entry_at(c, slot) + LINE_OCTETS)


cdef uint32_t _index_of(const Cache* c, const Entry* e) noexcept nogil:
    """The index slot of a live entry."""
    cdef uint64_t slot = _slot_of(c, e)
    cdef uint32_t i = <uint32_t>(e.hash >> 32) & c.index_mask
    while c.index[i] != slot:
        i = (i + 1) & c.index_mask
    return i


cdef void _index_insert(Cache* c, Entry* e) noexcept nogil:
    cdef uint32_t i = <uint32_t>(e.hash >> 32) & c.index_mask
    while c.index[i] != 0:
        i = (i + 1) & c.index_mask
    c.index[i] = _slot_of(c, e)
    e.is_live = 1
    c.n += 1


cdef void _index_remove(Cache* c, Entry* e) noexcept nogil:
    """Remove a live entry from the index; entries that were pushed past its slot move back."""
    cdef uint32_t hole = _index_of(c, e)
    cdef uint32_t i = (hole + 1) & c.index_mask
    cdef uint32_t home
    while c.index[i] != 0:
        home = <uint32_t>(c.index[i] >> 32) & c.index_mask
        if (i - home) & c.index_mask >= (i - hole) & c.index_mask:
            c.index[hole] = c.index[i]
            hole = i
        i = (i + 1) & c.index_mask
    c.index[hole] = 0
    e.is_live = 0
    c.n -= 1


# -- the log -----------------------------------------------------------------------------------------------------------

cdef inline uint32_t _age(const Entry* e, uint32_t now_s) noexcept nogil:
    """Seconds since it was put; 0 where the clock was set back."""
    return now_s - e.put_s if now_s > e.put_s else 0


cdef inline uint32_t _stale_until_s(const Entry* e) noexcept nogil:
    """The age at which it may no longer be served; failures are never served stale."""
    return e.lives_s + (0 if _message(e)[3] & RCODE_MASK == RCODE_SERVFAIL else STALE_S)


cdef bint _retire_oldest(Cache* c, bint may_stay, uint32_t now_s) noexcept nogil:
    """Remove the oldest entry from the log; True where it was written again behind the newest: the log is wrapped."""
    cdef Entry* e = <Entry*>(c.log + c.oldest)
    cdef size_t octets = e.octets
    cdef uint32_t i
    cdef bint stays = may_stay and e.is_live and e.is_hit and _age(e, now_s) < _stale_until_s(e)
    if stays:
        i = _index_of(c, e)
        e.is_hit = 0
        memmove(c.log + c.next, e, octets)
        c.index[i] = _slot_of(c, <Entry*>(c.log + c.next))
        c.next += octets
    elif e.is_live:
        if _age(e, now_s) < e.lives_s:
            c.n_evicted += 1
        _index_remove(c, e)
    c.oldest += octets
    if c.is_wrapped and c.oldest == c.end:
        c.oldest = 0
        c.is_wrapped = False
    return stays


cdef Entry* _make_room(Cache* c, size_t octets, uint32_t now_s) noexcept nogil:
    """Make room for an entry behind the newest, and a free slot for it.   octets  at most an eighth of the log"""
    cdef uint32_t chances = SECOND_CHANCES
    while c.n >= c.index_mask - c.index_mask // 8:      # short probes need free slots
        _retire_oldest(c, False, now_s)
    while True:
        if c.next + octets <= (c.oldest if c.is_wrapped else c.log_octets):
            c.next += octets
            return <Entry*>(c.log + c.next - octets)
        if c.is_wrapped:
            if _retire_oldest(c, chances != 0, now_s):
                chances -= 1
            continue
        c.end = c.next
        c.next = 0
        c.is_wrapped = c.oldest != c.end
        if not c.is_wrapped:
            c.oldest = 0


# -- in and out --------------------------------------------------------------------------------------------------------

cdef bint put_answer(Cache* c, const Question* q, uint64_t question_hash, const uint8_t* msg, size_t n,
                     uint32_t now_s) noexcept nogil:
    """Store an upstream's answer to `q`, if it may be cached.

    msg     as received, with its OPT;  now_s  of the same clock as find_answer()'s
    False: not stored, and an older answer stays.  Reasons: TTL 0, an rcode without a lifetime, no SOA, malformed, too
    large."""
    cdef Lifespan life
    cdef Entry* e
    cdef size_t octets
    if read_answer(msg, n, q, c.places, &life) != OK or life.lives_s == 0:
        return False
    octets = (sizeof(Entry) + life.n + (life.n & 1) + 2 * <size_t>life.n_places + 7) // 8 * 8
    if octets > c.log_octets // SHARE_OF_ONE:
        return False
    e = _find(c, q, question_hash)
    if e != NULL and life.rcode == RCODE_SERVFAIL and _message(e)[3] & RCODE_MASK != RCODE_SERVFAIL:
        if _age(e, now_s) < _stale_until_s(e):
            e.no_retry_until_s = now_s + FAILURE_RECHECK_S
            return False
    if e == NULL or e.octets < octets:
        if e != NULL:
            _index_remove(c, e)
        e = _make_room(c, octets, now_s)
        e.octets = <uint32_t>octets
        e.hash = question_hash
        _index_insert(c, e)
    _fill(e, q, msg, &life, c.places, now_s)
    return True


cdef void _fill(Entry* e, const Question* q, const uint8_t* msg, const Lifespan* life, const uint16_t* places,
                uint32_t now_s) noexcept nogil:
    """Write the entry: the answer as it will be delivered."""
    cdef uint8_t* stored = _message(e)
    cdef uint16_t i
    e.put_s = now_s
    e.lives_s = life.lives_s
    e.no_retry_until_s = 0
    e.message_n = life.n
    e.n_places = life.n_places
    e.is_hit = e.is_prefetched = 0
    e.do_cd = _do_cd(q)
    memcpy(stored, msg, life.n)
    stored[0] = stored[1] = 0
    stored[2] = QR_OCTET2                           # not authoritative
    stored[3] = msg[3] & (AD_OCTET3 | RCODE_MASK)
    stored[10] = <uint8_t>(life.n_additionals >> 8)
    stored[11] = <uint8_t>(life.n_additionals & 0xff)
    memcpy(stored + HEADER_OCTETS, q.name.wire, q.name.n)
    memcpy(stored + life.n + (life.n & 1), places, 2 * <size_t>life.n_places)
    for i in range(life.n_places):
        _write_u32(stored + places[i], min(_ttl_at(stored + places[i]), life.most_s))


cdef Cached find_answer(Cache* c, const Question* q, uint64_t question_hash, uint32_t now_s,
                        const uint8_t** answer, size_t* n) noexcept nogil:
    """Find the answer to this question, and what to do with it.

    answer, n   the stored message, for inspection and write_cached(); valid until the next put"""
    cdef Entry* e = _find(c, q, question_hash)
    cdef uint32_t age
    cdef bint was_hit
    if e == NULL:
        return CACHE_NONE
    age = _age(e, now_s)
    if age >= _stale_until_s(e):
        return CACHE_NONE
    answer[0] = _message(e)
    n[0] = e.message_n
    was_hit = e.is_hit
    e.is_hit = 1
    if age >= e.lives_s:
        return CACHE_FRESH if now_s < e.no_retry_until_s else CACHE_STALE
    if was_hit and not e.is_prefetched and <uint64_t>(e.lives_s - age) * PREFETCH_TENTH < e.lives_s:
        e.is_prefetched = 1
        return CACHE_PREFETCH
    return CACHE_FRESH


cdef void note_failure(Cache* c, const Question* q, uint64_t question_hash, uint32_t now_s) noexcept nogil:
    """Note that no upstream answered: with a stale answer in the cache, none is asked again for 30 s."""
    cdef Entry* e = _find(c, q, question_hash)
    if e != NULL:
        e.no_retry_until_s = now_s + FAILURE_RECHECK_S


cdef size_t write_cached(const uint8_t* answer, size_t n, uint8_t* msg, size_t room, const Question* q,
                         uint32_t now_s) noexcept nogil:
    """Write an answer from find_answer() over the client's query at `msg`; give its octets.

    room    octets for it without the OPT that the caller will append; at least q.after
    The id and the question stay as the client sent them.  An answer that does not fit becomes an empty one with TC."""
    cdef const Entry* e = <const Entry*>(answer - sizeof(Entry))
    cdef const uint8_t* place = answer + n + (n & 1)
    cdef uint16_t flags = <uint16_t>(QR | RA | (q.flags & (RD | CD)) | (answer[3] & RCODE_MASK))
    cdef uint32_t age = _age(e, now_s)
    cdef bint is_stale = age >= e.lives_s
    cdef uint16_t at, _i
    cdef uint32_t ttl
    if q.do_bit or q.flags & AD:                    # RFC 6840 §5.7–5.8
        flags |= answer[3] & AD_OCTET3
    if n > room:
        msg[2] = <uint8_t>(flags >> 8) | TC_OCTET2
        msg[3] = <uint8_t>(flags & 0xff)
        memset(msg + 4, 0, 8)
        msg[5] = 1
        return q.after
    msg[2] = <uint8_t>(flags >> 8)
    msg[3] = <uint8_t>(flags & 0xff)
    memcpy(msg + 4, answer + 4, 8)
    memcpy(msg + q.after, answer + q.after, n - q.after)
    for _i in range(e.n_places):
        memcpy(&at, place, 2)
        place += 2
        ttl = _ttl_at(msg + at)
        if is_stale:
            ttl = STALE_TTL_S
        else:
            ttl = ttl - age if ttl > age else 0
        _write_u32(msg + at, ttl)
    return n


cdef inline uint32_t _ttl_at(const uint8_t* at) noexcept nogil:
    """RFC 2181 §8: with the top bit set it means 0."""
    if at[0] & 0x80:
        return 0
    return (<uint32_t>at[0] << 24) | (<uint32_t>at[1] << 16) | (<uint32_t>at[2] << 8) | at[3]


cdef inline void _write_u32(uint8_t* at, uint32_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 24)
    at[1] = <uint8_t>((value >> 16) & 0xff)
    at[2] = <uint8_t>((value >> 8) & 0xff)
    at[3] = <uint8_t>(value & 0xff)
