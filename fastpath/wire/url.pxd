"""Canonical URLs: see url.pyx."""
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

from fastpath.base.cursor cimport Status
from fastpath.wire.name cimport Name

cdef enum:
    URL_OCTETS = 2048           # of a URL as it is given (white space apart), and of its canonical text
    URL_KEY_OCTETS = 2050       # the wire form of a host has two octets more than its text
    URL_CUT_OCTETS = 2051       # the key of a longer request is cut here: no listed one has so many
    URL_SLACK = 22              # so that a 16-octet load at any octet stays inside the struct


cdef enum UrlFault:             # why a status other than OK
    URL_NO_FAULT = 0
    URL_TOO_LONG = 1
    URL_OTHER_SCHEME = 2
    URL_LONE_USER = 3           # user info without a scheme: mail addresses look like this
    URL_NO_HOST = 4
    URL_BAD_HOST = 5
    URL_BAD_PORT = 6
    URL_NOT_ASCII = 7           # a host that IDNA must turn to A-labels first


cdef struct Url:
    uint8_t fault               # UrlFault
    uint8_t is_address          # the host is an address literal
    uint16_t host_n             # octets of the host in `key`, the root's octet included
    uint16_t path_at            # offset of the path's first '/' in `key`; before it the host, and ":port" if any
    uint16_t query_at           # offset of the query's '?'; n: none exists
    uint16_t n                  # octets of `key` in use; 0 unless OK
    Name host                   # of an address literal: its canonical text as labels, which no host name can be
    uint8_t key[URL_CUT_OCTETS + URL_SLACK]     # host in wire form, ":port" if any, path, "?query" if any


cdef Status url_from_text(const uint8_t* text, size_t n, Url* out) noexcept nogil
cdef Status url_from_parts(const Name* host, int32_t port, const uint8_t* target, size_t n, uint8_t reading,
                           Url* out) noexcept nogil
cdef bint has_readings(const uint8_t* target, size_t n) noexcept nogil
cdef size_t write_url_text(const Url* url, size_t n, uint8_t* out, size_t room) noexcept nogil
cdef Status name_from_literal_host(const uint8_t* text, size_t n, Name* out) noexcept nogil
cdef int32_t port_of_host(const uint8_t* text, size_t n) noexcept nogil
