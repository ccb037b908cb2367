"""Addresses as names: see address.pyx."""
from libc.stdint cimport uint8_t

from fastpath.wire.name cimport Name


cdef void name_of_address(const uint8_t* addr, uint8_t version, Name* out) noexcept nogil
cdef bint stands_for_addresses(const uint8_t* wire, size_t n) noexcept nogil
