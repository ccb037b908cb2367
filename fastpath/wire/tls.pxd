"""ClientHello parser: see tls.pyx."""
from libc.stdint cimport uint8_t, uint16_t

from fastpath.base.cursor cimport Status

cdef enum:
    HELLO_NAMES = 8        # host_names kept of one hello; RFC 6066 allows one, evaders send more
    HELLO_OCTETS = 65536   # a post-quantum hello is ~2 KB, padding evasions reach 11 KB (E31); beyond: TOO_BIG


cdef struct HelloName:
    const uint8_t* at
    uint16_t n


cdef struct ClientHello:
    uint8_t n_names
    uint8_t has_ech             # has extension 0xfe0d (GREASE looks the same)
    uint8_t has_early_data      # offers 0-RTT: encrypted records may come before a second hello
    uint8_t names_overflowed    # more than HELLO_NAMES host_names
    uint8_t is_cut              # behind it, in its last record, another hello begins and does not end
    size_t after                # octets of the stream up to the end of the record that ended the hello
    HelloName names[HELLO_NAMES]    # into `data` or `scratch`, like `message`
    const uint8_t* message      # the first hello with its header, without records; NULL until it is complete
    size_t message_n


cdef Status parse_client_hello(const uint8_t* data, size_t n, uint8_t* scratch, ClientHello* out) noexcept nogil
cdef Status parse_later_hello(const uint8_t* data, size_t n, uint8_t* scratch, ClientHello* out) noexcept nogil
cdef Status parse_hello_messages(const uint8_t* message, size_t n, ClientHello* out) noexcept nogil
