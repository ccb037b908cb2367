"""Link-layer headers: see link.pyx."""
from libc.stdint cimport uint8_t, uint16_t

from fastpath.base.cursor cimport Cursor, Status

cdef enum:                  # supported link types of captures (draft-ietf-opsawg-pcaplinktype)
    LINK_NULL = 0           # an address family in the capturing host's byte order
    LINK_ETHERNET = 1
    LINK_PPP = 9            # with or without HDLC's address and control octets
    LINK_PPP_HDLC = 50      # PPP, or Cisco's HDLC
    LINK_RAW = 101
    LINK_C_HDLC = 104       # Cisco's HDLC
    LINK_LOOP = 108         # an address family in network order
    LINK_SLL = 113
    LINK_IPV4 = 228
    LINK_IPV6 = 229
    LINK_NFLOG = 239        # netfilter's attributes, the packet among them
    LINK_SLL2 = 276


cdef Status find_ip(int link, const uint8_t* data, size_t n, Cursor* ip) noexcept nogil
