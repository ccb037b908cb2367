"""IP, TCP and UDP headers: see packet.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastpath.base.cursor cimport Status

cdef enum:
    PROTO_TCP = 6
    PROTO_UDP = 17
    FLAG_FIN = 0x01
    FLAG_SYN = 0x02
    FLAG_RST = 0x04
    FLAG_PSH = 0x08
    FLAG_ACK = 0x10
    FLAG_URG = 0x20


cdef struct PacketView:
    uint8_t version             # 4 or 6
    uint8_t proto               # PROTO_TCP or PROTO_UDP
    uint8_t flags               # TCP flags, 0 for UDP
    uint8_t has_md5             # TCP option 19 (RFC 2385)
    uint8_t src[16]             # IPv4: the first four octets, the rest zero
    uint8_t dst[16]
    uint16_t sport
    uint16_t dport
    uint32_t seq
    uint32_t ack
    uint16_t window
    uint32_t has_tsval          # TCP timestamps present (RFC 7323)
    uint32_t tsval
    uint32_t tsecr
    const uint8_t* transport    # into the packet: the TCP or UDP header
    const uint8_t* payload
    uint32_t payload_n          # by IP length, never by frame length


cdef Status parse_packet(const uint8_t* data, size_t n, PacketView* out) noexcept nogil
cdef void turn_packet(const PacketView* p, PacketView* out) noexcept nogil
cdef bint has_good_checksums(const uint8_t* data, const PacketView* p) noexcept nogil
cdef size_t write_tcp(uint8_t* out, size_t room, const PacketView* like, bint reversed, uint32_t seq, uint32_t ack,
                      uint8_t flags, const uint8_t* payload, size_t payload_n) noexcept nogil
