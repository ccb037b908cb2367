"""A mapped image in C: see image.pyx."""
cimport cython
from libc.stdint cimport uint8_t, uint64_t


@cython.final
cdef class Image:
    cdef object _map            # keeps the mapping alive
    cdef const uint8_t[::1] _view
    cdef const uint8_t* data
    cdef readonly int kind
    cdef readonly uint64_t generation
    cdef readonly uint64_t base_generation
    cdef readonly uint64_t n_bytes
    cdef readonly str path

    cdef const uint8_t* section(self, int index, uint64_t* n) noexcept nogil
