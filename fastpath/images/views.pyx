"""Opens an image's sections as the views that lookups search.

Invariants: a view holds only sections of whole rows.  The *_fault functions check every offset and index in them, once
for each image.  A refusal says which file and why.
"""
from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from fastpath.images.image cimport Image
from fastpath.images.key_table cimport KeyTable, key_words
from fastpath.images.layout cimport (
    HOLDS_ADDRESSES, LINE_WORDS, S_ALLOWED, S_BLOOM, S_CLOSED, S_COLD, S_COLD_AT, S_DATA, S_DATA_AT, S_HOSTS,
    S_HOUSEHOLD, S_LINES, S_LISTS, S_PROFILES, S_PROFILE_OF, S_RANGES4, S_RANGES6, S_SETS, S_SET_AT, S_SPANS,
    S_SUBSCRIBERS, AllowedRow, ClosedRow, ListRow, ProfileRow, Range4, Range6, SetRow, SpanRow)
from fastpath.images.names cimport NamesView, SetsView, names_fault
from fastpath.images.policy cimport PolicyView, policy_fault
from fastpath.images.subscribers cimport SubscribersView, subscribers_fault
from fastpath.images.urls cimport UrlsView, urls_fault

from fastpath.images.image import BadImage


cdef const uint8_t* _rows(Image image, int section, uint64_t row_octets, uint32_t* n) except NULL:
    """Find where a section begins, and how many rows it has.   Raises BadImage where they are not whole."""
    cdef uint64_t octets
    cdef const uint8_t* at = image.section(section, &octets)
    if octets % row_octets != 0 or octets // row_octets > UINT32_MAX:
        _refuse(image, b"a section of no whole number of rows")
    n[0] = <uint32_t>(octets // row_octets)
    return at


cdef object _refuse(Image image, const char* fault):
    """Raise BadImage for a fault; do nothing for NULL."""
    if fault != NULL:
        raise BadImage(f"{image.path}: {fault.decode()}; not used; compile it again")


cdef object open_names(Image image, NamesView* v):
    cdef const char* fault
    memset(v, 0, sizeof(NamesView))
    if image is None:
        return
    _open_keys(image, &v.table, &v.sets)
    v.holds_addresses = image.flags & HOLDS_ADDRESSES
    if not image.is_consistent:
        with nogil:     # some milliseconds a million names: other Python threads go on
            fault = names_fault(v)
        _refuse(image, fault)
        image.is_consistent = True
    image.warm(v.table.bloom, 8 * v.table.n_bloom)
    v.table.bloom = <const uint64_t*>image.warmed


cdef object open_urls(Image image, UrlsView* v):
    cdef uint32_t n
    cdef const char* fault
    memset(v, 0, sizeof(UrlsView))
    if image is None:
        return
    _open_keys(image, &v.table, &v.sets)
    v.hosts = <const uint64_t*>_rows(image, S_HOSTS, 8, &n)
    v.n_hosts = n
    if not image.is_consistent:
        with nogil:
            fault = urls_fault(v)
        _refuse(image, fault)
        image.is_consistent = True
    # most requests go to hosts without an entry, and read nothing else
    image.warm(v.hosts, 8 * v.n_hosts)
    v.hosts = <const uint64_t*>image.warmed


cdef object _open_keys(Image image, KeyTable* t, SetsView* v):
    """Open the sections of NamesSection, with which a URL image begins too; offsets and indexes are not checked yet."""
    cdef uint32_t n
    cdef uint32_t n_cold_at
    cdef uint32_t n_set_at
    cdef uint32_t n_data_at
    key_words(image.builder_key, t.key)
    v.lists = <const ListRow*>_rows(image, S_LISTS, sizeof(ListRow), &v.n_lists)
    t.bloom = <const uint64_t*>_rows(image, S_BLOOM, 8, &n)
    t.n_bloom = n
    t.lines = <const uint64_t*>_rows(image, S_LINES, 8 * LINE_WORDS, &n)
    t.n_lines = n
    t.cold_at = <const uint32_t*>_rows(image, S_COLD_AT, 4, &n_cold_at)
    t.cold = image.section(S_COLD, &t.cold_octets)
    v.set_at = <const uint32_t*>_rows(image, S_SET_AT, 4, &n_set_at)
    v.sets = <const SetRow*>_rows(image, S_SETS, sizeof(SetRow), &n)
    v.n_rows = n
    v.data_at = <const uint32_t*>_rows(image, S_DATA_AT, 4, &n_data_at)
    v.data = image.section(S_DATA, &v.data_octets)
    if t.n_bloom == 0 or t.n_lines == 0 or n_cold_at != t.n_lines + 1 or n_set_at == 0 or n_data_at == 0:
        _refuse(image, b"its sections contradict each other")
    v.n_sets = n_set_at - 1
    v.n_data = n_data_at - 1


cdef object open_subscribers(Image image, SubscribersView* v):
    memset(v, 0, sizeof(SubscribersView))
    if image is None:
        return
    v.ranges4 = <const Range4*>_rows(image, S_RANGES4, sizeof(Range4), &v.n_ranges4)
    v.ranges6 = <const Range6*>_rows(image, S_RANGES6, sizeof(Range6), &v.n_ranges6)
    if not image.is_consistent:
        _refuse(image, subscribers_fault(v))
        image.is_consistent = True


cdef object open_policy(Image image, PolicyView* v):
    cdef uint32_t n_profile_of
    memset(v, 0, sizeof(PolicyView))
    if image is None:
        return
    v.subscribers = <const uint32_t*>_rows(image, S_SUBSCRIBERS, 4, &v.n_subscribers)
    v.profile_of = <const uint32_t*>_rows(image, S_PROFILE_OF, 4, &n_profile_of)
    v.profiles = <const ProfileRow*>_rows(image, S_PROFILES, sizeof(ProfileRow), &v.n_profiles)
    v.closed = <const ClosedRow*>_rows(image, S_CLOSED, sizeof(ClosedRow), &v.n_closed)
    v.allowed = <const AllowedRow*>_rows(image, S_ALLOWED, sizeof(AllowedRow), &v.n_allowed)
    v.spans = <const SpanRow*>_rows(image, S_SPANS, sizeof(SpanRow), &v.n_spans)
    v.names = <const uint64_t*>_rows(image, S_HOUSEHOLD, sizeof(uint64_t), &v.n_names)
    if n_profile_of != v.n_subscribers:
        _refuse(image, b"its sections contradict each other")
    if not image.is_consistent:
        _refuse(image, policy_fault(v))
        image.is_consistent = True
