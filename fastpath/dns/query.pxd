"""One DNS question and its EDNS: see query.pyx."""
from libc.stdint cimport uint8_t, uint16_t

from fastpath.base.cursor cimport MALFORMED, OK, Cursor, Status, skip, take_u8
from fastpath.dns.wire cimport COOKIE_MOST_OCTETS, POINTER
from fastpath.wire.name cimport LABEL_OCTETS, Name


cdef enum:
    SEVERAL_KINDS = 1           # of device ids in one query


cdef struct Question:
    uint16_t id
    uint16_t flags              # as received
    uint16_t qtype
    uint16_t qclass
    uint16_t after              # where the question section ends; 0: no question could be parsed
    uint16_t rcode              # where parse_query() said MALFORMED: the answer to give, all twelve bits
    uint16_t edns_size          # octets that our answer may have: 512 without EDNS, at most 1,232; streams set more
    uint16_t device_at          # data of the last device-id option; 0: none.  Only a listed forwarder is believed
    uint16_t device_n
    uint16_t device_code        # 65001, 65073 or 65074; SEVERAL_KINDS: no device
    uint8_t has_edns
    uint8_t do_bit
    uint8_t edns_version
    uint8_t wants_padding       # RFC 7830
    uint8_t wants_structure     # structured errors, see OPTION_SDE
    uint8_t wants_nsid          # RFC 5001
    uint8_t nsid_n              # octets at `nsid`: what the answer says of this server, set by the caller
    const uint8_t* nsid
    uint8_t is_encrypted        # set by the caller, which knows the transport
    uint8_t cookie_n            # octets of `cookie`: 0, 8 or 16 to 40; 24 once check_cookie() has written ours
    uint8_t has_our_cookie      # set by check_cookie(): `cookie` is what the answer carries
    uint8_t cookie[COOKIE_MOST_OCTETS]
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
        if length >= POINTER:
            return skip(c, 1)
        if length > LABEL_OCTETS or skip(c, length) != OK:
            return MALFORMED
