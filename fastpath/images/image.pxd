"""A mapped image, C interface: see image.pyx."""
cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t


@cython.final
cdef class Image:
    cdef object _map            # keeps the mapping alive
    cdef const uint8_t[::1] _view
    cdef const uint8_t* data
    cdef readonly int kind
    cdef readonly uint32_t flags
    cdef readonly uint64_t generation
    cdef readonly uint64_t base_generation
    cdef readonly uint64_t n_bytes
    cdef readonly str path
    cdef readonly tuple file_id     # device, inode, octets, time of the last change in ns
    cdef const uint8_t* warmed      # copy in large pages, see warm()
    cdef void* _copy
    cdef uint64_t _copy_octets
    cdef bint is_consistent         # every offset and index inside the sections was checked, see views.pyx

    cdef object warm(self, const void* section, uint64_t n)
    cdef const uint8_t* section(self, int index, uint64_t* n) noexcept nogil
