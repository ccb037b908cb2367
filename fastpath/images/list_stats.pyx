"""Statistics of a compiled image: what each list contributed.

Invariants: for each list, `by_mode` and `duplicates` together are the entries that were added.
Cost: one pass over the sorted entries, some 20 ns each.
"""
from typing import NamedTuple

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset

from fastpath.images.key_builder cimport E_FOLDED, Entry, KeyBuilder
from fastpath.images.layout cimport MAX_LISTS
from fastpath.images.verdict cimport M_BELOW, M_EXACT, NO_ACTION, N_MODES, PASSTHRU, SHADOW

from fastpath.images.verdict import Action, Mode


class ListTally(NamedTuple):
    """One list.

    keys         different names (or URLs)
    by_mode      entries, by mode;   by_action  the same entries, by their action
    duplicates   entries with the name and mode of an earlier one: the first one counts
    folded       entries left out of the table, because an entry above them says the same
    conflicts    names that the list both blocks and allows"""

    keys: int
    by_mode: dict[Mode, int]
    by_action: dict[Action, int]
    duplicates: int
    folded: int
    conflicts: int


cdef struct Counts:
    uint64_t keys
    uint64_t modes[N_MODES + 1]
    uint64_t actions[SHADOW + 1]
    uint64_t duplicates
    uint64_t folded
    uint64_t conflicts


def tally(KeyBuilder keys not None) -> list[ListTally]:
    """Count by list, in the order of the lists.   keys  build() was called"""
    cdef Counts counts[MAX_LISTS]
    cdef uint8_t actions[MAX_LISTS]
    cdef size_t i = 0
    cdef size_t end
    cdef size_t key_end
    memset(counts, 0, sizeof(counts))
    keys.sort()
    for number, spec in enumerate(keys.lists):
        actions[number] = spec.action
    with nogil:
        while i < keys.n:
            key_end = keys.end_of_key(i)
            while i < key_end:
                end = i + 1
                while end < key_end and keys.entries[end].list == keys.entries[i].list:
                    end += 1
                if keys.entries[i].mode != 0:
                    _count(keys.entries + i, end - i, actions[keys.entries[i].list], &counts[keys.entries[i].list])
                i = end
    return [_tally_of(&counts[number]) for number in range(len(keys.lists))]


cdef void _count(const Entry* entries, size_t n, uint8_t own_action, Counts* to) noexcept nogil:
    """Count the entries of one list for one key; they are sorted by mode."""
    cdef const Entry* e
    cdef uint8_t action
    cdef uint8_t last_mode = 0
    cdef int blocking = 0       # modes that block, as bits
    cdef int passing = 0        # modes that allow
    cdef size_t i
    to.keys += 1
    for i in range(n):
        e = entries + i
        action = own_action if e.action == NO_ACTION else e.action
        if action == PASSTHRU:
            passing |= 1 << e.mode
        else:
            blocking |= 1 << e.mode
        if e.mode == last_mode:
            to.duplicates += 1
            continue
        last_mode = e.mode
        to.modes[e.mode] += 1
        to.actions[action] += 1
        to.folded += e.flags & E_FOLDED != 0
    to.conflicts += _contradict(blocking, passing)


cdef inline bint _contradict(int blocking, int passing) noexcept nogil:
    """Whether a blocking and an allowing mode cover the same name.  Exact and below never do."""
    cdef int exact = 1 << M_EXACT
    cdef int below = 1 << M_BELOW
    return blocking and passing and not (
        (blocking == exact and passing == below) or (blocking == below and passing == exact))


cdef object _tally_of(const Counts* of):
    return ListTally(
        of.keys, {mode: of.modes[<int>mode] for mode in Mode if of.modes[<int>mode]},
        {action: of.actions[<int>action] for action in Action if action != NO_ACTION and of.actions[<int>action]},
        of.duplicates, of.folded, of.conflicts)
