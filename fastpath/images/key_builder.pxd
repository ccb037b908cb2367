"""Key table, writing side: collects and sorts entries: see key_builder.pyx; key_writer.pyx lays out the table."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.images.layout cimport KEY_WORDS, SetRow


cdef struct Entry:
    uint64_t place          # see place_of(); the first sort key
    uint32_t key_at         # in the octets
    uint32_t order
    uint32_t data           # 1 + number of its local data; 0: none
    uint32_t line
    uint16_t part
    uint16_t key_n
    uint8_t list
    uint8_t mode            # Mode; 0: the key is dropped
    uint8_t action
    uint8_t flags           # E_SECRET, E_FOLDED


cdef struct DigestRow:      # an entry of a confidential list on its way between two builders of one key
    uint64_t place
    uint64_t host           # of a URL: the hash of its host, lowest bit set: it covers what is below it; of a name: 0
    uint8_t digest[16]
    uint8_t mode
    uint8_t action
    uint8_t zero[6]


cdef enum:
    KEYS_AHEAD = 16         # how far ahead fetch_key() prefetches
    E_SECRET = 1            # its octets are a digest
    E_FOLDED = 2            # left out of the table: an entry above it says the same


cdef class KeyBuilder:
    """Base of NamesBuilder and UrlsBuilder."""
    cdef uint64_t key[KEY_WORDS]
    cdef bytes key_octets           # of the header
    cdef int key_flags              # of the header: SEALED
    cdef readonly list lists        # ListSpecs
    cdef Entry* entries
    cdef size_t n
    cdef uint8_t* octets            # all keys, one behind the other, KEY_SLACK zero octets behind the last
    cdef size_t octets_n
    cdef size_t _room
    cdef size_t _octets_room
    cdef uint32_t* buckets          # once sorted: where each of the 1 << bucket_bits buckets begins
    cdef int bucket_bits
    cdef size_t _sorted_n           # entries at the last sort; another number: sort again
    cdef dict _data                 # local data → number
    cdef uint64_t _confidential[2]

    cdef object _make_room(self, size_t key_n)
    cdef size_t _bucket(self, uint64_t place) noexcept nogil
    cdef void _sort_into(self, uint32_t* next_of) noexcept nogil
    cdef object check(self, int list, int mode, int action, bytes data)
    cdef object append(self, const uint8_t* octets, size_t n, uint64_t hash, int list, int mode, int action,
                       uint32_t order, bytes data, uint32_t line, uint32_t part, bint secret)
    cdef object append_octets(self, const uint8_t* octets, size_t n, uint64_t hash, int list, int mode, int action,
                              uint32_t order, bytes data, uint32_t line, uint32_t part, int flags)
    cdef bytes rows(self, const uint64_t* hosts)
    cdef const DigestRow* digest_rows(self, bytes rows, int list) except NULL
    cdef bint is_confidential(self, int list) noexcept nogil
    cdef object sort(self)
    cdef size_t end_of_key(self, size_t first) noexcept nogil
    cdef size_t find(self, uint64_t hash, const uint8_t* octets, size_t n) noexcept nogil
    cdef void fetch_key(self, size_t i) noexcept nogil
    cdef list data(self)
