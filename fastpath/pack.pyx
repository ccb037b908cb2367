"""Image writers: names, subscribers, policy.  The bytes are those of layout.pxd.

Invariants: equal input in equal order gives equal bytes; nothing is written before everything is known, so a reader
never finds half an image under its final name (the caller writes to a temporary one and renames).
"""
import ipaddress
import struct
from operator import itemgetter
from typing import NamedTuple

import xxhash

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy

from fastpath.cursor cimport OK
from fastpath.layout cimport *
from fastpath.name cimport Name, name_from_wire
from fastpath.names cimport bloom_bits, hash_suffixes, reduce_to
from fastpath.siphash cimport siphash128
from fastpath.verdict cimport NO_ACTION, TCP_ONLY

cdef extern from "<stdlib.h>" nogil:
    void qsort_r(void* base, size_t n, size_t size, int (*compare)(const void*, const void*, void*) noexcept nogil,
                 void* with_)

cdef enum:
    BLOOM_BITS_A_NAME = 12      # 1.2-1.6 % of the misses pass
    N_CATEGORIES = 128          # two words of Policy.categories
    NO_ENTRY = 0xffffffff

# 0.70: fuller lines overflow into their neighbours and cost a second miss, emptier ones cost memory.
_LOAD = 0.70
_FOREVER = 2**62
# As Python numbers: a C enum past 2**31 turns negative on its way.
_NOT_HERE = 2**32 - 1
_NOBODY = 2**32 - 2


class ListSpec(NamedTuple):
    """A list as the image names it.   id  at most 24 ASCII octets;   tier, action  numbers of fastpath.verdict;
    category  0 for none, else 1-127;   confidential  its names are stored as digests only."""

    id: str
    tier: int
    category: int
    action: int
    confidential: bool


class ProfileSpec(NamedTuple):
    """A profile as the image holds it.

    categories           blocked ones, bit n for category n (128 bits)
    closed               (start minute of the week, minutes), none reaching past minute 10080
    paused_until         unix seconds; 0: not paused
    utc_offset_s         of the profile's zone until `next_offset_at` (unix seconds)
    next_utc_offset_s    from then on"""

    categories: int
    closed: tuple[tuple[int, int], ...]
    paused_until: int
    utc_offset_s: int
    next_offset_at: int = _FOREVER
    next_utc_offset_s: int = 0


cdef struct Entry:
    uint64_t hash
    uint32_t name_at        # in the blob
    uint32_t order
    uint32_t number         # of arrival: what makes the sort stable
    uint8_t name_n          # without the root's octet
    uint8_t list
    uint8_t mode            # 0: nothing holds this name any more
    uint8_t action
    uint8_t secret


cdef struct Group:          # all entries of one name, or of one name's digest
    uint64_t hash
    uint32_t entry
    uint32_t set
    uint32_t record         # octets of its record


cdef int _compare(const void* left, const void* right, void* blob) noexcept nogil:
    cdef const Entry* a = <const Entry*>left
    cdef const Entry* b = <const Entry*>right
    cdef int by_name
    if a.hash != b.hash:
        return -1 if a.hash < b.hash else 1
    if a.name_n != b.name_n:
        return -1 if a.name_n < b.name_n else 1
    by_name = memcmp(<uint8_t*>blob + a.name_at, <uint8_t*>blob + b.name_at, a.name_n)
    if by_name != 0:
        return by_name
    if a.secret != b.secret:
        return -1 if a.secret < b.secret else 1
    if a.list != b.list:
        return -1 if a.list < b.list else 1
    if a.mode != b.mode:
        return -1 if a.mode < b.mode else 1
    return -1 if a.number < b.number else 1


@cython.final
cdef class NamesBuilder:
    """Collects entries and writes a names image.

    key     16 octets: the hashes' secret, the same for a base and its deltas
    lists   every list by number, at most 128; their order is the order of precedence inside a tier
    Memory: 32 octets an entry and its name."""

    cdef uint64_t _key[2]
    cdef bytes _key_octets
    cdef list _lists
    cdef Entry* _entries
    cdef size_t _n
    cdef size_t _room
    cdef uint8_t* _blob
    cdef size_t _blob_n
    cdef size_t _blob_room

    def __cinit__(self, key: bytes, lists):
        if len(key) != 16:
            raise ValueError(f"key: {len(key)} octets; a key has 16")
        memcpy(self._key, <const char*>key, 16)
        self._key_octets = key
        self._lists = [ListSpec(*spec) for spec in lists]
        if len(self._lists) > MAX_LISTS:
            raise ValueError(f"lists: {len(self._lists)} are too many; an image holds {MAX_LISTS}")
        for spec in self._lists:
            if not (spec.id.isascii() and 0 < len(spec.id) <= LIST_ID_OCTETS):
                raise ValueError(f"list {spec.id!r}: an id has 1 to {LIST_ID_OCTETS} ASCII octets")
            if not 0 <= spec.category < N_CATEGORIES:
                raise ValueError(f"list {spec.id!r}: category {spec.category}; categories are below {N_CATEGORIES}")

    def __dealloc__(self):
        free(self._entries)
        free(self._blob)

    def __len__(self) -> int:
        return self._n

    def add(self, wire: bytes, list: int, mode: int, action: int = 255, order: int = 0) -> None:
        """Add one entry.   wire  canonical;   list  its number;   mode  1 exact, 2 subtree, 3 below;
        action  255: the list's own.   Raises ValueError for a name or a number that is none."""
        if not 0 <= list < len(self._lists):
            raise ValueError(f"list {list}: there are {len(self._lists)}")
        if not 1 <= mode <= 3:
            raise ValueError(f"mode {mode}: 1 exact, 2 subtree, 3 below")
        if not (0 <= action <= TCP_ONLY or action == NO_ACTION):
            raise ValueError(f"action {action}: 0 to {TCP_ONLY}, or {NO_ACTION} for the list's own")
        self._append(wire, list, mode, action, order, self._lists[list].confidential)

    def drop(self, wire: bytes) -> None:
        """Say, in a delta, that nothing holds this very name any more; entries added for it still count."""
        self._append(wire, 0, 0, 0, 0, False)
        self._append(wire, 0, 0, 0, 0, True)

    cdef object _append(self, bytes wire, int list, int mode, int action, uint32_t order, bint secret):
        cdef Name name
        cdef uint64_t hashes[128]
        cdef size_t after
        cdef Entry* entry
        if (name_from_wire(<const uint8_t*>wire, len(wire), 0, &name, &after) != OK or after != <size_t>len(wire)
                or name.n_labels == 0):
            raise ValueError(f"{wire!r}: not one name in wire form")
        self._make_room(name.n)
        hash_suffixes(self._key, &name, hashes)
        entry = self._entries + self._n
        entry.hash = hashes[0]
        entry.name_at = <uint32_t>self._blob_n
        entry.name_n = name.n - 1
        entry.order = order
        entry.number = <uint32_t>self._n
        entry.list = list
        entry.mode = mode
        entry.action = action
        entry.secret = secret
        memcpy(self._blob + self._blob_n, name.wire, name.n - 1)
        self._blob_n += name.n - 1
        self._n += 1

    cdef object _make_room(self, size_t name_n):
        cdef void* grown
        if self._n >= NO_ENTRY or self._blob_n + name_n > NO_ENTRY:
            raise OverflowError("names image: more than 2**32 entries or octets; nothing written; split the lists")
        if self._n == self._room:
            self._room = self._room * 2 or 1024
            grown = realloc(self._entries, self._room * sizeof(Entry))
            if grown == NULL:
                raise MemoryError("growing the entries of a names image")
            self._entries = <Entry*>grown
        if self._blob_n + name_n > self._blob_room:
            self._blob_room = self._blob_room * 2 or 65536
            grown = realloc(self._blob, self._blob_room)
            if grown == NULL:
                raise MemoryError("growing the names of a names image")
            self._blob = <uint8_t*>grown

    def build(self, out, generation: int, base_generation: int = 0) -> dict[str, int]:
        """Write the image to `out` (binary, empty).  Returns counts: names, entries, sets, bytes, hot_bytes.

        Cost: one sort of the entries; peak memory about twice the image."""
        cdef Group* groups = <Group*>malloc((self._n or 1) * sizeof(Group))
        cdef size_t n_groups
        if groups == NULL:
            raise MemoryError("grouping the entries of a names image")
        try:
            if self._n:     # qsort_r() takes no NULL, not even for nothing
                with nogil:
                    qsort_r(self._entries, self._n, sizeof(Entry), _compare, self._blob)
            set_at, sets, n_groups = self._group(groups)
            bloom, lines, cold_at, cold = self._lay(groups, n_groups)
        finally:
            free(groups)
        n_bytes = _write_image(out, K_NAMES, generation, base_generation, self._key_octets,
                               [self._list_rows(), bloom, lines, cold_at, cold, set_at, sets])
        return {"names": n_groups, "entries": self._n, "sets": len(set_at) // 4 - 1, "bytes": n_bytes,
                "hot_bytes": len(bloom) + len(lines)}

    cdef bytes _list_rows(self):
        return b"".join(
            struct.pack("<24sBBBB4x", spec.id.encode("ascii"), spec.tier, spec.category, spec.action, spec.confidential)
            for spec in self._lists)

    cdef object _group(self, Group* groups):
        """Fold entries of one name into groups, and equal sets of entries into one."""
        cdef size_t i = 0
        cdef size_t end
        cdef size_t n_groups = 0
        cdef const Entry* first
        cdef dict number_of = {}
        cdef bytes rows
        sets = []
        while i < self._n:
            first = self._entries + i
            end = i + 1
            while end < self._n and self._same_name(first, self._entries + end):
                end += 1
            rows = self._rows(i, end)
            number = number_of.setdefault(rows, len(number_of))
            if number == len(sets):
                sets.append(rows)
            groups[n_groups].hash = first.hash
            groups[n_groups].entry = <uint32_t>i
            groups[n_groups].set = number
            groups[n_groups].record = 4 + (16 if first.secret else first.name_n)
            n_groups += 1
            i = end
        if len(sets) >= 2**24:
            raise OverflowError("names image: more than 2**24 sets of entries; nothing written; split the lists")
        set_at = bytearray(struct.pack("<I", 0))
        n_rows = 0
        for rows in sets:
            n_rows += len(rows) // sizeof(SetRow)
            set_at += struct.pack("<I", n_rows)
        return bytes(set_at), b"".join(sets), n_groups

    cdef bint _same_name(self, const Entry* a, const Entry* b):
        return (a.hash == b.hash and a.secret == b.secret and a.name_n == b.name_n
                and memcmp(self._blob + a.name_at, self._blob + b.name_at, a.name_n) == 0)

    cdef bytes _rows(self, size_t i, size_t end):
        """The set of entries i..end-1: by list, exact before subtree before below; of equal ones the first."""
        cdef SetRow row
        cdef const Entry* e
        cdef bytes rows = b""
        cdef int last_list = -1
        cdef int last_mode = -1
        row.zero = 0
        while i < end:
            e = self._entries + i
            i += 1
            if e.mode == 0 or (e.list == last_list and e.mode == last_mode):
                continue
            last_list = e.list
            last_mode = e.mode
            row.order = e.order
            row.list = e.list
            row.mode = e.mode
            row.action = e.action
            rows += PyBytes_FromStringAndSize(<const char*>&row, sizeof(SetRow))
        return rows

    cdef object _lay(self, Group* groups, size_t n_groups):
        """Place every group in a line; returns the bytes of the Bloom words, lines, and cold records."""
        cdef uint64_t n_lines = <uint64_t>(n_groups / (LINE_WORDS * _LOAD)) + 1
        cdef uint64_t n_bloom = n_groups * BLOOM_BITS_A_NAME // 64 + 1
        cdef bytearray bloom_octets = bytearray(8 * n_bloom)
        cdef bytearray line_octets = bytearray(8 * LINE_WORDS * n_lines)
        cdef bytearray at_octets = bytearray(4 * (n_lines + 1))
        cdef bytearray cold_octets
        cdef uint64_t* bloom = <uint64_t*><char*>bloom_octets
        cdef uint64_t* lines = <uint64_t*><char*>line_octets
        cdef uint32_t* cold_at = <uint32_t*><char*>at_octets
        cdef uint32_t* owner = <uint32_t*>malloc(4 * LINE_WORDS * n_lines)
        cdef uint64_t slot
        cdef uint64_t line
        cdef uint64_t total = 0
        cdef size_t i
        if owner == NULL:
            raise MemoryError("laying the lines of a names image")
        try:
            for i in range(n_groups):
                bloom[reduce_to(groups[i].hash >> 32, n_bloom)] |= bloom_bits(groups[i].hash)
                line = reduce_to(<uint32_t>groups[i].hash, n_lines)
                slot = line * LINE_WORDS
                while lines[slot] != 0:
                    slot += 1
                    if slot == n_lines * LINE_WORDS:
                        slot = 0
                lines[slot] = groups[i].hash
                owner[slot] = <uint32_t>i
                total += groups[i].record
            if total > NO_ENTRY:
                raise OverflowError("names image: more than 2**32 octets of records; nothing written; split the lists")
            cold_octets = bytearray(total)
            self._write_cold(groups, lines, owner, n_lines, cold_at, <uint8_t*><char*>cold_octets)
        finally:
            free(owner)
        return bloom_octets, line_octets, at_octets, cold_octets

    cdef void _write_cold(self, const Group* groups, const uint64_t* lines, const uint32_t* owner, uint64_t n_lines,
                          uint32_t* cold_at, uint8_t* cold) noexcept nogil:
        cdef uint32_t at = 0
        cdef uint32_t head
        cdef uint64_t digest[2]
        cdef const Group* group
        cdef const Entry* entry
        cdef uint64_t slot
        for slot in range(n_lines * LINE_WORDS):
            if slot % LINE_WORDS == 0:
                cold_at[slot // LINE_WORDS] = at
            if lines[slot] == 0:
                continue
            group = groups + owner[slot]
            entry = self._entries + group.entry
            head = (0 if entry.secret else entry.name_n) | group.set << 8
            memcpy(cold + at, &head, 4)
            if entry.secret:
                siphash128(self._key, self._blob + entry.name_at, entry.name_n, digest)
                memcpy(cold + at + 4, digest, 16)
            else:
                memcpy(cold + at + 4, self._blob + entry.name_at, entry.name_n)
            at += group.record
        cold_at[n_lines] = at


cdef uint64_t _write_image(out, int kind, uint64_t generation, uint64_t base_generation, bytes key, sections) except 0:
    """Write header and sections; the length."""
    cdef uint64_t at = HEADER_OCTETS
    table = b""
    body = []
    for data in sections:
        table += struct.pack("<QQ", at, len(data))
        padding = bytes((64 - len(data) % 64) % 64)
        body += [data, padding]
        at += len(data) + len(padding)
    head = struct.pack("<8sIIQQQ", b"FLTRDIMG", LAYOUT_VERSION, kind, generation, base_generation, at)
    rest = (key + struct.pack("<II", len(sections), 0) + table).ljust(HEADER_OCTETS - CHECKSUM_AT - 8, b"\0")
    checksum = xxhash.xxh3_64(head + rest)
    for data in body:
        checksum.update(data)
    out.write(head + struct.pack("<Q", checksum.intdigest()) + rest)
    for data in body:
        out.write(data)
    return at


def pack_subscribers(out, generation: int, base_generation: int, rows) -> int:
    """Write a subscribers image; returns its length in octets.

    rows   (prefix, subscriber): the longest prefix that holds an address counts; subscriber None: nobody's any more
    Raises ValueError for a prefix that is none or stands twice."""
    networks = [(ipaddress.ip_network(prefix), _NOBODY if subscriber is None else subscriber)
                for prefix, subscriber in rows]
    if len({network for network, _ in networks}) != len(networks):
        raise ValueError("subscribers image: a prefix stands twice; nothing written; give it one subscriber")
    sections = []
    for version, pack in ((4, _pack_range4), (6, _pack_range6)):
        ranges = _flatten([pair for pair in networks if pair[0].version == version], 32 if version == 4 else 128)
        sections.append(b"".join(pack(start, subscriber) for start, subscriber in ranges))
    return _write_image(out, K_SUBSCRIBERS, generation, base_generation, bytes(16), sections)


def _pack_range4(start: int, subscriber: int) -> bytes:
    return struct.pack("<II", start, subscriber)


def _pack_range6(start: int, subscriber: int) -> bytes:
    return struct.pack("<QQII", start >> 64, start & (2**64 - 1), subscriber, 0)


def _flatten(networks, bits: int) -> list[tuple[int, int]]:
    """Nested prefixes as ranges without gaps: (start, subscriber), the first start 0."""
    ranges = [(0, _NOT_HERE)]
    open_ = []                          # (end, subscriber) of the prefixes around the current one

    def close(up_to):
        while open_ and open_[-1][0] <= up_to:
            end, _ = open_.pop()
            if end < 2**bits:
                _begin(ranges, end, open_[-1][1] if open_ else _NOT_HERE)

    for network, subscriber in sorted(networks, key=lambda pair: (int(pair[0].network_address), pair[0].prefixlen)):
        start = int(network.network_address)
        close(start)
        _begin(ranges, start, subscriber)
        open_.append((start + network.num_addresses, subscriber))
    close(2**bits)
    return ranges


def _begin(ranges, start: int, subscriber: int) -> None:
    if ranges[-1][0] == start:
        ranges.pop()
    if not ranges or ranges[-1][1] != subscriber:
        ranges.append((start, subscriber))


def pack_policy(out, generation: int, base_generation: int, profiles, subscribers) -> int:
    """Write a policy image; returns its length in octets.

    profiles      ProfileSpecs;   subscribers  (subscriber, index of its profile), each subscriber once
    Raises ValueError for an index or an interval that is none."""
    pairs = sorted(subscribers, key=itemgetter(0))
    if any(not 0 <= index < len(profiles) for _, index in pairs):
        raise ValueError("policy image: a subscriber names a profile that is not there; nothing written")
    if len({subscriber for subscriber, _ in pairs}) != len(pairs):
        raise ValueError("policy image: a subscriber stands twice; nothing written; give it one profile")
    closed = b""
    rows = b""
    for spec in profiles:
        if any(start < 0 or minutes <= 0 or start + minutes > 10080 for start, minutes in spec.closed):
            raise ValueError(f"policy image: closed {spec.closed} leaves the week; nothing written; split it there")
        rows += struct.pack("<QQqqiiII", spec.categories & (2**64 - 1), spec.categories >> 64, spec.paused_until,
                            spec.next_offset_at, spec.utc_offset_s, spec.next_utc_offset_s,
                            len(closed) // 4, len(spec.closed))
        closed += b"".join(struct.pack("<HH", start, minutes) for start, minutes in spec.closed)
    sections = [struct.pack(f"<{len(pairs)}I", *[subscriber for subscriber, _ in pairs]),
                struct.pack(f"<{len(pairs)}I", *[index for _, index in pairs]), rows, closed]
    return _write_image(out, K_POLICY, generation, base_generation, bytes(16), sections)
