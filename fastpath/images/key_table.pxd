"""Key table of the names image and the URL image, reading side: see key_table.pyx; key_builder.pxd is the writing side.

A lookup has steps; a batch does each step for many keys before the next:
    hash = hash_piece(...)                    keyed, then finish_hash(): the fingerprint is never 0
    prefetch_bloom(t, hash)
    if may_hold(t, hash): prefetch_line(t, hash)
    prefetch_record(t, hash)                  useful in batches only
    find_key(t, hash, octets, n, &plain, &secret)      set numbers; SET_NONE where none exists
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastpath.images.layout cimport KEY_WORDS, LINE_WORDS

cdef extern from *:
    """
    #define fd_prefetch(place) __builtin_prefetch(place)

    static inline uint64_t fd_mum(uint64_t a, uint64_t b) {
        unsigned __int128 r = (unsigned __int128)a * b;
        return (uint64_t)(r >> 64) ^ (uint64_t)r;
    }
    /* SipHash-1-3 of the eight octets of m */
    #define FD_ROTL(x, by) ((x) << (by) | (x) >> (64 - (by)))
    #define FD_ROUND do { \
        v0 += v1; v1 = FD_ROTL(v1, 13) ^ v0; v0 = FD_ROTL(v0, 32); v2 += v3; v3 = FD_ROTL(v3, 16) ^ v2; \
        v0 += v3; v3 = FD_ROTL(v3, 21) ^ v0; v2 += v1; v1 = FD_ROTL(v1, 17) ^ v2; v2 = FD_ROTL(v2, 32); } while (0)
    static inline uint64_t fd_siphash13(uint64_t k0, uint64_t k1, uint64_t m) {
        const uint64_t length = (uint64_t)8 << 56;
        uint64_t v0 = k0 ^ 0x736f6d6570736575ULL, v1 = k1 ^ 0x646f72616e646f6dULL;
        uint64_t v2 = k0 ^ 0x6c7967656e657261ULL, v3 = k1 ^ 0x7465646279746573ULL;
        v3 ^= m; FD_ROUND; v0 ^= m;
        v3 ^= length; FD_ROUND; v0 ^= length;
        v2 ^= 0xff; FD_ROUND; FD_ROUND; FD_ROUND;
        return v0 ^ v1 ^ v2 ^ v3;
    }
    /* eight octets from FD_TAIL + 16 - n keep the first n of a word, from FD_TAIL + 24 - n of the word behind it */
    static const unsigned char FD_TAIL[40] = {
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255
    };
    """
    uint64_t mum "fd_mum"(uint64_t a, uint64_t b) noexcept nogil
    uint64_t siphash13 "fd_siphash13"(uint64_t k0, uint64_t k1, uint64_t m) noexcept nogil
    void prefetch "fd_prefetch"(const void* place) noexcept nogil
    const uint8_t* TAIL "FD_TAIL"


cdef extern from *:
    """
    #define FD_SET_NONE UINT32_C(0xffffffff)
    """
    const uint32_t SET_NONE "FD_SET_NONE"  # no such key


cdef enum:
    SET_BITS = 24               # set number in a word of a line; the 40 bits above are the upper bits of the hash
    DIGEST_OCTETS = 16          # of a record whose key is secret
    KEY_SLACK = 16              # octets behind a piece that hash_piece() reads and does not use


cdef struct KeyTable:
    uint64_t key[KEY_WORDS]     # see image_key.py
    bint hides_digests          # keys that are stored as digests are found by no one
    const uint64_t* bloom
    uint64_t n_bloom            # words; 0 only in an empty table
    const uint64_t* lines
    uint64_t n_lines
    const uint32_t* cold_at     # n_lines + 1
    const uint8_t* cold
    uint64_t cold_octets


cdef object key_words(bytes octets, uint64_t* out)
cdef const char* keytable_fault(const KeyTable* t) noexcept nogil
cdef void find_key(const KeyTable* t, uint64_t hash, const uint8_t* octets, size_t n, uint32_t* plain,
                   uint32_t* secret) noexcept nogil


cdef inline uint64_t reduce_to(uint64_t half, uint64_t n) noexcept nogil:
    """Map 32 bits evenly, and in order, to 0..n-1 (Lemire, fast random integer generation, 2019)."""
    return (half * n) >> 32


cdef inline uint64_t bloom_bits(uint64_t hash) noexcept nogil:
    """The four bits of its Bloom word that a hash sets."""
    cdef uint64_t g = hash * <uint64_t>0x9e3779b97f4a7c15
    return (<uint64_t>1 << (g >> 58) | <uint64_t>1 << (g >> 52 & 63)
            | <uint64_t>1 << (g >> 46 & 63) | <uint64_t>1 << (g >> 40 & 63))


cdef inline uint64_t place_of(uint64_t hash) noexcept nogil:
    """The sort order of keys: in this order they follow each other in the lines."""
    return hash << 32 | hash >> 32


cdef inline void prefetch_bloom(const KeyTable* t, uint64_t hash) noexcept nogil:
    """Prefetch what may_hold() reads.   t  not empty"""
    prefetch(t.bloom + reduce_to(hash >> 32, t.n_bloom))


cdef inline bint may_hold(const KeyTable* t, uint64_t hash) noexcept nogil:
    """Whether the table may hold the key: always true for a key that is there, and for 1.5 % of the others.

    t   not empty (n_bloom > 0)"""
    cdef uint64_t bits = bloom_bits(hash)
    return (t.bloom[reduce_to(hash >> 32, t.n_bloom)] & bits) == bits


cdef inline void prefetch_line(const KeyTable* t, uint64_t hash) noexcept nogil:
    """Prefetch what find_key() reads first.   t  not empty"""
    cdef uint64_t line = reduce_to(<uint32_t>hash, t.n_lines)
    prefetch(t.lines + line * LINE_WORDS)
    prefetch(t.cold_at + line)


cdef inline void prefetch_record(const KeyTable* t, uint64_t hash) noexcept nogil:
    """Prefetch what find_key() compares a key with: the records of its line.   t  not empty"""
    cdef const uint8_t* records = t.cold + t.cold_at[reduce_to(<uint32_t>hash, t.n_lines)]
    prefetch(records)
    prefetch(records + 64)
    prefetch(records + 128)


cdef inline uint64_t hash_piece(const uint64_t* key, uint64_t parent, const uint8_t* piece, size_t n) noexcept nogil:
    """Hash the `n` octets of one piece onto the hash of the pieces before it; the first starts from key[0].

    piece   has KEY_SLACK readable octets behind it; the length is hashed, so padding cannot make two pieces equal
    Pass the final hash of a key through finish_hash()."""
    cdef uint64_t lo
    cdef uint64_t hi
    cdef uint64_t mask
    cdef uint64_t h = parent
    while n > 16:
        memcpy(&lo, piece, 8)
        memcpy(&hi, piece + 8, 8)
        h = mum(h ^ lo ^ key[0], (h << 32 | h >> 32) ^ hi ^ key[1] ^ (<uint64_t>n << 56))
        n -= 16
        piece += 16
    memcpy(&lo, piece, 8)
    memcpy(&hi, piece + 8, 8)
    memcpy(&mask, TAIL + 16 - n, 8)
    lo &= mask
    memcpy(&mask, TAIL + 24 - n, 8)
    hi &= mask
    return mum(h ^ lo ^ key[0], (h << 32 | h >> 32) ^ hi ^ key[1] ^ (<uint64_t>n << 56))


cdef inline uint64_t finish_hash(const uint64_t* key, uint64_t hash) noexcept nogil:
    """The hash as the table has it: a pseudo-random function of it, which no names and places in an image tell.

    Changed where its fingerprint would be the 0 that marks a free slot.   key  KEY_WORDS words"""
    hash = siphash13(key[2], key[3], hash)
    return hash if hash >> SET_BITS else hash | <uint64_t>1 << SET_BITS


cdef inline const uint8_t* read_record(const uint8_t* at, const uint8_t* end, uint64_t* n) noexcept nogil:
    """Read the length of the record at `at` into `n`; give where its octets begin, or NULL if it runs past `end`.

    n   0: DIGEST_OCTETS of a digest follow"""
    cdef int shift = 0
    n[0] = 0
    while at < end and shift < 28:
        n[0] |= <uint64_t>(at[0] & 0x7f) << shift
        at += 1
        if at[-1] < 0x80:
            if (n[0] or DIGEST_OCTETS) > <uint64_t>(end - at):
                return NULL
            return at
        shift += 7
    return NULL
