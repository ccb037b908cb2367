"""Protocol detection by the first octets of a client's stream, for ports without an assigned protocol.

Invariants: the result is final unless it is PROTOCOL_UNKNOWN.  Octets that the gate would judge on a TLS port are TLS;
octets that a server could read as a request are HTTP, as tls.pyx and http1.pyx define it.
Source: RFC 8446 §5.1, RFC 9112 §3, RFC 9113 §3.4 (HTTP/2's preface).
Cost: that of the parsers.
"""
from libc.stdint cimport uint8_t

from fastpath.base.cursor cimport NEED_MORE, NOT_THIS, Status
from fastpath.wire.http1 cimport RequestHead, parse_request_head
from fastpath.wire.tls cimport HELLO_OCTETS, ClientHello, parse_client_hello

cdef enum:
    RECORD_BEGIN = 6        # a record's header, its length last, and the type of its message
    HANDSHAKE = 22


cdef uint8_t protocol_of(const uint8_t* data, size_t n, uint8_t* scratch) noexcept nogil:
    """Detect the Protocol.   scratch: HELLO_OCTETS"""
    cdef ClientHello hello
    cdef RequestHead head
    cdef Status status
    if n == 0:
        return PROTOCOL_UNKNOWN
    status = parse_client_hello(data, n, scratch, &hello)
    if status == NEED_MORE:
        # a first record with the beginning of a hello can only be a hello's; shorter octets may be of any protocol
        return PROTOCOL_TLS if n >= RECORD_BEGIN and data[0] == HANDSHAKE and data[3] | data[4] else PROTOCOL_UNKNOWN
    if status != NOT_THIS:
        return PROTOCOL_TLS
    status = parse_request_head(data, n, &head)
    if head.is_http2 or status != NOT_THIS and head.target_n > 0:   # then its first line is there
        return PROTOCOL_HTTP
    return PROTOCOL_UNKNOWN if status == NEED_MORE else PROTOCOL_OTHER


def spoken(bytes data) -> str | None:
    """"tls", "http" or "other"; None while more octets are needed."""
    cdef bytearray scratch = bytearray(HELLO_OCTETS)
    cdef uint8_t found = protocol_of(data, len(data), <uint8_t*><char*>scratch)
    return (None, "tls", "http", "other")[found]
