"""The guard against DNS rebinding: see rebinding_guard.pyx."""
from libc.stdint cimport uint8_t

cdef bint leads_inside(const uint8_t* msg, size_t n) noexcept nogil
cdef bint is_private4(const uint8_t* a) noexcept nogil
cdef bint is_private6(const uint8_t* a) noexcept nogil
