"""All images of one moment, and how a loop gets newer ones.

judge() is a packet's or a query's whole path through them: address → subscriber → policy; name → hits; decide().
A control thread gives a TableSet to a Handoff; the loop takes it between two batches with one atomic exchange.

Invariants: a Tables never changes once given; a TableSet lives until its loop has taken a newer one; every number in an
image that leads somewhere was checked when the TableSet was made, so that no lookup leaves the image.
"""
import ipaddress
import json
import os

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport UINT32_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from fastpath.atomic cimport load_u64, store_pointer, store_u64, swap_pointer
from fastpath.image cimport Image
from fastpath.layout cimport *
from fastpath.name cimport Name, name_from_wire
from fastpath.cursor cimport OK
from fastpath.names cimport Hits, NamesView, find_hits, names_fault
from fastpath.policy cimport Policy, PolicyView, decide, find_policy, policy_fault
from fastpath.subscribers cimport SubscribersView, find_subscriber, subscribers_fault
from fastpath.verdict cimport M_BELOW, M_EXACT, NO_ACTION, NO_LIST, NO_SUBSCRIBER

from fastpath import decision as values
from fastpath import image as _image
from fastpath.layout import ImageKind
from fastpath.name import to_text
from fastpath.verdict import Action, Mode, Reason, Tier

KINDS = ("names", "subscribers", "policy")


cdef uint64_t _last_ticket = 0


cdef inline const ListRow* _lists(const Tables* t) noexcept nogil:
    return t.names.lists if t.names.n_bloom else t.names_delta.lists


cdef void judge(const Tables* t, const Name* name, const uint8_t* addr, uint8_t ip_version, int64_t now_s,
                Decision* out) noexcept nogil:
    """Decide on `name` for whoever is at `addr`.

    addr   4 or 16 octets, network order, by ip_version (4, 6); another version: no subscriber
    out    action PASSTHRU means let go"""
    cdef Policy policy
    cdef Hits hits
    cdef uint32_t subscriber = NO_SUBSCRIBER
    if ip_version == 4 or ip_version == 6:
        subscriber = find_subscriber(&t.subscribers, &t.subscribers_delta, addr, ip_version)
    find_policy(&t.policy, &t.policy_delta, subscriber, now_s, &policy)
    find_hits(&t.names, &t.names_delta, name, &hits)
    decide(&policy, &hits, _lists(t), now_s, out)
    out.subscriber = subscriber


cdef void judge_nameless(const Tables* t, const uint8_t* addr, uint8_t ip_version, int64_t now_s,
                         Decision* out) noexcept nogil:
    """Decide where no name is known: only a lock can speak."""
    cdef Name root
    root.n = 1
    root.n_labels = 0
    root.wire[0] = 0
    judge(t, &root, addr, ip_version, now_s, out)


cdef const Tables* take_tables(Handover* h) noexcept nogil:
    """Call between two batches: the newest tables given, NULL as long as there were none."""
    cdef const Tables* newer = <const Tables*>swap_pointer(&h.pending, NULL)
    if newer != NULL:
        h.current = newer
        store_u64(&h.taken, newer.ticket)
    return h.current


cdef const uint8_t* _rows(Image image, int section, uint64_t row_octets, uint32_t* n) except NULL:
    """Where a section begins, and how many rows it has."""
    cdef uint64_t octets
    cdef const uint8_t* at = image.section(section, &octets)
    if octets % row_octets != 0 or octets // row_octets > UINT32_MAX:
        _refuse(image, b"a section of no whole number of rows")
    n[0] = <uint32_t>(octets // row_octets)
    return at


cdef object _refuse(Image image, const char* fault):
    """Raise for a fault that is one."""
    if fault != NULL:
        raise _image.BadImage(f"{image.path}: {fault.decode()}; not used; compile it again")


cdef object _open_names(Image image, NamesView* v):
    cdef uint32_t n
    cdef uint32_t n_cold_at
    cdef uint32_t n_set_at
    memset(v, 0, sizeof(NamesView))
    if image is None:
        return
    memcpy(v.key, image.data + 48, 16)
    v.lists = <const ListRow*>_rows(image, S_LISTS, sizeof(ListRow), &v.n_lists)
    v.bloom = <const uint64_t*>_rows(image, S_BLOOM, 8, &n)
    v.n_bloom = n
    v.lines = <const uint64_t*>_rows(image, S_LINES, 8 * LINE_WORDS, &n)
    v.n_lines = n
    v.cold_at = <const uint32_t*>_rows(image, S_COLD_AT, 4, &n_cold_at)
    v.cold = image.section(S_COLD, &v.cold_octets)
    v.set_at = <const uint32_t*>_rows(image, S_SET_AT, 4, &n_set_at)
    v.sets = <const SetRow*>_rows(image, S_SETS, sizeof(SetRow), &n)
    v.n_rows = n
    if v.n_bloom == 0 or v.n_lines == 0 or n_cold_at != v.n_lines + 1 or n_set_at == 0:
        _refuse(image, b"its sections contradict each other")
    v.n_sets = n_set_at - 1
    _refuse(image, names_fault(v))


cdef object _open_subscribers(Image image, SubscribersView* v):
    memset(v, 0, sizeof(SubscribersView))
    if image is None:
        return
    v.ranges4 = <const Range4*>_rows(image, S_RANGES4, sizeof(Range4), &v.n_ranges4)
    v.ranges6 = <const Range6*>_rows(image, S_RANGES6, sizeof(Range6), &v.n_ranges6)
    _refuse(image, subscribers_fault(v))


cdef object _open_policy(Image image, PolicyView* v):
    cdef uint32_t n_profile_of
    memset(v, 0, sizeof(PolicyView))
    if image is None:
        return
    v.subscribers = <const uint32_t*>_rows(image, S_SUBSCRIBERS, 4, &v.n_subscribers)
    v.profile_of = <const uint32_t*>_rows(image, S_PROFILE_OF, 4, &n_profile_of)
    v.profiles = <const ProfileRow*>_rows(image, S_PROFILES, sizeof(ProfileRow), &v.n_profiles)
    v.closed = <const ClosedRow*>_rows(image, S_CLOSED, sizeof(ClosedRow), &v.n_closed)
    if n_profile_of != v.n_subscribers:
        _refuse(image, b"its sections contradict each other")
    _refuse(image, policy_fault(v))


cdef uint8_t _address(str text, uint8_t* out) except 0:
    """Write the octets of an address; its version."""
    packed = ipaddress.ip_address(text).packed
    memcpy(out, <const char*>packed, len(packed))
    return 4 if len(packed) == 4 else 6


cdef str _list_id(const ListRow* row):
    return PyBytes_FromStringAndSize(row.id, LIST_ID_OCTETS).rstrip(b"\0").decode("ascii")


cdef str _rule_text(const Name* name, uint8_t label):
    return to_text(PyBytes_FromStringAndSize(<const char*>name.wire + name.at[label], name.n - name.at[label]))


cdef class TableSet:
    """The images that a worker serves at one moment.  Any of them may be None: nothing of that kind is known.

    Raises BadImage where a delta does not belong to its base, or an image contradicts itself."""

    def __cinit__(self, Image names=None, Image names_delta=None, Image subscribers=None, Image subscribers_delta=None,
                  Image policy=None, Image policy_delta=None):
        global _last_ticket
        cdef uint32_t i
        cdef Image image
        self.images = [names, names_delta, subscribers, subscribers_delta, policy, policy_delta]
        for kind, base, delta in zip(KINDS, self.images[::2], self.images[1::2]):
            wanted = base.generation if base is not None else 0
            if delta is not None and delta.base_generation != wanted:
                raise _image.BadImage(
                    f"{delta.path}: a delta of {kind} {delta.base_generation}, the base here is {wanted}; not used; "
                    "publish a delta of this base")
        _open_names(names, &self.tables.names)
        _open_names(names_delta, &self.tables.names_delta)
        _open_subscribers(subscribers, &self.tables.subscribers)
        _open_subscribers(subscribers_delta, &self.tables.subscribers_delta)
        _open_policy(policy, &self.tables.policy)
        _open_policy(policy_delta, &self.tables.policy_delta)
        if names is not None and names_delta is not None:
            self._require_same_lists(names_delta)
        self.list_ids = []
        v = &self.tables.names if names is not None else &self.tables.names_delta
        for i in range(v.n_lists):
            self.list_ids.append(_list_id(v.lists + i))
        for i in range(6):
            image = self.images[i]
            self.tables.generations[i] = image.generation if image is not None else 0
        _last_ticket += 1
        self.tables.ticket = _last_ticket

    cdef object _require_same_lists(self, Image delta):
        """An entry names its list by number: base and delta must number alike, and hash alike."""
        cdef const NamesView* a = &self.tables.names
        cdef const NamesView* b = &self.tables.names_delta
        if (a.n_lists != b.n_lists or memcmp(a.lists, b.lists, a.n_lists * sizeof(ListRow)) != 0
                or memcmp(a.key, b.key, 16) != 0):
            raise _image.BadImage(f"{delta.path}: its lists are not those of its base; not used; publish a new base")

    @classmethod
    def open(cls, manifest: str | os.PathLike[str]) -> TableSet:
        """Open what a manifest names: {"names": {"base": FILE, "delta": FILE|null}, …}, files beside it.

        Raises BadImage, OSError, ValueError for a manifest that is none."""
        with open(manifest, "rb") as file:
            said = json.load(file)
        folder = os.path.dirname(os.path.abspath(manifest))
        images = []
        for kind in KINDS:
            for part in ("base", "delta"):
                file_name = (said.get(kind) or {}).get(part)
                images.append(None if file_name is None else
                              _image.open_image(os.path.join(folder, file_name), ImageKind[kind.upper()]))
        return cls(*images)

    @property
    def generations(self) -> dict[str, tuple[int, int]]:
        """(base, delta) of each kind; 0: none."""
        return {kind: (self.tables.generations[2 * i], self.tables.generations[2 * i + 1])
                for i, kind in enumerate(KINDS)}

    def decide(self, wire: bytes | None, address: str | None, now_s: int) -> values.Decision:
        """Decide on a name in canonical wire form (None: no name) for whoever is at `address` (None: nobody known)."""
        cdef Name name
        cdef Decision d
        cdef uint8_t octets[16]
        cdef uint8_t version = 0
        _name(wire if wire is not None else b"\0", &name)
        if address is not None:
            version = _address(address, octets)
        judge(&self.tables, &name, octets, version, now_s, &d)
        lists = self.list_ids
        has_rule = d.list != NO_LIST and not d.confidential
        return values.Decision(
            Action(d.action), Reason(d.reason), Tier(d.tier), d.category,
            lists[d.list] if d.list != NO_LIST else None,
            _rule_text(&name, d.rule_label) if has_rule else None,
            Mode(d.mode) if d.mode else None, d.order,
            d.subscriber if d.subscriber != NO_SUBSCRIBER else None,
            tuple(lists[i] for i in range(len(lists)) if (d.matched[i >> 6] >> (i & 63)) & 1))

    def matches(self, wire: bytes) -> list[values.Match]:
        """Every entry that speaks of the name, longest suffix first, without regard to any policy."""
        cdef uint32_t i
        cdef uint32_t k
        cdef Name name
        cdef Hits hits
        cdef const SetRow* row
        cdef const ListRow* lists = _lists(&self.tables)
        _name(wire, &name)
        find_hits(&self.tables.names, &self.tables.names_delta, &name, &hits)
        found = []
        for i in range(hits.n):
            for k in range(hits.at[i].n_rows):
                row = hits.at[i].rows + k
                if (row.mode == M_EXACT and hits.at[i].label != 0) or (row.mode == M_BELOW and hits.at[i].label == 0):
                    continue
                action = lists[row.list].action if row.action == NO_ACTION else row.action
                found.append(values.Match(
                    self.list_ids[row.list],
                    None if lists[row.list].confidential else _rule_text(&name, hits.at[i].label),
                    Mode(row.mode), Action(action), row.order))
        return found

    def base_entries(self, wire: bytes) -> list[tuple[int, int, int, int]]:
        """What the base alone holds for exactly this name: (list, mode, action, order) as stored."""
        cdef uint32_t i
        cdef uint32_t k
        cdef Name name
        cdef NamesView nothing
        cdef Hits hits
        _name(wire, &name)
        memset(&nothing, 0, sizeof(NamesView))
        find_hits(&self.tables.names, &nothing, &name, &hits)
        found = []
        for i in range(hits.n):
            if hits.at[i].label == 0:
                for k in range(hits.at[i].n_rows):
                    found.append((hits.at[i].rows[k].list, hits.at[i].rows[k].mode, hits.at[i].rows[k].action,
                                  hits.at[i].rows[k].order))
        return found

    def subscriber_of(self, address: str) -> int | None:
        """The subscriber at an address."""
        cdef uint8_t octets[16]
        cdef uint8_t version = _address(address, octets)
        cdef uint32_t found = find_subscriber(&self.tables.subscribers, &self.tables.subscribers_delta, octets, version)
        return None if found == NO_SUBSCRIBER else found

    def measure_lookups(self, wires: list[bytes], rounds: int) -> int:
        """Nanoseconds that `rounds` passes of find_hits over `wires` take, without Python: for benchmarks."""
        return _measure(&self.tables, wires, rounds)


cdef object _measure(const Tables* t, list wires, uint64_t rounds):
    cdef timespec begin
    cdef timespec end
    cdef Hits hits
    cdef size_t n = len(wires)
    cdef size_t i
    cdef uint64_t _round
    cdef Name* names = <Name*>malloc(n * sizeof(Name) or 1)
    if names == NULL:
        raise MemoryError("measuring lookups")
    try:
        for i in range(n):
            _name(wires[i], names + i)
        with nogil:
            clock_gettime(CLOCK_MONOTONIC, &begin)
            for _round in range(rounds):
                for i in range(n):
                    find_hits(&t.names, &t.names_delta, names + i, &hits)
            clock_gettime(CLOCK_MONOTONIC, &end)
        return (end.tv_sec - begin.tv_sec) * 1_000_000_000 + end.tv_nsec - begin.tv_nsec
    finally:
        free(names)


cdef object _name(bytes wire, Name* out):
    cdef size_t after
    if name_from_wire(<const uint8_t*>wire, len(wire), 0, out, &after) != OK or after != <size_t>len(wire):
        raise ValueError(f"{wire!r}: not one name in wire form")


cdef class Handoff:
    """Gives tables to a loop, from another thread."""

    def __cinit__(self):
        self._alive = []

    def give(self, TableSet tables not None) -> int:
        """Make `tables` the next that the loop takes; returns the ticket that taken() will reach."""
        self._alive.append(tables)
        store_pointer(&self.h.pending, &tables.tables)
        return tables.tables.ticket

    def taken(self) -> int:
        """The ticket of the tables that the loop serves now (0: none yet); lets go of older ones."""
        cdef uint64_t ticket = load_u64(&self.h.taken)
        self._alive = [kept for kept in self._alive if (<TableSet>kept).tables.ticket >= ticket]
        return ticket
