"""Hash table from a key to its set of entries, shared by the names image and the URL image.

A Bloom filter of 12 bits a key rejects nearly every miss.  A line of eight words costs one cache miss more.  A
fingerprint that matches is verified against the stored octets of the key, or against its keyed 128-bit digest where the
key is secret: no match is ever left to chance.

    a word      40 upper bits of the hash << 24 | number of the set; 0: free, and the end of the search
    a line      eight words; keys that find it full go to the next one (the first follows the last)
    a record    one for each slot of a line, in the order of its slots:
                length of the key, LEB128 (0: a 16-octet digest follows instead), then its octets

Invariants: no Python object, no allocation; a table is searched only after keytable_fault(); a record is read only
inside its line's part of the section.  The caller checks a set's number against the number of sets.
Cost: bench/names.py.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from fastpath.base.siphash cimport siphash128
from fastpath.images.layout cimport KEY_OCTETS, KEY_WORDS, LINE_WORDS

cdef extern from *:
    """
    /* Without a branch, and so that no compiler sees where something is compared with itself, and leaves it out. */
    static inline const void* fd_either(int is_first, const void* one, const void* other) {
        uintptr_t mask = -(uintptr_t)(is_first != 0);
        __asm__("" : "+r"(mask));
        return (const void*)(((uintptr_t)one & mask) | ((uintptr_t)other & ~mask));
    }
    """
    const void* either "fd_either"(bint is_first, const void* one, const void* other) noexcept nogil

cdef enum:
    SET_MASK = (1 << SET_BITS) - 1


cdef object key_words(bytes octets, uint64_t* out):
    """Write the KEY_WORDS words of a key as builders take it; one that is not sealed has two, which are used twice."""
    cdef bytes whole = octets[KEY_OCTETS:] or octets + octets
    memcpy(out, <const char*>whole, KEY_WORDS * sizeof(uint64_t))


cdef const char* keytable_fault(const KeyTable* t) noexcept nogil:
    """Why this table must not be searched, or NULL.

    t       its sections are whole rows; `cold_at` has n_lines + 1 of them
    Cost: one pass over `cold_at`; 0.2 ms a million keys."""
    cdef uint64_t i
    if t.n_bloom == 0 or t.n_lines == 0:
        return b"a table without a line or a Bloom word"
    if t.cold_at[0] != 0 or t.cold_at[t.n_lines] != t.cold_octets:
        return b"its lines do not follow each other in its records"
    for i in range(t.n_lines):
        if t.cold_at[i] > t.cold_at[i + 1]:
            return b"its lines do not follow each other in its records"
    return NULL


cdef void _verify(const KeyTable* t, uint64_t line, int slot, const uint8_t* octets, size_t n, uint32_t* plain,
                  uint32_t* secret) noexcept nogil:
    """Compare the key with the record of `slot`; where it matches, store the set's number."""
    cdef const uint8_t* record = t.cold + t.cold_at[line]
    cdef const uint8_t* end = t.cold + t.cold_at[line + 1]
    cdef uint32_t number = <uint32_t>(t.lines[line * LINE_WORDS + slot] & SET_MASK)
    cdef uint64_t digest[2]
    cdef uint64_t length
    cdef uint64_t room
    cdef bint is_plain
    cdef bint is_it
    record = read_record(record, end, &length)
    while slot and record != NULL:
        record = read_record(record + (length or DIGEST_OCTETS), end, &length)
        slot -= 1
    if record == NULL:
        return
    # Else the time of an answer shows which kind of list holds the name: a plain key is hashed, too (50 ns for a name
    # held), as many octets of either's record are read, which may lie in one more cache line, and both are compared,
    # the record with itself for the other kind.
    siphash128(t.key + 2, octets, n, digest)
    is_plain = length != 0
    room = t.cold_octets - <uint64_t>(record - t.cold)
    is_it = memcmp(record, either(is_plain, octets, record), min(n, room)) == 0
    is_it &= memcmp(record, either(is_plain, record, digest), min(<uint64_t>DIGEST_OCTETS, room)) == 0
    if is_it and (length == n if is_plain else not t.hides_digests):
        (<uint32_t*>either(is_plain, plain, secret))[0] = number


cdef void find_key(const KeyTable* t, uint64_t hash, const uint8_t* octets, size_t n, uint32_t* plain,
                   uint32_t* secret) noexcept nogil:
    """Look up one key: the number of its set goes to plain[0], that of the set under its digest to secret[0].

    SET_NONE: none exists;  0: the key is dropped (by a delta).  Walks at most n_lines lines."""
    cdef uint64_t line = reduce_to(<uint32_t>hash, t.n_lines)
    cdef uint64_t fingerprint = hash >> SET_BITS
    cdef const uint64_t* words
    cdef uint64_t _walked
    cdef int i
    plain[0] = secret[0] = SET_NONE
    prefetch_record(t, hash)        # while the line itself is still being fetched
    for _walked in range(t.n_lines):
        words = t.lines + line * LINE_WORDS
        for i in range(LINE_WORDS):
            if words[i] >> SET_BITS == fingerprint:
                _verify(t, line, i, octets, n, plain, secret)
            elif words[i] == 0:
                return
        line = line + 1 if line + 1 < t.n_lines else 0
