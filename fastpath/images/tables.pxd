"""The images in force, and their hand-over to a loop: see tables.pyx."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from fastpath.base.cursor cimport Status
from fastpath.images.image cimport Image
from fastpath.images.key_table cimport KeyTable
from fastpath.images.layout cimport PEOPLE_LEVELS, ListRow
from fastpath.images.names cimport Hit, Hits, NamesView, SetsView
from fastpath.images.policy cimport PolicyView
from fastpath.images.subscribers cimport SUBSCRIBER_LEVELS, SubscribersView
from fastpath.images.urls cimport UrlsView
from fastpath.images.verdict cimport Decision
from fastpath.wire.name cimport Name
from fastpath.wire.url cimport Url


cdef enum:                      # of Tables.generations: a base, and behind it the newest of what stands on it
    NAMES_AT = 0
    SUBSCRIBERS_AT = 2
    POLICY_AT = 4
    URLS_AT = 6
    N_GENERATIONS = 8


cdef struct Tables:
    NamesView names
    NamesView names_delta
    SubscribersView subscribers[SUBSCRIBER_LEVELS]  # of lines, the youngest first, then of sessions
    PolicyView policy[PEOPLE_LEVELS]
    UrlsView urls
    UrlsView urls_delta
    uint64_t generations[N_GENERATIONS]     # 0: no image
    int64_t behind_s            # see find_policy()
    uint64_t ticket             # rises with every TableSet of this process


cdef struct Handover:           # between one control thread and one loop
    const Tables* pending       # written by the control thread, taken by the loop
    const Tables* current       # read and written by the loop only
    uint64_t taken              # ticket of `current`, written after the swap


cdef inline const ListRow* lists_of(const Tables* t) noexcept nogil:
    """The rows of the lists, by number: a base and its delta have the same lists."""
    return t.names.sets.lists if t.names.table.n_bloom else t.names_delta.sets.lists


cdef inline bint hold_addresses(const Tables* t) noexcept nogil:
    """Whether any list holds addresses, see wire/address.pyx."""
    return t.names.holds_addresses or t.names_delta.holds_addresses


cdef void judge(const Tables* t, const Name* name, const uint8_t* addr, uint8_t ip_version, int64_t now_s,
                Decision* out) noexcept nogil
cdef void judge_target(const Tables* t, const Name* name, const uint8_t* addr, uint8_t ip_version, int64_t now_s,
                       Decision* out) noexcept nogil
cdef void judge_found(const Tables* t, const Name* name, const Hits* hits, const uint8_t* addr, uint8_t ip_version,
                      int64_t now_s, bint is_target, Decision* out) noexcept nogil
cdef Status judge_request(const Tables* t, const Name* host, int32_t port, uint8_t reading, const uint8_t* target,
                          size_t target_n, const uint8_t* addr, uint8_t ip_version, int64_t now_s, Url* url,
                          Decision* out) noexcept nogil
cdef void judge_url(const Tables* t, const Url* url, const uint8_t* addr, uint8_t ip_version, int64_t now_s,
                    Decision* out) noexcept nogil
cdef void judge_nameless(const Tables* t, const uint8_t* addr, uint8_t ip_version, int64_t now_s,
                         Decision* out) noexcept nogil
cdef bint has_household(const Tables* t, const uint8_t* addr, uint8_t ip_version) noexcept nogil
cdef bint closes_category(const Tables* t, const uint8_t* addr, uint8_t ip_version, uint8_t category,
                          int64_t now_s) noexcept nogil
cdef const Tables* take_tables(Handover* h) noexcept nogil


@cython.final
cdef class TableSet:
    cdef Tables tables
    cdef readonly list images   # kept alive as long as the tables point into them
    cdef readonly list sessions     # their base, delta and young level, which may be None
    cdef readonly list list_ids

    cdef object _require_same_lists(self, Image other, const KeyTable* table, const SetsView* sets)
    cdef object _value(self, const Decision* d, rule)
    cdef list _matches(self, const Hit* hits, uint32_t n, const Name* name, const Url* url)


@cython.final
cdef class Handoff:
    """The Python end of a Handover: a loop class keeps one and passes `&handoff.h` to its nogil loop."""
    cdef Handover h
    cdef list _alive            # TableSets that the loop may still read
