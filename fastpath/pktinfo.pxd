"""Packet info: which address of ours a datagram came to, so that its answer leaves from there.

Inline, as udp.pxd's macros are: it runs for every datagram.   Source: ip(7), RFC 3542 §6.
"""
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from fastpath.inflight cimport Waiting
from fastpath.udp cimport *


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
    """Make received packet info fit for sending: keep the address, let the routes choose the interface.

    A link-local address means nothing without its interface, so there it stays."""
    cdef in6_pktinfo* six
    if version == 4:
        (<in_pktinfo*>CMSG_DATA(info)).ipi_ifindex = 0
        return
    six = <in6_pktinfo*>CMSG_DATA(info)
    if not (six.ipi6_addr.s6_addr[0] == 0xfe and (six.ipi6_addr.s6_addr[1] & 0xc0) == 0x80):
        six.ipi6_ifindex = 0


cdef inline void remember(Waiting* w, msghdr* head, uint8_t listener, uint8_t version) noexcept nogil:
    """Keep where a query came from and what it came to."""
    cdef cmsghdr* info = packet_info(head, version)
    w.listener = listener
    w.client_n = head.msg_namelen
    memcpy(w.client, head.msg_name, w.client_n)
    w.source_n = 0
    if info != NULL:
        leave_from(info, version)
        w.source_n = sizeof(in_pktinfo) if version == 4 else sizeof(in6_pktinfo)
        memcpy(w.source, CMSG_DATA(info), w.source_n)


cdef inline void aim(msghdr* head, const Waiting* w, uint8_t version) noexcept nogil:
    """Address a message to the client of a waiting query.   head: with room for packet info in its msg_control."""
    cdef cmsghdr* info
    head.msg_namelen = w.client_n
    memcpy(head.msg_name, w.client, w.client_n)
    head.msg_controllen = 0
    if w.source_n == 0:
        head.msg_control = NULL
        return
    head.msg_controllen = CMSG_SPACE(w.source_n)
    info = CMSG_FIRSTHDR(head)
    info.cmsg_level = IPPROTO_IP if version == 4 else IPPROTO_IPV6
    info.cmsg_type = IP_PKTINFO if version == 4 else IPV6_PKTINFO
    info.cmsg_len = CMSG_LEN(w.source_n)
    memcpy(CMSG_DATA(info), w.source, w.source_n)
