"""What some lists of the images in force say, name by name: the source of the zones that we publish.

A name gets two answers, one for itself and one for all that is below it; both are decide()'s, asked with the entries of
the chosen lists and of the help corridor (which holds open what it outranks, but says nothing unless it is chosen) and
with every category.  Where both are what the names above it give anyway, the name says
nothing of its own and is left out.

Resolvers differ in which wildcard speaks below a name that exists (RFC 4592 §3.3.1 against the longest one, see
tests/oracle/wildcards.py).  So a name that is given below another one's wildcard gets both answers, and each name
between the two is given too, as `between`: then every way of reading the zone gives the same answers.  Of prefixes of
addresses the longest speaks in every resolver.

Invariants: a name of a confidential list is never given (the images hold its digest only); every name of the lists is
given once, in the order of the images, which is the same for equal images; nothing leaves an image, whatever it holds.
Cost: some 0.5 µs a name and 0.2 MiB, however long the lists are.
Source: draft-vixie-dnsop-dns-rpz-00 §4.1.1 (QNAME triggers).
"""
cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.cursor cimport OK
from fastpath.images.key_table cimport DIGEST_OCTETS, SET_NONE, KeyTable, find_key, may_hold, read_record
from fastpath.images.layout cimport LINE_WORDS, SetRow
from fastpath.images.names cimport Hits, find_hits, hash_suffixes
from fastpath.images.policy cimport Policy, decide
from fastpath.images.tables cimport TableSet, Tables, hold_addresses, lists_of
from fastpath.images.verdict cimport LOCAL_DATA, NO_ACTION, NO_LIST, PASSTHRU, T_HELP, Decision
from fastpath.wire.address cimport stands_for_addresses
from fastpath.wire.name cimport Name, name_from_wire

Effect = int | bytes            # an Action, NO_ACTION where nothing is said, or the records of local data
Named = tuple[list[tuple[bytes, Effect, Effect]], list[tuple[bytes, Effect]]]

cdef enum:
    LINES_A_PIECE = 256         # at most 2,048 names, some 1 ms: other threads run in between
    MOST_ROWS = 16 * 3 * 128    # MAX_HITS suffixes, each with every list in every mode


cdef struct Said:
    uint8_t action              # NO_ACTION: none of the lists speaks
    uint32_t data_n
    const uint8_t* data         # of LOCAL_DATA, inside the image


cdef struct Answers:
    Said own                    # of the name itself
    Said below                  # of what is below it
    Said above                  # what the names above it give both


cdef struct Told:               # one name
    const uint8_t* wire         # inside the image, without the root
    uint32_t n
    bint is_hidden              # of the base, and the delta has it too: it is the delta's alone
    Answers now
    Answers then                # of the other listing, in changes()


@cython.final
cdef class Listing:
    """What lists say in a TableSet.   Any number of threads may read one.

    list_ids   one that the images do not have says nothing; ValueError for a confidential one; None: all others"""

    cdef readonly TableSet tables
    cdef readonly tuple list_ids
    cdef uint64_t _lists[2]         # the chosen ones
    cdef uint64_t _heard[2]         # those and the help corridor

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
        self._heard = self._lists
        for number in range(len(tables.list_ids)):
            if lists_of(&tables.tables)[number].tier == T_HELP:
                self._heard[number >> 6] |= <uint64_t>1 << (number & 63)

    @property
    def end(self) -> int:
        """The position at which read() has given everything."""
        return _end(&self.tables.tables)

    def read(self, uint64_t at) -> tuple[int, Named]:
        """Names from position `at` on (the first: 0); gives the position behind them, and (names, between).

        names     [(wire without the root, effect of itself, effect below), …];  an effect is the number of an Action,
                  NO_ACTION where nothing is said, or the records of local data as images hold them
        between   [(wire without the root, effect of both), …], as often as a name needs it"""
        cdef _Piece piece = _Piece()
        cdef uint32_t i
        names, between = [], []
        with nogil:
            at = piece.fill(&self.tables.tables, at)
            for i in range(piece.n):
                if not piece.told[i].is_hidden:
                    self._answer(piece.told + i, &piece.told[i].now)
        for i in range(piece.n):
            if not piece.told[i].is_hidden:
                self._give(piece.told + i, &piece.told[i].now, names, between)
        return at, (names, between)

    def addresses(self) -> list[bytes]:
        """The names of addresses and prefixes that somebody may be kept from, in wire form, each once.

        What only some profiles close is among them, and so is what gets another answer than a block.

        Cost: 0.1 us a name of the images, 1 us one that is given; nothing where no list holds addresses"""
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
                    self._answer(piece.told + i, &piece.told[i].now)
            for i in range(piece.n):
                if _blocks(&piece.told[i].now.own) or _blocks(&piece.told[i].now.below):
                    found.append(_octets(piece.told + i) + b"\0")
        return found

    def changes_end(self, Listing before not None) -> int:
        """The position at which changes() has given everything."""
        return self.end + before.end

    def changes(self, Listing before not None, uint64_t at) -> tuple[int, Named, Named]:
        """The same of names that get other answers than in `before`: what they got, what they get.

        Some names that get the same are given, too, alike in both.

        Cost: 0.1 µs a name where both have one base, else 1 µs"""
        cdef _Piece piece = _Piece()
        cdef uint32_t i
        old_names, old_between, names, between = [], [], [], []
        with nogil:
            at = self._changed(before, at, piece)
        for i in range(piece.n):
            before._give(piece.told + i, &piece.told[i].then, old_names, old_between)
            self._give(piece.told + i, &piece.told[i].now, names, between)
        return at, (old_names, old_between), (names, between)

    cdef uint64_t _changed(self, Listing before, uint64_t at, _Piece piece) noexcept nogil:
        """Fill the piece with names that get other answers: first of our own names, then of those that are no more."""
        cdef const Tables* tables = &self.tables.tables
        cdef const Tables* old = &before.tables.tables
        cdef uint64_t end = _end(tables)
        cdef bint is_ours = at < end
        cdef bint has_same_base = tables.names.table.lines == old.names.table.lines
        cdef uint32_t n = 0
        cdef uint32_t i
        cdef Told* told
        if is_ours:
            at = piece.fill(tables, at)
        elif has_same_base and at < end + old.names.table.n_lines:
            at = end + piece.fill(old, old.names.table.n_lines)
        else:
            at = end + piece.fill(old, at - end)
        for i in range(piece.n):
            told = piece.told + i
            if told.is_hidden or (is_ours and has_same_base and not _is_touched(tables, old, told)):
                continue
            if not is_ours and _has(tables, told):
                continue
            self._answer(told, &told.now)
            before._answer(told, &told.then)
            # what it makes necessary may be other names than before, though its own answers are the same
            if not _are_equal(&told.now, &told.then) or (
                    told.now.above.action != NO_ACTION and not _is_redundant(&told.now)):
                piece.told[n] = told[0]
                n += 1
        piece.n = n
        return at

    cdef void _answer(self, const Told* told, Answers* out) noexcept nogil:
        """What decide() says where only the lists that are heard are there, and every category is asked for."""
        cdef SetRow rows[6144]      # MOST_ROWS
        cdef Name name
        cdef Hits hits
        cdef uint32_t n = 0
        cdef uint32_t i
        _name_of(told, &name)
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
        """Leave only the rows of the lists that are heard.   rows  MOST_ROWS of room"""
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
                if (self._heard[row.list >> 6] >> (row.list & 63)) & 1 and used < MOST_ROWS:
                    rows[used] = row[0]
                    used += 1
            if used > first:
                hits.at[n] = hits.at[i]
                hits.at[n].rows = rows + first
                hits.at[n].n_rows = used - first
                n += 1
        hits.n = n

    cdef void _decide(self, const Hits* hits, Said* out) noexcept nogil:
        cdef Policy policy
        cdef Decision d
        memset(&policy, 0, sizeof(Policy))
        policy.categories[0] = policy.categories[1] = ~<uint64_t>0
        decide(&policy, hits, lists_of(&self.tables.tables), 0, &d)
        out.action = NO_ACTION
        if d.list != NO_LIST and (self._lists[d.list >> 6] >> (d.list & 63)) & 1:
            out.action = d.action
        out.data = d.data
        out.data_n = d.data_n

    cdef object _give(self, const Told* told, const Answers* answers, list names, list between):
        """Append a name to `names` if it says something of its own, and to `between` what that makes necessary."""
        cdef bint is_covered = answers.above.action != NO_ACTION
        if _is_redundant(answers):
            return
        names.append((_octets(told), _value(&answers.own, is_covered), _value(&answers.below, is_covered)))
        if is_covered and not stands_for_addresses(told.wire, told.n):
            self._give_between(told, between)

    cdef object _give_between(self, const Told* told, list between):
        cdef Answers answers
        cdef Told parent = told[0]
        while <uint32_t>(parent.wire[0] + 1) < parent.n:
            parent.n -= parent.wire[0] + 1
            parent.wire += parent.wire[0] + 1
            self._answer(&parent, &answers)
            if answers.above.action == NO_ACTION or not _is_redundant(&answers):
                return              # nothing covers it, or it is given by itself
            between.append((_octets(&parent), _value(&answers.above, False)))


@cython.final
cdef class _Piece:
    """The names that some lines of a base or its delta hold plain."""

    cdef Told* told
    cdef uint32_t n

    def __cinit__(self):
        self.told = <Told*>malloc(LINES_A_PIECE * LINE_WORDS * sizeof(Told))
        if self.told == NULL:
            raise MemoryError("reading the names of an image")

    def __dealloc__(self):
        free(self.told)

    cdef uint64_t fill(self, const Tables* t, uint64_t at) noexcept nogil:
        """Hold the names from line `at` on, the delta's behind the base's; returns the line behind them."""
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
        """Leave those that stand for addresses, and are not the delta's alone."""
        cdef uint32_t n = 0
        cdef uint32_t i
        for i in range(self.n):
            if stands_for_addresses(self.told[i].wire, self.told[i].n) and not self.told[i].is_hidden:
                self.told[n] = self.told[i]
                n += 1
        self.n = n

    cdef void _take(self, const KeyTable* t, uint64_t line, const KeyTable* delta) noexcept nogil:
        cdef const uint8_t* at = t.cold + t.cold_at[line]
        cdef const uint8_t* end = t.cold + t.cold_at[line + 1]
        cdef Told* told
        cdef Name name
        cdef uint64_t n
        cdef int slot
        for slot in range(LINE_WORDS):
            if t.lines[line * LINE_WORDS + slot] == 0:
                return
            at = read_record(at, end, &n)
            if at == NULL:
                return
            told = self.told + self.n
            told.wire = at
            told.n = <uint32_t>n
            if 0 < n < 255 and _name_of(told, &name):
                told.is_hidden = delta != NULL and delta.n_bloom and _holds(delta, &name)
                self.n += 1
            at += n or DIGEST_OCTETS


cdef list _open_lists(TableSet tables):
    return [each for number, each in enumerate(tables.list_ids) if not lists_of(&tables.tables)[number].confidential]


cdef inline uint64_t _end(const Tables* t) noexcept nogil:
    return t.names.table.n_lines + t.names_delta.table.n_lines


cdef bint _name_of(const Told* told, Name* out) noexcept nogil:
    """Read the name; False where it is none.   told.n  below 255"""
    cdef uint8_t wire[256]
    cdef size_t after
    memcpy(wire, told.wire, told.n)
    wire[told.n] = 0
    return name_from_wire(wire, told.n + 1, 0, out, &after) == OK and after == told.n + 1


cdef bint _holds(const KeyTable* t, const Name* name) noexcept nogil:
    """Whether a table has this very name, plain."""
    cdef uint64_t hashes[128]
    cdef uint32_t plain
    cdef uint32_t secret
    hash_suffixes(t.key, name, hashes)
    if not may_hold(t, hashes[0]):
        return False
    find_key(t, hashes[0], name.wire, name.n - 1, &plain, &secret)
    return plain != SET_NONE


cdef bint _has(const Tables* t, const Told* told) noexcept nogil:
    """Whether read() looks at this name."""
    cdef Name name
    _name_of(told, &name)
    return ((t.names.table.n_bloom and _holds(&t.names.table, &name))
            or (t.names_delta.table.n_bloom and _holds(&t.names_delta.table, &name)))


cdef bint _is_touched(const Tables* a, const Tables* b, const Told* told) noexcept nogil:
    """Whether the delta of one of the two may hold the name or one above it.   Both are of one base"""
    cdef const KeyTable* here = &a.names_delta.table
    cdef const KeyTable* there = &b.names_delta.table
    cdef uint64_t hashes[128]
    cdef Name name
    cdef int i
    _name_of(told, &name)
    hash_suffixes(a.names.table.key, &name, hashes)
    for i in range(name.n_labels):
        if (here.n_bloom and may_hold(here, hashes[i])) or (there.n_bloom and may_hold(there, hashes[i])):
            return True
    return False


cdef inline bint _is_same(const Said* a, const Said* b) noexcept nogil:
    return a.action == b.action and a.data_n == b.data_n and (a.data_n == 0 or memcmp(a.data, b.data, a.data_n) == 0)


cdef inline bint _blocks(const Said* said) noexcept nogil:
    return said.action != NO_ACTION and said.action != PASSTHRU


cdef inline bint _is_redundant(const Answers* a) noexcept nogil:
    """Whether a name gets what those above it give anyway."""
    return _is_same(&a.own, &a.above) and _is_same(&a.below, &a.above)


cdef inline bint _are_equal(const Answers* a, const Answers* b) noexcept nogil:
    return _is_same(&a.own, &b.own) and _is_same(&a.below, &b.below) and _is_same(&a.above, &b.above)


cdef object _octets(const Told* told):
    return PyBytes_FromStringAndSize(<const char*>told.wire, told.n)


cdef object _value(const Said* effect, bint is_covered):
    """An effect as Python has it; is_covered: where nothing is said, that is to be said."""
    if effect.action == LOCAL_DATA and effect.data_n:
        return PyBytes_FromStringAndSize(<const char*>effect.data, effect.data_n)
    return PASSTHRU if effect.action == NO_ACTION and is_covered else effect.action
