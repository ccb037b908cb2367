"""Who holds which prefix, in columns: a million lines without a Python object for any.

One table for each IP version, sorted by address and then by length.  A row is a prefix, the profile that it answers to,
the group of profiles that lock and unlock together (parental.policy.locks), and whether the kernel holds it as locked.

Prefixes leave here in columns, too: by (version, length) their first addresses in network order, one behind the other,
as netlink wants them.  Spans are pairs [first, end) in network order; an end behind the last address is zero.

Invariants: a prefix is in it once; a change that raises has changed nothing.
Cost: 42 octets a prefix.  A pass over a million costs a millisecond or two, and every method is a few passes; none is
slower for what has changed before.
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memset

from fastpath.people.held_passes cimport (
    FILTER_BITS, FINE, NO_GROUP, NO_MEMORY, Numbers, choose, compare, find, highest_group, holds, may_hold, place)
from fastpath.people.prefix_rows cimport (
    PrefixRow, PrefixRows, address_t, compare_rows, has_row, prefix_order, push_row, put_address, read_address,
    read_rows, sort_rows)

__all__ = ["Columns", "HeldPrefixes", "Shape"]

Shape = tuple[int, int]             # version and length
Columns = dict[tuple[int, int], bytes]

cdef enum:
    LENGTHS = 129


cdef address_t end_of(const PrefixColumns* c, address_t first, uint8_t length) noexcept nogil:
    """The last address of a prefix."""
    if length == 0:
        return c.top
    return first + ((<address_t>1 << (c.bits - length)) - 1)


cdef object _grow(void** column, size_t octets):
    cdef void* grown = realloc(column[0], octets)
    if grown == NULL:
        raise MemoryError()
    column[0] = grown


cdef object _make_room(PrefixColumns* c, size_t room):
    """Have room for so many rows.   Cost: none for what is there: pages are moved, not copied"""
    _grow(<void**>&c.first, room * sizeof(address_t))
    _grow(<void**>&c.number, room * sizeof(uint32_t))
    _grow(<void**>&c.group, room * sizeof(uint32_t))
    _grow(<void**>&c.length, room)
    _grow(<void**>&c.sent, room)
    c.room = room


cdef void _drop(PrefixColumns* c) noexcept nogil:
    free(c.first)
    free(c.number)
    free(c.group)
    free(c.length)
    free(c.sent)


cdef inline void _move(PrefixColumns* to, size_t at, const PrefixColumns* from_, size_t i) noexcept nogil:
    to.first[at] = from_.first[i]
    to.number[at] = from_.number[i]
    to.group[at] = from_.group[i]
    to.length[at] = from_.length[i]
    to.sent[at] = from_.sent[i]


cdef inline void _set(PrefixColumns* to, size_t at, const PrefixRow* row) noexcept nogil:
    to.first[at] = row.first
    to.number[at] = row.number
    to.group[at] = 0
    to.length[at] = row.length
    to.sent[at] = False


cdef bint _is_same(const PrefixColumns* c, const PrefixRows* new, const Numbers* changed,
                   const PrefixRows* released) noexcept nogil:
    """Whether the new rows are what the changed profiles hold already, and nothing held is released."""
    cdef size_t i
    for i in range(new.n):
        if find(c, new.at[i].first, new.at[i].length) == c.n:
            return False
    for i in range(released.n):
        if (find(c, released.at[i].first, released.at[i].length) < c.n
                and not has_row(new, released.at[i].first, released.at[i].length)):
            return False
    if changed.n:
        for i in range(c.n):
            if holds(changed, c.number[i]) and not has_row(new, c.first[i], c.length[i]):
                return False
    return True


cdef object _merge(PrefixColumns* c, const PrefixRows* new, const Numbers* changed, const PrefixRows* released):
    """Put the new rows into a copy without what the changed profiles held, and take that."""
    cdef PrefixColumns to
    cdef PrefixRows gone
    cdef size_t i = 0
    cdef size_t k = 0
    cdef size_t n = 0
    cdef int order
    memset(&gone, 0, sizeof(gone))
    memset(&to, 0, sizeof(to))
    try:
        _make_room(&to, c.n + new.n + 1)
        while i < c.n or k < new.n:
            order = (1 if i == c.n else -1 if k == new.n else
                     prefix_order(c.first[i], c.length[i], new.at[k].first, new.at[k].length))
            if order > 0:
                _set(&to, n, new.at + k)
                n += 1
                k += 1
            elif order == 0:
                _move(&to, n, c, i)
                to.number[n] = new.at[k].number
                n += 1
                i += 1
                k += 1
            else:
                if (holds(changed, c.number[i])
                        or (released.n and has_row(released, c.first[i], c.length[i]))):
                    if c.sent[i]:
                        push_row(&gone, c.first[i], c.length[i], 0)
                else:
                    _move(&to, n, c, i)
                    n += 1
                i += 1
        to.n = n
        for i in range(c.n_gone):
            k = find(&to, c.gone[i].first, c.gone[i].length)
            if k < n:
                to.sent[k] = True   # held again, and the kernel was not informed that it had gone
            else:
                push_row(&gone, c.gone[i].first, c.gone[i].length, 0)
    except MemoryError:
        _drop(&to)
        free(gone.at)
        raise
    _drop(c)
    free(c.gone)
    c.gone = gone.at
    c.n_gone = gone.n
    c.first = to.first
    c.number = to.number
    c.group = to.group
    c.length = to.length
    c.sent = to.sent
    c.n = n
    c.room = to.room


cdef object _append(PrefixColumns* c, const PrefixRows* new):
    """Add rows that all come behind those that are held."""
    cdef size_t i
    if c.n + new.n > c.room:
        _make_room(c, (c.n + new.n) + (c.n + new.n) // 8)
    for i in range(new.n):
        _set(c, c.n + i, new.at + i)
    c.n += new.n


cdef bint _replace(PrefixColumns* c, const PrefixRows* new, const Numbers* changed, const PrefixRows* lost) except -1:
    """Do replace() for one IP version."""
    cdef size_t i
    cdef bint is_behind = c.n == 0
    if c.n and new.n and changed.n == 0 and lost.n == 0:
        is_behind = prefix_order(c.first[c.n - 1], c.length[c.n - 1], new.at[0].first, new.at[0].length) < 0
    if new.n and is_behind and c.n_gone == 0:
        _append(c, new)
        return True
    if not _is_same(c, new, changed, lost):
        _merge(c, new, changed, lost)
        return True
    for i in range(new.n):
        c.number[find(c, new.at[i].first, new.at[i].length)] = new.at[i].number
    return False


cdef class HeldPrefixes:
    """Every prefix that is held, with its profile, its group and what the kernel knows of it."""

    def __cinit__(self):
        self.sides[0].bits = 32
        self.sides[1].bits = 128
        self.sides[0].top = 0xffffffff
        self.sides[1].top = ~<address_t>0

    def __dealloc__(self):
        cdef int i
        for i in range(2):
            _drop(&self.sides[i])
            free(self.sides[i].gone)

    def __len__(self) -> int:
        return self.sides[0].n + self.sides[1].n

    def replace(self, rows, const uint32_t[::1] numbers=None, released=()) -> bool:
        """Have the profiles `numbers` (rising) hold the prefixes of `rows` and no others; whether others are held now.

        rows       (version, first address, length, profile), in any order; in a group that locks nothing, those that
                   were held before in theirs
        released   prefixes (ipaddress) that are held no more, unless `rows` has them
        Raises ValueError for no prefix, a prefix that occurs twice, or no number of a profile; MemoryError.
        Cost: 0.1 us a row; where anything is different, a copy of everything that is held"""
        cdef PrefixRows new[2]
        cdef PrefixRows lost[2]
        cdef Numbers changed
        cdef bint is_different = False
        cdef int i
        memset(new, 0, sizeof(new))
        memset(lost, 0, sizeof(lost))
        memset(&changed, 0, sizeof(changed))
        try:
            read_rows(new, rows)
            for each in released:
                i = 0 if each.version == 4 else 1
                push_row(&lost[i], read_address(each.network_address.packed, 4 + 12 * i), each.prefixlen, 0)
            if numbers is not None and numbers.shape[0]:
                changed.at = <uint32_t*>&numbers[0]
                changed.n = numbers.shape[0]
                _make_filter(&changed)
            for i in range(2):
                sort_rows(&new[i])
                if lost[i].n:  # qsort(3) takes no null pointer, not even of nothing
                    qsort(lost[i].at, lost[i].n, sizeof(PrefixRow), compare_rows)
            for i in range(2):
                if _replace(&self.sides[i], &new[i], &changed, &lost[i]):
                    is_different = True
        finally:
            for i in range(2):
                free(new[i].at)
                free(lost[i].at)
            free(changed.filter)
        return is_different

    def assign(self, const uint32_t[::1] numbers, const uint32_t[::1] groups) -> None:
        """Put what profiles hold into groups.   numbers  rising;   groups  of each

        Cost: one pass, and for each row of these profiles one search among them"""
        cdef Numbers chosen
        cdef PrefixColumns* c
        cdef size_t i
        cdef size_t at
        cdef int side
        if numbers.shape[0] != groups.shape[0]:
            raise ValueError(f"groups: {groups.shape[0]} for {numbers.shape[0]} profiles; nothing changed")
        if numbers.shape[0] == 0:
            return
        memset(&chosen, 0, sizeof(chosen))
        try:
            chosen.at = <uint32_t*>&numbers[0]
            chosen.n = numbers.shape[0]
            _make_filter(&chosen)
            with nogil:
                for side in range(2):
                    c = &self.sides[side]
                    for i in range(c.n):
                        if may_hold(&chosen, c.number[i]):
                            at = place(chosen.at, chosen.n, c.number[i])
                            if at < chosen.n:
                                c.group[i] = groups[at]
        finally:
            free(chosen.filter)

    def group_of(self, uint32_t number) -> int | None:
        """The group of a profile; None where it holds nothing."""
        cdef size_t i
        cdef int side
        for side in range(2):
            for i in range(self.sides[side].n):
                if self.sides[side].number[i] == number:
                    return self.sides[side].group[i]
        return None

    def groups_with_lines(self, size_t n_groups) -> bytearray:
        """For each group, 1 where anything is in it, else 0."""
        cdef bytearray found = bytearray(n_groups)
        cdef uint8_t[::1] seen = found
        cdef size_t i
        cdef int side
        for side in range(2):
            for i in range(self.sides[side].n):
                if self.sides[side].group[i] < n_groups:
                    seen[self.sides[side].group[i]] = 1
        return found

    def differences(self, const uint8_t[::1] locked) -> tuple[Columns, Columns]:
        """What the kernel has to lock and to unlock, in columns.   locked  for each group, 1 where it is, else 0

        Raises ValueError where a group is missing there.   Cost: a pass"""
        cdef const uint8_t* of = &locked[0] if locked.shape[0] else NULL
        cdef size_t n = locked.shape[0]
        cdef Places added[2]
        cdef Places removed[2]
        cdef int side
        cdef int fault = FINE
        memset(added, 0, sizeof(added))
        memset(removed, 0, sizeof(removed))
        try:
            with nogil:
                for side in range(2):
                    if fault == FINE:
                        fault = compare(&self.sides[side], of, n, &added[side], &removed[side])
            self._raise(fault, n)
            return self._columns(added, False), self._columns(removed, True)
        finally:
            for side in range(2):
                free(added[side].at)
                free(removed[side].at)

    def settle(self, const uint8_t[::1] locked) -> None:
        """Note that the kernel has locked these groups, and no others.   Raises as differences()

        Cost: two passes"""
        cdef const uint8_t* of = &locked[0] if locked.shape[0] else NULL
        cdef PrefixColumns* c
        cdef size_t i
        cdef int side
        self._require_groups(locked)
        with nogil:
            for side in range(2):
                c = &self.sides[side]
                for i in range(c.n):
                    c.sent[i] = of[c.group[i]]
                c.n_gone = 0

    def columns(self, const uint8_t[::1] locked) -> Columns:
        """Everything of these groups, in columns.   Raises as differences()"""
        cdef const uint8_t* of = &locked[0] if locked.shape[0] else NULL
        cdef size_t n = locked.shape[0]
        cdef Places chosen[2]
        cdef int side
        cdef int fault = FINE
        memset(chosen, 0, sizeof(chosen))
        try:
            with nogil:
                for side in range(2):
                    if fault == FINE:
                        fault = choose(&self.sides[side], of, n, &chosen[side])
            self._raise(fault, n)
            return self._columns(chosen, False)
        finally:
            for side in range(2):
                free(chosen[side].at)

    cdef object _require_groups(self, const uint8_t[::1] locked):
        cdef size_t n = locked.shape[0]
        cdef uint32_t most
        with nogil:
            most = max(highest_group(&self.sides[0]), highest_group(&self.sides[1]))
        if n <= most:
            self._raise(NO_GROUP, n)

    cdef object _raise(self, int fault, size_t n):
        if fault == NO_MEMORY:
            raise MemoryError()
        if fault == NO_GROUP:
            most = max(highest_group(&self.sides[0]), highest_group(&self.sides[1]))
            raise ValueError(f"groups: {n} are named, a prefix is of number {most}; nothing done; name all")

    cdef dict _columns(self, const Places* chosen, bint has_gone):
        """Columns of chosen rows of each IP version.   has_gone  with what is held no more"""
        cdef size_t count[LENGTHS]
        cdef uint8_t* at[LENGTHS]
        cdef PrefixColumns* c
        cdef size_t n_gone
        cdef size_t i
        cdef int side
        cdef int width
        cdef int length
        cdef bytes octets
        cdef dict found = {}
        for side in range(2):
            c = &self.sides[side]
            width = c.bits // 8
            n_gone = c.n_gone if has_gone else 0
            memset(count, 0, sizeof(count))
            for i in range(chosen[side].n):
                count[c.length[chosen[side].at[i]]] += 1
            for i in range(n_gone):
                count[c.gone[i].length] += 1
            for length in range(LENGTHS):
                at[length] = NULL
                if count[length]:
                    octets = bytes(count[length] * width)
                    found[(4 if side == 0 else 6, length)] = octets
                    at[length] = <uint8_t*><char*>octets
            for i in range(chosen[side].n):
                length = c.length[chosen[side].at[i]]
                put_address(at[length], c.first[chosen[side].at[i]], width)
                at[length] += width
            for i in range(n_gone):
                put_address(at[c.gone[i].length], c.gone[i].first, width)
                at[c.gone[i].length] += width
        return found

    def spans(self, int version, bytes also not None=b"") -> bytes:
        """The fewest spans that cover everything held of an IP version.   also  other spans, sorted, to be covered, too

        Cost: a pass"""
        cdef PrefixColumns* c = &self.sides[0 if version == 4 else 1]
        cdef size_t n = _cover(c, also, len(also) // (c.bits // 4), NULL)
        cdef bytes found = bytes(n * (c.bits // 4))
        _cover(c, also, len(also) // (c.bits // 4), <uint8_t*><char*>found)
        return found


cdef size_t _cover(const PrefixColumns* c, const uint8_t* also, size_t n_also, uint8_t* out) noexcept nogil:
    """Write the cover of both as spans; how many.   out  NULL: only count"""
    cdef int width = c.bits // 8
    cdef size_t n = 0
    cdef size_t i = 0
    cdef size_t k = 0
    cdef bint is_open = False
    cdef address_t first = 0
    cdef address_t last = 0
    cdef address_t from_
    cdef address_t to
    while i < c.n or k < n_also:
        if k == n_also or (i < c.n and c.first[i] <= read_address(also + 2 * width * k, width)):
            from_ = c.first[i]
            to = end_of(c, from_, c.length[i])
            i += 1
        else:
            from_ = read_address(also + 2 * width * k, width)
            to = (read_address(also + 2 * width * k + width, width) - 1) & c.top
            k += 1
        if is_open and (last == c.top or from_ <= last + 1):
            if to > last:
                last = to
            continue
        if is_open:
            if out != NULL:
                put_address(out + 2 * width * n, first, width)
                put_address(out + 2 * width * n + width, last + 1, width)
            n += 1
        is_open = True
        first = from_
        last = to
    if is_open:
        if out != NULL:
            put_address(out + 2 * width * n, first, width)
            put_address(out + 2 * width * n + width, last + 1, width)
        n += 1
    return n


cdef object _make_filter(Numbers* of):
    cdef size_t i
    cdef uint32_t bit
    of.filter = <uint8_t*>malloc(FILTER_BITS // 8)
    if of.filter == NULL:
        raise MemoryError()
    memset(of.filter, 0, FILTER_BITS // 8)
    for i in range(of.n):
        bit = of.at[i] % FILTER_BITS
        of.filter[bit >> 3] |= 1 << (bit & 7)
