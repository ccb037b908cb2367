"""Suffix matching: which entries speak of a name.

All suffixes are hashed in one pass from the right, keyed; a Bloom word of 12 bits a name turns nearly every miss away;
a 64-octet line of eight 64-bit fingerprints is one cache miss; a fingerprint that agrees is verified against the stored
name (or, for a confidential list, its keyed 128-bit digest), so that no name is ever matched by chance.
A name that the delta holds is the delta's alone: what the base says of that very name no longer counts.

A record of the cold section belongs to the slot of the same rank in its line:
    u32  octets of the name (8 bits, 0: a 16-octet digest follows instead) | number of its set << 8
    name in wire form without the root's octet

Invariants: no Python object, no allocation; at most MAX_HITS suffixes are reported, longest first; a view is
searched only after names_fault(), and a record is believed only inside its line's part of the section.
Cost: bench/names.py.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from fastpath.layout cimport LINE_WORDS, LIST_ID_OCTETS, MAX_LISTS, ListRow
from fastpath.name cimport Name
from fastpath.siphash cimport siphash128
from fastpath.verdict cimport M_BELOW, M_EXACT, T_CATEGORY, T_CSAM, T_HELP, T_ORDER, T_SECURITY

cdef extern from *:
    """
    static inline uint64_t fd_mum(uint64_t a, uint64_t b) {
        unsigned __int128 r = (unsigned __int128)a * b;
        return (uint64_t)(r >> 64) ^ (uint64_t)r;
    }
    #define fd_prefetch(place) __builtin_prefetch(place)
    """
    uint64_t mum "fd_mum"(uint64_t a, uint64_t b) noexcept nogil
    void prefetch "fd_prefetch"(const void* place) noexcept nogil

cdef enum:
    SET_NONE = 0xffffffff
    CATEGORIES = 128            # two words of ProfileRow.categories


cdef const char* names_fault(const NamesView* v) noexcept nogil:
    """Why this view must not be searched, or NULL.

    Its sections are whole rows, and there is at least one line, one Bloom word and one row of `set_at`.
    Cost: one pass over `cold_at`, `set_at` and the entries of the sets; 0.3 ms a million names."""
    cdef const char* fault = _lists_fault(v)
    cdef uint64_t i
    if fault != NULL:
        return fault
    if not _partition(v.cold_at, v.n_lines, v.cold_octets):
        return b"its lines do not follow each other in its records"
    if not _partition(v.set_at, v.n_sets, v.n_rows):
        return b"its sets do not follow each other in its entries"
    for i in range(v.n_rows):
        if v.sets[i].list >= v.n_lists:
            return b"an entry of a list that it does not have"
        if v.sets[i].mode < M_EXACT or v.sets[i].mode > M_BELOW:
            return b"an entry of an unknown mode"
    return NULL


cdef const char* _lists_fault(const NamesView* v) noexcept nogil:
    cdef const ListRow* row
    cdef uint32_t i
    cdef int k
    if v.n_lists > MAX_LISTS:
        return b"more lists than a mask holds"
    for i in range(v.n_lists):
        row = v.lists + i
        for k in range(LIST_ID_OCTETS):
            if <uint8_t>row.id[k] > 0x7f:
                return b"the id of a list is not ASCII"
        if row.category >= CATEGORIES:
            return b"a list of a category past the mask"
        if not (row.tier == T_CSAM or row.tier == T_ORDER or row.tier == T_HELP or row.tier == T_CATEGORY
                or row.tier == T_SECURITY):
            return b"a list of a tier that holds no lists"
    return NULL


cdef bint _partition(const uint32_t* at, uint64_t n, uint64_t end) noexcept nogil:
    """Whether at[0..n] rises from 0 to `end`: n parts without a gap."""
    cdef uint64_t i
    for i in range(n):
        if at[i] > at[i + 1]:
            return False
    return at[0] == 0 and at[n] == end


cdef inline uint64_t _hash_label(const uint64_t* key, uint64_t parent, const uint8_t* label, uint32_t n) noexcept nogil:
    """Hash one label of `n` octets onto the hash of all that is right of it."""
    cdef uint64_t lo
    cdef uint64_t hi
    cdef uint64_t h = parent
    cdef uint32_t left = n
    while True:
        memcpy(&lo, label, 8)           # Name leaves NAME_SLACK octets behind the last label
        memcpy(&hi, label + 8, 8)
        if left < 8:
            lo &= (<uint64_t>1 << (8 * left)) - 1
            hi = 0
        elif left < 16:
            hi &= (<uint64_t>1 << (8 * (left - 8))) - 1
        h = mum(h ^ lo ^ key[0], (h << 32 | h >> 32) ^ hi ^ key[1] ^ (<uint64_t>left << 56))
        if left <= 16:
            return h
        left -= 16
        label += 16


cdef void hash_suffixes(const uint64_t* key, const Name* name, uint64_t* out) noexcept nogil:
    """Write the hash of the suffix that begins at label i to out[i], for every label.   out  n_labels words.

    Never 0, which marks a free slot."""
    cdef uint64_t h = key[0]
    cdef int i = name.n_labels - 1
    while i >= 0:
        h = _hash_label(key, h, name.wire + name.at[i] + 1, name.wire[name.at[i]])
        out[i] = h if h != 0 else 1
        i -= 1


cdef inline const uint8_t* _record(const NamesView* v, uint64_t line, int slot) noexcept nogil:
    """The record of `slot`, or NULL where the section ends too early."""
    cdef uint64_t at = v.cold_at[line]
    cdef uint64_t end = v.cold_at[line + 1]
    cdef uint32_t head
    if end > v.cold_octets:
        return NULL
    while True:
        if at + 4 > end:
            return NULL
        memcpy(&head, v.cold + at, 4)
        if at + 4 + ((head & 0xff) or 16) > end:
            return NULL
        if slot == 0:
            return v.cold + at
        at += 4 + ((head & 0xff) or 16)
        slot -= 1


cdef inline uint32_t _verify(const NamesView* v, const uint8_t* record, const uint8_t* wire, uint32_t n,
                             uint32_t* plain, uint32_t* secret) noexcept nogil:
    """Compare the record with the `n` octets of a suffix; put its set where it belongs."""
    cdef uint32_t head
    cdef uint64_t digest[2]
    memcpy(&head, record, 4)
    if head >> 8 >= v.n_sets:
        return 0
    if head & 0xff:
        if (head & 0xff) == n and memcmp(record + 4, wire, n) == 0:
            plain[0] = head >> 8
        return 0
    siphash128(v.key, wire, n, digest)
    if memcmp(record + 4, digest, 16) == 0:
        secret[0] = head >> 8
    return 0


cdef void _find(const NamesView* v, uint64_t hash, const uint8_t* wire, uint32_t n, uint32_t* plain,
                uint32_t* secret) noexcept nogil:
    """Look one suffix up: the set of its plain record and of its digest record, SET_NONE each where there is none."""
    cdef uint64_t line = reduce_to(<uint32_t>hash, v.n_lines)
    cdef const uint64_t* words
    cdef const uint8_t* record
    cdef uint64_t walked = 0
    cdef int i
    while walked < v.n_lines:
        words = v.lines + line * LINE_WORDS
        for i in range(LINE_WORDS):
            if words[i] == 0:
                return
            if words[i] == hash:
                record = _record(v, line, i)
                if record != NULL:
                    _verify(v, record, wire, n, plain, secret)
        line = line + 1 if line + 1 < v.n_lines else 0
        walked += 1


cdef inline bint _may_hold(const NamesView* v, uint64_t hash) noexcept nogil:
    cdef uint64_t bits = bloom_bits(hash)
    return v.n_bloom and (v.bloom[reduce_to(hash >> 32, v.n_bloom)] & bits) == bits


cdef inline void _add(Hits* out, const NamesView* v, uint32_t number, uint8_t label) noexcept nogil:
    cdef uint32_t first = v.set_at[number]
    cdef uint32_t end = v.set_at[number + 1]
    if first < end <= v.n_rows and out.n < MAX_HITS:
        out.at[out.n].rows = v.sets + first
        out.at[out.n].n_rows = end - first
        out.at[out.n].label = label
        out.n += 1


cdef void find_hits(const NamesView* base, const NamesView* delta, const Name* name, Hits* out) noexcept nogil:
    """Fill `out` with the entries of every listed suffix of `name`, longest suffix first.

    Both views share one key.  A view of nothing has n_bloom == 0."""
    cdef uint64_t hashes[128]
    cdef uint32_t plain
    cdef uint32_t secret
    cdef uint32_t base_plain
    cdef uint32_t base_secret
    cdef uint32_t n
    cdef int i
    out.n = 0
    if not base.n_bloom and not delta.n_bloom:
        return
    if base.n_bloom:
        hash_suffixes(base.key, name, hashes)
    else:
        hash_suffixes(delta.key, name, hashes)
    for i in range(name.n_labels):
        if base.n_bloom:
            prefetch(base.bloom + reduce_to(hashes[i] >> 32, base.n_bloom))
    for i in range(name.n_labels):
        plain = secret = base_plain = base_secret = SET_NONE
        n = name.n - 1 - name.at[i]
        if _may_hold(delta, hashes[i]):
            _find(delta, hashes[i], name.wire + name.at[i], n, &plain, &secret)
        if _may_hold(base, hashes[i]):
            _find(base, hashes[i], name.wire + name.at[i], n, &base_plain, &base_secret)
        if plain != SET_NONE:
            _add(out, delta, plain, <uint8_t>i)
        elif base_plain != SET_NONE:
            _add(out, base, base_plain, <uint8_t>i)
        if secret != SET_NONE:
            _add(out, delta, secret, <uint8_t>i)
        elif base_secret != SET_NONE:
            _add(out, base, base_secret, <uint8_t>i)
