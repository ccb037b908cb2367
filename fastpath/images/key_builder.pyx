"""Collects and sorts the entries of an image: the shared base of NamesBuilder and UrlsBuilder.

Entries are sorted in place by the place of their key's hash: first by its upper bits into buckets (an American flag
sort), then inside each bucket of a few dozen.  So equal input gives equal bytes, the table is written front to back
without a second copy, and find() searches one bucket.

Invariants: after sort() the entries of one key are neighbours, ordered by list, mode and arrival; a key of a
confidential list is a digest from its first moment here on, so that no memory of a builder holds it.
Source: McIlroy, Bostic and McIlroy, Engineering Radix Sort (1993), for the first pass.
Cost: 32 octets an entry, and its key; growing does not copy (realloc moves pages).
"""
from typing import NamedTuple

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.siphash cimport siphash128
from fastpath.images.key_table cimport DIGEST_OCTETS, KEY_SLACK, key_words, place_of, prefetch
from fastpath.images.layout cimport KEY_OCTETS, LIST_ID_OCTETS, MAX_LISTS, N_CATEGORIES, SEALED
from fastpath.images.verdict cimport LOCAL_DATA, M_BELOW, M_EXACT, NO_ACTION, N_ACTIONS, SHADOW, T_CSAM

cdef extern from "<stdlib.h>" nogil:
    void qsort_r(void* base, size_t n, size_t size, int (*compare)(const void*, const void*, void*) noexcept nogil,
                 void* with_)

cdef enum:
    MOST_OCTETS_A_DATA = 65535  # one answer
    BUCKET_ENTRIES = 32
    MOST_BUCKET_BITS = 22


class ListSpec(NamedTuple):
    """A list of an image.

    id            1 to 24 ASCII octets
    tier, action  numbers of fastpath.images.verdict
    category      0 for none, else 1 to 127
    confidential  its names are stored as digests only
    folds         leave out entries that another of its own entries makes redundant; only for a list that no delta
                  changes, see names_builder.pyx"""

    id: str
    tier: int
    category: int
    action: int
    confidential: bool
    folds: bool = False


cdef int _compare(const void* left, const void* right, void* octets) noexcept nogil:
    cdef const Entry* a = <const Entry*>left
    cdef const Entry* b = <const Entry*>right
    cdef int by_key
    if a.place != b.place:
        return -1 if a.place < b.place else 1
    if a.key_n != b.key_n:
        return -1 if a.key_n < b.key_n else 1
    by_key = memcmp(<uint8_t*>octets + a.key_at, <uint8_t*>octets + b.key_at, a.key_n)
    if by_key != 0:
        return by_key
    if a.flags & E_SECRET != b.flags & E_SECRET:
        return -1 if a.flags & E_SECRET < b.flags & E_SECRET else 1
    if a.list != b.list:
        return -1 if a.list < b.list else 1
    if a.mode != b.mode:
        return -1 if a.mode < b.mode else 1
    return -1 if a.key_at < b.key_at else 1     # the order of arrival


cdef class KeyBuilder:
    """The entries of an image under construction; base of the builders, which know what their keys are.

    key     of new_key() or key_behind() in image_key.py, or 16 octets that the image will hold; the same for a base
            and its deltas
    lists   every list by number, at most 128; their order is the order of precedence inside a tier"""

    def __cinit__(self, key: bytes, lists):
        if len(key) not in (KEY_OCTETS, <Py_ssize_t>(KEY_OCTETS + sizeof(self.key))):
            raise ValueError(f"key: {len(key)} octets; a key has {KEY_OCTETS}, or {KEY_OCTETS + sizeof(self.key)}")
        self.key_octets = key[:KEY_OCTETS]
        self.key_flags = SEALED if len(key) > KEY_OCTETS else 0
        key_words(key, self.key)
        self.lists = [ListSpec(*spec) for spec in lists]
        self._data = {}
        _require_lists(self.lists)
        for number, spec in enumerate(self.lists):
            if spec.confidential:
                self._confidential[number >> 6] |= <uint64_t>1 << (number & 63)

    def __dealloc__(self):
        free(self.entries)
        free(self.octets)
        free(self.buckets)

    def __len__(self) -> int:
        return self.n

    cdef bint is_confidential(self, int list) noexcept nogil:
        return (self._confidential[list >> 6] >> (list & 63)) & 1

    cdef object check(self, int list, int mode, int action, bytes data):
        """Raise ValueError for numbers that no entry may have."""
        if not 0 <= list < len(self.lists):
            raise ValueError(f"list {list}: there are {len(self.lists)}")
        if not M_EXACT <= mode <= M_BELOW:
            raise ValueError(f"mode {mode}: 1 exact, 2 subtree, 3 below")
        if not (0 <= action < N_ACTIONS or action == NO_ACTION):
            raise ValueError(f"action {action}: 0 to {LOCAL_DATA}, or {NO_ACTION} for the list's own")
        if data:
            if action != LOCAL_DATA:
                raise ValueError(f"data: {len(data)} octets for action {action}; only {LOCAL_DATA} has any")
            if len(data) > MOST_OCTETS_A_DATA:
                raise ValueError(f"data: {len(data)} octets; one answer holds {MOST_OCTETS_A_DATA}")

    cdef object append(self, const uint8_t* octets, size_t n, uint64_t hash, int list, int mode, int action,
                       uint32_t order, bytes data, uint32_t line, uint32_t part, bint secret):
        """Add an entry for the key of `n` octets, at most 65535; check() has passed its numbers.

        secret  only its digest is kept"""
        cdef uint64_t digest[2]
        if secret:
            siphash128(self.key + 2, octets, n, digest)
            self.append_octets(<const uint8_t*>digest, DIGEST_OCTETS, hash, list, mode, action, order, data, line, part,
                               E_SECRET)
        else:
            self.append_octets(octets, n, hash, list, mode, action, order, data, line, part, 0)

    cdef object append_octets(self, const uint8_t* octets, size_t n, uint64_t hash, int list, int mode, int action,
                              uint32_t order, bytes data, uint32_t line, uint32_t part, int flags):
        """Add an entry of these octets: a key, or with E_SECRET its digest."""
        cdef Entry* entry
        if part > 0xffff:
            raise ValueError(f"part {part}: a list has at most 65536 parts")
        self._make_room(n)
        entry = self.entries + self.n
        entry.place = place_of(hash)
        entry.key_at = <uint32_t>self.octets_n
        entry.key_n = <uint16_t>n
        entry.order = order
        entry.data = 0 if not data else <uint32_t>self._data.setdefault(data, len(self._data)) + 1
        entry.line = line
        entry.part = <uint16_t>part
        entry.list = <uint8_t>list
        entry.mode = <uint8_t>mode
        entry.action = <uint8_t>action
        entry.flags = <uint8_t>flags
        memcpy(self.octets + self.octets_n, octets, n)
        self.octets_n += n
        self.n += 1

    cdef bytes rows(self, const uint64_t* hosts):
        """All entries as rows for another builder of the same key, in the order of arrival.   hosts  of URLs, else NULL

        Raises ValueError where one is no digest, or where they are sorted already."""
        cdef bytearray octets = bytearray(self.n * sizeof(DigestRow))
        cdef DigestRow* row = <DigestRow*><char*>octets
        cdef const Entry* e
        cdef size_t i
        if self._sorted_n:
            raise ValueError("digests: the image is built; nothing given; ask before")
        for i in range(self.n):
            e = self.entries + i
            if not e.flags & E_SECRET:
                raise ValueError(f"list {self.lists[e.list].id!r}: not confidential; only such a list has digests")
            row[i].place = e.place
            row[i].host = hosts[i] if hosts != NULL else 0
            memcpy(row[i].digest, self.octets + e.key_at, DIGEST_OCTETS)
            row[i].mode = e.mode
            row[i].action = e.action
        return bytes(octets)

    cdef const DigestRow* digest_rows(self, bytes rows, int list) except NULL:
        """The rows that another builder's digests() gave.   Raises ValueError for those that are not digests, or of no
        such list."""
        cdef const DigestRow* first = <const DigestRow*><const char*>rows
        cdef size_t i
        if len(rows) % sizeof(DigestRow):
            raise ValueError(f"digests: {len(rows)} octets; a row has {sizeof(DigestRow)}")
        for i in range(len(rows) // sizeof(DigestRow)):
            self.check(list, first[i].mode, first[i].action, b"")
            if first[i].action == LOCAL_DATA:
                raise ValueError("digests: a row of local data, which rows do not have")
        if not self.is_confidential(list):
            raise ValueError(f"list {list}: not confidential; only such a list has digests")
        return first

    cdef object _make_room(self, size_t key_n):
        cdef void* grown
        if self.n >> 32 or (self.octets_n + key_n) >> 32:
            raise OverflowError("image: more than 2**32 entries or octets of keys; nothing written; split the lists")
        if self.n == self._room:
            self._room = self._room * 2 or 1024
            grown = realloc(self.entries, self._room * sizeof(Entry))
            if grown == NULL:
                raise MemoryError("growing the entries of an image")
            self.entries = <Entry*>grown
        if self.octets_n + key_n + KEY_SLACK > self._octets_room:
            self._octets_room = self._octets_room * 2 or 1 << 17    # a key is shorter
            grown = realloc(self.octets, self._octets_room)
            if grown == NULL:
                raise MemoryError("growing the keys of an image")
            self.octets = <uint8_t*>grown

    cdef object sort(self):
        """Sort the entries, so that those of one key are neighbours.   Does nothing if they are sorted."""
        cdef uint32_t* next_of
        cdef int bits = 0
        if self.buckets != NULL and self._sorted_n == self.n:
            return
        while self.n >> bits > BUCKET_ENTRIES and bits < MOST_BUCKET_BITS:
            bits += 1
        free(self.buckets)
        self.bucket_bits = bits
        self.buckets = <uint32_t*>malloc(4 * ((<size_t>1 << bits) + 1))
        next_of = <uint32_t*>malloc(4 * (<size_t>1 << bits))
        if self.buckets == NULL or next_of == NULL:
            free(next_of)
            raise MemoryError("sorting the entries of an image")
        with nogil:
            if self.octets_n:
                memset(self.octets + self.octets_n, 0, KEY_SLACK)
            self._sort_into(next_of)
        free(next_of)
        self._sorted_n = self.n

    cdef size_t _bucket(self, uint64_t place) noexcept nogil:
        return place >> (64 - self.bucket_bits) if self.bucket_bits else 0

    cdef void _sort_into(self, uint32_t* next_of) noexcept nogil:
        cdef size_t n_buckets = <size_t>1 << self.bucket_bits
        cdef size_t bucket
        cdef size_t home
        cdef size_t i
        cdef Entry moved
        memset(self.buckets, 0, 4 * (n_buckets + 1))
        for i in range(self.n):
            self.buckets[self._bucket(self.entries[i].place) + 1] += 1
        for bucket in range(n_buckets):
            self.buckets[bucket + 1] += self.buckets[bucket]
        memcpy(next_of, self.buckets, 4 * n_buckets)
        for bucket in range(n_buckets):
            while next_of[bucket] < self.buckets[bucket + 1]:
                home = self._bucket(self.entries[next_of[bucket]].place)
                if home != bucket:
                    moved = self.entries[next_of[bucket]]
                    self.entries[next_of[bucket]] = self.entries[next_of[home]]
                    self.entries[next_of[home]] = moved
                next_of[home] += 1
        for bucket in range(n_buckets):
            i = self.buckets[bucket]
            if self.buckets[bucket + 1] - i > 1:    # qsort_r() takes no NULL, not even for nothing
                qsort_r(self.entries + i, self.buckets[bucket + 1] - i, sizeof(Entry), _compare, self.octets)

    cdef size_t end_of_key(self, size_t first) noexcept nogil:
        """Index behind the last entry with the key of entry `first`, secret and plain apart.   After sort()"""
        cdef const Entry* a = self.entries + first
        cdef const Entry* b
        cdef size_t end = first + 1
        while end < self.n:
            b = self.entries + end
            if (a.place != b.place or a.key_n != b.key_n or a.flags & E_SECRET != b.flags & E_SECRET
                    or memcmp(self.octets + a.key_at, self.octets + b.key_at, a.key_n) != 0):
                break
            end += 1
        return end

    cdef size_t find(self, uint64_t hash, const uint8_t* octets, size_t n) noexcept nogil:
        """Index of the first entry of a key that is no digest; the number of all entries where it has none.

        After sort()"""
        cdef uint64_t place = place_of(hash)
        cdef size_t lo = self.buckets[self._bucket(place)]
        cdef size_t hi = self.buckets[self._bucket(place) + 1]
        cdef size_t mid
        cdef const Entry* e
        while lo < hi:
            mid = lo + (hi - lo) // 2
            if self.entries[mid].place < place:
                lo = mid + 1
            else:
                hi = mid
        while lo < self.n and self.entries[lo].place == place:
            e = self.entries + lo
            if e.key_n == n and not e.flags & E_SECRET and memcmp(self.octets + e.key_at, octets, n) == 0:
                return lo
            lo += 1
        return self.n

    cdef void fetch_key(self, size_t i) noexcept nogil:
        """Prefetch the key of an entry: in the order of hashes, keys lie far apart in memory."""
        if i < self.n:
            prefetch(self.octets + self.entries[i].key_at)

    cdef list data(self):
        """All local data, in the order of their numbers."""
        return [*self._data]


cdef object _require_lists(list lists):
    if len(lists) > MAX_LISTS:
        raise ValueError(f"lists: {len(lists)} are too many; an image holds {MAX_LISTS}")
    for spec in lists:
        if not (spec.id.isascii() and 0 < len(spec.id) <= LIST_ID_OCTETS):
            raise ValueError(f"list {spec.id!r}: an id has 1 to {LIST_ID_OCTETS} ASCII octets")
        if not 0 <= spec.category < N_CATEGORIES:
            raise ValueError(f"list {spec.id!r}: category {spec.category}; categories are below {N_CATEGORIES}")
        if spec.action == SHADOW and (spec.confidential or spec.tier == T_CSAM):
            raise ValueError(f"list {spec.id!r}: confidential or CSAM, and action shadow; such a list has to block")
