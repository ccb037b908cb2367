"""Writes the sections of a key table from sorted entries, front to back.

Keys follow each other in the lines in the order of their places: each takes the first free slot from its own line on.
The last keys may find no slot before the end; they wrap around to the beginning and shift the keys there.

Invariants: entries are sorted; equal entries give equal bytes; the header is complete before the first section, because
all lengths are known once the sets exist.
"""
import struct

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from fastpath.images.key_builder cimport E_FOLDED, E_SECRET, KEYS_AHEAD, Entry, KeyBuilder
from fastpath.images.key_table cimport DIGEST_OCTETS, SET_BITS, bloom_bits, reduce_to
from fastpath.images.layout cimport LINE_WORDS, LIST_ID_OCTETS, MAX_LISTS, SetRow
from fastpath.images.verdict cimport N_MODES

from fastpath.images.image_writer import ImageWriter

cdef enum:
    BLOOM_BITS_A_KEY = 12       # 1.2 to 1.6 % of the misses pass
    CHUNK_LINES = 16384         # 1 MiB
    CHUNK_OCTETS = 1 << 20
    RECORD_OCTETS = 65535 + 3   # the longest key and its length
    MOST_SETS = 1 << SET_BITS
    CACHE_ROWS = 256

# 0.70: fuller lines overflow into their neighbours and cost a second cache miss; emptier ones cost memory.
_LOAD = 0.70


cdef struct Group:          # all entries of one key, or of one key's digest
    uint32_t first
    uint32_t set


cdef class _Sets:
    """Numbers the sets of rows; equal sets share a number.  Number 0 is the empty set."""

    cdef dict _number_of
    cdef list rows
    cdef SetRow _cached[CACHE_ROWS]         # most sets are one row, and most keys have one of a few sets
    cdef uint32_t _cached_number[CACHE_ROWS]

    def __cinit__(self):
        self._number_of = {b"": 0}
        self.rows = [b""]
        memset(self._cached_number, 0, sizeof(self._cached_number))

    cdef uint32_t number(self, const SetRow* rows, int n) except? 0:
        cdef uint32_t slot
        cdef bytes octets
        if n == 0:
            return 0
        slot = (rows.list * 3 + rows.mode + rows.order * 31 + rows.data * 7) % CACHE_ROWS
        if n == 1 and self._cached_number[slot] and memcmp(&self._cached[slot], rows, sizeof(SetRow)) == 0:
            return self._cached_number[slot]
        octets = PyBytes_FromStringAndSize(<const char*>rows, n * sizeof(SetRow))
        number = self._number_of.setdefault(octets, len(self.rows))
        if number == len(self.rows):
            if number == MOST_SETS:
                raise OverflowError("image: more than 2**24 sets of entries; nothing written; split the lists")
            self.rows.append(octets)
        if n == 1:
            self._cached[slot] = rows[0]
            self._cached_number[slot] = number
        return number


cdef class _TableLayout:
    """The sets, slots and records of one image's key table."""

    cdef KeyBuilder keys
    cdef Group* groups
    cdef size_t n
    cdef size_t folded
    cdef _Sets sets
    cdef uint64_t n_lines
    cdef size_t wrapped             # the last groups, which find no slot before the end
    cdef uint64_t cold_octets

    def __cinit__(self, KeyBuilder keys):
        self.keys = keys
        self.sets = _Sets()
        self.groups = <Group*>malloc((keys.n or 1) * sizeof(Group))
        if self.groups == NULL:
            raise MemoryError("grouping the entries of an image")

    def __dealloc__(self):
        free(self.groups)

    cdef object group(self):
        """Make a set from the entries of every key, except keys whose entries are all folded."""
        cdef SetRow rows[N_MODES * MAX_LISTS]
        cdef size_t i = 0
        cdef size_t end
        cdef int n_rows
        cdef bint is_kept
        while i < self.keys.n:
            end = self.keys.end_of_key(i)
            n_rows = self._collect(i, end, rows, &is_kept)
            if is_kept:
                self.groups[self.n].first = <uint32_t>i
                self.groups[self.n].set = self.sets.number(rows, n_rows)
                self.n += 1
            i = end

    cdef int _collect(self, size_t i, size_t end, SetRow* rows, bint* is_kept) noexcept nogil:
        """Collect the rows of entries i..end-1: by list, exact before subtree before below; the first of equal ones."""
        cdef const Entry* e
        cdef int n = 0
        is_kept[0] = False
        for i in range(i, end):
            e = self.keys.entries + i
            if e.flags & E_FOLDED:
                self.folded += 1
                continue
            is_kept[0] = True
            if e.mode == 0 or (n and rows[n - 1].list == e.list and rows[n - 1].mode == e.mode):
                continue
            rows[n].order = e.order
            rows[n].data = e.data
            rows[n].list = e.list
            rows[n].mode = e.mode
            rows[n].action = e.action
            rows[n].zero = 0
            n += 1
        return n

    cdef inline const Entry* entry(self, size_t i) noexcept nogil:
        """The first entry of the i-th group in slot order."""
        return self.keys.entries + self.groups[self.in_order(i)].first

    cdef inline size_t in_order(self, size_t i) noexcept nogil:
        return self.n - self.wrapped + i if i < self.wrapped else i - self.wrapped

    cdef inline uint64_t slot(self, size_t i, uint64_t first_free) noexcept nogil:
        cdef uint64_t home
        if i < self.wrapped:
            return first_free
        home = reduce_to(self.entry(i).place >> 32, self.n_lines) * LINE_WORDS
        return home if home > first_free else first_free

    cdef object place(self):
        """Find how many groups wrap around to the beginning; these can push others over the end."""
        cdef uint64_t free_slot
        cdef size_t wrapped = 0
        cdef size_t i
        self.n_lines = <uint64_t>(self.n / (LINE_WORDS * _LOAD)) + 1
        while True:
            self.wrapped = wrapped
            free_slot = 0
            for i in range(self.n):
                free_slot = self.slot(i, free_slot) + 1
            if free_slot <= self.n_lines * LINE_WORDS:
                return
            wrapped += free_slot - self.n_lines * LINE_WORDS

    cdef bytearray bloom(self):
        cdef uint64_t n_words = self.n * BLOOM_BITS_A_KEY // 64 + 1
        cdef bytearray octets = bytearray(8 * n_words)
        cdef uint64_t* words = <uint64_t*><char*>octets
        cdef uint64_t hash
        cdef size_t i
        with nogil:
            for i in range(self.n):
                hash = self.keys.entries[self.groups[i].first].place
                hash = hash << 32 | hash >> 32
                words[reduce_to(hash >> 32, n_words)] |= bloom_bits(hash)
        return octets

    cdef object write_lines(self, writer):
        cdef bytearray octets = bytearray(CHUNK_LINES * LINE_WORDS * 8)
        cdef uint64_t* words = <uint64_t*><char*>octets
        cdef uint64_t begin = 0
        cdef uint64_t end
        cdef uint64_t slot = 0
        cdef uint64_t hash
        cdef size_t i = 0
        while begin < self.n_lines * LINE_WORDS:
            end = min(begin + CHUNK_LINES * LINE_WORDS, self.n_lines * LINE_WORDS)
            memset(words, 0, (end - begin) * 8)
            with nogil:
                while i < self.n and self.slot(i, slot) < end:
                    slot = self.slot(i, slot)
                    hash = self.entry(i).place
                    hash = hash << 32 | hash >> 32
                    words[slot - begin] = hash >> SET_BITS << SET_BITS | self.groups[self.in_order(i)].set
                    slot += 1
                    i += 1
            writer.add(memoryview(octets)[: (end - begin) * 8])
            begin = end

    cdef bytearray cold_at(self):
        """Compute where each line's records begin; sets cold_octets."""
        cdef bytearray octets = bytearray(4 * (self.n_lines + 1))
        cdef uint32_t* at = <uint32_t*><char*>octets
        cdef uint64_t total = 0
        cdef uint64_t slot = 0
        cdef uint64_t line = 0
        cdef size_t i
        for i in range(self.n):
            slot = self.slot(i, slot)
            while line <= slot // LINE_WORDS:
                at[line] = <uint32_t>total
                line += 1
            total += _record_octets(self.entry(i))
            slot += 1
        while line <= self.n_lines:
            at[line] = <uint32_t>total
            line += 1
        if total >> 32:
            raise OverflowError("image: more than 2**32 octets of records; nothing written; split the lists")
        self.cold_octets = total
        return octets

    cdef object write_cold(self, writer):
        cdef bytearray octets = bytearray(CHUNK_OCTETS + RECORD_OCTETS)
        cdef uint8_t* at = <uint8_t*><char*>octets
        cdef size_t i = 0
        cdef size_t n
        while i < self.n:
            n = 0
            with nogil:
                while i < self.n and n < CHUNK_OCTETS:
                    self.keys.fetch_key(self.groups[self.in_order(i)].first + KEYS_AHEAD)
                    n += self._record(self.entry(i), at + n)
                    i += 1
            writer.add(memoryview(octets)[:n])

    cdef size_t _record(self, const Entry* entry, uint8_t* out) noexcept nogil:
        cdef const uint8_t* octets = self.keys.octets + entry.key_at
        cdef size_t length = entry.key_n
        cdef size_t n = 0
        if entry.flags & E_SECRET:
            out[0] = 0
            memcpy(out + 1, octets, DIGEST_OCTETS)
            return 1 + DIGEST_OCTETS
        while length >= 0x80:
            out[n] = <uint8_t>(length & 0x7f | 0x80)
            length >>= 7
            n += 1
        out[n] = <uint8_t>length
        memcpy(out + n + 1, octets, entry.key_n)
        return n + 1 + entry.key_n


cdef inline uint64_t _record_octets(const Entry* entry) noexcept nogil:
    if entry.flags & E_SECRET:
        return 1 + DIGEST_OCTETS
    return 1 + (entry.key_n >= 0x80) + (entry.key_n >= 0x4000) + entry.key_n


cdef object write_keys(KeyBuilder keys, out, int kind, generation, base_generation, list more, int flags=0):
    """Write an image: the sections of NamesSection, then `more`.

    out     binary, empty, seekable
    flags   for the header
    Returns counts: names (keys in the table), entries (all that were added), sets, bytes, hot_bytes, folded.
    Cost: one sort; memory, besides the entries: 8 octets a key, 2.2 for Bloom words and `cold_at`, and a few MB."""
    cdef _TableLayout table
    keys.sort()
    table = _TableLayout(keys)
    table.group()
    table.place()
    bloom = table.bloom()
    cold_at = table.cold_at()
    lists = list_rows(keys.lists)
    n_line_octets = table.n_lines * LINE_WORDS * 8
    behind = [*_parts(table.sets.rows, sizeof(SetRow)), *_parts(keys.data(), 1), *more]
    lengths = [len(lists), len(bloom), n_line_octets, len(cold_at), table.cold_octets, *map(len, behind)]
    writer = ImageWriter(out, kind, generation, base_generation, keys.key_octets, lengths,
                         flags | keys.key_flags)
    for section in (lists, bloom):
        writer.add(section)
        writer.end_section()
    table.write_lines(writer)
    writer.end_section()
    writer.add(cold_at)
    writer.end_section()
    table.write_cold(writer)
    writer.end_section()
    for section in behind:
        writer.add(section)
        writer.end_section()
    return {"names": table.n, "entries": keys.n, "sets": len(table.sets.rows) - 1, "bytes": writer.finish(),
            "hot_bytes": len(bloom) + n_line_octets, "folded": table.folded}


def list_rows(lists) -> bytes:
    """Make the section of ListRows."""
    return b"".join(
        struct.pack(f"<{LIST_ID_OCTETS}sBBBB4x", spec.id.encode("ascii"), spec.tier, spec.category, spec.action,
                    spec.confidential)
        for spec in lists)


cdef tuple _parts(list parts, size_t row_octets):
    """Make two sections: where each part begins, in rows; and the parts."""
    at = [0]
    for part in parts:
        at.append(at[-1] + len(part) // row_octets)
    if at[-1] >= 2**32:
        raise OverflowError("image: more than 2**32 rows of entries or octets of data; nothing written")
    return struct.pack(f"<{len(at)}I", *at), b"".join(parts)
