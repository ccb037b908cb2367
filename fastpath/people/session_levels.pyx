"""Levels of sessions: opened by their own manifest, and asked which addresses they give to whom.

The levels of lines stand above them, see subscribers.pyx; for packets and queries both are one search.
Invariants: who writes the levels hears strangers, and is not trusted with this process: their octets are copied and
checked, and no more is taken than MOST_OCTETS, wherever the manifest leads.
"""
import json
import os

from libc.stdint cimport uint32_t

from fastpath.images.layout cimport PEOPLE_LEVELS, UNASSIGNED
from fastpath.images.subscribers cimport SUBSCRIBER_LEVELS, Run, SubscribersView, find_run
from fastpath.images.tables cimport TableSet
from fastpath.images.verdict cimport NO_SUBSCRIBER

from fastpath.images import image as _image
from fastpath.images.layout import ImageKind

PARTS = ("base", "delta", "young")
MOST_OCTETS = 512 << 20         # of all levels: four million sessions with prefixes of both versions are half of it
MANIFEST_OCTETS = 1 << 16


def open_sessions(manifest, known=(), owners=None) -> list:
    """Open the levels of sessions that a manifest names: {"base": FILE|null, "delta": …, "young": …}, next to it.

    known, owners   as of TableSet.open().   Raises BadImage, also for an invalid manifest; OSError."""
    folder = os.path.dirname(os.path.abspath(manifest))
    levels = []
    left = MOST_OCTETS
    for name in _names_in(manifest, owners):
        level = None
        if name is not None:
            level = _image.open_image(os.path.join(folder, name), ImageKind.SUBSCRIBERS, known, owners, left)
            left -= level.n_bytes
        levels.append(level)
    return levels


def _names_in(manifest, owners) -> list:
    """The files of the levels.   Raises BadImage; OSError"""
    with _image.open_file(manifest, owners) as file:
        octets = file.read(MANIFEST_OCTETS + 1)
    try:
        said = json.loads(octets) if len(octets) <= MANIFEST_OCTETS else None
        names = [said.get(part) for part in PARTS]
        if all(name is None or (isinstance(name, str) and name and os.path.basename(name) == name) for name in names):
            return names
    except (ValueError, AttributeError, RecursionError):
        pass
    raise _image.BadImage(f"{os.fspath(manifest)}: no manifest of sessions; not opened; restart the radius role")


def with_sessions(TableSet tables not None, levels) -> TableSet:
    """The same images of lines, with other levels of sessions.   Raises BadImage

    Cost: that of new views, no look at the images' octets."""
    return TableSet(*tables.images, sessions=levels, behind_s=tables.tables.behind_s)


def sessions_generation(TableSet tables not None) -> int:
    """The generation of the newest level of sessions; 0: none."""
    return max([image.generation for image in tables.sessions if image is not None], default=0)


def run_at(TableSet tables not None, address: bytes) -> tuple:
    """The subscriber at an address in network order, and the last address, as a number, up to which that holds."""
    cdef Run run = find_run(tables.tables.subscribers, address, 4 if len(address) == 4 else 6)
    return (None if run.subscriber == NO_SUBSCRIBER else run.subscriber, <object>run.last_hi << 64 | run.last_lo)


def session_ranges(TableSet tables not None, numbers) -> set:
    """Ranges that some level of the sessions has for any of `numbers`, None: for all: (version, first, last).

    What another level says of them, run_at() knows.   Cost: one pass over the levels, 50 ms for a million rows"""
    cdef uint32_t i
    cdef uint32_t k
    cdef uint32_t last
    cdef const SubscribersView* v
    found = set()
    for i in range(<uint32_t>PEOPLE_LEVELS, <uint32_t>SUBSCRIBER_LEVELS):
        v = &tables.tables.subscribers[i]
        for k in range(v.n_ranges4):
            if v.ranges4[k].subscriber < UNASSIGNED and (numbers is None or v.ranges4[k].subscriber in numbers):
                last = 0xffffffff if k + 1 == v.n_ranges4 else v.ranges4[k + 1].start - 1
                found.add((4, v.ranges4[k].start, last))
        for k in range(v.n_ranges6):
            if v.ranges6[k].subscriber < UNASSIGNED and (numbers is None or v.ranges6[k].subscriber in numbers):
                found.add((6, _start6(v, k), _last6(v, k)))
    return found


cdef object _start6(const SubscribersView* v, uint32_t at):
    return <object>v.ranges6[at].start_hi << 64 | v.ranges6[at].start_lo


cdef object _last6(const SubscribersView* v, uint32_t at):
    """The last address of a range."""
    return (_start6(v, at + 1) if at + 1 < v.n_ranges6 else <object>1 << 128) - 1
