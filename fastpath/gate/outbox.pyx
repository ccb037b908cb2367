"""Outbox of packets to inject: filled while a batch is judged, sent through raw sockets between two batches.

Invariants: a packet is in it whole or not at all.  Sending empties it, also where the kernel refuses packets.
Source: raw(7), RFC 9293 §3.10.7.
"""
import socket

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from fastpath.base.sockets cimport MSG_DONTWAIT, in6_addr, in_addr, socklen_t
from fastpath.wire.packet cimport write_tcp

cdef extern from "<sys/socket.h>" nogil:
    cdef struct sockaddr:
        pass
    const int AF_INET
    const int AF_INET6
    ssize_t sendto(int fd, const void* message, size_t n, int flags, const sockaddr* to, socklen_t to_n)

cdef extern from "<netinet/in.h>" nogil:
    cdef struct Target4 "sockaddr_in":
        uint16_t sin_family
        in_addr sin_addr
    cdef struct Target6 "sockaddr_in6":
        uint16_t sin6_family
        in6_addr sin6_addr

cdef enum:
    LENGTH_OCTETS = 4
    HEADERS_OCTETS = 128        # room for IP and TCP headers with timestamps


cdef bint put_tcp(Outbox* out, const PacketView* like, bint reversed, uint32_t seq, uint32_t ack, uint8_t flags,
                  const uint8_t* payload, size_t n) noexcept nogil:
    """Put a TCP packet of the flow of `like`, see write_tcp().   False: there is no room."""
    cdef uint8_t* at = out.at + out.used
    cdef uint32_t length
    if out.room - out.used < LENGTH_OCTETS + HEADERS_OCTETS + n:
        return False
    length = <uint32_t>write_tcp(at + LENGTH_OCTETS, out.room - out.used - LENGTH_OCTETS, like, reversed, seq, ack,
                                 flags, payload, n)
    if length == 0:
        return False
    memcpy(at, &length, LENGTH_OCTETS)
    out.used += LENGTH_OCTETS + length
    return True


cdef uint32_t send_all(Outbox* out, int raw4_fd, int raw6_fd) noexcept nogil:
    """Send every packet; returns how many the kernel refused."""
    cdef uint8_t* at = out.at
    cdef uint8_t* end = at + out.used
    cdef uint32_t n
    cdef uint32_t n_refused = 0
    while at < end:
        memcpy(&n, at, LENGTH_OCTETS)
        if _send_packet(at + LENGTH_OCTETS, n, raw4_fd, raw6_fd) < 0:
            n_refused += 1
        at += LENGTH_OCTETS + n
    out.used = 0
    return n_refused


cdef ssize_t _send_packet(const uint8_t* packet, size_t n, int raw4_fd, int raw6_fd) noexcept nogil:
    cdef Target4 to4
    cdef Target6 to6
    if packet[0] >> 4 == 4:
        memset(&to4, 0, sizeof(to4))
        to4.sin_family = AF_INET
        memcpy(&to4.sin_addr, packet + 16, 4)
        return sendto(raw4_fd, packet, n, MSG_DONTWAIT, <sockaddr*>&to4, sizeof(to4))
    memset(&to6, 0, sizeof(to6))
    to6.sin6_family = AF_INET6
    memcpy(&to6.sin6_addr, packet + 24, 16)
    return sendto(raw6_fd, packet, n, MSG_DONTWAIT, <sockaddr*>&to6, sizeof(to6))


cdef list packets_of(Outbox* out):
    """Take every packet out."""
    cdef size_t at = 0
    cdef uint32_t n
    packets = []
    while at < out.used:
        memcpy(&n, out.at + at, LENGTH_OCTETS)
        packets.append(out.at[at + LENGTH_OCTETS:at + LENGTH_OCTETS + n])
        at += LENGTH_OCTETS + n
    out.used = 0
    return packets


def open_raw(family):
    """Open a socket that sends complete IP packets unchanged."""
    return socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW)
