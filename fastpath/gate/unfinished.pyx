"""Memory of connections that a server may not have finished, where no kernel keeps it in a mark; it outlives the gate.

    header: magic, key    a connection's keyed hash → one set of WAYS words, and for each word MOST_RANGES ranges
    word: 44 bits of the hash, 2 of a Recollection, 2 of a count of ranges, 16 of a time

A server takes only octets that follow those it has.  So where the octets of an earlier stream of the same addresses and
ports stood, those of a later one may complete what its server still has of the earlier.  The ranges say where that is.
Beyond MOST_RANGES streams two ranges become one, which has all that is between them.

Four words for each flow that the gate holds, so that a connection is remembered long after its record was reused.

Invariants: a word is stored at once, so a gate that is killed leaves none that is half written.  No FIN, RST or SYN of
a client proves that a server has closed.  A full set loses a connection that was only begun, then one whose octets were
judged, of equals the oldest; and says so.  A time in the future is a clock that was set back: it is kept.
Absent on purpose: the file, see filterd/commands/roles/packet_gate/unfinished_file.py; a lock, as each gate has its
own memory.
Cost: two cache lines, and a SipHash of the connection's addresses and ports.
"""
import os

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

cdef enum:
    HEADER_OCTETS = 64
    KEY_AT = 8
    KEY_OCTETS = 16
    LEAST_SETS = 128
    WORDS_A_FLOW = 4
    UNIT_S = 64                 # of a word's time: 16 bits are 48 days
    TIME_BITS = 0xffff
    RANGES_SHIFT = 16
    WHAT_SHIFT = 18
    TAG_SHIFT = 20
    # a word is between one unit younger and one older than its time says
    KEPT_UNITS = KEPT_S // UNIT_S + 1
    LONG_OCTETS = 1 << 30       # a longer stream is not extended backward: its end may seem to be in front of it

cdef extern from *:
    """
    #define FD_ALL UINT32_C(0xffffffff)
    """
    const uint32_t ALL "FD_ALL"  # of a range: every sequence number

cdef const char* MAGIC = b"FLTRUNF2"


cdef object open_unfinished(Unfinished* u, uint8_t[::1] memory):
    """Use a memory as it was left, or begin it with a key of its own.   memory: octets_needed(); the caller keeps it

    Raises ValueError for another size."""
    cdef uint64_t n_sets = (<uint64_t>memory.shape[0] - HEADER_OCTETS) // sizeof(Set)
    cdef bytes key
    cdef uint8_t* header
    if (memory.shape[0] < <Py_ssize_t>(HEADER_OCTETS + LEAST_SETS * sizeof(Set)) or n_sets & (n_sets - 1)
            or HEADER_OCTETS + n_sets * sizeof(Set) != <uint64_t>memory.shape[0]):
        raise ValueError(f"unfinished connections: {memory.shape[0]} octets of memory; not used; see octets_needed()")
    header = &memory[0]
    if memcmp(header, MAGIC, KEY_AT) != 0:
        key = os.urandom(KEY_OCTETS)
        memset(header, 0, memory.shape[0])
        memcpy(header + KEY_AT, <const uint8_t*>key, KEY_OCTETS)
        memcpy(header, MAGIC, KEY_AT)
    memcpy(u.key, header + KEY_AT, KEY_OCTETS)
    u.sets = <Set*>(header + HEADER_OCTETS)
    u.set_mask = n_sets - 1


# -- connections -------------------------------------------------------------------------------------------------------

cdef bint remember(Unfinished* u, uint64_t connection, Recollection what, int64_t now_s) noexcept nogil:
    """Remember a connection from now on.   True: one was forgotten for it early, or it was not remembered"""
    cdef bint has_lost = False
    _keep(u, connection, what, now_s, &has_lost)
    return has_lost


cdef void forget(Unfinished* u, uint64_t connection) noexcept nogil:
    cdef int way = _find(u, connection)
    if way >= 0:
        _set_of(u, connection).words[way] = 0


cdef Recollection recall(Unfinished* u, uint64_t connection, int64_t now_s) noexcept nogil:
    """What is remembered of a connection."""
    cdef int way = _find(u, connection)
    cdef uint64_t* word
    cdef Recollection what
    if way < 0:
        return UNKNOWN
    word = &_set_of(u, connection).words[way]
    what = _what(word[0])
    if _age(word[0], now_s) <= KEPT_UNITS:
        return what
    word[0] = 0
    return EXPIRED if what == LEFT_UNJUDGED else UNKNOWN


cdef int _keep(Unfinished* u, uint64_t connection, Recollection what, int64_t now_s, bint* has_lost) noexcept nogil:
    """The connection's word, with `what` and the time; without ranges where it is new.   -1: there is no room"""
    cdef uint64_t* words = _set_of(u, connection).words
    cdef int way = _find(u, connection)
    cdef uint64_t n_ranges = 0
    if way >= 0 and _age(words[way], now_s) <= KEPT_UNITS:
        n_ranges = words[way] >> RANGES_SHIFT & 3
    elif way < 0:
        way = _least(words, now_s)
        if _rank(words[way], now_s) > <int>what:
            has_lost[0] = True
            return -1
        has_lost[0] |= _rank(words[way], now_s) > 0
    words[way] = (connection >> TAG_SHIFT << TAG_SHIFT | <uint64_t>what << WHAT_SHIFT | n_ranges << RANGES_SHIFT
                  | _time_of(now_s))
    return way


cdef int _least(const uint64_t* words, int64_t now_s) noexcept nogil:
    """The word to be forgotten first."""
    cdef int found = 0
    cdef int rank, i
    cdef int least = _rank(words[0], now_s)
    for i in range(1, WAYS):
        rank = _rank(words[i], now_s)
        if rank < least or rank == least and rank > 0 and _age(words[i], now_s) > _age(words[found], now_s):
            found = i
            least = rank
    return found


cdef inline int _rank(uint64_t word, int64_t now_s) noexcept nogil:
    """The Recollection of a word; 0: it is free, or was kept long enough."""
    return <int>_what(word) if word != 0 and _age(word, now_s) <= KEPT_UNITS else 0


cdef inline Recollection _what(uint64_t word) noexcept nogil:
    return <Recollection>(word >> WHAT_SHIFT & 3)


cdef inline Set* _set_of(const Unfinished* u, uint64_t connection) noexcept nogil:
    return u.sets + (connection & u.set_mask)


cdef int _find(const Unfinished* u, uint64_t connection) noexcept nogil:
    """The connection's word in its set; -1: none exists."""
    cdef const uint64_t* words = _set_of(u, connection).words
    cdef int i
    for i in range(WAYS):
        if words[i] != 0 and (words[i] ^ connection) >> TAG_SHIFT == 0:
            return i
    return -1


cdef inline uint64_t _time_of(int64_t now_s) noexcept nogil:
    return <uint64_t>(now_s // UNIT_S) & TIME_BITS


cdef inline int16_t _age(uint64_t word, int64_t now_s) noexcept nogil:
    return <int16_t><uint16_t>(_time_of(now_s) - (word & TIME_BITS))


# -- where the octets of their streams stand ---------------------------------------------------------------------------

cdef bint begin_range(Unfinished* u, uint64_t connection, uint32_t seq, int64_t now_s) noexcept nogil:
    """Begin another stream at `seq`, in front of which the others are remembered.   Returns as remember()

    The SYN of a stream of which no octet has come, and behind which no other was begun, is the same one again."""
    cdef bint has_lost = False
    cdef Recollection before = recall(u, connection, now_s)
    cdef int way = _keep(u, connection, before if UNKNOWN < before < EXPIRED else BEGUN, now_s, &has_lost)
    cdef uint64_t* word
    cdef Range* ranges
    cdef int n
    if way < 0:
        return has_lost
    word = &_set_of(u, connection).words[way]
    ranges = _set_of(u, connection).ranges[way]
    n = _n_ranges(word[0])
    if n > 0 and ranges[0].begin == seq and ranges[0].n == 0:
        return has_lost
    if n == MOST_RANGES:
        _join_nearest(ranges)
        n -= 1
    for n in range(n, 0, -1):
        ranges[n] = ranges[n - 1]
    ranges[0].begin = seq
    ranges[0].n = 0
    _add_range(word)
    return has_lost


cdef bint extend_range(Unfinished* u, uint64_t connection, uint32_t seq, uint32_t n, Recollection what,
                       int64_t now_s) noexcept nogil:
    """Note `n` octets at `seq` of the newest stream, and what is known of all.   Returns as remember()"""
    cdef bint has_lost = False
    cdef int way = _keep(u, connection, what, now_s, &has_lost)
    cdef Set* known = _set_of(u, connection)
    if way < 0:
        return has_lost
    if _n_ranges(known.words[way]) == 0:
        known.ranges[way][0].begin = seq
        known.ranges[way][0].n = n
        _add_range(&known.words[way])
    else:
        _extend(&known.ranges[way][0], seq, n)
    return has_lost


cdef bint is_in_earlier_range(const Unfinished* u, uint64_t connection, uint32_t seq, uint32_t n) noexcept nogil:
    """Whether one of `n` octets at `seq` stands where those of a stream before the newest did, or follows them."""
    cdef int way = _find(u, connection)
    cdef const Range* r
    cdef int i
    if way < 0:
        return False
    for i in range(1, _n_ranges(_set_of(u, connection).words[way])):
        r = &_set_of(u, connection).ranges[way][i]
        if <uint32_t>(seq - r.begin) <= r.n or <uint32_t>(r.begin - seq) < n:
            return True
    return False


cdef inline int _n_ranges(uint64_t word) noexcept nogil:
    return <int>(word >> RANGES_SHIFT & 3)


cdef inline void _add_range(uint64_t* word) noexcept nogil:
    if _n_ranges(word[0]) < MOST_RANGES:
        word[0] += <uint64_t>1 << RANGES_SHIFT


cdef void _extend(Range* r, uint32_t seq, uint32_t n) noexcept nogil:
    cdef int32_t ahead = <int32_t>(seq + n - (r.begin + r.n))
    cdef int32_t behind = <int32_t>(r.begin - seq)
    if r.n < LONG_OCTETS and behind > 0:
        r.begin = seq
        r.n += <uint32_t>behind
    if ahead > 0:
        r.n = r.n + <uint32_t>ahead if r.n < ALL - <uint32_t>ahead else ALL


cdef void _join_nearest(Range* ranges) noexcept nogil:
    """Make one of the two ranges, of MOST_RANGES, between which there is least; it is put where the newer one was."""
    cdef Range least, joined
    cdef int at = 0
    cdef int other = 1
    cdef int i, j
    least.n = ALL
    for i in range(MOST_RANGES):
        for j in range(i + 1, MOST_RANGES):
            joined = _joined(&ranges[i], &ranges[j])
            if joined.n <= least.n:
                least = joined
                at = i
                other = j
    ranges[at] = least
    for i in range(other, MOST_RANGES - 1):
        ranges[i] = ranges[i + 1]


cdef Range _joined(const Range* a, const Range* b) noexcept nogil:
    """The shortest range with all of both, whichever of them comes first."""
    cdef uint64_t from_a = max(<uint64_t>a.n, <uint64_t><uint32_t>(b.begin - a.begin) + b.n)
    cdef uint64_t from_b = max(<uint64_t>b.n, <uint64_t><uint32_t>(a.begin - b.begin) + a.n)
    cdef Range r
    r.begin = a.begin if from_a <= from_b else b.begin
    r.n = <uint32_t>min(min(from_a, from_b), <uint64_t>ALL)
    return r


def octets_needed(n_flows: int) -> int:
    n_sets = LEAST_SETS
    while n_sets * WAYS < WORDS_A_FLOW * n_flows:
        n_sets *= 2
    return HEADER_OCTETS + n_sets * sizeof(Set)
