"""Counts ClientHellos by class of software: JA4 fingerprint → class → counter.

The table uses open addressing over a keyed hash; a match compares all octets of the fingerprint.

Invariants: only the class is counted; nothing else of a hello is kept.  A hello without a fingerprint (wire/ja4.pyx
says which), or whose fingerprint has no class, counts as OTHER, so all classes together are the hellos.
Absent on purpose: any verdict.  All programs that use a TLS library in the same way share a fingerprint, and a program
can choose its own.
Source: wire/ja4.pyx.
Cost: 0.7 µs for a browser's hello, mostly for the fingerprint (bench/gate.py); without classes, one test of a pointer.
"""
import os

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from fastpath.base.cursor cimport OK
from fastpath.base.siphash cimport siphash64
from fastpath.report.counters cimport CLASSES_AT, CLASS_OCTETS, CLASS_WORDS, N_CLASSES, OTHER_SLOT, count
from fastpath.wire.ja4 cimport JA4_OCTETS, ja4_of_hello
from fastpath.wire.tls cimport ClientHello

MAX_CLASSES = N_CLASSES
MAX_FINGERPRINTS = MOST_FINGERPRINTS
OTHER = "other"


cdef void count_class(const ClassTable* t, uint64_t* counters, const ClientHello* hello,
                      uint8_t transport) noexcept nogil:
    """Count a whole hello by its class.   transport  JA4_TLS or JA4_QUIC"""
    cdef uint8_t[JA4_OCTETS] ja4
    cdef uint32_t slot = OTHER_SLOT
    if ja4_of_hello(hello.message, hello.message_n, transport, ja4) == OK:
        slot = t.entries[_place(t, ja4)].slot
    count(counters, CLASSES_AT + slot * CLASS_WORDS, 1)


cdef uint32_t _place(const ClassTable* t, const uint8_t* ja4) noexcept nogil:
    """Index of a fingerprint's entry, or else of the empty entry where it would go."""
    cdef uint32_t at = <uint32_t>siphash64(t.key, ja4, JA4_OCTETS) & t.mask
    while t.entries[at].slot != OTHER_SLOT and memcmp(t.entries[at].ja4, ja4, JA4_OCTETS) != 0:
        at = (at + 1) & t.mask
    return at


@cython.final
@cython.auto_pickle(False)
cdef class Ja4Classes:
    """The classes of software by fingerprint; `names` has the classes, sorted.

    classes   class by fingerprint, of MAX_FINGERPRINTS and MAX_CLASSES at most; a class has 1 to 32 octets
    Raises ValueError for others, MemoryError."""

    def __cinit__(self, classes):
        self.names = tuple(sorted(set(classes.values())))
        _check(len(classes), self.names)
        self.table.mask = (1 << (2 * len(classes)).bit_length()) - 1
        self.table.entries = <ClassEntry*>calloc(<size_t>self.table.mask + 1, sizeof(ClassEntry))
        if self.table.entries == NULL:
            raise MemoryError(f"ja4 classes: no memory for {len(classes)} fingerprints; none counted; write fewer")
        key = os.urandom(sizeof(self.table.key))
        memcpy(self.table.key, <const char*>key, sizeof(self.table.key))
        slots = {name: slot for slot, name in enumerate(self.names, OTHER_SLOT + 1)}
        for ja4, name in classes.items():
            _put(&self.table, _octets(ja4), slots[name])

    def __dealloc__(self):
        free(self.table.entries)

    def of(self, ja4):
        """The class of a fingerprint, or OTHER.   Raises ValueError for a text of another length."""
        cdef bytes octets = _octets(ja4)
        cdef uint32_t slot = self.table.entries[_place(&self.table, octets)].slot
        return OTHER if slot == OTHER_SLOT else self.names[slot - OTHER_SLOT - 1]


cdef object _put(ClassTable* t, bytes ja4, uint32_t slot):
    cdef ClassEntry* entry = &t.entries[_place(t, ja4)]
    memcpy(entry.ja4, <const char*>ja4, JA4_OCTETS)
    entry.slot = slot


def _check(n, names):
    if n > MOST_FINGERPRINTS:
        raise ValueError(f"ja4 classes: {n} fingerprints; none counted; at most {MOST_FINGERPRINTS}")
    if len(names) > N_CLASSES or any(not 0 < len(name.encode()) <= CLASS_OCTETS or name == OTHER for name in names):
        raise ValueError(f"ja4 classes: {len(names)} classes; none counted; "
                         f"at most {N_CLASSES}, of 1 to {CLASS_OCTETS} octets, and none is {OTHER}")


def _octets(ja4):
    octets = ja4.encode()
    if len(octets) != JA4_OCTETS:
        raise ValueError(f"ja4 classes: {ja4!r}; none counted; a fingerprint has {JA4_OCTETS} octets")
    return octets
