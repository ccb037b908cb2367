"""Words of a line that may be a request's: see http1_line.pyx."""
from libc.stdint cimport uint8_t

from fastpath.wire.http1 cimport RequestHead
from fastpath.wire.name cimport fold


cdef struct Span:
    const uint8_t* at
    const uint8_t* end


cdef enum Front:                # what may stand in front of a request's first word
    A_BODY = 0                  # the rest of a body: any word may be the target
    ANYTHING = 1                # as A_BODY, and the first word need be no method
    NOTHING = 2
    NOTHING_ELSE = 3            # and only a whole line is a request: see is_whole()


cdef struct RequestLine:        # words of a line that may be a request's
    Span method
    Span target                 # the second word
    Span last_target            # the last one that is no version
    Span last
    int words
    bint is_request
    bint has_version


cdef void read_words(const Span* whole, Front front, RequestHead* out, RequestLine* read) noexcept nogil
cdef bint is_whole(const RequestLine* read, bint is_rest) noexcept nogil
cdef bint is_word(const Span* text) noexcept nogil
cdef const uint8_t* mark_in(const Span* line) noexcept nogil
cdef bint take_word(Span* line, Span* word) noexcept nogil


cdef inline bint begins(const Span* text, const char* lower, size_t n) noexcept nogil:
    """Whether `text` begins with `lower`, ignoring case."""
    cdef size_t i
    if <size_t>(text.end - text.at) < n:
        return False
    for i in range(n):
        if fold(text.at[i]) != <uint8_t>lower[i]:
            return False
    return True


cdef inline bint ends(const Span* text, const char* lower, size_t n) noexcept nogil:
    """Whether `text` ends with `lower`, ignoring case: the rest of a body may stand in front of a method."""
    cdef Span end = text[0]
    if <size_t>(text.end - text.at) < n:
        return False
    end.at = text.end - n
    return begins(&end, lower, n)


cdef inline bint is_text(const Span* text, const char* lower, size_t n) noexcept nogil:
    return <size_t>(text.end - text.at) == n and begins(text, lower, n)
