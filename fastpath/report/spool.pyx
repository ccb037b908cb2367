"""Spool: block records from a loop to the control plane, in files that survive a crash of either side.

A segment is a mapped file of slots: a header (magic, number of slots written), then records of one to three consecutive
slots, by the length of their rule; short records touch fewer new pages.  The loop writes a record, then the count.  A
reader trusts the count, and overwrites what it has stored.  When a segment is full, the loop goes on with the spare
one, which the control thread has prepared.  Without a spare the record is counted as lost; the verdict does not change.

Invariants: a record names the rule that matched, never the query (semantics §9).  A block of a confidential list
writes no record; it adds one to the counter of its list and channel (semantics §8).  A list of action SHADOW blocks
nothing: it adds to a counter too, and writes no record.
"""
import mmap
import os
import struct
from typing import NamedTuple

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from fastpath.base.atomic cimport load_pointer, store_pointer, store_u64
from fastpath.images.layout cimport LIST_ID_OCTETS, ListRow
from fastpath.images.tables cimport NAMES_AT, POLICY_AT, Tables, lists_of
from fastpath.images.verdict cimport NO_LIST, NO_SUBSCRIBER, SHADOW, T_DENIED
from fastpath.report.counters cimport CNT_EVENTS, CNT_EVENTS_LOST, CONFIDENTIAL_AT, Counters, count, count_by_list
from fastpath.wire.name cimport Name
from fastpath.wire.url cimport write_url_text

from fastpath.base.foreign_file import open_foreign
from fastpath.wire.address import rule_text

cdef extern from "<string.h>" nogil:
    void explicit_bzero(void*, size_t)

MAGIC = b"FLTRDSP2"
# 64 segments of 20 MiB: ten million records, hours of heavy blocking with a dead control plane, in 1.3 GB of disk.
MAX_SEGMENTS = 64
_WIPED_OCTETS = 1 << 20          # at once
_EVENT = struct.Struct(f"<qQQII8B{LIST_ID_OCTETS}s")    # the rule follows


class BlockEvent(NamedTuple):
    """One block record, as a loop wrote it.   list, rule  empty where no list decided (a lock)"""

    time_ns: int
    names_generation: int
    policy_generation: int
    subscriber: int | None
    order: int
    channel: int
    action: int
    reason: int
    tier: int
    mode: int
    category: int
    list: str
    rule: str


cdef size_t _write(Event* event, const Tables* t, const Name* name, const Url* url, const Decision* d, uint8_t channel,
                   int64_t now_ns, bint is_shadow) noexcept nogil:
    """Write a record; return the octets that it takes."""
    cdef const ListRow* lists = lists_of(t)
    event.time_ns = now_ns
    event.names_generation = _newest(t, NAMES_AT)
    event.policy_generation = _newest(t, POLICY_AT)
    event.subscriber = d.subscriber
    event.order = d.order
    event.channel = channel
    event.action = SHADOW if is_shadow else d.action
    event.reason = d.reason
    event.tier = d.tier
    event.mode = d.mode
    event.category = d.category
    event.rule_octets = 0
    event.rule_is_url = 0
    if d.list != NO_LIST:
        memcpy(event.list, lists[d.list].id, LIST_ID_OCTETS)
    else:
        memset(event.list, 0, LIST_ID_OCTETS)
    if d.rule_url_n:
        event.rule_is_url = 1
        event.rule_octets = <uint8_t>write_url_text(url, d.rule_url_n, event.rule, sizeof(event.rule))
    elif d.list != NO_LIST or d.tier == T_DENIED:
        event.rule_octets = <uint8_t>(name.n - name.at[d.rule_label])
        memcpy(event.rule, name.wire + name.at[d.rule_label], event.rule_octets)
    return <size_t>(&event.rule[0] - <uint8_t*>event) + event.rule_octets


cdef inline uint64_t _newest(const Tables* t, int kind) noexcept nogil:
    """The generation of a kind's base or its delta, whichever is higher."""
    cdef const uint64_t* of = t.generations + kind
    return of[1] if of[1] > of[0] else of[0]


cdef void note_block(Shared* s, const Tables* t, const Name* name, const Decision* d, uint8_t channel,
                     int64_t now_ns) noexcept nogil:
    """Report one block.   channel  a Channel;   now_ns  unix"""
    _note(s, t, name, NULL, d, channel, now_ns)


cdef void note_url_block(Shared* s, const Tables* t, const Url* url, const Decision* d, uint8_t channel,
                         int64_t now_ns) noexcept nogil:
    """Report one block that a decision on a URL made."""
    _note(s, t, &url.host, url, d, channel, now_ns)


cdef void _note(Shared* s, const Tables* t, const Name* name, const Url* url, const Decision* d, uint8_t channel,
                int64_t now_ns) noexcept nogil:
    cdef Record record
    cdef uint64_t kept = 0 if d.confidential else ~<uint64_t>0
    cdef size_t octets = _write(&record.event, t, name, url, d, channel, now_ns, s.is_shadow)
    cdef uint32_t n_slots = <uint32_t>((octets + SLOT_OCTETS - 1) // SLOT_OCTETS)
    cdef uint32_t i
    cdef bint has_room
    memset(<uint8_t*>&record + octets, 0, n_slots * SLOT_OCTETS - octets)
    # A block of a confidential list takes the same steps, up to the place of the next record, where it writes the zeros
    # that are there: else the time of an answer shows which kind of list has blocked.
    for i in range(n_slots * SLOT_WORDS):
        record.words[i] &= kept
    has_room = _has_room(s)
    if has_room:
        memcpy(s.segment.at + (s.segment.n + 1) * SLOT_OCTETS, &record, n_slots * SLOT_OCTETS)
        s.segment.n += 0 if d.confidential else n_slots
        store_u64(s.segment.at + 8, s.segment.n)
    explicit_bzero(&record, n_slots * SLOT_OCTETS)
    if not d.confidential:
        count(s.counters, CNT_EVENTS if has_room else CNT_EVENTS_LOST, 1)
    elif not s.is_shadow:
        count_by_list(s.counters, CONFIDENTIAL_AT, d.list, channel)


cdef bint _has_room(Shared* s) noexcept nogil:
    """Whether the longest record fits, if need be into the spare segment."""
    cdef uint8_t* spare
    if s.segment.at != NULL and s.segment.n <= SEGMENT_SLOTS - MOST_SLOTS:
        return True
    spare = <uint8_t*>load_pointer(&s.spare.at)
    if spare == NULL:
        return False
    s.segment.n = 0
    store_pointer(&s.segment.at, spare)
    store_pointer(&s.spare.at, NULL)
    return True


def segment_numbers(directory: str) -> list[int]:
    """List the numbers of the segments in `directory`, oldest first; empty where it does not exist."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(int(name[:-4]) for name in names if name.endswith(".seg") and name[:-4].isdigit())


def segment_path(directory: str, number: int) -> str:
    """The path of segment `number`."""
    return os.path.join(directory, f"{number:06d}.seg")


cdef class Reporter:
    """The reports of a loop: its counters and its spool.

    counters_path   the counters file, created if absent
    directory       the folder of the segments, created if absent
    It starts even without room for a segment: records are lost, and counted, until there is room.
    The control thread must call tend() a few times a second."""

    def __cinit__(self, counters_path: str | os.PathLike[str], directory: str | os.PathLike[str]):
        self.counters = Counters(counters_path)
        self._directory = os.fspath(directory)
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        self._next_number = max(segment_numbers(self._directory), default=0) + 1
        self._maps = []
        self.shared.counters = self.counters.at
        self.tend()

    def tend(self) -> None:
        """Prepare a spare segment when the loop has taken the last one; unmap segments that the loop has left."""
        cdef uint8_t* current = <uint8_t*>load_pointer(&self.shared.segment.at)
        cdef uint8_t* spare = <uint8_t*>load_pointer(&self.shared.spare.at)
        if spare != NULL:
            return
        self._maps = [(at, kept) for at, kept in self._maps if <size_t>at == <size_t>current]
        try:
            if len(segment_numbers(self._directory)) >= MAX_SEGMENTS:
                return
            mapping = _new_segment(segment_path(self._directory, self._next_number))
        except OSError:     # a full disk, or no file descriptor left: filtering goes on, the loop counts lost records
            return          # the next call tries again
        self._next_number += 1
        spare = <uint8_t*>_address_of(mapping)
        self._maps.append((<size_t>spare, mapping))
        store_pointer(&self.shared.spare.at, spare)


cdef object _new_segment(str path):
    """Create and map a segment. Disk blocks are allocated now: a full disk must fail here, not in the loop (SIGBUS).

    It has its name once it is whole: a process that is killed here leaves no segment that nothing can read."""
    cdef uint64_t size = (1 + SEGMENT_SLOTS) * SLOT_OCTETS
    cdef str unfinished = path + ".new"
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o660)        # anyone who empties it is of its group, regardless of the umask
        os.posix_fallocate(descriptor, 0, size)
        os.pwrite(descriptor, MAGIC, 0)
        mapping = mmap.mmap(descriptor, size)
        os.rename(unfinished, path)
        return mapping
    except OSError:
        os.unlink(unfinished)
        raise
    finally:
        os.close(descriptor)


cdef size_t _address_of(object mapping) except 0:
    cdef uint8_t[::1] view = mapping
    return <size_t>&view[0]


class SpoolPart(NamedTuple):
    """Records read from a segment, and the slot behind them."""

    events: list[BlockEvent]
    next: int


def read_segment(path: str | os.PathLike[str], first: int, limit: int) -> SpoolPart:
    """Read at most `limit` records of a segment, from slot `first` on; fewer at the end of what is written.

    Raises OSError; ValueError for a file that is not a segment."""
    data = read_slots(path, first, MOST_SLOTS * limit)
    events = []
    at = 0
    while len(events) < limit and at + SLOT_OCTETS <= len(data):
        event, after = event_at(data, at)
        if after > len(data):   # the disk lost it: a loop writes all of a record before it counts the record
            break
        events.append(event)
        at = after
    return SpoolPart(events, first + at // SLOT_OCTETS)


def read_slots(path: str | os.PathLike[str], first: int, most: int) -> bytes:
    """The octets of the written slots from slot `first` on, at most so many slots.   Raises as read_segment()."""
    with _open_segment(path, os.O_RDONLY) as file:
        head = file.read(16)
        n = min(int.from_bytes(head[8:], "little"), SEGMENT_SLOTS)
        file.seek((1 + first) * SLOT_OCTETS)
        return file.read(SLOT_OCTETS * max(0, min(most, n - first)))


def wipe_segment(path: str | os.PathLike[str], first: int = 0, behind: int = SEGMENT_SLOTS) -> None:
    """Overwrite the slots of a segment from `first` up to `behind` with zeros: a record stays in no file once stored.

    The loop that has the segment mapped may go on: it never touches a slot again.
    Raises OSError; ValueError for a file that is not a segment."""
    with _open_segment(path, os.O_RDWR) as file:
        end = min((1 + behind) * SLOT_OCTETS, os.fstat(file.fileno()).st_size)
        at = (1 + first) * SLOT_OCTETS
        while at < end:
            at += os.pwrite(file.fileno(), bytes(min(_WIPED_OCTETS, end - at)), at)


def remove_segment(path: str | os.PathLike[str]) -> None:
    """Remove a segment, and its octets from the disk before.   Raises as wipe_segment()."""
    wipe_segment(path)
    with _open_segment(path, os.O_RDWR) as file:
        os.fdatasync(file.fileno())
    os.unlink(path)


def _open_segment(path: str | os.PathLike[str], flags: int):
    """Open a segment, no matter what its folder's owner may have put there: no link, nothing that waits, no other
    file."""
    file = open_foreign(path, flags)
    head = os.pread(file.fileno(), 16, 0)
    if len(head) < 16 or head[:8] != MAGIC:
        file.close()
        raise ValueError(f"{path}: not a spool segment; not read; move it away")
    return file


def event_at(bytes data not None, at: int) -> tuple[BlockEvent, int]:
    """The record that begins at octet `at` of read_slots()'s, and where its last slot ends.

    Raises struct.error where no slot begins there; ValueError for a rule that is no name."""
    (time_ns, names, policy, subscriber, order, channel, action, reason, tier, mode, category, n_rule, is_url,
     list_id) = _EVENT.unpack_from(data, at)
    octets = data[at + _EVENT.size:at + _EVENT.size + n_rule]
    rule = octets.decode("ascii", "replace") if is_url or not n_rule else rule_text(octets)
    if subscriber == NO_SUBSCRIBER:
        subscriber = None
    return BlockEvent(
        time_ns, names, policy, subscriber, order, channel, action, reason, tier, mode, category,
        list_id.rstrip(b"\0").decode("ascii", "replace"), rule
    ), at + -(-(_EVENT.size + n_rule) // SLOT_OCTETS) * SLOT_OCTETS
