"""Suffix matching in C: see names.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.images.key_table cimport KeyTable
from fastpath.images.layout cimport ListRow, SetRow
from fastpath.wire.name cimport NAME_LABELS, Name


cdef struct SetsView:           # what a set number refers to, in an image of names or URLs
    const ListRow* lists
    uint32_t n_lists
    const uint32_t* set_at      # n_sets + 1
    uint32_t n_sets
    const SetRow* sets
    uint64_t n_rows
    const uint32_t* data_at     # n_data + 1
    uint32_t n_data
    const uint8_t* data
    uint64_t data_octets


cdef struct NamesView:          # one image, opened
    KeyTable table
    SetsView sets
    bint holds_addresses        # some of its names stand for addresses, see wire/address.pyx


cdef struct Hit:
    const SetRow* rows
    uint32_t n_rows
    uint8_t label               # the suffix is the name's labels from this one on; URL: 0 all of it, 1 a part
    uint16_t url_n              # the rule is this many octets of the URL's key; 0: the rule is a name
    const SetsView* sets        # where the rows' data are


cdef enum:
    MAX_HITS = 2 * NAME_LABELS  # each suffix of a name, in plain and as a digest: no list can hide an entry of another
    BATCH_NAMES = 32            # of one find_hits_batch()


cdef struct Hits:
    uint32_t n
    Hit at[MAX_HITS]            # longest first


cdef const char* names_fault(const NamesView* v) noexcept nogil
cdef const char* sets_fault(const SetsView* v) noexcept nogil
cdef bint rows_of(const SetsView* v, uint32_t number, Hit* out) noexcept nogil
cdef const uint8_t* data_of(const SetsView* v, const SetRow* row, uint32_t* n) noexcept nogil
cdef void mask_lists(const Hits* hits, uint64_t* out) noexcept nogil
cdef void hash_suffixes(const uint64_t* key, const Name* name, uint64_t* out) noexcept nogil
cdef void hash_name(const NamesView* base, const NamesView* delta, const Name* name, uint64_t* hashes) noexcept nogil
cdef void find_hashed(const NamesView* base, const NamesView* delta, const Name* name, const uint64_t* hashes,
                      Hits* out) noexcept nogil
cdef void find_hits(const NamesView* base, const NamesView* delta, const Name* name, Hits* out) noexcept nogil
cdef void find_hits_batch(const NamesView* base, const NamesView* delta, const Name* const* names, uint32_t n,
                          Hits* out) noexcept nogil
