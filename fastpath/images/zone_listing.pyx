"""Lists what chosen lists of the images decide, name by name: the source of the zones that filterd publishes.

A name has two answers, one for itself and one for all names below it.  Both come from decide(), with every category
blocked, and with the entries of the chosen lists and of the help corridor.  The corridor keeps open what it outranks;
it gives answers of its own only where it is chosen.  A name whose two answers are those of the names above it is left
out.

Resolvers differ in which wildcard applies below a name that exists: RFC 4592 §3.3.1, or the longest one (see
tests/oracle/wildcards.py).  So a name listed below another one's wildcard gets both answers, and each name between the
two is listed too, as `between`.  Then every reading of the zone gives the same answers.  Of address prefixes the
longest applies in every resolver.

Invariants: a name of a confidential list is never listed (the images hold only its digest).  Every name of the lists is
listed once, in the order of the images, which is the same for equal images.  Reads stay inside the image.
Source: draft-vixie-dnsop-dns-rpz-00 §4.1.1 (QNAME triggers).
Cost: some 0.5 µs a name and 0.2 MiB, however long the lists are.
"""
cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.cursor cimport OK
from fastpath.images.key_table cimport DIGEST_OCTETS, SET_NONE, KeyTable, find_key, may_hold, read_record
from fastpath.images.layout cimport LINE_WORDS, MAX_LISTS, SetRow
from fastpath.images.names cimport Hits, find_hits, hash_suffixes
from fastpath.images.policy cimport Policy, decide
from fastpath.images.tables cimport TableSet, Tables, hold_addresses, lists_of
from fastpath.images.verdict cimport LOCAL_DATA, M_EXACT, NO_ACTION, NO_LIST, N_MODES, PASSTHRU, T_HELP, Decision
from fastpath.wire.address cimport stands_for_addresses
from fastpath.wire.name cimport NAME_LABELS, NAME_OCTETS, Name, name_from_wire

Effect = int | bytes            # an Action, NO_ACTION where no list decides, or the records of local data
Named = tuple[list[tuple[bytes, Effect, Effect]], list[tuple[bytes, Effect]]]

cdef enum:
    LINES_A_PIECE = 256         # at most 2,048 names, some 1 ms: other threads run in between
    MOST_ROWS = (N_MODES + 1) * MAX_LISTS   # the name with every list in every mode, and each list once from above


cdef struct Answer:
    uint8_t action              # NO_ACTION: none of the lists decides
    uint32_t data_n
    const uint8_t* data         # of LOCAL_DATA, inside the image


cdef struct Answers:
    Answer own                  # for the name itself
    Answer below                # for the names below it
    Answer above                # for both, from the names above it


cdef struct ListedName:
    const uint8_t* wire         # inside the image, without the root
    uint32_t n
    bint is_hidden              # in the base, but the delta replaces it
    Answers now
    Answers then                # from the other listing, in changes()


@cython.final
cdef class Listing:
    """What lists decide in a TableSet.   Any number of threads may read one.

    list_ids   an unknown list has no names; None: all lists except confidential ones
    Raises ValueError for a confidential list."""

    cdef readonly TableSet tables
    cdef readonly tuple list_ids
    cdef uint64_t _lists[2]         # mask of the chosen lists
    cdef uint64_t _judged[2]        # mask of those and the help corridor

    def __cinit__(self, TableSet tables not None, list_ids=None):
        cdef int number
        self.tables = tables
        self.list_ids = tuple(_open_lists(tables) if list_ids is None else list_ids)
        for list_id in self.list_ids:
            if list_id not in tables.list_ids:
                continue
            number = tables.list_ids.index(list_id)
            if lists_of(&tables.tables)[number].confidential:
                raise ValueError(f"list {list_id!r}: confidential; not published; its names never leave this box")
            self._lists[number >> 6] |= <uint64_t>1 << (number & 63)
        self._judged = self._lists
        for number in range(len(tables.list_ids)):
            if lists_of(&tables.tables)[number].tier == T_HELP:
                self._judged[number >> 6] |= <uint64_t>1 << (number & 63)

    @property
    def end(self) -> int:
        """The position at which read() is done."""
        return _end(&self.tables.tables)

    def read(self, uint64_t at) -> tuple[int, Named]:
        """Read names from position `at` on (the first: 0); return the position behind them, and (names, between).

        names     [(wire without the root, own effect, effect below), …]; an effect is the number of an Action,
                  NO_ACTION where no list decides, or the records of local data as images hold them
        between   [(wire without the root, effect for both), …], once for each name that needs it"""
        cdef _Piece piece = _Piece()
        cdef uint32_t i
        names, between = [], []
        with nogil:
            at = piece.fill(&self.tables.tables, at)
            for i in range(piece.n):
                if not piece.listed[i].is_hidden:
                    self._answer(piece.listed + i, &piece.listed[i].now)
        for i in range(piece.n):
            if not piece.listed[i].is_hidden:
                self._give(piece.listed + i, &piece.listed[i].now, names, between)
        return at, (names, between)

    def addresses(self) -> list[bytes]:
        """Find the names of addresses and prefixes that may be blocked, in wire form, each once.

        Includes those that only some profiles close, and those that get another answer than a block.
        Cost: 0.1 us a name of the images, 1 us a name that is returned; nothing where no list holds addresses"""
        cdef const Tables* tables = &self.tables.tables
        cdef _Piece piece = _Piece()
        cdef uint64_t at = 0
        cdef uint32_t i
        found = []
        while hold_addresses(tables) and at < _end(tables):
            with nogil:
                at = piece.fill(tables, at)
                piece.keep_addresses()
                for i in range(piece.n):
                    self._answer(piece.listed + i, &piece.listed[i].now)
            for i in range(piece.n):
                if _blocks(&piece.listed[i].now.own) or _blocks(&piece.listed[i].now.below):
                    found.append(_octets(piece.listed + i) + b"\0")
        return found

    def changes_end(self, Listing before not None) -> int:
        """The position at which changes() is done."""
        return self.end + before.end

    def changes(self, Listing before not None, uint64_t at) -> tuple[int, Named, Named]:
        """Read, like read(), the names whose answers differ from those in `before`: their old and new answers.

        Some unchanged names are included, with equal answers in both.
        Cost: 0.1 µs a name where both have the same base, else 1 µs"""
        cdef _Piece piece = _Piece()
        cdef uint32_t i
        old_names, old_between, names, between = [], [], [], []
        with nogil:
            at = self._changed(before, at, piece)
        for i in range(piece.n):
            before._give(piece.listed + i, &piece.listed[i].then, old_names, old_between)
            self._give(piece.listed + i, &piece.listed[i].now, names, between)
        return at, (old_names, old_between), (names, between)

    cdef uint64_t _changed(self, Listing before, uint64_t at, _Piece piece) noexcept nogil:
        """Fill the piece with names whose answers differ: first those listed here, then those only in `before`."""
        cdef const Tables* tables = &self.tables.tables
        cdef const Tables* old = &before.tables.tables
        cdef uint64_t end = _end(tables)
        cdef bint is_ours = at < end
        cdef bint has_same_base = tables.names.table.lines == old.names.table.lines
        cdef uint32_t n = 0
        cdef uint32_t i
        cdef ListedName* listed
        if is_ours:
            at = piece.fill(tables, at)
        elif has_same_base and at < end + old.names.table.n_lines:
            at = end + piece.fill(old, old.names.table.n_lines)
        else:
            at = end + piece.fill(old, at - end)
        for i in range(piece.n):
            listed = piece.listed + i
            if listed.is_hidden or (is_ours and has_same_base and not _is_touched(tables, old, listed)):
                continue
            if not is_ours and _has(tables, listed):
                continue
            self._answer(listed, &listed.now)
            before._answer(listed, &listed.then)
            # it may need other `between` names than before, although its own answers are the same
            if not _are_equal(&listed.now, &listed.then) or (
                    listed.now.above.action != NO_ACTION and not _is_redundant(&listed.now)):
                piece.listed[n] = listed[0]
                n += 1
        piece.n = n
        return at

    cdef void _answer(self, const ListedName* listed, Answers* out) noexcept nogil:
        """Decide with the judged lists only, and with every category blocked."""
        cdef SetRow rows[MOST_ROWS]
        cdef Name name
        cdef Hits hits
        cdef uint32_t n = 0
        cdef uint32_t i
        _name_of(listed, &name)
        find_hits(&self.tables.tables.names, &self.tables.tables.names_delta, &name, &hits)
        self._choose(&hits, rows)
        self._decide(&hits, &out.own)
        for i in range(hits.n):
            hits.at[i].label += 1   # a name below this one
        self._decide(&hits, &out.below)
        for i in range(hits.n):
            if hits.at[i].label > 1:
                hits.at[n] = hits.at[i]
                n += 1
        hits.n = n
        self._decide(&hits, &out.above)

    cdef void _choose(self, Hits* hits, SetRow* rows) noexcept nogil:
        """Keep only the rows of the judged lists that a decision on the name, or on one below it, may rest on.

        Of a list, that is what it says of this very name, and of the longest name above it for all below.
        rows  room for MOST_ROWS"""
        cdef uint64_t[2] left = self._judged
        cdef const SetRow* row
        cdef uint32_t n = 0
        cdef uint32_t used = 0
        cdef uint32_t first
        cdef uint32_t i
        cdef uint32_t k
        for i in range(hits.n):
            first = used
            for k in range(hits.at[i].n_rows):
                row = hits.at[i].rows + k
                if not (left[row.list >> 6] >> (row.list & 63)) & 1 or used >= MOST_ROWS:
                    continue
                if hits.at[i].label != 0:
                    if row.mode == M_EXACT:
                        continue
                    left[row.list >> 6] &= ~(<uint64_t>1 << (row.list & 63))
                rows[used] = row[0]
                used += 1
            if used > first:
                hits.at[n] = hits.at[i]
                hits.at[n].rows = rows + first
                hits.at[n].n_rows = used - first
                n += 1
        hits.n = n

    cdef void _decide(self, const Hits* hits, Answer* out) noexcept nogil:
        cdef Policy policy
        cdef Decision d
        memset(&policy, 0, sizeof(Policy))
        policy.categories[0] = policy.categories[1] = ~<uint64_t>0
        decide(&policy, hits.at, hits.n, lists_of(&self.tables.tables), 0, &d)
        out.action = NO_ACTION
        if d.list != NO_LIST and (self._lists[d.list >> 6] >> (d.list & 63)) & 1:
            out.action = d.action
        out.data = d.data
        out.data_n = d.data_n

    cdef object _give(self, const ListedName* listed, const Answers* answers, list names, list between):
        """Append a name to `names` if its answers differ from those above, and to `between` the names it needs."""
        cdef bint is_covered = answers.above.action != NO_ACTION
        if _is_redundant(answers):
            return
        names.append((_octets(listed), _value(&answers.own, is_covered), _value(&answers.below, is_covered)))
        if is_covered and not stands_for_addresses(listed.wire, listed.n):
            self._give_between(listed, between)

    cdef object _give_between(self, const ListedName* listed, list between):
        cdef Answers answers
        cdef ListedName parent = listed[0]
        while <uint32_t>(parent.wire[0] + 1) < parent.n:
            parent.n -= parent.wire[0] + 1
            parent.wire += parent.wire[0] + 1
            self._answer(&parent, &answers)
            if answers.above.action == NO_ACTION or not _is_redundant(&answers):
                return              # no name above covers it, or it is listed by itself
            between.append((_octets(&parent), _value(&answers.above, False)))


@cython.final
cdef class _Piece:
    """The names that some lines of a base or its delta hold, secret ones excluded."""

    cdef ListedName* listed
    cdef uint32_t n

    def __cinit__(self):
        self.listed = <ListedName*>malloc(LINES_A_PIECE * LINE_WORDS * sizeof(ListedName))
        if self.listed == NULL:
            raise MemoryError("reading the names of an image")

    def __dealloc__(self):
        free(self.listed)

    cdef uint64_t fill(self, const Tables* t, uint64_t at) noexcept nogil:
        """Take the names from line `at` on, first the base's, then the delta's; return the line behind them."""
        cdef uint64_t n_base = t.names.table.n_lines
        cdef uint64_t end = min(at + LINES_A_PIECE, _end(t))
        self.n = 0
        while at < end:
            if at < n_base:
                self._take(&t.names.table, at, &t.names_delta.table)
            else:
                self._take(&t.names_delta.table, at - n_base, NULL)
            at += 1
        return at

    cdef void keep_addresses(self) noexcept nogil:
        """Keep the names that stand for addresses and that the delta does not replace."""
        cdef uint32_t n = 0
        cdef uint32_t i
        for i in range(self.n):
            if stands_for_addresses(self.listed[i].wire, self.listed[i].n) and not self.listed[i].is_hidden:
                self.listed[n] = self.listed[i]
                n += 1
        self.n = n

    cdef void _take(self, const KeyTable* t, uint64_t line, const KeyTable* delta) noexcept nogil:
        cdef const uint8_t* at = t.cold + t.cold_at[line]
        cdef const uint8_t* end = t.cold + t.cold_at[line + 1]
        cdef ListedName* listed
        cdef Name name
        cdef uint64_t n
        cdef int slot
        for slot in range(LINE_WORDS):
            if t.lines[line * LINE_WORDS + slot] == 0:
                return
            at = read_record(at, end, &n)
            if at == NULL:
                return
            listed = self.listed + self.n
            listed.wire = at
            listed.n = <uint32_t>n
            if 0 < n < NAME_OCTETS and _name_of(listed, &name):
                listed.is_hidden = delta != NULL and delta.n_bloom and _holds(delta, &name)
                self.n += 1
            at += n or DIGEST_OCTETS


cdef list _open_lists(TableSet tables):
    return [each for number, each in enumerate(tables.list_ids) if not lists_of(&tables.tables)[number].confidential]


cdef inline uint64_t _end(const Tables* t) noexcept nogil:
    return t.names.table.n_lines + t.names_delta.table.n_lines


cdef bint _name_of(const ListedName* listed, Name* out) noexcept nogil:
    """Read the name; False where it is invalid.   listed.n  below NAME_OCTETS"""
    cdef uint8_t wire[NAME_OCTETS]
    cdef size_t after
    memcpy(wire, listed.wire, listed.n)
    wire[listed.n] = 0
    return name_from_wire(wire, listed.n + 1, 0, out, &after) == OK and after == listed.n + 1


cdef bint _holds(const KeyTable* t, const Name* name) noexcept nogil:
    """Whether a table holds this very name, not as a digest."""
    cdef uint64_t hashes[NAME_LABELS]
    cdef uint32_t plain
    cdef uint32_t secret
    hash_suffixes(t.key, name, hashes)
    if not may_hold(t, hashes[0]):
        return False
    find_key(t, hashes[0], name.wire, name.n - 1, &plain, &secret)
    return plain != SET_NONE


cdef bint _has(const Tables* t, const ListedName* listed) noexcept nogil:
    """Whether read() visits this name."""
    cdef Name name
    _name_of(listed, &name)
    return ((t.names.table.n_bloom and _holds(&t.names.table, &name))
            or (t.names_delta.table.n_bloom and _holds(&t.names_delta.table, &name)))


cdef bint _is_touched(const Tables* a, const Tables* b, const ListedName* listed) noexcept nogil:
    """Whether either delta may hold the name or one above it.   a, b  have the same base"""
    cdef const KeyTable* here = &a.names_delta.table
    cdef const KeyTable* there = &b.names_delta.table
    cdef uint64_t hashes[NAME_LABELS]
    cdef Name name
    cdef int i
    _name_of(listed, &name)
    hash_suffixes(a.names.table.key, &name, hashes)
    for i in range(name.n_labels):
        if (here.n_bloom and may_hold(here, hashes[i])) or (there.n_bloom and may_hold(there, hashes[i])):
            return True
    return False


cdef inline bint _is_same(const Answer* a, const Answer* b) noexcept nogil:
    return a.action == b.action and a.data_n == b.data_n and (a.data_n == 0 or memcmp(a.data, b.data, a.data_n) == 0)


cdef inline bint _blocks(const Answer* answer) noexcept nogil:
    return answer.action != NO_ACTION and answer.action != PASSTHRU


cdef inline bint _is_redundant(const Answers* a) noexcept nogil:
    """Whether a name's answers are those that the names above it give."""
    return _is_same(&a.own, &a.above) and _is_same(&a.below, &a.above)


cdef inline bint _are_equal(const Answers* a, const Answers* b) noexcept nogil:
    return _is_same(&a.own, &b.own) and _is_same(&a.below, &b.below) and _is_same(&a.above, &b.above)


cdef object _octets(const ListedName* listed):
    return PyBytes_FromStringAndSize(<const char*>listed.wire, listed.n)


cdef object _value(const Answer* effect, bint is_covered):
    """An effect for Python.   is_covered  a name above decides: where no list decides here, say PASSTHRU"""
    if effect.action == LOCAL_DATA and effect.data_n:
        return PyBytes_FromStringAndSize(<const char*>effect.data, effect.data_n)
    return PASSTHRU if effect.action == NO_ACTION and is_covered else effect.action
