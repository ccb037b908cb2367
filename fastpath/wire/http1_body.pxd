"""Where an HTTP/1.x body ends: see http1_body.pyx."""
from libc.stdint cimport int64_t, uint8_t

cdef enum:
    NOT_ALIKE = -1      # servers may read different bodies behind this head, or none


cdef int64_t body_octets(const uint8_t* head, size_t n, bint* is_sure, bint* is_framed) noexcept nogil
