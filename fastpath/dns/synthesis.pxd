"""Block answers and refusals: see synthesis.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastpath.dns.query cimport Question


cdef struct BlockAnswer:
    uint8_t rcode
    uint8_t has_splash          # answer A/AAAA with splash4/splash6, NODATA for other types
    uint8_t has_splash4
    uint8_t has_splash6
    uint8_t splash4[4]
    uint8_t splash6[16]
    uint32_t ttl_s
    uint16_t ede                # RFC 8914 info-code; EDE_NONE for none
    uint16_t text_n
    const uint8_t* text         # EXTRA-TEXT of `ede`, UTF-8; left out where it does not fit
    uint8_t truncate            # tcp-only: an empty answer with TC
    uint8_t has_data            # local data: the records of `data` of the type asked, NODATA for other types
    uint32_t data_n
    const uint8_t* data         # records as layout.pxd has them, S_DATA; their TTLs count up to ttl_s


cdef size_t write_block(uint8_t* msg, size_t n, size_t room, const Question* q, const BlockAnswer* a) noexcept nogil
cdef size_t write_any(uint8_t* msg, size_t n, size_t room, const Question* q) noexcept nogil
cdef size_t write_refusal(uint8_t* msg, size_t n, size_t room, const Question* q, uint16_t rcode,
                          uint16_t ede) noexcept nogil
cdef size_t write_truncated(uint8_t* msg, size_t n, size_t room, const Question* q) noexcept nogil
