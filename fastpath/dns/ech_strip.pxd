"""Removal of Encrypted Client Hello from HTTPS and SVCB records: see ech_strip.pyx."""
from libc.stdint cimport uint8_t


cdef size_t strip_ech(uint8_t* msg, size_t n) noexcept nogil
