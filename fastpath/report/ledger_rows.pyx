"""The rows of one ledger out of columns of block records, under pseudonyms; no Python object a row.

Source: RFC 2104 (HMAC), with SHA-256; libcrypto by its low-level names, as quic_initial.pyx says why.
Cost: 30 ns a row, and 0.4 µs a pseudonym.
"""
import os
from array import array
from typing import NamedTuple

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcpy, memset

from fastpath.base.decimal cimport DECIMAL_OCTETS, decimal_before
from fastpath.base.sha256 cimport SHA256_CTX, SHA256_Final, SHA256_Init, SHA256_Update
from fastpath.base.siphash cimport siphash13
from fastpath.images.verdict cimport NO_SUBSCRIBER

cdef extern from *:
    """
    #define FD_NO_LEDGER UINT32_C(0xffffffff)
    """
    const uint32_t NO_LEDGER "FD_NO_LEDGER"

cdef enum:
    DAY_S = 86400
    BLOCK_OCTETS = 64           # of SHA-256
    DIGEST_OCTETS = 32
    PSEUDONYM_OCTETS = 16
    INNER = 0x36                # RFC 2104 §2
    OUTER = 0x5c

NOT_IN_LEDGER = NO_LEDGER


class LedgerRows(NamedTuple):
    """Columns have one element a row.

    time_s      array('q'), unix seconds;   kind  array('I'), by its number in the ledger;   counts  array('I')
    pseudonym   array('I'): 1 + index in `days` and `subscribers`; 0: the address is no subscriber's
    days        array('q'), since 1970;   subscribers  array('I'): who has a row on that day, each pair once"""

    time_s: array
    kind: array
    pseudonym: array
    counts: array
    days: array
    subscribers: array


cdef struct Rows:
    size_t n
    size_t n_pairs
    uint64_t key[2]             # of the table: subscribers do not choose their places
    uint64_t mask
    uint32_t* pair_by_hash      # number of a pair + 1; 0: free
    int64_t* time_s
    uint32_t* kind
    uint32_t* pseudonym
    uint32_t* counts
    int64_t* days
    uint32_t* subscribers


cdef struct Row:
    int64_t time_s
    uint32_t kind
    uint32_t at                 # where it was before
    uint32_t pseudonym
    uint32_t count


def ledger_rows(columns, numbers: array) -> LedgerRows:
    """The rows of a ledger.   columns  fastpath.report.columns.Columns

    numbers  array('I'): of each kind, its number there, or NOT_IN_LEDGER.   ValueError: it has another length"""
    cdef Rows out
    cdef Py_ssize_t n = len(columns.time_s)
    if len(numbers) != len(columns.kinds):
        raise ValueError(f"{len(numbers)} numbers for {len(columns.kinds)} kinds; give one to each")
    if n == 0 or not numbers:
        return LedgerRows(array("q"), array("I"), array("I"), array("I"), array("q"), array("I"))
    size = 2 << (n - 1).bit_length()
    key = os.urandom(sizeof(out.key))
    memcpy(out.key, <const uint8_t*>key, sizeof(out.key))
    made = [array(code, bytes(8 * n if code == "q" else 4 * n)) for code in "qIIIqI"]
    cdef const int64_t[::1] time_s = columns.time_s
    cdef const uint32_t[::1] kind = columns.kind
    cdef const uint32_t[::1] subscriber = columns.subscriber
    cdef const uint32_t[::1] counts = columns.counts
    cdef const uint32_t[::1] number = numbers
    cdef uint32_t[::1] table = array("I", bytes(4 * size))
    cdef int64_t[::1] to_time_s = made[0]
    cdef uint32_t[::1] to_kind = made[1]
    cdef uint32_t[::1] to_pseudonym = made[2]
    cdef uint32_t[::1] to_counts = made[3]
    cdef int64_t[::1] to_days = made[4]
    cdef uint32_t[::1] to_subscribers = made[5]
    cdef Py_ssize_t i
    out.n = out.n_pairs = 0
    out.mask = size - 1
    out.pair_by_hash = &table[0]
    out.time_s, out.kind, out.pseudonym, out.counts = &to_time_s[0], &to_kind[0], &to_pseudonym[0], &to_counts[0]
    out.days, out.subscribers = &to_days[0], &to_subscribers[0]
    with nogil:
        for i in range(n):
            if kind[i] < <uint32_t>number.shape[0] and number[kind[i]] != NO_LEDGER:
                _add(&out, time_s[i], number[kind[i]], subscriber[i], counts[i])
    ends = (out.n, out.n, out.n, out.n, out.n_pairs, out.n_pairs)
    return LedgerRows(*(column[:end] for column, end in zip(made, ends, strict=True)))


class KindPlaces(NamedTuple):
    """Kinds that differ in where their subscribers are.

    kind   array('I'): of each row, its number among these;   numbers, places  array('I'): of each of these, its kind
    as it was before, and where it is"""

    kind: array
    numbers: array
    places: array


def placed_kinds(kind: array, pseudonym: array, places: array, n_kinds: int, n_places: int) -> KindPlaces:
    """Split kinds by where their subscribers are.   Cost: 10 ns a row, and 4 octets a pair of kind and place

    kind, pseudonym  of LedgerRows;   places  array('I'): of each pair of day and subscriber, below n_places
    A row of no subscriber is at place 0.   ValueError: a number that is too high"""
    cdef Py_ssize_t i
    cdef Py_ssize_t n = len(kind)
    cdef Py_ssize_t n_whose = len(places)
    cdef uint64_t height = n_kinds
    cdef uint64_t width = n_places
    cdef uint32_t whose, place
    cdef uint32_t known = 0
    cdef uint64_t at
    if len(pseudonym) != n:
        raise ValueError(f"{len(pseudonym)} pseudonyms for {n} rows; give one to each")
    if n == 0:
        return KindPlaces(array("I"), array("I"), array("I"))
    made, numbers, found = array("I", bytes(4 * n)), array("I", bytes(4 * n)), array("I", bytes(4 * n))
    cdef const uint32_t[::1] of_kind = kind
    cdef const uint32_t[::1] of_whom = pseudonym
    cdef const uint32_t[::1] where = places if places else array("I", [0])
    cdef uint32_t[::1] table = array("I", bytes(4 * max(1, n_kinds * n_places)))
    cdef uint32_t[::1] to_kind = made
    cdef uint32_t[::1] to_number = numbers
    cdef uint32_t[::1] to_place = found
    with nogil:
        for i in range(n):
            whose = of_whom[i]
            if whose > n_whose or of_kind[i] >= height:
                break
            place = where[whose - 1] if whose else 0
            if place >= width:
                break
            at = of_kind[i] * width + place
            if table[at] == 0:
                to_number[known], to_place[known] = of_kind[i], place
                known += 1
                table[at] = known
            to_kind[i] = table[at] - 1
        else:
            i = n
    if i < n:
        raise ValueError(f"row {i}: its kind, pseudonym or place does not exist; give numbers below their counts")
    return KindPlaces(made, numbers[:known], found[:known])


def ordered_rows(time_s: array, kind: array, pseudonym: array, counts: array) -> tuple[array, array, array, array]:
    """The four columns with rows in order of their seconds, and in one second of their kinds.   As in LedgerRows

    Equal kinds become runs, which cost next to nothing in Parquet, and are passed over by a search.  Rows of one second
    and one kind keep their order.   Cost: 0.1 µs a row
    Raises ValueError for columns of different lengths."""
    cdef Py_ssize_t n = len(time_s)
    cdef Py_ssize_t i
    cdef Row* rows
    if not n == len(kind) == len(pseudonym) == len(counts):
        raise ValueError(f"{n}, {len(kind)}, {len(pseudonym)} and {len(counts)} elements; give one to each row")
    made = array("q", time_s), array("I", kind), array("I", pseudonym), array("I", counts)
    if n < 2:
        return made
    cdef int64_t[::1] times = made[0]
    cdef uint32_t[::1] kinds = made[1]
    cdef uint32_t[::1] whose = made[2]
    cdef uint32_t[::1] many = made[3]
    rows = <Row*>malloc(<size_t>n * sizeof(Row))
    if rows == NULL:
        raise MemoryError
    with nogil:
        for i in range(n):
            rows[i] = Row(times[i], kinds[i], <uint32_t>i, whose[i], many[i])
        qsort(rows, <size_t>n, sizeof(Row), _compare)
        for i in range(n):
            times[i], kinds[i], whose[i], many[i] = rows[i].time_s, rows[i].kind, rows[i].pseudonym, rows[i].count
        free(rows)
    return made


def first_and_last(time_s: bytes) -> tuple[int, int]:
    """The least and the largest number of a column of int64; ≥ 1 of them.   Cost: 1 ns a row"""
    cdef const int64_t[::1] times = memoryview(time_s).cast("q")
    cdef int64_t first = times[0]
    cdef int64_t last = times[0]
    cdef Py_ssize_t i
    with nogil:
        for i in range(times.shape[0]):
            first = min(first, times[i])
            last = max(last, times[i])
    return first, last


def largest(column: bytes) -> int:
    """The largest number of a column of uint32; ≥ 1 of them.   Cost: 1 ns a row"""
    cdef const uint32_t[::1] numbers = memoryview(column).cast("I")
    cdef uint32_t found = 0
    cdef Py_ssize_t i
    with nogil:
        for i in range(numbers.shape[0]):
            found = max(found, numbers[i])
    return found


def pseudonyms(subscribers: array, key: bytes) -> bytes:
    """The pseudonyms of subscribers, 16 octets each: the first half of HMAC-SHA-256 over the number in decimal digits.

    subscribers  array('I');   key  at most 64 octets, else ValueError"""
    cdef SHA256_CTX inner
    cdef SHA256_CTX outer
    cdef Py_ssize_t i
    cdef Py_ssize_t n = len(subscribers)
    if len(key) > BLOCK_OCTETS:
        raise ValueError(f"a key of {len(key)} octets; give at most {BLOCK_OCTETS}")
    made = bytearray(PSEUDONYM_OCTETS * n)
    if n == 0:
        return bytes(made)
    cdef const uint32_t[::1] numbers = subscribers
    cdef uint8_t[::1] out = made
    padded = key.ljust(BLOCK_OCTETS, b"\0")
    _begin(&inner, padded, INNER)
    _begin(&outer, padded, OUTER)
    with nogil:
        for i in range(n):
            _write_pseudonym(&out[i * PSEUDONYM_OCTETS], &inner, &outer, numbers[i])
    return bytes(made)


cdef int _compare(const void* a, const void* b) noexcept nogil:
    cdef const Row* one = <const Row*>a
    cdef const Row* other = <const Row*>b
    if one.time_s != other.time_s:
        return 1 if one.time_s > other.time_s else -1
    if one.kind != other.kind:
        return 1 if one.kind > other.kind else -1
    return 1 if one.at > other.at else -1


cdef void _add(Rows* r, int64_t time_s, uint32_t kind, uint32_t subscriber, uint32_t count) noexcept nogil:
    r.time_s[r.n] = time_s
    r.kind[r.n] = kind
    r.counts[r.n] = count
    r.pseudonym[r.n] = 0 if subscriber == NO_SUBSCRIBER else _pair(r, time_s // DAY_S, subscriber) + 1
    r.n += 1


cdef uint32_t _pair(Rows* r, int64_t day, uint32_t subscriber) noexcept nogil:
    """The number of a subscriber's day, given now if it has none."""
    cdef uint64_t pair[2]
    cdef uint64_t place
    cdef uint32_t i
    pair[0] = <uint64_t>day
    pair[1] = subscriber
    place = siphash13(r.key, <const uint8_t*>pair, sizeof(pair)) & r.mask
    while r.pair_by_hash[place]:
        i = r.pair_by_hash[place] - 1
        if r.days[i] == day and r.subscribers[i] == subscriber:
            return i
        place = (place + 1) & r.mask
    i = <uint32_t>r.n_pairs
    r.days[i] = day
    r.subscribers[i] = subscriber
    r.n_pairs += 1
    r.pair_by_hash[place] = <uint32_t>r.n_pairs
    return i


cdef void _begin(SHA256_CTX* c, const uint8_t* key, uint8_t pad) noexcept nogil:
    cdef uint8_t block[BLOCK_OCTETS]
    cdef int i
    for i in range(BLOCK_OCTETS):
        block[i] = key[i] ^ pad
    SHA256_Init(c)
    SHA256_Update(c, block, BLOCK_OCTETS)
    memset(block, 0, BLOCK_OCTETS)


cdef void _write_pseudonym(uint8_t* out, const SHA256_CTX* inner, const SHA256_CTX* outer,
                           uint32_t number) noexcept nogil:
    cdef SHA256_CTX c = inner[0]
    cdef uint8_t digest[DIGEST_OCTETS]
    cdef uint8_t text[DECIMAL_OCTETS]
    cdef uint8_t* begin = decimal_before(text + DECIMAL_OCTETS, number)
    SHA256_Update(&c, begin, text + DECIMAL_OCTETS - begin)
    SHA256_Final(digest, &c)
    c = outer[0]
    SHA256_Update(&c, digest, DIGEST_OCTETS)
    SHA256_Final(digest, &c)
    memcpy(out, digest, PSEUDONYM_OCTETS)
