"""Words of a line that may be a request's: method, targets, authorities, version.

Invariants: every reading of a target is kept.  What may stand in front of the first word is known (Front): where that
is nothing, the second word alone can be a target in absolute form.
Source: RFC 9112 §3; RFC 1945 §4.1 (HTTP/0.9); as measured with the servers of tests/fastpath/gate/test_http_servers.py.
"""
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memchr, memcmp, memset

from fastpath.wire.http1 cimport HEAD_TARGETS, RequestHead
from fastpath.wire.http1_host cimport keep_host
from fastpath.wire.http1_octets cimport ends_authority, is_separator
from fastpath.wire.name cimport fold

cdef enum:
    SLASH = 47
    COLON = 58


cdef void read_words(const Span* whole, Front front, RequestHead* out, RequestLine* read) noexcept nogil:
    """Read a line as a request line and store its targets and authorities where it is one."""
    cdef Span line = whole[0]
    cdef Span word
    memset(read, 0, sizeof(RequestLine))
    while take_word(&line, &word):
        read.words += 1
        if read.words == 1:
            read.method = word
        elif read.words == 2:
            read.target = word
        _read_word(&word, whole.end, front, out, read)
        read.last = word
    if ends(&read.method, b"pri", 3) and is_text(&read.target, b"*", 1) and is_text(&read.last, b"http/2.0", 8):
        out.is_http2 = 1
        read.is_request = False
    elif mark_in(whole) != NULL:
        out.is_marked = 1
        read.is_request = True
    if read.is_request:
        _keep_targets(read, out)


cdef bint is_whole(const RequestLine* read, bint is_rest) noexcept nogil:
    """Whether a server that is asked nothing else takes this line, from its first word to its last.

    http.server takes any method in three words, and GET in two; Waitress any in two; nginx and lighttpd blanks in the
    target, behind a method of letters.   is_rest: the first words, or some octets of them, are gone"""
    if read.has_version and _is_number(read.last.at + 5, read.last.end):
        return read.words <= 3 or not is_rest and is_word(&read.method)
    return read.words == 2 and not is_rest and (is_text(&read.method, b"get", 3) or _is_upper(&read.method))


cdef bint _is_number(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Digits and dots, at least one."""
    cdef const uint8_t* first = at
    while at < end and (48 <= at[0] <= 57 or at[0] == 46):
        at += 1
    return at == end and at > first


cdef bint is_word(const Span* text) noexcept nogil:
    """Letters, '-' and '_'."""
    cdef const uint8_t* at = text.at
    while at < text.end and (97 <= fold(at[0]) <= 122 or at[0] == 45 or at[0] == 95):
        at += 1
    return at == text.end


cdef bint _is_upper(const Span* text) noexcept nogil:
    cdef const uint8_t* at = text.at
    while at < text.end and not 97 <= at[0] <= 122:
        at += 1
    return at == text.end


cdef void _read_word(const Span* word, const uint8_t* end, Front front, RequestHead* out,
                     RequestLine* read) noexcept nogil:
    cdef bint is_target = front < NOTHING or read.words == 2
    cdef bint is_connect = ends(&read.last, b"connect", 7)
    read.has_version = begins(word, b"http/", 5)
    if not read.has_version:
        read.last_target = word[0]
    if is_target and _keep_authority(word, end, is_connect, out) or read.has_version:
        read.is_request = True
    elif read.words > 1 and (word.at[0] == SLASH or is_text(word, b"*", 1)):
        read.is_request = True


cdef bint _keep_authority(const Span* word, const uint8_t* end, bint is_authority_form,
                          RequestHead* out) noexcept nogil:
    """Store the authority of `scheme://authority/...`, or the whole word in authority-form.

    Apache takes any octets for a scheme.  None is what remains of a word that was read in part.  Only a blank
    ends it for all: Gunicorn, Tornado and Twisted take any other octet.   end: of the line"""
    cdef Span found
    found.at = word.at
    if not is_authority_form:
        while found.at < word.end and found.at[0] != COLON and not ends_authority(found.at[0]):
            found.at += 1
        if word.end - found.at < 3 or memcmp(found.at, b"://", 3) != 0:
            return False
        found.at += 3
    found.end = found.at
    while found.end < end and not ends_authority(found.end[0]):
        found.end += 1
    keep_host(found.at, found.end, out)
    return True


cdef void _keep_targets(const RequestLine* read, RequestHead* out) noexcept nogil:
    """Store the readings of a target: its first word, all of them (old nginx), the word before the version."""
    cdef Span spaced
    if read.words < 2:
        return
    if out.target == NULL:
        out.target = read.target.at
        out.target_n = <uint16_t>(read.target.end - read.target.at)
    _keep_target(&read.target, out)
    spaced.at = read.target.at
    spaced.end = read.last_target.end
    if spaced.end > read.target.end:
        _keep_target(&spaced, out)
        _keep_target(&read.last_target, out)


cdef void _keep_target(const Span* target, RequestHead* out) noexcept nogil:
    if out.n_targets == HEAD_TARGETS:
        out.is_overflowed = 1
        return
    out.targets[out.n_targets].at = target.at
    out.targets[out.n_targets].n = <uint16_t>(target.end - target.at)
    out.n_targets += 1


cdef const uint8_t* mark_in(const Span* line) noexcept nogil:
    """`HTTP/` in the line; NULL: it is missing."""
    cdef Span found
    found.end = line.at
    while found.end < line.end:
        found.end = <const uint8_t*>memchr(found.end, SLASH, <size_t>(line.end - found.end))
        if found.end == NULL:
            return NULL
        found.end += 1
        found.at = found.end - 5
        if found.end - line.at >= 5 and begins(&found, b"http/", 5):
            return found.at
    return NULL


cdef bint take_word(Span* line, Span* word) noexcept nogil:
    while line.at < line.end and is_separator(line.at[0]):
        line.at += 1
    word.at = line.at
    while line.at < line.end and not is_separator(line.at[0]):
        line.at += 1
    word.end = line.at
    return word.at < word.end
