"""Matching of URLs in C: see urls.pyx."""
from libc.stdint cimport uint32_t, uint64_t

from fastpath.images.key_table cimport KeyTable, bloom_bits, prefetch, reduce_to
from fastpath.images.names cimport MAX_HITS, Hit, Hits, SetsView
from fastpath.wire.url cimport URL_CUT_OCTETS, Url


cdef struct UrlsView:           # one image, opened
    KeyTable table
    SetsView sets
    const uint64_t* hosts       # a Bloom filter of the hosts that have entries
    uint64_t n_hosts            # words; 0 only in a view of nothing


cdef struct UrlKey:             # a key that an entry may have: the URL, or a part of it
    uint64_t hash
    uint32_t n                  # octets of the URL's key


cdef enum:
    MAX_URL_KEYS = URL_CUT_OCTETS + 2   # two a segment, which has at least two octets; the path and the URL
    MAX_URL_HITS = 2 * MAX_URL_KEYS     # each key, in plain and as a digest


cdef struct UrlHits:
    uint32_t n
    Hit at[MAX_URL_HITS + MAX_HITS]     # those of a URL, longest first, then those of its host


cdef const char* urls_fault(const UrlsView* v) noexcept nogil
cdef uint32_t list_url_keys(const uint64_t* key, uint64_t host_hash, const Url* url, bint with_prefixes,
                            UrlKey* out) noexcept nogil
cdef void find_url_hits(const UrlsView* base, const UrlsView* delta, uint64_t host_hash, const Url* url,
                        UrlHits* out) noexcept nogil
cdef void find_all_hits(const UrlsView* base, const UrlsView* delta, uint64_t host_hash, const Url* url,
                        const Hits* of_host, UrlHits* out) noexcept nogil


cdef inline void prefetch_host(const UrlsView* v, uint64_t host_hash) noexcept nogil:
    """Fetch what may_have_urls() reads."""
    if v.n_hosts:
        prefetch(v.hosts + reduce_to(host_hash >> 32, v.n_hosts))


cdef inline bint may_have_urls(const UrlsView* v, uint64_t host_hash) noexcept nogil:
    """Whether the host may have entries: always true where it has some, and for 0.2 % of the others.

    host_hash   of the whole name, as hash_suffixes() gives it"""
    cdef uint64_t bits = bloom_bits(host_hash & ~<uint64_t>1)
    return v.n_hosts != 0 and (v.hosts[reduce_to(host_hash >> 32, v.n_hosts)] & bits) == bits


cdef inline bint may_have_prefixes(const UrlsView* v, uint64_t host_hash) noexcept nogil:
    """Whether the host may have entries that cover what is below them: same errors as may_have_urls()."""
    cdef uint64_t bits = bloom_bits(host_hash | 1)
    return v.n_hosts != 0 and (v.hosts[reduce_to(host_hash >> 32, v.n_hosts)] & bits) == bits
