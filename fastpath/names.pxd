"""Suffix matching in C: see names.pyx."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.layout cimport ListRow, SetRow
from fastpath.name cimport Name


cdef struct NamesView:          # one image, opened
    uint64_t key[2]
    const ListRow* lists
    uint32_t n_lists
    const uint64_t* bloom
    uint64_t n_bloom            # words; 0 only in a view of nothing
    const uint64_t* lines
    uint64_t n_lines
    const uint32_t* cold_at
    const uint8_t* cold
    uint64_t cold_octets
    const uint32_t* set_at
    uint32_t n_sets
    const SetRow* sets
    uint64_t n_rows


cdef struct Hit:
    const SetRow* rows
    uint32_t n_rows
    uint8_t label               # the suffix is the name's labels from this one on


cdef enum:
    MAX_HITS = 16               # suffixes of one name that may be listed at once; longest first


cdef struct Hits:
    uint32_t n
    Hit at[16]


cdef const char* names_fault(const NamesView* v) noexcept nogil
cdef void hash_suffixes(const uint64_t* key, const Name* name, uint64_t* out) noexcept nogil
cdef void find_hits(const NamesView* base, const NamesView* delta, const Name* name, Hits* out) noexcept nogil


cdef inline uint64_t bloom_bits(uint64_t hash) noexcept nogil:
    """The four bits of its Bloom word that a hash sets."""
    cdef uint64_t g = hash * <uint64_t>0x9e3779b97f4a7c15
    return (<uint64_t>1 << (g >> 58) | <uint64_t>1 << (g >> 52 & 63)
            | <uint64_t>1 << (g >> 46 & 63) | <uint64_t>1 << (g >> 40 & 63))


cdef inline uint64_t reduce_to(uint64_t half, uint64_t n) noexcept nogil:
    """Map 32 bits evenly to 0..n-1 (Lemire, fast random integer generation, 2019)."""
    return (half * n) >> 32
