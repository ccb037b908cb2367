"""Block records of a segment, folded into columns: thousands of records for a few Python objects.

Equal records of one second are one row with a count, as the ledger keeps them.  A row is four numbers: its second, its
subscriber, its kind and its count.  A kind is all else that a record says; only kinds become objects.

Invariants: the process that wrote the segment is not trusted.  What is no record (its channel, action, reason, list or
rule is unknown, its time is before 1970, or a generation is more than a database holds) is passed over slot by slot and
counted as damaged, so that it holds up no record behind it; so are the zeros that a power cut leaves of records which
the disk has not got.
Absent on purpose: a mapping of the file, which its owner could cut under the reader (SIGBUS).
Cost: 0.2 µs a record, where each makes a row.
"""
import os
from array import array
from typing import NamedTuple

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from fastpath.base.siphash cimport siphash13
from fastpath.images.layout cimport LIST_ID_OCTETS
from fastpath.images.verdict cimport C_ADDRESS, C_DNS, N_REASONS, NO_SUBSCRIBER, SHADOW
from fastpath.report.spool cimport MOST_SLOTS, SLOT_OCTETS, Event

from fastpath.report.spool import BlockEvent, event_at, read_slots

NOT_A_SUBSCRIBER = NO_SUBSCRIBER

cdef enum:
    MOST_LABEL_OCTETS = 63      # RFC 1035 §2.3.4
    NS_PER_S = 1000000000
    # Of a record: where what tells its kind begins, before and behind the subscriber.
    GENERATIONS_AT = 8
    GENERATIONS_OCTETS = 16
    REST_AT = 28
    RULE_AT = 64


class Columns(NamedTuple):
    """Folded records; columns have one element a row, in order of appearance.

    kinds       the first record of each kind
    time_s      array('q'), unix seconds;   kind  array('I'), index in `kinds`
    subscriber  array('I'), its number; NOT_A_SUBSCRIBER: the address is no subscriber's
    counts      array('I'), records of the row;   n  records in all;   n_damaged  slots passed over
    next        the slot behind the last record"""

    kinds: list[BlockEvent]
    time_s: array
    kind: array
    subscriber: array
    counts: array
    n: int
    n_damaged: int
    next: int


cdef struct Fold:
    const uint8_t* data         # of slots
    size_t octets
    size_t at                   # octets that are done
    uint64_t key[2]             # of the tables: who writes records cannot choose their places
    uint32_t mask               # of the tables' size; never more than half full
    uint32_t* rows_by_hash      # number of a row + 1; 0: free
    uint32_t* kinds_by_hash
    uint32_t* first_of          # where the first record of a kind begins, in slots
    int64_t* time_s
    uint32_t* kind
    uint32_t* subscriber
    uint32_t* count
    uint32_t most_rows
    uint32_t n_rows
    uint32_t n_kinds
    uint32_t n
    uint32_t n_damaged


def read_columns(path: str | os.PathLike[str], first: int, most_records: int, most_rows: int) -> Columns:
    """Read at most so many records of a segment, from slot `first` on, until they would make more than so many rows.

    most_records, most_rows  from 1 to 2^20, else ValueError
    Raises OSError; ValueError for a file that is not a segment."""
    cdef Fold f
    cdef uint32_t most
    if not 1 <= most_records <= 1 << 20 or not 1 <= most_rows <= 1 << 20:
        raise ValueError(f"{most_records} records, {most_rows} rows: not read; ask for 1 to {1 << 20} of each")
    most = most_records
    cdef bytes data = read_slots(path, first, MOST_SLOTS * most_records)
    size = 2 << (most_rows - 1).bit_length()
    key = os.urandom(sizeof(f.key))
    memcpy(f.key, <const uint8_t*>key, sizeof(f.key))
    time_s = array("q", bytes(8 * most_rows))
    numbers = [array("I", bytes(4 * n)) for n in (size, size, most_rows, most_rows, most_rows, most_rows)]
    cdef int64_t[::1] times = time_s
    cdef uint32_t[::1] rows_by_hash = numbers[0]
    cdef uint32_t[::1] kinds_by_hash = numbers[1]
    cdef uint32_t[::1] first_of = numbers[2]
    cdef uint32_t[::1] kinds = numbers[3]
    cdef uint32_t[::1] subscribers = numbers[4]
    cdef uint32_t[::1] counts = numbers[5]
    f.data, f.octets, f.at, f.mask, f.most_rows = <const uint8_t*>data, len(data), 0, size - 1, most_rows
    f.n_rows = f.n_kinds = f.n = f.n_damaged = 0
    f.time_s, f.kind, f.subscriber, f.count = &times[0], &kinds[0], &subscribers[0], &counts[0]
    f.rows_by_hash, f.kinds_by_hash, f.first_of = &rows_by_hash[0], &kinds_by_hash[0], &first_of[0]
    with nogil:
        _fold(&f, most)
    return Columns(
        [event_at(data, first_of[k] * SLOT_OCTETS)[0] for k in range(f.n_kinds)],
        time_s[:f.n_rows], numbers[3][:f.n_rows], numbers[4][:f.n_rows], numbers[5][:f.n_rows],
        f.n, f.n_damaged, first + f.at // SLOT_OCTETS
    )


cdef void _fold(Fold* f, uint32_t most) noexcept nogil:
    cdef size_t octets
    while f.n + f.n_damaged < most and f.at + SLOT_OCTETS <= f.octets:
        octets = RULE_AT + (<const Event*>(f.data + f.at)).rule_octets
        octets += (SLOT_OCTETS - octets % SLOT_OCTETS) % SLOT_OCTETS
        if not _has_numbers(<const Event*>(f.data + f.at)):
            f.n_damaged += 1
            f.at += SLOT_OCTETS
        elif octets > f.octets - f.at:
            return              # its end is not written: as read_segment()
        elif not _has_rule(<const Event*>(f.data + f.at)):
            f.n_damaged += 1
            f.at += SLOT_OCTETS
        elif _add(f, <const Event*>(f.data + f.at)):
            f.n += 1
            f.at += octets
        else:
            return


cdef bint _has_numbers(const Event* e) noexcept nogil:
    """Whether the numbers and the list of a record are such as a loop writes."""
    return (e.time_ns > 0 and C_DNS <= e.channel <= C_ADDRESS and e.action <= SHADOW and e.reason < N_REASONS
            and e.names_generation <= <uint64_t>INT64_MAX and e.policy_generation <= <uint64_t>INT64_MAX
            and _has_list(e))


cdef bint _has_list(const Event* e) noexcept nogil:
    """Whether a list is graphic ASCII, with zeros behind it alone."""
    cdef const uint8_t* text = <const uint8_t*>e.list
    cdef size_t at = 0
    while at < LIST_ID_OCTETS and 0x21 <= text[at] <= 0x7E:
        at += 1
    while at < LIST_ID_OCTETS and text[at] == 0:
        at += 1
    return at == LIST_ID_OCTETS


cdef bint _has_rule(const Event* e) noexcept nogil:
    """Whether a rule is the text of a URL, one name in wire form, or nothing."""
    cdef size_t at = 0
    if e.rule_octets == 0:
        return True
    if e.rule_is_url:
        return memchr(e.rule, 0, e.rule_octets) == NULL
    while at < e.rule_octets and e.rule[at] != 0:
        if e.rule[at] > MOST_LABEL_OCTETS:
            return False
        at += 1 + e.rule[at]
    return at + 1 == e.rule_octets


cdef bint _add(Fold* f, const Event* e) noexcept nogil:
    """Count a record in its row; False: it has none, and there is no room for another one."""
    cdef uint64_t row[2]
    cdef uint64_t place
    cdef uint32_t i
    cdef uint32_t kind = _kind_of(f, e)
    if kind == f.most_rows:
        return False
    row[0] = <uint64_t>(e.time_ns // NS_PER_S)
    row[1] = <uint64_t>kind << 32 | e.subscriber
    place = siphash13(f.key, <const uint8_t*>row, sizeof(row)) & f.mask
    while f.rows_by_hash[place]:
        i = f.rows_by_hash[place] - 1
        if f.time_s[i] == <int64_t>row[0] and f.kind[i] == kind and f.subscriber[i] == e.subscriber:
            f.count[i] += 1
            return True
        place = (place + 1) & f.mask
    if f.n_rows == f.most_rows:
        return False
    i = f.n_rows
    f.time_s[i] = <int64_t>row[0]
    f.kind[i] = kind
    f.subscriber[i] = e.subscriber
    f.count[i] = 1
    f.n_rows += 1
    f.rows_by_hash[place] = f.n_rows
    return True


cdef uint32_t _kind_of(Fold* f, const Event* e) noexcept nogil:
    """The number of a record's kind, given now if it has none; most_rows: there are as many kinds as rows."""
    cdef const uint8_t* record = <const uint8_t*>e
    cdef uint64_t words[3]
    cdef uint64_t place
    cdef uint32_t i
    memcpy(words, record + GENERATIONS_AT, GENERATIONS_OCTETS)
    words[2] = siphash13(f.key, record + REST_AT, RULE_AT - REST_AT + e.rule_octets)
    place = siphash13(f.key, <const uint8_t*>words, sizeof(words)) & f.mask
    while f.kinds_by_hash[place]:
        i = f.kinds_by_hash[place] - 1
        if _is_kind(record, f.data + <size_t>f.first_of[i] * SLOT_OCTETS):
            return i
        place = (place + 1) & f.mask
    i = f.n_kinds
    if i < f.most_rows and f.n_rows < f.most_rows:
        f.first_of[i] = <uint32_t>(f.at // SLOT_OCTETS)
        f.n_kinds += 1
        f.kinds_by_hash[place] = f.n_kinds
        return i
    return f.most_rows


cdef inline bint _is_kind(const uint8_t* a, const uint8_t* b) noexcept nogil:
    return (memcmp(a + GENERATIONS_AT, b + GENERATIONS_AT, GENERATIONS_OCTETS) == 0
            and memcmp(a + REST_AT, b + REST_AT, RULE_AT - REST_AT) == 0    # with the length of the rule
            and memcmp(a + RULE_AT, b + RULE_AT, (<const Event*>a).rule_octets) == 0)
