"""One DNS question and what came with it: see query.pyx."""
from libc.stdint cimport uint8_t, uint16_t

from fastpath.base.cursor cimport MALFORMED, OK, Cursor, Status, skip, take_u8
from fastpath.wire.name cimport Name

cdef enum:
    DNS_HEADER = 12
    RCODE_NOERROR = 0
    RCODE_FORMERR = 1
    RCODE_SERVFAIL = 2
    RCODE_NXDOMAIN = 3
    RCODE_NOTIMP = 4
    RCODE_REFUSED = 5
    RCODE_BADVERS = 16          # RFC 6891 §9
    EDNS_LEAST = 512            # RFC 6891 §6.2.3: smaller values mean 512
    EDNS_OURS = 1232            # fits every IPv6 path unfragmented (DNS flag day 2020, RFC 9715)
    DEVICE_MAC = 65001          # dnsmasq add-mac: the raw address
    DEVICE_MAC_TEXT = 65073     # add-mac=text, =base64
    DEVICE_CPE = 65074          # add-cpe-id
    COOKIE_CLIENT = 8           # RFC 7873 §4: octets of the client's part
    COOKIE_WHOLE = 24           # RFC 9018 §4: with a server's part of version 1
    COOKIE_LONGEST = 40         # RFC 7873 §4: with any server's part


cdef struct Question:
    uint16_t id
    uint16_t flags              # as received
    uint16_t qtype
    uint16_t qclass
    uint16_t after              # where the question section ends; 0: no question could be read
    uint16_t rcode              # where parse_query() said MALFORMED: the answer to give, all twelve bits
    uint16_t edns_size          # octets that our answer may have: 512 without EDNS, at most EDNS_OURS; streams set more
    uint16_t device_at          # the data of the first device-id option; 0: none.  To be believed of listed forwarders
    uint16_t device_n
    uint16_t device_code        # 65001, 65073 or 65074
    uint8_t has_edns
    uint8_t do_bit
    uint8_t edns_version
    uint8_t wants_padding       # RFC 7830
    uint8_t wants_structure     # structured errors, see OPTION_SDE
    uint8_t is_encrypted        # set by who knows the transport: padding makes sense
    uint8_t cookie_n            # octets of `cookie`: 0, 8 or 16 to 40; 24 once check_cookie() has made it ours
    uint8_t has_our_cookie      # set by check_cookie(): `cookie` is what the answer carries
    uint8_t cookie[40]
    Name name                   # valid where `after` is not 0


cdef Status parse_query(const uint8_t* msg, size_t n, Question* out) noexcept nogil


cdef inline Status skip_name(Cursor* c) noexcept nogil:
    """Step over a name; a pointer ends it and is not followed."""
    cdef uint8_t length = 0
    while True:
        if take_u8(c, &length) != OK:
            return MALFORMED
        if length == 0:
            return OK
        if length >= 0xc0:
            return skip(c, 1)
        if length > 63 or skip(c, length) != OK:
            return MALFORMED
