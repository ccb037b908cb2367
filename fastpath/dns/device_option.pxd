"""Device ids in EDNS options, as addresses: see device_option.pyx."""
from libc.stdint cimport uint8_t

from fastpath.dns.query cimport Question


cdef bint address_of_device(const uint8_t* msg, const Question* q, uint8_t* out) noexcept nogil
