"""Where an HTTP/1.x body ends, if every server reads it alike.

Invariants: a length is given only for a head in the strict grammar of RFC 9112 and a method whose body every server
reads.  For any other head a server may find a request in what another takes for its body.
Source: RFC 9112 §2.2, §5, §6.3; RFC 9110 §8.6, §9.3.
Cost: one pass over the head.
"""
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memchr, memcmp

from fastpath.wire.http1_octets cimport is_space, is_token

cdef enum:
    LF = 10
    CR = 13
    COLON = 58
    HYPHEN = 45
    NO_LENGTH = -2
    CHUNKED = -3
    MOST_DIGITS = 15


cdef struct Text:
    const uint8_t* at
    const uint8_t* end


cdef int64_t body_octets(const uint8_t* head, size_t n, bint* is_sure, bint* is_framed) noexcept nogil:
    """The octets of the body behind a complete head of `n` octets, or NOT_ALIKE.

    is_sure     every server reads this body; else some read none
    is_framed   none reads a part of it: its length is known, or it comes in chunks, and no field says otherwise"""
    cdef Text rest, line
    cdef int64_t found = 0
    cdef int64_t value
    cdef bint has_length = False
    cdef bint is_chunked = False
    is_sure[0] = is_framed[0] = False
    rest.at = head
    rest.end = head + n
    while rest.at < rest.end and is_space(rest.at[0]):
        rest.at += 1
    if not _take_line(&rest, &line):
        return NOT_ALIKE
    is_sure[0] = _has_body_everywhere(&line)
    while _take_line(&rest, &line):
        if line.at == line.end:
            is_framed[0] = not is_chunked or not has_length
            is_sure[0] = not is_chunked and (is_sure[0] or found == 0)
            return NOT_ALIKE if is_chunked else found
        value = _length_in(&line)
        if value == CHUNKED and not is_chunked:
            is_chunked = True
            continue
        if value == CHUNKED or value == NOT_ALIKE or value >= 0 and has_length and value != found:
            return NOT_ALIKE
        if value >= 0:
            found = value
            has_length = True
    return NOT_ALIKE


cdef bint _take_line(Text* rest, Text* line) noexcept nogil:
    """Take a line that ends with CR LF and has no other control octet but tabs.   False: it is not such a line."""
    cdef const uint8_t* at
    cdef const uint8_t* lf = <const uint8_t*>memchr(rest.at, LF, <size_t>(rest.end - rest.at))
    if lf == NULL or lf == rest.at or lf[-1] != CR:
        return False
    line.at = at = rest.at
    line.end = lf - 1
    while at < line.end:
        if at[0] < 32 and at[0] != 9 or at[0] == 127:
            return False
        at += 1
    rest.at = lf + 1
    return True


cdef bint _has_body_everywhere(const Text* line) noexcept nogil:
    """Whether this is a request line in the strict grammar, with a method whose body every server reads.

    Servers read none behind GET (nginx' static files, Python's http.server), HEAD, DELETE, OPTIONS, TRACE, CONNECT."""
    cdef const uint8_t* at = line.at
    cdef size_t n = <size_t>(line.end - line.at)
    if n > 5 and memcmp(at, b"POST ", 5) == 0:
        at += 5
    elif n > 4 and memcmp(at, b"PUT ", 4) == 0:
        at += 4
    elif n > 6 and memcmp(at, b"PATCH ", 6) == 0:
        at += 6
    else:
        return False
    while at < line.end and 32 < at[0] < 127:
        at += 1
    return line.end - at == 9 and memcmp(at, b" HTTP/1.", 8) == 0 and 48 <= at[8] <= 49


cdef int64_t _length_in(const Text* line) noexcept nogil:
    """The Content-Length in a header line; NO_LENGTH: another field; CHUNKED: written as everyone writes it.

    NOT_ALIKE: a length or coding to some servers."""
    cdef Text name, value
    name.at = line.at
    name.end = line.at
    while name.end < line.end and is_token(name.end[0]):
        name.end += 1
    if name.end == name.at or name.end == line.end or name.end[0] != COLON:     # a fold, a blank before the colon
        return NOT_ALIKE
    if _is_like(&name, b"content-length", 14):
        return _plain_number(name.end + 1, line.end) if name.at[7] == HYPHEN else NOT_ALIKE
    if not _is_like(&name, b"transfer-encoding", 17):
        return NO_LENGTH
    value.at = name.end + 1
    value.end = line.end
    while value.at < value.end and value.at[0] == 32:
        value.at += 1
    return CHUNKED if name.at[8] == HYPHEN and _is_like(&value, b"chunked", 7) else NOT_ALIKE


cdef bint _is_like(const Text* name, const char* lower, size_t n) noexcept nogil:
    """Whether `name` is `lower`, ignoring case, and any octet for its hyphen: gateways read '_' as one."""
    cdef size_t i
    if <size_t>(name.end - name.at) != n:
        return False
    for i in range(n):
        if (name.at[i] | 32) != <uint8_t>lower[i] and lower[i] != HYPHEN:
            return False
    return True


cdef int64_t _plain_number(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """The decimal number between blanks, written as everyone writes it; else NOT_ALIKE."""
    cdef int64_t value = 0
    cdef int digits = 0
    cdef const uint8_t* first
    while at < end and is_space(at[0]):
        at += 1
    while end > at and is_space(end[-1]):
        end -= 1
    first = at
    while at < end and 48 <= at[0] <= 57 and digits < MOST_DIGITS:
        value = value * 10 + (at[0] - 48)
        digits += 1
        at += 1
    if at < end or digits == 0 or digits > 1 and first[0] == 48:    # a leading zero: octal to some
        return NOT_ALIKE
    return value


def body_length(head: bytes) -> int | None:
    """The octets of the body behind a complete head; None where servers may differ."""
    cdef bint is_sure, is_framed
    cdef int64_t n = body_octets(head, len(head), &is_sure, &is_framed)
    return n if is_sure and n != NOT_ALIKE else None
