"""URL matching: finds the entries that apply to a URL, and builds URL images.

The host comes first: its hash, known from the lookup of the name, is looked up in a Bloom filter of the hosts that
have entries.  For other hosts that is the only cost: one word.  Then the hash continues over port, path and query,
piece by piece, and the key table (key_table.pyx) is searched for the whole URL.  Where the host has entries that cover
what is below them, it is also searched for each part that may be such an entry: up to before and behind each slash of
the path, and up to the end of the path.

A key is the host in wire form (root octet included), `:port` if any, the path, `?query` if any.  An EXACT entry matches
its key only; a SUBTREE entry without a query also covers any query, and what follows its key behind a slash.
A URL in the delta replaces that very URL in the base.

Invariants: no Python object and no allocation in a lookup; a match is verified against all octets of its key, or their
digest; every hit is reported, longest first; a view is searched only after urls_fault().
Cost: bench/urls.py.
"""
cimport cython
from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, qsort, realloc
from libc.string cimport memcpy

from fastpath.base.cursor cimport OK
from fastpath.images.key_builder cimport DigestRow, E_SECRET, KeyBuilder
from fastpath.images.key_table cimport (
    DIGEST_OCTETS, SET_NONE, KeyTable, find_key, finish_hash, hash_piece, keytable_fault, may_hold, place_of,
    prefetch_bloom, prefetch_line)
from fastpath.images.key_writer cimport write_keys
from fastpath.images.layout cimport K_URLS
from fastpath.images.names cimport Hit, Hits, SetsView, hash_suffixes, rows_of, sets_fault
from fastpath.images.verdict cimport M_BELOW, M_SUBTREE, NO_ACTION
from fastpath.wire.name cimport NAME_LABELS
from fastpath.wire.url cimport URL_NOT_ASCII, url_from_text

from fastpath.wire import url as _url

cdef enum:
    BLOOM_BITS_A_HOST = 24      # 0.2 % of the other hosts pass and cost a lookup of their URL
    SLASH = 47


cdef const char* urls_fault(const UrlsView* v) noexcept nogil:
    """Why this view must not be searched, or NULL.

    v       its sections are whole rows; `cold_at`, `set_at` and `data_at` have one row more than they number
    Cost: one pass over them and over the entries of the sets."""
    cdef const char* fault = sets_fault(&v.sets)
    cdef uint64_t i
    if fault == NULL:
        fault = keytable_fault(&v.table)
    if fault != NULL:
        return fault
    if v.n_hosts == 0:
        return b"URLs of no host"
    for i in range(v.sets.n_rows):
        if v.sets.sets[i].mode == M_BELOW:
            return b"an entry of a mode that URLs do not have"
    return NULL


cdef uint32_t list_url_keys(const uint64_t* key, uint64_t host_hash, const Url* url, bint with_prefixes,
                            UrlKey* out) noexcept nogil:
    """Hash the whole key; write it to `out`, and before it, shortest first, the parts of it that may be entries.

    out   room for MAX_URL_KEYS.   Returns their number"""
    cdef uint64_t h = host_hash
    cdef uint32_t n = 0
    cdef uint32_t at = url.path_at
    cdef uint32_t start
    if url.path_at > url.host_n:
        h = hash_piece(key, h, url.key + url.host_n, url.path_at - url.host_n)
    while at < url.query_at:
        h = hash_piece(key, h, url.key + at, 1)         # a slash: the path begins with one, and no two stand together
        at += 1
        if with_prefixes:
            out[n].hash = h
            out[n].n = at
            n += 1
        start = at
        while at < url.query_at and url.key[at] != SLASH:
            at += 1
        if at == start:
            break
        h = hash_piece(key, h, url.key + start, at - start)
        if with_prefixes:
            out[n].hash = h
            out[n].n = at
            n += 1
    if url.query_at < url.n:
        h = hash_piece(key, h, url.key + url.query_at, url.n - url.query_at)
    if n == 0 or out[n - 1].n < url.n:
        out[n].hash = h
        out[n].n = url.n
        n += 1
    for at in range(n):
        out[at].hash = finish_hash(key, out[at].hash)
    return n


cdef inline void _add(UrlHits* out, const SetsView* v, uint32_t number, const Url* url, uint32_t n) noexcept nogil:
    if out.n < MAX_URL_HITS and rows_of(v, number, &out.at[out.n]):
        out.at[out.n].label = 0 if n == url.n else 1
        out.at[out.n].url_n = <uint16_t>n
        out.n += 1


cdef void _find_url_key(const UrlsView* base, const UrlsView* delta, const Url* url, const UrlKey* c,
                        UrlHits* out) noexcept nogil:
    """Add the entries of one key, from the delta or else from the base."""
    cdef uint32_t plain = SET_NONE
    cdef uint32_t secret = SET_NONE
    cdef uint32_t base_plain = SET_NONE
    cdef uint32_t base_secret = SET_NONE
    if delta.table.n_bloom and may_hold(&delta.table, c.hash):
        find_key(&delta.table, c.hash, url.key, c.n, &plain, &secret)
    if base.table.n_bloom and may_hold(&base.table, c.hash):
        find_key(&base.table, c.hash, url.key, c.n, &base_plain, &base_secret)
    if plain != SET_NONE:
        _add(out, &delta.sets, plain, url, c.n)
    elif base_plain != SET_NONE:
        _add(out, &base.sets, base_plain, url, c.n)
    if secret != SET_NONE:
        _add(out, &delta.sets, secret, url, c.n)
    elif base_secret != SET_NONE:
        _add(out, &base.sets, base_secret, url, c.n)


cdef void find_url_hits(const UrlsView* base, const UrlsView* delta, uint64_t host_hash, const Url* url,
                        UrlHits* out) noexcept nogil:
    """Find the entries of the URL and of the parts that cover it, longest first.

    base, delta   share one key; an empty view has table.n_bloom == 0
    host_hash     of url.host, as hash_suffixes() gives it"""
    cdef UrlKey candidates[MAX_URL_KEYS]
    cdef bint with_prefixes = may_have_prefixes(base, host_hash) or may_have_prefixes(delta, host_hash)
    cdef const KeyTable* some = &base.table if base.table.n_bloom else &delta.table
    cdef uint32_t n
    cdef uint32_t i
    out.n = 0
    if not some.n_bloom:
        return
    n = list_url_keys(some.key, host_hash, url, with_prefixes, candidates)
    if base.table.n_bloom:
        # the whole URL is the likely match: fetch its line without waiting for its Bloom word
        prefetch_line(&base.table, candidates[n - 1].hash)
    for i in range(n):
        if base.table.n_bloom:
            prefetch_bloom(&base.table, candidates[i].hash)
        if delta.table.n_bloom:
            prefetch_bloom(&delta.table, candidates[i].hash)
    for i in range(n, 0, -1):
        _find_url_key(base, delta, url, candidates + i - 1, out)


cdef void find_all_hits(const UrlsView* base, const UrlsView* delta, uint64_t host_hash, const Url* url,
                        const Hits* of_host, UrlHits* out) noexcept nogil:
    """Do find_url_hits() where the host has URLs, and put the hits of the host behind, which are shorter."""
    out.n = 0
    if may_have_urls(base, host_hash) or may_have_urls(delta, host_hash):
        find_url_hits(base, delta, host_hash, url, out)
    memcpy(&out.at[out.n], &of_host.at[0], of_host.n * sizeof(Hit))
    out.n += of_host.n


# -- writing ---------------------------------------------------------------------------------------------------------

cdef int _compare(const void* left, const void* right) noexcept nogil:
    cdef uint64_t a = (<const uint64_t*>left)[0]
    cdef uint64_t b = (<const uint64_t*>right)[0]
    return (a > b) - (a < b)


@cython.final
cdef class UrlsBuilder(KeyBuilder):
    """Collects entries and writes a URL image.

    key     16 octets: that of the names image, because both hash hosts
    lists   those of the names image
    Cost: 40 octets of memory an entry, and its URL."""

    cdef uint64_t* _hosts       # hash of each entry's host; lowest bit set: the entry covers what is below it
    cdef size_t _hosts_room

    def __dealloc__(self):
        free(self._hosts)

    def add(self, bytes url, int list, int mode, int action=NO_ACTION, uint32_t order=0, uint32_t line=0,
            uint32_t part=0) -> None:
        """Add one entry.

        url     canonical;   list  its number;   mode  1 exact, 2 subtree;   action  255: the list's own
        Raises ValueError for an invalid URL or number."""
        self.check(list, mode, action, b"")
        if mode == M_BELOW:
            raise ValueError(f"mode {mode}: a URL is meant exactly (1) or with all below it (2)")
        self._append(url, list, mode, action, order, line, part, self.is_confidential(list))

    def digests(self) -> bytes:
        """All entries, of confidential lists alone, as rows that add_digests() of another builder takes.

        Before build().   Raises ValueError"""
        return self.rows(self._hosts)

    def add_digests(self, bytes rows, int list) -> None:
        """Add what digests() of a builder with the same key gave, as entries of this confidential list.

        Raises ValueError for other octets"""
        cdef const DigestRow* row = self.digest_rows(rows, list)
        cdef size_t i
        for i in range(len(rows) // sizeof(DigestRow)):
            if row[i].mode == M_BELOW:
                raise ValueError(f"digests: mode {M_BELOW}, which URLs do not have")
            self._make_hosts_room()
            self.append_octets(row[i].digest, DIGEST_OCTETS, place_of(row[i].place), list, row[i].mode, row[i].action,
                               0, b"", 0, 0, E_SECRET)
            self._hosts[self.n - 1] = row[i].host

    def drop(self, bytes url) -> None:
        """Remove, in a delta, all entries of this very URL in the base; entries added here still count."""
        self._append(url, 0, 0, 0, 0, 0, 0, False)
        self._append(url, 0, 0, 0, 0, 0, 0, True)

    cdef object _append(self, bytes text, int list, int mode, int action, uint32_t order, uint32_t line, uint32_t part,
                        bint secret):
        cdef Url url
        cdef UrlKey whole
        cdef uint64_t hashes[NAME_LABELS]
        if url_from_text(text, len(text), &url) != OK:
            raise ValueError(f"{text!r}: no canonical URL: its host is not ASCII" if url.fault == URL_NOT_ASCII
                             else f"{text!r}: no URL: {_url.FAULTS[url.fault]}")
        hash_suffixes(self.key, &url.host, hashes)
        list_url_keys(self.key, hashes[0], &url, False, &whole)
        self._make_hosts_room()
        self.append(url.key, url.n, whole.hash, list, mode, action, order, b"", line, part, secret)
        self._hosts[self.n - 1] = hashes[0] & ~<uint64_t>1 | (mode == M_SUBTREE)

    cdef object _make_hosts_room(self):
        cdef void* grown
        if self.n < self._hosts_room:
            return
        grown = realloc(self._hosts, 8 * (self._hosts_room * 2 or 1024))
        if grown == NULL:
            raise MemoryError("growing the hosts of a URL image")
        self._hosts = <uint64_t*>grown
        self._hosts_room = self._hosts_room * 2 or 1024

    def build(self, out, generation: int, base_generation: int = 0) -> dict[str, int]:
        """Write the image to `out` (binary, empty, seekable).

        Returns counts: urls, hosts, entries, sets, bytes, hot_bytes."""
        hosts, n_hosts = self._host_words()
        counts = write_keys(self, out, K_URLS, generation, base_generation, [hosts])
        return {"urls": counts["names"], "hosts": n_hosts, "entries": counts["entries"], "sets": counts["sets"],
                "bytes": counts["bytes"], "hot_bytes": counts["hot_bytes"] + len(hosts)}

    cdef object _host_words(self):
        """Make the Bloom words of the hosts, and count the hosts.   The order of entries does not matter."""
        cdef uint64_t n_words
        cdef uint64_t* words
        cdef size_t n_keys = 0
        cdef size_t n_hosts = 0
        cdef size_t i
        if self.n:
            qsort(self._hosts, self.n, 8, _compare)     # in place: their order is not used elsewhere
        for i in range(self.n):
            n_hosts += i == 0 or self._hosts[i] | 1 != self._hosts[i - 1] | 1
            n_keys += i == 0 or self._hosts[i] != self._hosts[i - 1]
        n_words = (n_keys + n_hosts) * BLOOM_BITS_A_HOST // 64 + 1
        octets = bytearray(8 * n_words)
        words = <uint64_t*><char*>octets
        for i in range(self.n):
            words[reduce_to(self._hosts[i] >> 32, n_words)] |= bloom_bits(self._hosts[i])
            words[reduce_to(self._hosts[i] >> 32, n_words)] |= bloom_bits(self._hosts[i] & ~<uint64_t>1)
        return octets, n_hosts
