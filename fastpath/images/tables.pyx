"""The images in force, the lookup through them, and the hand-over of newer ones to a loop.

judge() is the whole path of a packet or a query: address → subscriber → policy; name → hits; decide().
A control thread gives a TableSet to a Handoff; the loop takes it between two batches with one atomic exchange.

Invariants: a Tables never changes once given; a TableSet lives until its loop has taken a newer one.  Every offset and
index in an image is checked when the TableSet is made, so that no lookup reads outside the image.
"""
import ipaddress
import json
import os

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.atomic cimport load_u64, store_pointer, store_u64, swap_pointer
from fastpath.base.cursor cimport OK, Status
from fastpath.images.image cimport Image
from fastpath.images.layout cimport ListRow, SetRow, list_id_of
from fastpath.images.names cimport (
    BATCH_NAMES, Hit, Hits, NamesView, SetsView, data_of, find_hashed, find_hits, find_hits_batch, hash_name,
    mask_lists)
from fastpath.images.policy cimport Policy, action_of, decide, find_household, find_policy, have_household
from fastpath.images.subscribers cimport SESSION_LEVELS, find_subscriber
from fastpath.images.urls cimport UrlHits, UrlsView, find_all_hits, find_url_hits, may_have_urls, prefetch_host
from fastpath.images.verdict cimport (
    CATEGORY_UNDECIDABLE, M_BELOW, M_EXACT, NO_LIST, NO_SUBSCRIBER, PASSTHRU, R_CATEGORY, SPLASH, T_CATEGORY, has_rule)
from fastpath.images.views cimport open_names, open_policy, open_subscribers, open_urls
from fastpath.wire.name cimport NAME_LABELS, Name, name_from_text, name_from_wire
from fastpath.wire.url cimport URL_OCTETS, Url, url_from_parts, url_from_text, write_url_text

from fastpath.images import decision as values
from fastpath.images import image as _image
from fastpath.wire.address import rule_text
from fastpath.images.layout import ImageKind
from fastpath.wire.name import to_wire
from fastpath.images.verdict import Action, Mode, Reason, Tier

KINDS = ("names", "subscribers", "policy", "urls")
# In the order of TableSet's arguments.
_PARTS = (*((kind, part) for kind in KINDS for part in ("base", "delta")), *((kind, "young") for kind in KINDS[1:3]))

cdef uint64_t _last_ticket = 0


cdef void judge(const Tables* t, const Name* name, const uint8_t* addr, uint8_t ip_version, int64_t now_s,
                Decision* out) noexcept nogil:
    """Decide on `name` for the client at `addr`.

    addr   4 or 16 octets, network order, by ip_version (4, 6); another version: no subscriber
    out    action PASSTHRU: allowed"""
    cdef Hits hits
    find_hits(&t.names, &t.names_delta, name, &hits)
    judge_found(t, name, &hits, addr, ip_version, now_s, False, out)


cdef void judge_target(const Tables* t, const Name* name, const uint8_t* addr, uint8_t ip_version, int64_t now_s,
                       Decision* out) noexcept nogil:
    """Do judge() for what a name that is open leads to: no soft lock closes it."""
    cdef Hits hits
    find_hits(&t.names, &t.names_delta, name, &hits)
    judge_found(t, name, &hits, addr, ip_version, now_s, True, out)


cdef Status judge_request(const Tables* t, const Name* host, int32_t port, uint8_t reading, const uint8_t* target,
                          size_t target_n, const uint8_t* addr, uint8_t ip_version, int64_t now_s, Url* url,
                          Decision* out) noexcept nogil:
    """Decide on an HTTP request: on its host as judge() does and, where that host has listed URLs, on its URL too.

    host, port, reading, target   as url_from_parts() takes them
    url                  written only where the URL was read
    Returns TOO_BIG where the host has listed URLs and this URL is longer than is read; `out` is for the host and for
    what the URL begins with.  Else OK."""
    cdef uint64_t hashes[NAME_LABELS]
    cdef Hits hits
    cdef Status status
    hash_name(&t.names, &t.names_delta, host, hashes)
    prefetch_host(&t.urls, hashes[0])
    prefetch_host(&t.urls_delta, hashes[0])
    find_hashed(&t.names, &t.names_delta, host, hashes, &hits)
    if may_have_urls(&t.urls, hashes[0]) or may_have_urls(&t.urls_delta, hashes[0]):
        status = url_from_parts(host, port, target, target_n, reading, url)
        _judge_with_url(t, host, &hits, hashes[0], url, addr, ip_version, now_s, out)
        return status
    judge_found(t, host, &hits, addr, ip_version, now_s, False, out)
    return OK


cdef void judge_url(const Tables* t, const Url* url, const uint8_t* addr, uint8_t ip_version, int64_t now_s,
                    Decision* out) noexcept nogil:
    """Decide on a parsed URL: on its host and on the whole URL."""
    cdef UrlHits hits
    _find_all(t, url, &hits)
    _judge_hits(t, &url.host, hits.at, hits.n, addr, ip_version, now_s, False, out)


cdef void _judge_with_url(const Tables* t, const Name* host, const Hits* of_host, uint64_t host_hash, const Url* url,
                          const uint8_t* addr, uint8_t ip_version, int64_t now_s, Decision* out) noexcept nogil:
    """Do judge_found() for a host and a URL of it: apart, as room for the hits of a URL is large."""
    cdef UrlHits hits
    find_all_hits(&t.urls, &t.urls_delta, host_hash, url, of_host, &hits)
    _judge_hits(t, host, hits.at, hits.n, addr, ip_version, now_s, False, out)


cdef void _find_all(const Tables* t, const Url* url, UrlHits* out) noexcept nogil:
    cdef uint64_t hashes[NAME_LABELS]
    cdef Hits of_host
    hash_name(&t.names, &t.names_delta, &url.host, hashes)
    find_hashed(&t.names, &t.names_delta, &url.host, hashes, &of_host)
    find_all_hits(&t.urls, &t.urls_delta, hashes[0], url, &of_host, out)


cdef void judge_found(const Tables* t, const Name* name, const Hits* hits, const uint8_t* addr, uint8_t ip_version,
                      int64_t now_s, bint is_target, Decision* out) noexcept nogil:
    """Do judge() with the hits of a name that was looked up before, in these tables.

    is_target   it is an address, or what a name leads to that is open: see judge_target()"""
    _judge_hits(t, name, hits.at, hits.n, addr, ip_version, now_s, is_target, out)


cdef inline void _judge_hits(const Tables* t, const Name* name, const Hit* hits, uint32_t n_hits, const uint8_t* addr,
                             uint8_t ip_version, int64_t now_s, bint is_target, Decision* out) noexcept nogil:
    cdef Policy policy
    cdef uint32_t subscriber = _subscriber_at(t, addr, ip_version)
    find_policy(t.policy, subscriber, now_s, t.behind_s, &policy)
    policy.is_target = is_target
    find_household(&policy, name)
    decide(&policy, hits, n_hits, lists_of(t), now_s, out)
    out.subscriber = subscriber


cdef void judge_nameless(const Tables* t, const uint8_t* addr, uint8_t ip_version, int64_t now_s,
                         Decision* out) noexcept nogil:
    """Decide without a name: only a lock can block, and a profile that closes what cannot be judged."""
    cdef Name root
    root.n = 1
    root.n_labels = 0
    root.wire[0] = 0
    judge(t, &root, addr, ip_version, now_s, out)
    if out.action == PASSTHRU and closes_category(t, addr, ip_version, CATEGORY_UNDECIDABLE, now_s):
        out.action = SPLASH
        out.tier = T_CATEGORY
        out.reason = R_CATEGORY
        out.category = CATEGORY_UNDECIDABLE


cdef bint has_household(const Tables* t, const uint8_t* addr, uint8_t ip_version) noexcept nogil:
    """Whether the household at `addr` has allowed or denied names of its own.   Cost: none where no household has"""
    cdef int i
    for i in range(PEOPLE_LEVELS):
        if t.policy[i].n_names:
            return have_household(t.policy, _subscriber_at(t, addr, ip_version))
    return False


cdef bint closes_category(const Tables* t, const uint8_t* addr, uint8_t ip_version, uint8_t category,
                          int64_t now_s) noexcept nogil:
    """Whether the profile of the client at `addr` closes a category.   addr, ip_version  as for judge()"""
    cdef Policy policy
    find_policy(t.policy, _subscriber_at(t, addr, ip_version), now_s, t.behind_s, &policy)
    return (policy.categories[category >> 6] >> (category & 63)) & 1


cdef inline uint32_t _subscriber_at(const Tables* t, const uint8_t* addr, uint8_t ip_version) noexcept nogil:
    if ip_version != 4 and ip_version != 6:
        return NO_SUBSCRIBER
    return find_subscriber(t.subscribers, addr, ip_version)


cdef const Tables* take_tables(Handover* h) noexcept nogil:
    """Take the newest tables given; NULL while none exist.   Call it between two batches."""
    cdef const Tables* newer = <const Tables*>swap_pointer(&h.pending, NULL)
    if newer != NULL:
        h.current = newer
        store_u64(&h.taken, newer.ticket)
    return h.current


cdef uint8_t _address(str text, uint8_t* out) except 0:
    """Write the octets of an address; return its version."""
    packed = ipaddress.ip_address(text).packed
    memcpy(out, <const char*>packed, len(packed))
    return 4 if len(packed) == 4 else 6


cdef str _rule_text(const Name* name, uint8_t label):
    return rule_text(PyBytes_FromStringAndSize(<const char*>name.wire + name.at[label], name.n - name.at[label]))


cdef str _url_rule_text(const Url* url, size_t n):
    cdef uint8_t text[URL_OCTETS]
    return PyBytes_FromStringAndSize(<const char*>text, write_url_text(url, n, text, URL_OCTETS)).decode("ascii")


def _require_chain(kind, *levels):
    """Raise BadImage where a level, the base first, was not made for the one below it.   None: no such level"""
    below = 0
    for image in levels:
        if image is None:
            continue
        if image is not levels[0] and image.base_generation != below:
            raise _image.BadImage(
                f"{image.path}: a delta of {kind} {image.base_generation}, the base here is {below}; not used; "
                "publish a delta of this base")
        below = image.generation


cdef class TableSet:
    """The images that a worker serves.   Any of them may be None: no data of that kind.

    Raises BadImage where a delta does not belong to its base, or an image contradicts itself."""

    def __cinit__(self, Image names=None, Image names_delta=None, Image subscribers=None, Image subscribers_delta=None,
                  Image policy=None, Image policy_delta=None, Image urls=None, Image urls_delta=None,
                  Image subscribers_young=None, Image policy_young=None, *, sessions=(), int64_t behind_s=0):
        global _last_ticket
        cdef uint32_t i
        cdef Image image
        self.images = [names, names_delta, subscribers, subscribers_delta, policy, policy_delta, urls, urls_delta,
                       subscribers_young, policy_young]
        self.sessions = [*sessions, None, None, None][:SESSION_LEVELS]
        _require_chain("names", names, names_delta)
        _require_chain("urls", urls, urls_delta)
        _require_chain("subscribers", subscribers, subscribers_delta, subscribers_young)
        _require_chain("policy", policy, policy_delta, policy_young)
        _require_chain("sessions", *self.sessions)
        open_names(names, &self.tables.names)
        open_names(names_delta, &self.tables.names_delta)
        for i, image in enumerate((subscribers_young, subscribers_delta, subscribers, *reversed(self.sessions))):
            open_subscribers(image, &self.tables.subscribers[i])
        for i, image in enumerate((policy_young, policy_delta, policy)):
            open_policy(image, &self.tables.policy[i])
        open_urls(urls, &self.tables.urls)
        open_urls(urls_delta, &self.tables.urls_delta)
        self._require_same_lists(names_delta, &self.tables.names_delta.table, &self.tables.names_delta.sets)
        self._require_same_lists(urls, &self.tables.urls.table, &self.tables.urls.sets)
        self._require_same_lists(urls_delta, &self.tables.urls_delta.table, &self.tables.urls_delta.sets)
        self.list_ids = []
        v = &self.tables.names.sets if names is not None else &self.tables.names_delta.sets
        for i in range(v.n_lists):
            self.list_ids.append(list_id_of(v.lists + i))
        for i in range(<uint32_t>N_GENERATIONS):
            image = self.images[i]
            self.tables.generations[i] = image.generation if image is not None else 0
        for i, image in ((<uint32_t>SUBSCRIBERS_AT, subscribers_young), (<uint32_t>POLICY_AT, policy_young)):
            if image is not None:
                self.tables.generations[i + 1] = image.generation
        self.tables.behind_s = behind_s
        _last_ticket += 1
        self.tables.ticket = _last_ticket

    cdef object _require_same_lists(self, Image other, const KeyTable* table, const SetsView* sets):
        """Raise BadImage for other lists or another key: entries hold list numbers, URLs hold hashes of hosts."""
        cdef const NamesView* a = &self.tables.names if self.images[0] is not None else &self.tables.names_delta
        if other is None or a.sets.lists == sets.lists:
            return
        if not a.table.n_bloom:
            raise _image.BadImage(f"{other.path}: URLs without names; not used; publish names, too")
        if (a.sets.n_lists != sets.n_lists or memcmp(a.table.key, table.key, sizeof(table.key)) != 0
                or memcmp(a.sets.lists, sets.lists, a.sets.n_lists * sizeof(ListRow)) != 0):
            whose = "its base" if other is self.images[1] else "the names"
            raise _image.BadImage(f"{other.path}: its lists are not those of {whose}; not used; publish a new base")

    def public(self) -> TableSet:
        """The same images without the entries of confidential lists, which are found by nothing that is asked here.

        Cost: that of new views, no look at the images' octets."""
        cdef TableSet found = TableSet(*self.images, sessions=self.sessions, behind_s=self.tables.behind_s)
        found.tables.names.table.hides_digests = found.tables.names_delta.table.hides_digests = True
        found.tables.urls.table.hides_digests = found.tables.urls_delta.table.hides_digests = True
        return found

    @classmethod
    def open(cls, manifest: str | os.PathLike[str], known: Iterable[Image | None] = (),
             owners: Set[int] | None = None) -> TableSet:
        """Open the images of a manifest: {KIND: {"base": FILE, "delta": FILE|null, "young": FILE|null}, …}, with paths
        relative to it.

        known    open images; those that the manifest names are not opened again
        owners   accounts that may have written manifest and images; None: any
        Raises BadImage; OSError; ValueError for an invalid manifest."""
        with _image.open_file(manifest, owners) as file:
            said = json.load(file)
        folder = os.path.dirname(os.path.abspath(manifest))
        images = []
        for kind, part in _PARTS:
            file_name = (said.get(kind) or {}).get(part)
            images.append(None if file_name is None else
                          _image.open_image(os.path.join(folder, file_name), ImageKind[kind.upper()], known, owners))
        return cls(*images, behind_s=said.get("behind_s", 0))

    @property
    def generations(self) -> dict[str, tuple[int, int]]:
        """The generations (base, newest image above it) of each kind; 0: no image."""
        return {kind: (self.tables.generations[2 * i], self.tables.generations[2 * i + 1])
                for i, kind in enumerate(KINDS)}

    @property
    def lists(self) -> list[values.ListInForce]:
        """The lists by number."""
        cdef const ListRow* rows = lists_of(&self.tables)
        return [values.ListInForce(list_id, Tier(rows[i].tier), Action(rows[i].action), bool(rows[i].confidential),
                                   rows[i].category)
                for i, list_id in enumerate(self.list_ids)]

    def decide(self, wire: bytes | None, address: str | None, now_s: int) -> values.Decision:
        """Decide on a name in canonical wire form (None: no name) for the client at `address` (None: unknown)."""
        cdef Name name
        cdef Decision d
        cdef uint8_t octets[16]
        cdef uint8_t version = _address(address, octets) if address is not None else 0
        _name(wire if wire is not None else b"\0", &name)
        judge(&self.tables, &name, octets, version, now_s, &d)
        return self._value(&d, _rule_text(&name, d.rule_label) if has_rule(&d) else None)

    def decide_url(self, host_wire: bytes | None, url: bytes, address: str | None, now_s: int) -> values.Decision:
        """Decide on a URL in canonical text, and on its host, for the client at `address` (None: unknown).

        host_wire   the URL's host, or None.   Raises ValueError where it is another name"""
        cdef Url read
        cdef Decision d
        cdef uint8_t octets[16]
        cdef uint8_t version = 0
        _url(url, &read)
        if host_wire is not None and host_wire != PyBytes_FromStringAndSize(<const char*>read.key, read.host_n):
            raise ValueError(f"{url!r}: is no URL of the host {host_wire!r}")
        if address is not None:
            version = _address(address, octets)
        judge_url(&self.tables, &read, octets, version, now_s, &d)
        if not has_rule(&d):
            return self._value(&d, None)
        return self._value(&d, _url_rule_text(&read, d.rule_url_n) if d.rule_url_n
                           else _rule_text(&read.host, d.rule_label))

    cdef object _value(self, const Decision* d, rule):
        lists = self.list_ids
        return values.Decision(
            Action(d.action), Reason(d.reason), Tier(d.tier), d.category,
            lists[d.list] if d.list != NO_LIST else None, rule,
            Mode(d.mode) if d.mode else None, d.order,
            d.subscriber if d.subscriber != NO_SUBSCRIBER else None,
            tuple(lists[i] for i in range(len(lists)) if (d.matched[i >> 6] >> (i & 63)) & 1),
            lists[d.shadow] if d.shadow != NO_LIST else None)

    def matches(self, wire: bytes) -> list[values.Match]:
        """Find every entry that applies to the name, longest suffix first, regardless of the policy."""
        cdef Name name
        cdef Hits hits
        _name(wire, &name)
        find_hits(&self.tables.names, &self.tables.names_delta, &name, &hits)
        return self._matches(hits.at, hits.n, &name, NULL)

    def url_matches(self, url: bytes) -> list[values.Match]:
        """Find every entry that applies to a URL in canonical text: those of the URL, then those of its host."""
        cdef Url read
        cdef UrlHits hits
        _url(url, &read)
        _find_all(&self.tables, &read, &hits)
        return self._matches(hits.at, hits.n, &read.host, &read)

    cdef list _matches(self, const Hit* hits, uint32_t n, const Name* name, const Url* url):
        cdef uint32_t i
        cdef uint32_t k
        cdef const SetRow* row
        cdef const ListRow* lists = lists_of(&self.tables)
        found = []
        for i in range(n):
            for k in range(hits[i].n_rows):
                row = hits[i].rows + k
                if (row.mode == M_EXACT and hits[i].label != 0) or (row.mode == M_BELOW and hits[i].label == 0):
                    continue
                action = action_of(lists + row.list, row.action)
                rule = None
                if not lists[row.list].confidential:
                    rule = (_url_rule_text(url, hits[i].url_n) if hits[i].url_n
                            else _rule_text(name, hits[i].label))
                found.append(values.Match(
                    self.list_ids[row.list], rule, Mode(row.mode), Action(action), row.order))
        return found

    def matched(self, bytes name not None) -> int:
        """Find the lists with an entry for this name, exceptions included, as a mask: bit n for list n; 0: none.

        name   ASCII text, upper or lower case.   Raises ValueError for an invalid name.
        Cost: 0.1 to 0.2 us, call included"""
        cdef Name asked
        cdef Hits hits
        if name_from_text(name, len(name), &asked) != OK:
            to_wire(name)       # raises, with the reason
        find_hits(&self.tables.names, &self.tables.names_delta, &asked, &hits)
        return 0 if hits.n == 0 else _mask(&hits)

    def matched_each(self, list names not None) -> list[int]:
        """Do matched() for each of `names`, in half the time where there are many names and the image is large."""
        cdef Name asked[BATCH_NAMES]
        cdef const Name* batch[BATCH_NAMES]
        cdef Hits hits[BATCH_NAMES]
        cdef bytes name
        cdef list found = []
        cdef Py_ssize_t first
        cdef uint32_t n
        cdef uint32_t i
        for first in range(0, len(names), BATCH_NAMES):
            n = <uint32_t>min(BATCH_NAMES, len(names) - first)
            for i in range(n):
                name = names[first + i]
                if name_from_text(name, len(name), &asked[i]) != OK:
                    to_wire(name)
                batch[i] = &asked[i]
            find_hits_batch(&self.tables.names, &self.tables.names_delta, batch, n, hits)
            found += [0 if hits[i].n == 0 else _mask(&hits[i]) for i in range(n)]
        return found

    def base_entries(self, wire: bytes) -> list[tuple[int, int, int, int, bytes]]:
        """Find the base's entries for exactly this name: (list, mode, action, order, local data) as stored."""
        cdef Name name
        cdef NamesView nothing
        cdef Hits hits
        _name(wire, &name)
        memset(&nothing, 0, sizeof(NamesView))
        find_hits(&self.tables.names, &nothing, &name, &hits)
        return _own_entries(hits.at, hits.n)

    def base_url_entries(self, url: bytes) -> list[tuple[int, int, int, int, bytes]]:
        """Find the base's entries for exactly this URL: (list, mode, action, order, no data) as stored."""
        cdef uint64_t hashes[NAME_LABELS]
        cdef UrlsView nothing
        cdef UrlHits hits
        cdef Url read
        _url(url, &read)
        memset(&nothing, 0, sizeof(UrlsView))
        hash_name(&self.tables.names, &self.tables.names_delta, &read.host, hashes)
        find_url_hits(&self.tables.urls, &nothing, hashes[0], &read, &hits)
        return _own_entries(hits.at, hits.n)

    def subscriber_of(self, address: str) -> int | None:
        """Find the subscriber at an address; None: none exists."""
        cdef uint8_t octets[16]
        cdef uint8_t version = _address(address, octets)
        cdef uint32_t found = find_subscriber(self.tables.subscribers, octets, version)
        return None if found == NO_SUBSCRIBER else found


cdef object _mask(const Hits* hits):
    """The mask of the lists of all entries that match by their mode."""
    cdef uint64_t mask[2]
    mask_lists(hits, mask)
    return <object>mask[1] << 64 | mask[0]


cdef list _own_entries(const Hit* hits, uint32_t n_hits):
    """The entries for the whole name or URL, as stored."""
    cdef uint32_t i
    cdef uint32_t k
    cdef uint32_t n
    cdef const SetRow* row
    cdef const uint8_t* data
    found = []
    for i in range(n_hits):
        if hits[i].label == 0:
            for k in range(hits[i].n_rows):
                row = hits[i].rows + k
                data = data_of(hits[i].sets, row, &n)
                found.append((row.list, row.mode, row.action, row.order,
                              PyBytes_FromStringAndSize(<const char*>data, n)))
    return found


cdef object _url(bytes text, Url* out):
    if url_from_text(text, len(text), out) != OK:
        raise ValueError(f"{text!r}: no canonical URL")


cdef object _name(bytes wire, Name* out):
    cdef size_t after
    if name_from_wire(<const uint8_t*>wire, len(wire), 0, out, &after) != OK or after != <size_t>len(wire):
        raise ValueError(f"{wire!r}: not one name in wire form")


cdef class Handoff:
    """Hands tables over to a loop that runs in another thread."""

    def __cinit__(self):
        self._alive = []

    def give(self, TableSet tables not None) -> int:
        """Make `tables` the next that the loop takes; return the ticket that taken() will reach."""
        self._alive.append(tables)
        store_pointer(&self.h.pending, &tables.tables)
        return tables.tables.ticket

    def taken(self) -> int:
        """The ticket of the tables that the loop serves now (0: none yet); frees older TableSets."""
        cdef uint64_t ticket = load_u64(&self.h.taken)
        self._alive = [kept for kept in self._alive if (<TableSet>kept).tables.ticket >= ticket]
        return ticket
