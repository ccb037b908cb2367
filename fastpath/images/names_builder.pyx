"""Builds names images.

Folding: entries of a list that folds are left out of the table where the list would say the same without them.  All
entries that the list has for a name go together, and only if the nearest one above the name that covers it (subtree or
below) has the same action, order and data as each of them.  Decisions stay the same but for the rule that is named.
A list that deltas change entry by entry must not fold: a delta that takes `bad.example` away knows nothing of
`www.bad.example`, which was folded into it and would be let go.  Where no delta touches the list, what covers a folded
name stays in every set that deltas make anew.

Invariant: equal entries in any order of names give equal bytes (but for local data, which are numbered as they come).
"""
cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from fastpath.base.cursor cimport OK
from fastpath.images.key_builder cimport E_FOLDED, E_SECRET, KEYS_AHEAD, Entry, KeyBuilder
from fastpath.images.key_table cimport bloom_bits, reduce_to
from fastpath.images.key_writer cimport write_keys
from fastpath.images.layout cimport HOLDS_ADDRESSES, K_NAMES
from fastpath.images.names cimport hash_suffixes
from fastpath.images.verdict cimport M_SUBTREE, NO_ACTION
from fastpath.wire.address cimport stands_for_addresses
from fastpath.wire.name cimport Name, name_from_wire

cdef enum:
    BLOOM_BITS_A_NAME = 12


@cython.final
cdef class NamesBuilder(KeyBuilder):
    """Collects entries and writes a names image.

    key     16 octets: the hashes' secret, the same for a base and its deltas
    lists   every list by number, at most 128; their order is the order of precedence inside a tier
    Memory: 32 octets an entry and its name; see build()."""

    cdef int _flags         # of the header

    def add(self, bytes wire, int list, int mode, int action=255, uint32_t order=0, bytes data=b"", uint32_t line=0,
            uint32_t part=0) -> None:
        """Add one entry.

        wire       canonical;   list  its number;   mode  1 exact, 2 subtree, 3 below;   action  255: the list's own
        data       of local data (action 7): records to answer with, as S_DATA has them
        line, part where the list says so: the line from 1, and the number of the list's file or sheet
        Raises ValueError for a name or a number that is none."""
        self.check(list, mode, action, data)
        self._append(wire, list, mode, action, order, data, line, part, self.is_confidential(list))

    def drop(self, bytes wire) -> None:
        """Say, in a delta, that nothing holds this very name any more; entries added for it still count."""
        self._append(wire, 0, 0, 0, 0, b"", 0, 0, False)
        self._append(wire, 0, 0, 0, 0, b"", 0, 0, True)

    cdef object _append(self, bytes wire, int list, int mode, int action, uint32_t order, bytes data, uint32_t line,
                        uint32_t part, bint secret):
        cdef Name name
        cdef uint64_t hashes[128]
        cdef size_t after
        if (name_from_wire(<const uint8_t*>wire, len(wire), 0, &name, &after) != OK or after != <size_t>len(wire)
                or name.n_labels == 0):
            raise ValueError(f"{wire!r}: not one name in wire form")
        if stands_for_addresses(name.wire, name.n - 1):
            self._flags |= HOLDS_ADDRESSES
        hash_suffixes(self.key, &name, hashes)
        self.append(name.wire, name.n - 1, hashes[0], list, mode, action, order, data, line, part, secret)

    def build(self, out, generation: int, base_generation: int = 0) -> dict[str, int]:
        """Write the image to `out` (binary, empty, seekable).

        Returns counts: names, entries, sets, bytes, hot_bytes, folded (entries that are not in the table).
        Memory beside the entries: 11 octets a name and a few MB."""
        self.sort()
        if not base_generation:
            self._fold()    # not in a delta, where a name that is left out is the base's to speak of
        return write_keys(self, out, K_NAMES, generation, base_generation, [], self._flags)

    # -- folding -------------------------------------------------------------------------------------------------------

    cdef object _fold(self):
        """Mark what the table can do without; see the top of this file."""
        cdef uint64_t folding[2]
        cdef uint64_t n_bloom = self.n * BLOOM_BITS_A_NAME // 64 + 1
        cdef uint64_t* bloom
        cdef uint8_t actions[128]
        cdef size_t i
        folding[0] = folding[1] = 0
        for number, spec in enumerate(self.lists):
            actions[number] = spec.action
            if spec.folds:
                folding[number >> 6] |= <uint64_t>1 << (number & 63)
        if not (folding[0] or folding[1]):
            return
        bloom = <uint64_t*>calloc(n_bloom, 8)
        if bloom == NULL:
            raise MemoryError("folding the entries of a names image")
        with nogil:
            for i in range(self.n):
                self.entries[i].flags &= ~E_FOLDED
                _set_bloom(bloom, n_bloom, self.entries[i].place)
            self._fold_all(folding, actions, bloom, n_bloom)
        free(bloom)

    cdef void _fold_all(self, const uint64_t* folding, const uint8_t* actions, const uint64_t* bloom,
                        uint64_t n_bloom) noexcept nogil:
        cdef Name name
        cdef uint64_t hashes[128]
        cdef size_t first = 0
        cdef size_t end
        cdef size_t i
        cdef uint8_t list
        cdef bint is_hashed
        while first < self.n:
            end = self.end_of_key(first)
            self.fetch_key(first + KEYS_AHEAD)
            is_hashed = False
            i = first
            while i < end:
                first = i
                list = self.entries[i].list
                while i < end and self.entries[i].list == list:
                    i += 1
                if not (folding[list >> 6] >> (list & 63)) & 1 or self.entries[first].mode == 0:
                    continue
                if not is_hashed:
                    self._name_of(first, &name)
                    hash_suffixes(self.key, &name, hashes)
                    is_hashed = True
                self._fold_list(first, i, &name, hashes, actions[list], bloom, n_bloom)
            first = end

    cdef void _name_of(self, size_t i, Name* out) noexcept nogil:
        cdef uint8_t wire[256]
        cdef size_t after
        memcpy(wire, self.octets + self.entries[i].key_at, self.entries[i].key_n)
        wire[self.entries[i].key_n] = 0
        name_from_wire(wire, self.entries[i].key_n + 1, 0, out, &after)

    cdef void _fold_list(self, size_t first, size_t end, const Name* name, const uint64_t* hashes, uint8_t action,
                         const uint64_t* bloom, uint64_t n_bloom) noexcept nogil:
        """Mark entries first..end-1, which are all that one list has for this name, where they say nothing new."""
        cdef const Entry* above = NULL
        cdef const Entry* e
        cdef uint64_t bits
        cdef size_t i
        cdef int label
        for label in range(1, name.n_labels):
            bits = bloom_bits(hashes[label])
            if (bloom[reduce_to(hashes[label] >> 32, n_bloom)] & bits) == bits:
                above = self._covering(name, label, hashes[label], self.entries + first)
                if above != NULL:
                    break
        if above == NULL:
            return
        for i in range(first, end):
            e = self.entries + i
            if (e.order != above.order or e.data != above.data
                    or (action if e.action == NO_ACTION else e.action)
                    != (action if above.action == NO_ACTION else above.action)):
                return
        for i in range(first, end):
            self.entries[i].flags |= E_FOLDED

    cdef const Entry* _covering(self, const Name* name, int label, uint64_t hash, const Entry* below) noexcept nogil:
        """The entry of `below`'s list through which it speaks of what is below the suffix, or NULL."""
        cdef size_t i = self.find(hash, name.wire + name.at[label], name.n - 1 - name.at[label],
                                  below.flags & E_SECRET != 0)
        cdef size_t end
        if i == self.n:
            return NULL
        end = self.end_of_key(i)
        while i < end:
            if self.entries[i].list == below.list and self.entries[i].mode >= M_SUBTREE:
                return self.entries + i     # a list's entries stand by mode: subtree before below
            i += 1
        return NULL


cdef inline void _set_bloom(uint64_t* bloom, uint64_t n_bloom, uint64_t place) noexcept nogil:
    cdef uint64_t hash = place << 32 | place >> 32
    bloom[reduce_to(hash >> 32, n_bloom)] |= bloom_bits(hash)
