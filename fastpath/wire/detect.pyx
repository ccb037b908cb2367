"""Protocol detection by the first octets of a client's stream, for ports without an assigned protocol.

Invariants: the result is final unless it is PROTOCOL_UNKNOWN.  Octets that the gate would judge on a TLS port are TLS;
octets that a server could read as a request are HTTP, as tls.pyx and http1.pyx define it.
Source: RFC 8446 §5.1, RFC 9112 §3, RFC 9113 §3.4 (HTTP/2's preface).
Cost: that of the parsers.
"""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.base.cursor cimport NEED_MORE, NOT_THIS, Status
from fastpath.wire.http1 cimport RequestHead, parse_request_head
from fastpath.wire.tls cimport HELLO_OCTETS, ClientHello, parse_client_hello

cdef enum:
    CHANGE_CIPHER_SPEC = 20     # RFC 8446 §5.1: kinds of records, of which servers step over the first two
    ALERT = 21
    HANDSHAKE = 22
    CLIENT_HELLO = 1


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


cdef bint may_begin_tls(const uint8_t* record, size_t n) noexcept nogil:
    """Whether these octets are the first ones of a hello's record, or of one that a server steps over in front of it.

    Six octets are compared, so that a line of a body is taken for one once in 2**30 times."""
    cdef uint32_t length
    if not CHANGE_CIPHER_SPEC <= record[0] <= HANDSHAKE or n > 1 and record[1] != 3 or n > 2 and record[2] > 4:
        return False
    if n < RECORD_BEGIN:
        return True
    length = <uint32_t>record[3] << 8 | record[4]
    if record[0] == HANDSHAKE:
        return length == 0 or record[5] == CLIENT_HELLO
    return length == (2 if record[0] == ALERT else 1)


def spoken(bytes data) -> str | None:
    """"tls", "http" or "other"; None while more octets are needed."""
    cdef bytearray scratch = bytearray(HELLO_OCTETS)
    cdef uint8_t found = protocol_of(data, len(data), <uint8_t*><char*>scratch)
    return (None, "tls", "http", "other")[found]
