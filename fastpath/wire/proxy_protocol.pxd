"""The PROXY header at the front of a datagram: see proxy_protocol.pyx."""
from libc.stdint cimport uint8_t

from fastpath.base.cursor cimport Status


cdef struct ProxyHeader:               # of one connection or datagram
    size_t after                # where the header ends
    uint8_t ip_version          # of the client: 4 or 6; 0: the proxy speaks for itself, or does not know
    uint8_t addr[16]            # 4 or 16 octets by ip_version


cdef Status read_header(const uint8_t* msg, size_t n, ProxyHeader* out) noexcept nogil
