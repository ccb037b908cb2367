"""Writer of the policy image.

Invariants: equal input in equal order gives equal bytes, in the layout of layout.pxd.
"""
import itertools
import struct
from array import array
from operator import itemgetter
from typing import NamedTuple

from libc.stdint cimport uint32_t

from fastpath.images.layout cimport (
    HOUSEHOLD_NAME_LABELS, KEY_OCTETS, K_POLICY, WEEK_MINUTES)
from fastpath.images.policy cimport household_hash

from fastpath.images.image_writer import write_image

_FOREVER = 2**62
_WORD = 2**64 - 1


class ProfileSpec(NamedTuple):
    """A profile as the image holds it.

    categories           blocked categories, bit n for category n (128 bits)
    closed               intervals (start minute of the week, minutes), none past the week's end at minute 10080
    paused_until         unix seconds; 0: not paused
    utc_offset_s         offset of the profile's time zone until `next_offset_at` (unix seconds)
    next_utc_offset_s    offset from then on
    safe_search          0 off, 1 moderate, 2 strict
    has_canaries         answer canary domains, so that devices keep using this resolver
    youtube              as safe_search
    soft                 intervals in addition to those of `closed`: (start minute of the week, minutes, what stays
    open)
    spans                (from, until, LockBits that it closes, LockBits that it opens): unix seconds, one of them 0
    allowed, denied      the household's names in wire form, at most HOUSEHOLD_NAME_LABELS labels each"""

    categories: int
    closed: tuple[tuple[int, int], ...]
    paused_until: int
    utc_offset_s: int
    next_offset_at: int = _FOREVER
    next_utc_offset_s: int = 0
    safe_search: int = 0
    has_canaries: bool = False
    youtube: int = 0
    soft: tuple[tuple[int, int, int], ...] = ()
    spans: tuple[tuple[int, int, int, int], ...] = ()
    allowed: tuple[bytes, ...] = ()
    denied: tuple[bytes, ...] = ()


def pack_policy(out, generation: int, base_generation: int, profiles, subscribers) -> int:
    """Write a policy image; return its length in octets.

    profiles      ProfileSpecs;   subscribers  (subscriber, index of its profile), each subscriber once
    Raises ValueError for an invalid index or interval, or a repeated subscriber."""
    pairs = sorted(subscribers, key=itemgetter(0))
    if any(not 0 <= index < len(profiles) for _, index in pairs):
        raise ValueError("policy image: a subscriber names a profile that does not exist; nothing written")
    numbers, indexes = (array("I", [pair[side] for pair in pairs]) for side in (0, 1))
    return pack_profiles(out, generation, base_generation, profiles, numbers, indexes)


def pack_profiles(out, generation: int, base_generation: int, profiles, const uint32_t[::1] numbers not None,
                  const uint32_t[::1] indexes not None) -> int:
    """Do pack_policy() with columns.   numbers  of subscribers, rising;   indexes  of their profiles"""
    cdef Py_ssize_t i
    cdef uint32_t n_profiles = len(profiles)
    if numbers.shape[0] != indexes.shape[0]:
        raise ValueError("policy image: a subscriber without a profile; nothing written")
    for i in range(numbers.shape[0]):
        if indexes[i] >= n_profiles:
            raise ValueError("policy image: a subscriber names a profile that does not exist; nothing written")
        if i and numbers[i - 1] >= numbers[i]:
            raise ValueError("policy image: a subscriber occurs twice, or before a smaller one; nothing written; "
                             "give it one profile, and sort them")
    parts = _ProfileParts()
    rows = b"".join([parts.row(spec) for spec in profiles])
    sections = [bytes(numbers), bytes(indexes), rows,
                b"".join(parts.closed), b"".join(parts.allowed), b"".join(parts.spans), b"".join(parts.names)]
    return write_image(out, K_POLICY, generation, base_generation, bytes(KEY_OCTETS), sections)


class _ProfileParts:
    """The sections that the rows of profiles refer to, each a list of rows.   Equal sets of what stays open are one."""

    def __init__(self) -> None:
        self.closed = []
        self.allowed = {}       # packed row: its number
        self.spans = []
        self.names = []

    def row(self, spec):
        """Add what a profile refers to; return its own row."""
        hours = sorted([(start, minutes, None) for start, minutes in spec.closed] + list(spec.soft), key=itemgetter(0))
        _require_week(spec, hours)
        names = sorted(_household(spec.denied, False) + _household(spec.allowed, True))
        row = struct.pack("<QQqqiiIIIHHBBBB4x", spec.categories & _WORD, spec.categories >> 64, spec.paused_until,
                          spec.next_offset_at, spec.utc_offset_s, spec.next_utc_offset_s,
                          len(self.closed), len(self.spans), len(self.names), len(hours), len(names),
                          len(spec.spans), spec.safe_search, spec.youtube, spec.has_canaries)
        self.closed += [struct.pack("<HHI", start, minutes, 0 if mask is None else self._number_of(mask))
                        for start, minutes, mask in hours]
        self.spans += [struct.pack("<qqBB6x", *span) for span in spec.spans]
        self.names += [struct.pack("<Q", name) for name in names]
        return row

    def _number_of(self, mask):
        return self.allowed.setdefault(struct.pack("<QQ", mask & _WORD, mask >> 64), len(self.allowed) + 1)


def _require_week(spec, hours) -> None:
    """Raise ValueError where an interval leaves the week, or two of them meet."""
    if any(start < 0 or minutes <= 0 or start + minutes > WEEK_MINUTES for start, minutes, _ in hours):
        raise ValueError(f"policy image: closed {spec.closed} leaves the week; nothing written; split it there")
    if any(left[0] + left[1] > right[0] for left, right in itertools.pairwise(hours)):
        raise ValueError("policy image: closed hours that meet; nothing written; make them apart")


def _household(names, is_allowed: bool) -> list[int]:
    """What stands in the image for names in wire form.   Raises ValueError for one of too many labels"""
    found = []
    for wire in names:
        if _n_labels(wire) > HOUSEHOLD_NAME_LABELS:
            raise ValueError(f"policy image: a name of more than {HOUSEHOLD_NAME_LABELS} labels; nothing written")
        found.append(household_hash(<const unsigned char*><const char*>wire, len(wire), is_allowed))
    return found


def _n_labels(wire: bytes) -> int:
    at = n = 0
    while wire[at]:
        at += wire[at] + 1
        n += 1
    return n
