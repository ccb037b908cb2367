"""Address literals as hosts: one canonical text for every spelling of an address.

An address becomes a Name whose labels are its canonical text, dotted decimal or RFC 5952 in brackets.  So it is hashed,
compared and printed like a name, and equals none: a host name neither ends in a number nor contains a bracket.

Source: WHATWG URL §3.5 (host parsing, the IPv4 parser), RFC 5952 §4; an IPv4 address inside an IPv6 one is written in
hexadecimal, as browsers do.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr, memcpy

from fastpath.base.cursor cimport MALFORMED, OK, Status
from fastpath.wire.name cimport Name, begin_name, name_from_wire, v4_from_text

cdef extern from "<arpa/inet.h>" nogil:
    enum: AF_INET6
    int inet_pton(int family, const char* text, void* out)

cdef enum:
    CLOSE = 93              # ]
    COLON = 58
    OPEN = 91               # [
    LITERAL_OCTETS = 45     # the longest text that inet_pton() accepts


cdef Status name_from_literal(const uint8_t* text, size_t n, Name* out) noexcept nogil:
    """Parse an IPv4 literal in any of WHATWG's forms, or an IPv6 literal in brackets, to a Name of its canonical text.

    MALFORMED: neither of the two; `out.n` is 0 then."""
    cdef uint8_t wire[64]
    cdef uint32_t address
    cdef size_t used = 0
    cdef int shift
    begin_name(out)
    if n > 2 and text[0] == OPEN and text[n - 1] == CLOSE:
        used = _write_v6_label(text + 1, n - 2, wire)
    elif v4_from_text(text, n, &address):
        for shift in range(24, -8, -8):
            used += _write_decimal_label((address >> shift) & 0xff, wire + used)
    if used == 0:
        return MALFORMED
    wire[used] = 0
    return name_from_wire(wire, used + 1, 0, out, &used)


cdef size_t _write_decimal_label(uint32_t value, uint8_t* out) noexcept nogil:
    """Write the label of a number below 256; returns its octets, length octet included."""
    cdef size_t n = 1 + (value > 9) + (value > 99)
    cdef size_t i
    out[0] = <uint8_t>n
    for i in range(n, 0, -1):
        out[i] = <uint8_t>(48 + value % 10)
        value //= 10
    return n + 1


cdef size_t _write_v6_label(const uint8_t* text, size_t n, uint8_t* out) noexcept nogil:
    """Write the label `[v6]` of an address; returns its octets, 0 where the text is no address."""
    cdef char terminated[LITERAL_OCTETS + 1]
    cdef uint8_t octets[16]
    cdef size_t used = 2
    cdef int first = 0
    cdef int n_zeros = 0
    cdef int i = 0
    if n > LITERAL_OCTETS or memchr(text, 0, n) != NULL:
        return 0
    memcpy(terminated, text, n)
    terminated[n] = 0
    if inet_pton(AF_INET6, terminated, octets) != 1:
        return 0
    _longest_zeros(octets, &first, &n_zeros)
    out[1] = OPEN
    while i < 8:
        if i > 0 or n_zeros > 1 and first == 0:
            out[used] = COLON
            used += 1
        if n_zeros > 1 and i == first:
            i += n_zeros
            if i == 8:
                out[used] = COLON
                used += 1
            continue
        used += _write_group(octets[2 * i] << 8 | octets[2 * i + 1], out + used)
        i += 1
    out[used] = CLOSE
    out[0] = <uint8_t>used
    return used + 1


cdef void _longest_zeros(const uint8_t* octets, int* first, int* n_zeros) noexcept nogil:
    """The first of the longest runs of zero groups (RFC 5952 §4.2.3)."""
    cdef int run = 0
    cdef int i
    for i in range(8):
        run = run + 1 if octets[2 * i] == 0 and octets[2 * i + 1] == 0 else 0
        if run > n_zeros[0]:
            n_zeros[0] = run
            first[0] = i - run + 1


cdef size_t _write_group(uint32_t value, uint8_t* out) noexcept nogil:
    cdef size_t n = 1 + (value > 0xf) + (value > 0xff) + (value > 0xfff)
    cdef size_t i
    cdef const char* digits = "0123456789abcdef"
    for i in range(n, 0, -1):
        out[i - 1] = <uint8_t>digits[value & 15]
        value >>= 4
    return n


def wire_from_literal(text: bytes) -> bytes:
    """The labels of an address literal in wire form.   Raises ValueError: no literal."""
    cdef Name name
    if name_from_literal(text, len(text), &name) != OK:
        raise ValueError(f"{text!r}: no IPv4 address, and no IPv6 address in brackets")
    return PyBytes_FromStringAndSize(<const char*>name.wire, name.n)
