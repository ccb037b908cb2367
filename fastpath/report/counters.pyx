"""Counters in shared memory: a file of 64-bit words with one writer and any number of readers.

    word 0                the counters of counter_table.py, in the order of its rows
    CONFIDENTIAL_AT       blocks of confidential lists, one word for each list and channel
    COUNTED_AT            the same of lists that are only counted
    CLASSES_AT            classes of software: for each a count and a name (hello_classes.pyx)

Blocks of a confidential list are counted here and leave no other trace (semantics §8).  Lists that are only counted
are those of action SHADOW (what they would have blocked) and of category bypass (what the gate has met).  They have
words of their own: a list gets another number with a new configuration, and an allowed name must never count as a CSAM
block.
A class has its name in addition to its count, because another fingerprint file may number the classes differently.

Invariants: a counter only rises; a worker that is started again continues from its last value.  For a class this holds
while the class exists: one that is removed and added later starts at 0.
"""
import mmap
import os
import struct

from libc.stdint cimport uint64_t

from fastpath.base.foreign_file import open_foreign
from fastpath.report.counter_table import NAMES

_CLASS = struct.Struct(f"<Q{CLASS_OCTETS}s")
if len(NAMES) > CONFIDENTIAL_AT:
    raise AssertionError("counters run into those of confidential lists: raise CONFIDENTIAL_AT")


cdef class Counters:
    """The counters file at `path`, created if absent; this process is its only writer."""

    def __cinit__(self, path: str | os.PathLike[str]):
        if len(NAMES) != N_COUNTERS:
            raise AssertionError(f"counters: {len(NAMES)} names, {N_COUNTERS} compiled; run make docs, then make build")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.ftruncate(descriptor, 8 * COUNTER_WORDS)
            self._map = mmap.mmap(descriptor, 8 * COUNTER_WORDS)
        finally:
            os.close(descriptor)
        self._view = memoryview(self._map)
        self.at = <uint64_t*>&self._view[0]

    def add(self, name: str, by: int = 1) -> None:
        """Add `by` to counter `name`, outside of a loop.   Raises ValueError for an unknown name."""
        count(self.at, NAMES.index(name), by)

    def values(self) -> dict[str, int]:
        """Every counter by name."""
        return {name: self.at[i] for i, name in enumerate(NAMES)}

    def name_classes(self, names) -> None:
        """Give classes of software their slots, in this order; a class that had a slot keeps its count.

        names   of 1 to 32 octets, 17 at most; none: nothing is counted by class
        Raises ValueError for other names."""
        classes = [name.encode() for name in names]
        if len(classes) > N_SLOTS or any(not 0 < len(name) <= CLASS_OCTETS for name in classes):
            raise ValueError(f"counters: {len(classes)} classes; not named; at most {N_SLOTS}, "
                             f"of 1 to {CLASS_OCTETS} octets")
        counted = _by_class(self._map[8 * CLASSES_AT:])
        slots = b"".join(_CLASS.pack(counted.get(name.decode(), 0), name) for name in classes)
        self._map[8 * CLASSES_AT:] = slots.ljust(8 * (COUNTER_WORDS - CLASSES_AT), b"\0")


def read_counters(path: str | os.PathLike[str]) -> dict[str, int]:
    """Read every counter of the file at `path`, by name.   Raises OSError; ValueError for a file of another length."""
    words = _words(path)
    return {name: words[i] for i, name in enumerate(NAMES)}


def read_confidential(path: str | os.PathLike[str]) -> dict[tuple[int, int], int]:
    """Read the blocks of confidential lists: (index of the list, channel) → count, without those that are 0."""
    return _by_list(_words(path)[CONFIDENTIAL_AT:COUNTED_AT])


def read_counted(path: str | os.PathLike[str]) -> dict[tuple[int, int], int]:
    """Read what shadow lists would have blocked and bypass lists have met, in the form of read_confidential()."""
    return _by_list(_words(path)[COUNTED_AT:CLASSES_AT])


def read_classes(path: str | os.PathLike[str]) -> dict[str, int]:
    """Read the hellos by class of software, in the order of slots; empty where nothing is counted by class."""
    return _by_class(bytes(_words(path)[CLASSES_AT:COUNTER_WORDS]))


cdef object _by_list(words):
    return {divmod(at, MAX_CHANNELS): count for at, count in enumerate(words) if count}


cdef object _by_class(octets):
    named = ((name.rstrip(b"\0").decode(), total) for total, name in _CLASS.iter_unpack(octets))
    return {name: total for name, total in named if name}


cdef object _words(path):
    with open_foreign(path) as file:
        data = file.read(8 * COUNTER_WORDS + 1)
    if len(data) != 8 * COUNTER_WORDS:
        raise ValueError(f"{path}: {len(data)} octets, a counters file has {8 * COUNTER_WORDS}; not read; remove it")
    return memoryview(data).cast("Q")
