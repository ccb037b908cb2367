"""DNS questions and block answers in C: see dnsmsg.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastpath.cursor cimport Status
from fastpath.name cimport Name

cdef enum:
    DNS_HEADER = 12
    QTYPE_A = 1
    QTYPE_SOA = 6
    QTYPE_AAAA = 28
    RCODE_NOERROR = 0
    RCODE_FORMERR = 1
    RCODE_SERVFAIL = 2
    RCODE_NXDOMAIN = 3
    RCODE_NOTIMP = 4
    RCODE_REFUSED = 5


cdef struct Question:
    uint16_t id
    uint16_t flags              # as received
    uint16_t qtype
    uint16_t qclass
    uint16_t after              # where the question section ends
    uint8_t has_edns
    uint8_t do_bit
    uint8_t edns_version
    uint16_t edns_size          # at least 512
    Name name


cdef struct BlockAnswer:
    uint8_t rcode
    uint8_t has_splash          # answer A/AAAA with splash4/splash6, NODATA for the rest
    uint8_t has_splash4
    uint8_t has_splash6
    uint8_t splash4[4]
    uint8_t splash6[16]
    uint32_t ttl_s
    uint16_t ede                # RFC 8914 info-code; EDE_NONE for none
    uint8_t truncate            # tcp-only: an empty answer with TC
    uint8_t has_data            # local data: what `data` has of the asked type, NODATA for the rest
    uint32_t data_n
    const uint8_t* data         # records as layout.pxd has them, S_DATA; their TTLs count up to ttl_s


cdef enum:
    EDE_NONE = 0xffff

cdef Status parse_query(const uint8_t* msg, size_t n, Question* out) noexcept nogil
cdef size_t write_block(uint8_t* msg, size_t n, size_t room, const Question* q, const BlockAnswer* a) noexcept nogil
cdef size_t write_error(uint8_t* msg, size_t n, uint8_t rcode) noexcept nogil
