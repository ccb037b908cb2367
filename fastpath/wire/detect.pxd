"""Protocol detection: see detect.pyx."""
from libc.stdint cimport uint8_t

cdef enum Protocol:
    PROTOCOL_UNKNOWN = 0    # the octets so far could be any of those below
    PROTOCOL_TLS = 1
    PROTOCOL_HTTP = 2
    PROTOCOL_OTHER = 3

cdef enum:
    RECORD_BEGIN = 6        # a record's header, its length last, and the type of its message


cdef uint8_t protocol_of(const uint8_t* data, size_t n, uint8_t* scratch) noexcept nogil
cdef bint may_begin_tls(const uint8_t* record, size_t n) noexcept nogil
