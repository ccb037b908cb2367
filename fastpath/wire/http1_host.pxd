"""Host values: see http1_host.pyx."""
from libc.stdint cimport uint8_t

from fastpath.wire.http1 cimport RequestHead


cdef void keep_host(const uint8_t* at, const uint8_t* end, RequestHead* out) noexcept nogil
cdef void keep_name(const uint8_t* at, const uint8_t* end, RequestHead* out) noexcept nogil
