"""Builds names images.

Folding leaves out the entries of a list that change no decision.  All entries of the list for a name are folded
together, and only if the nearest covering entry above the name (subtree or below) has the same action, order and data
as each of them.  Decisions stay the same; only the rule that they name may differ.
A list that deltas change entry by entry must not fold.  A delta that removes `bad.example` does not know that
`www.bad.example` was folded into it, and would allow it.  Where no delta changes the list, the entry that covers a
folded name stays in every set that a delta rewrites.  Of a confidential list nothing folds: there are digests alone.

Invariants: equal entries in any order of names give equal bytes, except local data, which are numbered as they arrive.
"""
cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from fastpath.base.cursor cimport OK
from fastpath.images.key_builder cimport DigestRow, E_FOLDED, E_SECRET, KEYS_AHEAD, Entry, KeyBuilder
from fastpath.images.key_table cimport DIGEST_OCTETS, bloom_bits, place_of, reduce_to
from fastpath.images.key_writer cimport write_keys
from fastpath.images.layout cimport HOLDS_ADDRESSES, K_NAMES, MAX_LISTS
from fastpath.images.names cimport hash_suffixes
from fastpath.images.verdict cimport M_SUBTREE, NO_ACTION
from fastpath.wire.address cimport stands_for_addresses
from fastpath.wire.name cimport NAME_LABELS, NAME_OCTETS, Name, name_from_wire

cdef enum:
    BLOOM_BITS_A_NAME = 12


@cython.final
cdef class NamesBuilder(KeyBuilder):
    """Collects entries and writes a names image.

    key     16 octets: the secret of the hashes, the same for a base and its deltas
    lists   every list by number, at most 128; their order is the order of precedence inside a tier
    Cost: 32 octets of memory an entry, and its name; see build()."""

    cdef int _flags         # of the header

    def add(self, bytes wire, int list, int mode, int action=NO_ACTION, uint32_t order=0, bytes data=b"",
            uint32_t line=0, uint32_t part=0) -> None:
        """Add one entry.

        wire       canonical;   list  its number;   mode  1 exact, 2 subtree, 3 below;   action  255: the list's own
        data       for action 7, local data: records to answer with, in the form of S_DATA
        line, part its place in the list: the line, from 1, and the number of the file or sheet
        Raises ValueError for an invalid name or number."""
        self.check(list, mode, action, data)
        self._append(wire, list, mode, action, order, data, line, part, self.is_confidential(list))

    def digests(self) -> bytes:
        """All entries, of confidential lists alone, as rows that add_digests() of another builder takes.

        Before build().   Raises ValueError"""
        return self.rows(NULL)

    def add_digests(self, bytes rows, int list) -> None:
        """Add what digests() of a builder with the same key gave, as entries of this confidential list.

        Raises ValueError for other octets"""
        cdef const DigestRow* row = self.digest_rows(rows, list)
        cdef size_t i
        for i in range(len(rows) // sizeof(DigestRow)):
            # place_of() is its own inverse
            self.append_octets(row[i].digest, DIGEST_OCTETS, place_of(row[i].place), list, row[i].mode, row[i].action,
                               0, b"", 0, 0, E_SECRET)

    def drop(self, bytes wire) -> None:
        """Remove, in a delta, all entries of this very name in the base; entries added here still count."""
        self._append(wire, 0, 0, 0, 0, b"", 0, 0, False)
        self._append(wire, 0, 0, 0, 0, b"", 0, 0, True)

    cdef object _append(self, bytes wire, int list, int mode, int action, uint32_t order, bytes data, uint32_t line,
                        uint32_t part, bint secret):
        cdef Name name
        cdef uint64_t hashes[NAME_LABELS]
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

        Returns counts: names, entries, sets, bytes, hot_bytes, folded (entries left out of the table).
        Cost: memory, besides the entries: 11 octets a name and a few MB."""
        self.sort()
        if not base_generation:
            self._fold()    # not in a delta: a name that is left out there is looked up in the base
        return write_keys(self, out, K_NAMES, generation, base_generation, [], self._flags)

    # -- folding -------------------------------------------------------------------------------------------------------

    cdef object _fold(self):
        """Mark the entries that the table does not need; see the top of this file."""
        cdef uint64_t folding[2]
        cdef uint64_t n_bloom = self.n * BLOOM_BITS_A_NAME // 64 + 1
        cdef uint64_t* bloom
        cdef uint8_t actions[MAX_LISTS]
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
        cdef uint64_t hashes[NAME_LABELS]
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
                if (not (folding[list >> 6] >> (list & 63)) & 1 or self.entries[first].mode == 0
                        or self.entries[first].flags & E_SECRET):
                    continue
                if not is_hashed:
                    self._name_of(first, &name)
                    hash_suffixes(self.key, &name, hashes)
                    is_hashed = True
                self._fold_list(first, i, &name, hashes, actions[list], bloom, n_bloom)
            first = end

    cdef void _name_of(self, size_t i, Name* out) noexcept nogil:
        cdef uint8_t wire[NAME_OCTETS]
        cdef size_t after
        memcpy(wire, self.octets + self.entries[i].key_at, self.entries[i].key_n)
        wire[self.entries[i].key_n] = 0
        name_from_wire(wire, self.entries[i].key_n + 1, 0, out, &after)

    cdef void _fold_list(self, size_t first, size_t end, const Name* name, const uint64_t* hashes, uint8_t action,
                         const uint64_t* bloom, uint64_t n_bloom) noexcept nogil:
        """Mark entries first..end-1, all those of one list for this name, where they change no decision."""
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
        """The entry of `below`'s list that covers the names below the suffix, or NULL."""
        cdef size_t i = self.find(hash, name.wire + name.at[label], name.n - 1 - name.at[label])
        cdef size_t end
        if i == self.n:
            return NULL
        end = self.end_of_key(i)
        while i < end:
            if self.entries[i].list == below.list and self.entries[i].mode >= M_SUBTREE:
                return self.entries + i     # a list's entries are sorted by mode: subtree before below
            i += 1
        return NULL


cdef inline void _set_bloom(uint64_t* bloom, uint64_t n_bloom, uint64_t place) noexcept nogil:
    cdef uint64_t hash = place << 32 | place >> 32
    bloom[reduce_to(hash >> 32, n_bloom)] |= bloom_bits(hash)
