"""Levels of the `subscribers` image that are made of sessions: the base of all of them, and what changed since.

    base    every session, and in the pools of the NAS their default profile
    delta   prefixes that changed since the base;   young  since the delta

Invariants: rows in any order give equal bytes; a longer prefix wins over the shorter one around it, in one level.
Cost: 2.5 us a row.
"""

import struct
from collections.abc import Callable, Iterable
from typing import BinaryIO

from fastpath.images.image_writer import write_image
from fastpath.images.layout import ImageKind, RangeHolder

IMAGE_KEY_OCTETS = 16  # this kind has no key, but a place for one
_NOBODY = int(RangeHolder.NOT_HERE)
_UNASSIGNED = int(RangeHolder.UNASSIGNED)

# a slot, and the number that holds there; None: no one, no matter what the level below says
Row = tuple[bytes, int | None]
_Prefix = tuple[int, int, int]  # first address, bits behind the prefix, holder
_Start = tuple[int, int]


def write_level(out: BinaryIO, generation: int, below: int, rows: Iterable[Row]) -> int:
    """Write a level; returns the image's octets.   below  generation of the level it stands on, 0: none"""
    four: list[_Prefix] = []
    six: list[_Prefix] = []
    for slot, number in rows:
        holder = _UNASSIGNED if number is None else number
        if len(slot) == 5:
            four.append((int.from_bytes(slot[1:], "big"), 32 - slot[0], holder))
        else:
            six.append((int.from_bytes(slot[1:], "big"), 128 - slot[0], holder))
    sections = [_packed(four, 32, _pack4), _packed(six, 128, _pack6)]
    return write_image(out, ImageKind.SUBSCRIBERS, generation, below, bytes(IMAGE_KEY_OCTETS), sections)


def _packed(prefixes: list[_Prefix], bits: int, pack: Callable[[list[_Start]], bytes]) -> bytes:
    prefixes.sort(key=lambda prefix: (prefix[0], -prefix[1]))
    return pack(_flattened(prefixes, 1 << bits))


def _pack4(ranges: list[_Start]) -> bytes:
    return struct.pack(f"<{2 * len(ranges)}I", *(number for each in ranges for number in each))


def _pack6(ranges: list[_Start]) -> bytes:
    low = (1 << 64) - 1
    return b"".join(struct.pack("<QQII", start >> 64, start & low, holder, 0) for start, holder in ranges)


def _flattened(prefixes: list[_Prefix], end_of_all: int) -> list[_Start]:
    """Nested prefixes as ranges without gaps, the first at 0."""
    ranges: list[_Start] = [(0, _NOBODY)]
    around: list[_Start] = []  # (end, holder) of the prefixes that hold the current one
    for start, free, holder in prefixes:
        while around and around[-1][0] <= start:
            _close(ranges, around, end_of_all)
        _begin(ranges, start, holder)
        around.append((start + (1 << free), holder))
    while around:
        _close(ranges, around, end_of_all)
    return ranges


def _close(ranges: list[_Start], around: list[_Start], end_of_all: int) -> None:
    end, _ = around.pop()
    if end < end_of_all:
        _begin(ranges, end, around[-1][1] if around else _NOBODY)


def _begin(ranges: list[_Start], start: int, holder: int) -> None:
    if ranges[-1][0] == start:
        ranges.pop()
    if not ranges or ranges[-1][1] != holder:
        ranges.append((start, holder))
