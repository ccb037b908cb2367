"""Packet info: which local address a datagram came to, so that its answer leaves from there.

Inline, as the macros of sockets.pxd are: it runs for every datagram.
Source: ip(7), RFC 3542 §6.
"""
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from fastpath.base.sockets cimport *
from fastpath.dns.in_flight cimport WaitingClient


cdef inline const uint8_t* address_of(const void* peer, uint8_t version) noexcept nogil:
    """The address in a sockaddr_in or sockaddr_in6.   version: 4 or 6."""
    if version == 4:
        return <const uint8_t*>&(<const sockaddr_in*>peer).sin_addr
    return <const uint8_t*>&(<const sockaddr_in6*>peer).sin6_addr


cdef inline cmsghdr* packet_info(msghdr* head, uint8_t version) noexcept nogil:
    """The header of the packet info that came with a datagram, or NULL.   version: 4 or 6."""
    cdef cmsghdr* c = CMSG_FIRSTHDR(head)
    while c != NULL:
        if version == 4 and c.cmsg_level == IPPROTO_IP and c.cmsg_type == IP_PKTINFO:
            return c
        if version == 6 and c.cmsg_level == IPPROTO_IPV6 and c.cmsg_type == IPV6_PKTINFO:
            return c
        c = CMSG_NXTHDR(head, c)
    return NULL


cdef inline void leave_from(cmsghdr* info, uint8_t version) noexcept nogil:
    """Prepare received packet info for sending: keep the address, let the routes choose the interface.

    A link-local address needs its interface, so that stays."""
    cdef in6_pktinfo* six
    if version == 4:
        (<in_pktinfo*>CMSG_DATA(info)).ipi_ifindex = 0
        return
    six = <in6_pktinfo*>CMSG_DATA(info)
    if not (six.ipi6_addr.s6_addr[0] == 0xfe and (six.ipi6_addr.s6_addr[1] & 0xc0) == 0x80):
        six.ipi6_ifindex = 0


cdef inline void save_addresses(WaitingClient* c, msghdr* head, uint8_t listener, uint8_t version) noexcept nogil:
    """Store which address a client's query came to.  add_client() stores the client's own."""
    cdef cmsghdr* info = packet_info(head, version)
    c.listener = listener
    c.source_n = 0
    if info != NULL:
        leave_from(info, version)
        c.source_n = sizeof(in_pktinfo) if version == 4 else sizeof(in6_pktinfo)
        memcpy(c.source, CMSG_DATA(info), c.source_n)


cdef inline void address_message(msghdr* head, sockaddr_in6* peer, void* control, const WaitingClient* c,
                                 uint8_t version) noexcept nogil:
    """Address a message to a waiting client.   peer, control: of this message; CONTROL_WORDS words of the latter"""
    cdef cmsghdr* info
    head.msg_name = peer
    head.msg_namelen = c.address_n
    memcpy(peer, c.address, c.address_n)
    if c.source_n == 0:
        return
    head.msg_control = control
    head.msg_controllen = CMSG_SPACE(c.source_n)
    info = CMSG_FIRSTHDR(head)
    info.cmsg_level = IPPROTO_IP if version == 4 else IPPROTO_IPV6
    info.cmsg_type = IP_PKTINFO if version == 4 else IPV6_PKTINFO
    info.cmsg_len = CMSG_LEN(c.source_n)
    memcpy(CMSG_DATA(info), c.source, c.source_n)
