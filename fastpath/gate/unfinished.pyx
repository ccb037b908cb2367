"""Memory of connections left with unjudged octets, where no kernel keeps it in a mark; it may outlive the gate.

    header: magic, key    a connection's keyed hash → one set of WAYS words    word: 48 bits of the hash, 16 of a time

Four words for each flow that the gate holds, so that a connection is remembered long after its record was reused.

Invariants: a word is stored at once, so a gate that is killed leaves none that is half written.  It goes only with the
verdict on its octets: no FIN, RST or SYN of a client proves that a server has closed.  A full set loses its oldest
word, and says so.  A time in the future is a clock that was set back: it is kept.
Absent on purpose: the file, see filterd/gate/unfinished_file.py; a lock, as each gate has its own memory.
Cost: one cache line, and a SipHash of the connection's addresses and ports.
"""
import os

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

cdef enum:
    WAYS = 8                    # a cache line
    WORD_OCTETS = 8
    HEADER_OCTETS = 64
    KEY_AT = 8
    KEY_OCTETS = 16
    LEAST_SETS = 128
    WORDS_A_FLOW = 4
    UNIT_S = 64                 # of a word's time: 16 bits are 48 days
    TIME_BITS = 0xffff
    # a word is between one unit younger and one older than its time says
    KEPT_UNITS = KEPT_S // UNIT_S + 1

cdef const char* MAGIC = b"FLTRUNF1"


cdef object open_unfinished(Unfinished* u, uint8_t[::1] memory):
    """Use a memory as it was left, or begin it with a key of its own.   memory: octets_needed(); the caller keeps it

    Raises ValueError for another size."""
    cdef uint64_t n_sets = (<uint64_t>memory.shape[0] - HEADER_OCTETS) // (WAYS * WORD_OCTETS)
    cdef bytes key
    cdef uint8_t* header
    if (memory.shape[0] < HEADER_OCTETS + LEAST_SETS * WAYS * WORD_OCTETS or n_sets & (n_sets - 1)
            or HEADER_OCTETS + n_sets * WAYS * WORD_OCTETS != <uint64_t>memory.shape[0]):
        raise ValueError(f"unfinished connections: {memory.shape[0]} octets of memory; not used; see octets_needed()")
    header = &memory[0]
    if memcmp(header, MAGIC, KEY_AT) != 0:
        key = os.urandom(KEY_OCTETS)
        memset(header, 0, memory.shape[0])
        memcpy(header + KEY_AT, <const uint8_t*>key, KEY_OCTETS)
        memcpy(header, MAGIC, KEY_AT)
    memcpy(u.key, header + KEY_AT, KEY_OCTETS)
    u.words = <uint64_t*>(header + HEADER_OCTETS)
    u.set_mask = n_sets - 1


cdef bint remember(Unfinished* u, uint64_t connection, int64_t now_s) noexcept nogil:
    """Remember a connection from now on.   True: another one was forgotten for it, before its time"""
    cdef uint64_t* words = _set_of(u, connection)
    cdef uint64_t word = (connection & ~<uint64_t>TIME_BITS) | _time_of(now_s)
    cdef int16_t age, most = -1
    cdef int oldest = 0
    cdef int i
    for i in range(WAYS):
        if words[i] & ~<uint64_t>TIME_BITS == word & ~<uint64_t>TIME_BITS:
            words[i] = word
            return False
    for i in range(WAYS):
        if words[i] == 0:
            words[i] = word
            return False
        age = _age(words[i], now_s)
        if age > most:
            most = age
            oldest = i
    words[oldest] = word
    return most <= KEPT_UNITS


cdef void forget(Unfinished* u, uint64_t connection) noexcept nogil:
    cdef uint64_t* word = _find(u, connection)
    if word != NULL:
        word[0] = 0


cdef Recollection recall(Unfinished* u, uint64_t connection, int64_t now_s) noexcept nogil:
    """What is remembered of a connection."""
    cdef uint64_t* word = _find(u, connection)
    if word == NULL:
        return UNKNOWN
    if _age(word[0], now_s) <= KEPT_UNITS:
        return KEPT
    word[0] = 0
    return LOST


cdef inline uint64_t* _set_of(Unfinished* u, uint64_t connection) noexcept nogil:
    return u.words + (connection & u.set_mask) * WAYS


cdef uint64_t* _find(Unfinished* u, uint64_t connection) noexcept nogil:
    cdef uint64_t* words = _set_of(u, connection)
    cdef int i
    for i in range(WAYS):
        if words[i] != 0 and (words[i] ^ connection) & ~<uint64_t>TIME_BITS == 0:
            return &words[i]
    return NULL


cdef inline uint64_t _time_of(int64_t now_s) noexcept nogil:
    return <uint64_t>(now_s // UNIT_S) & TIME_BITS


cdef inline int16_t _age(uint64_t word, int64_t now_s) noexcept nogil:
    return <int16_t><uint16_t>(_time_of(now_s) - (word & TIME_BITS))


def octets_needed(n_flows: int) -> int:
    n_sets = LEAST_SETS
    while n_sets * WAYS < WORDS_A_FLOW * n_flows:
        n_sets *= 2
    return HEADER_OCTETS + n_sets * WAYS * WORD_OCTETS
