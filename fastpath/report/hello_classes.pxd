"""Counting of ClientHellos by class of software (JA4): see hello_classes.pyx."""
cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.wire.ja4 cimport JA4_OCTETS
from fastpath.wire.tls cimport ClientHello

cdef enum:
    MOST_FINGERPRINTS = 65536   # 5 MiB of table; whole public collections of JA4 have some thousands


cdef struct ClassEntry:
    uint8_t ja4[JA4_OCTETS]
    uint32_t slot               # in the counters, see counters.pyx; OTHER_SLOT: the entry is empty


cdef struct ClassTable:
    uint64_t key[2]
    uint32_t mask               # entries - 1; at least half of them are empty
    ClassEntry* entries


cdef void count_class(const ClassTable* t, uint64_t* counters, const ClientHello* hello,
                      uint8_t transport) noexcept nogil


@cython.final
cdef class Ja4Classes:
    cdef ClassTable table
    cdef readonly tuple names
