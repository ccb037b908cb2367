"""Suffix matching: finds the entries that apply to a name.

One pass from the right computes a keyed hash of every suffix.  Each is looked up in the key table (key_table.pyx),
which verifies every match.  A name in the delta replaces that very name in the base.

Invariants: no Python object, no allocation; every listed suffix is reported, longest first: the shortest may be that of
the strongest tier; a view is searched only after names_fault().
Cost: bench/names.py.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.images.key_table cimport (
    SET_NONE, find_key, finish_hash, hash_piece, keytable_fault, may_hold, prefetch_bloom, prefetch_line,
    prefetch_record)
from fastpath.images.layout cimport LIST_ID_OCTETS, MAX_LISTS, N_CATEGORIES, ListRow, SetRow
from fastpath.images.verdict cimport M_BELOW, M_EXACT, T_CATEGORY, T_CSAM, T_HELP, T_ORDER, T_SECURITY, T_SERVICE
from fastpath.wire.name cimport NAME_LABELS, Name

cdef enum:
    IN_BASE = 1
    IN_DELTA = 2


cdef struct Candidate:          # a suffix that the Bloom filter did not reject
    uint64_t hash
    uint8_t name
    uint8_t label
    uint8_t where               # IN_BASE, IN_DELTA


cdef const char* names_fault(const NamesView* v) noexcept nogil:
    """Why this view must not be searched, or NULL.

    v       its sections are whole rows; `cold_at`, `set_at` and `data_at` have one row more than they number
    Cost: one pass over `cold_at`, `set_at` and the entries of the sets; 0.3 ms a million names."""
    cdef const char* fault = sets_fault(&v.sets)
    return fault if fault != NULL else keytable_fault(&v.table)


cdef const char* sets_fault(const SetsView* v) noexcept nogil:
    """Why these sets and their lists must not be used, or NULL."""
    cdef const char* fault = _lists_fault(v)
    cdef uint64_t i
    if fault != NULL:
        return fault
    if not _partition(v.set_at, v.n_sets, v.n_rows):
        return b"its sets do not follow each other in its entries"
    if not _partition(v.data_at, v.n_data, v.data_octets):
        return b"its local data do not follow each other"
    for i in range(v.n_rows):
        if v.sets[i].list >= v.n_lists:
            return b"an entry of a list that it does not have"
        if v.sets[i].mode < M_EXACT or v.sets[i].mode > M_BELOW:
            return b"an entry of an unknown mode"
        if v.sets[i].data > v.n_data:
            return b"an entry of local data that it does not have"
    return NULL


cdef const char* _lists_fault(const SetsView* v) noexcept nogil:
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
        if row.category >= N_CATEGORIES:
            return b"a list of a category past the mask"
        if not (row.tier == T_CSAM or row.tier == T_ORDER or row.tier == T_HELP or row.tier == T_SERVICE
                or row.tier == T_CATEGORY or row.tier == T_SECURITY):
            return b"a list of a tier that holds no lists"
    return NULL


cdef bint _partition(const uint32_t* at, uint64_t n, uint64_t end) noexcept nogil:
    """Whether at[0..n] rises from 0 to `end`: n parts without a gap."""
    cdef uint64_t i
    for i in range(n):
        if at[i] > at[i + 1]:
            return False
    return at[0] == 0 and at[n] == end


cdef bint rows_of(const SetsView* v, uint32_t number, Hit* out) noexcept nogil:
    """Put the rows of a set into `out`; False for an empty or unknown set."""
    cdef uint32_t first
    cdef uint32_t end
    if number >= v.n_sets:
        return False
    first = v.set_at[number]
    end = v.set_at[number + 1]
    out.rows = v.sets + first
    out.n_rows = end - first
    out.sets = v
    return first < end


cdef const uint8_t* data_of(const SetsView* v, const SetRow* row, uint32_t* n) noexcept nogil:
    """The local data of an entry, and its length; NULL and 0 where it has none."""
    n[0] = 0
    if row.data == 0 or row.data > v.n_data:
        return NULL
    n[0] = v.data_at[row.data] - v.data_at[row.data - 1]
    return v.data + v.data_at[row.data - 1]


cdef void mask_lists(const Hits* hits, uint64_t* out) noexcept nogil:
    """The lists of all entries that match by their mode.   out  128 bits"""
    cdef const SetRow* row
    cdef uint32_t i
    cdef uint32_t k
    out[0] = out[1] = 0
    for i in range(hits.n):
        for k in range(hits.at[i].n_rows):
            row = hits.at[i].rows + k
            if row.mode != (M_EXACT if hits.at[i].label else M_BELOW):
                out[row.list >> 6] |= <uint64_t>1 << (row.list & 63)


cdef void hash_suffixes(const uint64_t* key, const Name* name, uint64_t* out) noexcept nogil:
    """Write the hash of the suffix from label i on to out[i], for every label.   out  n_labels words"""
    cdef uint64_t h = key[0]
    cdef int i = name.n_labels - 1
    while i >= 0:
        h = hash_piece(key, h, name.wire + name.at[i] + 1, name.wire[name.at[i]])   # Name leaves slack behind it
        out[i] = finish_hash(key, h)
        i -= 1


cdef inline void _add(Hits* out, const SetsView* v, uint32_t number, uint8_t label) noexcept nogil:
    if out.n < MAX_HITS and rows_of(v, number, &out.at[out.n]):
        out.at[out.n].label = label
        out.at[out.n].url_n = 0
        out.n += 1


cdef void _find_suffix(const NamesView* base, const NamesView* delta, const Name* name, const Candidate* c,
                       Hits* out) noexcept nogil:
    """Add the entries of one suffix, from the delta or else from the base."""
    cdef const uint8_t* wire = name.wire + name.at[c.label]
    cdef uint32_t n = name.n - 1 - name.at[c.label]
    cdef uint32_t plain = SET_NONE
    cdef uint32_t secret = SET_NONE
    cdef uint32_t base_plain = SET_NONE
    cdef uint32_t base_secret = SET_NONE
    if c.where & IN_DELTA:
        find_key(&delta.table, c.hash, wire, n, &plain, &secret)
    if c.where & IN_BASE:
        find_key(&base.table, c.hash, wire, n, &base_plain, &base_secret)
    if plain != SET_NONE:
        _add(out, &delta.sets, plain, c.label)
    elif base_plain != SET_NONE:
        _add(out, &base.sets, base_plain, c.label)
    if secret != SET_NONE:
        _add(out, &delta.sets, secret, c.label)
    elif base_secret != SET_NONE:
        _add(out, &base.sets, base_secret, c.label)


cdef inline uint32_t _sift(const NamesView* base, const NamesView* delta, const uint64_t* hashes, uint32_t n_labels,
                           uint8_t name, Candidate* out) noexcept nogil:
    """Write the suffixes that may be listed to `out`, which has room for all, and prefetch their lines."""
    cdef uint32_t n = 0
    cdef uint32_t i
    cdef uint8_t where
    for i in range(n_labels):
        where = may_hold(&base.table, hashes[i]) if base.table.n_bloom else 0
        if delta.table.n_bloom:
            where |= may_hold(&delta.table, hashes[i]) << 1
        out[n].hash = hashes[i]
        out[n].name = name
        out[n].label = <uint8_t>i
        out[n].where = where
        n += where != 0         # no branch: whether a name is listed cannot be predicted
    for i in range(n):
        if out[i].where & IN_BASE:
            prefetch_line(&base.table, out[i].hash)
        if out[i].where & IN_DELTA:
            prefetch_line(&delta.table, out[i].hash)
    return n


cdef void hash_name(const NamesView* base, const NamesView* delta, const Name* name, uint64_t* hashes) noexcept nogil:
    """Hash all suffixes, and prefetch the Bloom word of each.   hashes  n_labels words"""
    cdef uint32_t i
    hash_suffixes((base if base.table.n_bloom else delta).table.key, name, hashes)
    if base.table.n_bloom:
        for i in range(name.n_labels):
            prefetch_bloom(&base.table, hashes[i])
    if delta.table.n_bloom:
        for i in range(name.n_labels):
            prefetch_bloom(&delta.table, hashes[i])


cdef void find_hits(const NamesView* base, const NamesView* delta, const Name* name, Hits* out) noexcept nogil:
    """Find the entries of every listed suffix of `name`, longest suffix first.

    base, delta   share one key; an empty view has table.n_bloom == 0"""
    cdef uint64_t hashes[NAME_LABELS]
    hash_name(base, delta, name, hashes)
    find_hashed(base, delta, name, hashes, out)


cdef void find_hashed(const NamesView* base, const NamesView* delta, const Name* name, const uint64_t* hashes,
                      Hits* out) noexcept nogil:
    """Do find_hits() for a name that hash_name() has hashed."""
    cdef Candidate candidates[NAME_LABELS]
    cdef uint32_t n
    cdef uint32_t i
    out.n = 0
    n = _sift(base, delta, hashes, name.n_labels, 0, candidates)
    for i in range(n):
        _find_suffix(base, delta, name, candidates + i, out)


cdef void find_hits_batch(const NamesView* base, const NamesView* delta, const Name* const* names, uint32_t n,
                          Hits* out) noexcept nogil:
    """Do find_hits() for `n` names at once: the memory that each step reads is prefetched for all of them.

    n       at most BATCH_NAMES;   names  pointers to them;   out  n Hits"""
    cdef uint64_t hashes[BATCH_NAMES * NAME_LABELS]
    cdef Candidate candidates[BATCH_NAMES * NAME_LABELS]
    cdef uint32_t at = 0
    cdef uint32_t n_candidates = 0
    cdef uint32_t i
    for i in range(n):
        hash_name(base, delta, names[i], hashes + at)
        at += names[i].n_labels
        out[i].n = 0
    at = 0
    for i in range(n):
        n_candidates += _sift(base, delta, hashes + at, names[i].n_labels, <uint8_t>i, candidates + n_candidates)
        at += names[i].n_labels
    for i in range(n_candidates):
        if candidates[i].where & IN_BASE:
            prefetch_record(&base.table, candidates[i].hash)
    for i in range(n_candidates):
        _find_suffix(base, delta, names[candidates[i].name], candidates + i, &out[candidates[i].name])
