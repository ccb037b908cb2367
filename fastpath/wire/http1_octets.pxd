"""Kinds of octets in HTTP/1.x, as servers tell them apart."""
from libc.stdint cimport uint8_t
from libc.string cimport memchr

from fastpath.wire.name cimport fold


cdef inline bint is_space(uint8_t c) noexcept nogil:
    """RFC 9112 §3: SP, HTAB, VT, FF and bare CR separate words for lenient servers; before a head, LF too."""
    return c == 32 or 9 <= c <= 13


cdef inline bint is_separator(uint8_t c) noexcept nogil:
    """White space to Python's str.split(), which its http.server uses on ISO 8859-1."""
    return is_space(c) or 28 <= c <= 31 or c == 0x85 or c == 0xa0


cdef inline bint is_junk(uint8_t c) noexcept nogil:
    """What one server or another strips around the name of a field: all but printable ASCII."""
    return c <= 32 or c >= 127


cdef inline bint is_token(uint8_t c) noexcept nogil:
    """RFC 9110 §5.6.2: letters, digits and !#$%&'*+-.^_`|~."""
    if 97 <= fold(c) <= 122 or 48 <= c <= 57:
        return True
    return c > 32 and c < 127 and memchr(b"!#$%&'*+-.^_`|~", c, 15) != NULL


cdef inline bint is_name_octet(uint8_t c) noexcept nogil:
    """Letters, digits, '-' and '_', as in names from text."""
    return 97 <= fold(c) <= 122 or 48 <= c <= 57 or c == 45 or c == 95


cdef inline bint ends_authority(uint8_t c) noexcept nogil:
    """'/', '?', '#' (RFC 3986 §3.2), and a blank.  To browsers '\\' does too: see keep_host()."""
    return c == 47 or c == 63 or c == 35 or c == 32
