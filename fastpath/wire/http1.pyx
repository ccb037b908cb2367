"""HTTP/1.x request head parser: every host that a server could read in the request.

It is tolerant on purpose (E58 to E60): white space before the method, any method, LF alone as line end, white space
around the colon and before a header's name.  A target with an authority and without a version is a complete head:
servers answer HTTP/0.9 at its line end.

Invariants: never reads past data[n-1]; a status other than NEED_MORE is final.  Every reading counts: all Host values,
every line of a folded one, the authority of every absolute-form word, CONNECT's target.  Values are octets as sent,
white space trimmed: name_from_host() checks them.
Source: RFC 9112 §2.2, §3, §5; RFC 1945 §4.1 (HTTP/0.9); RFC 9113 §3.4 (the HTTP/2 preface).
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t
from libc.string cimport memchr, memcmp, memset

from fastpath.base.cursor cimport NEED_MORE, NOT_THIS, OK, TOO_BIG, Status

cdef enum:
    LF = 10
    CR = 13
    COLON = 58


cdef struct Span:
    const uint8_t* at
    const uint8_t* end


cdef Status parse_request_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil:
    """Parse one request head that begins at `data`.

    NOT_THIS: the first line cannot be a request's (as soon as one octet shows it).  TOO_BIG: no end within HEAD_OCTETS;
    the hosts found so far stay in `out`.  Pointers in `out` go into `data`.
    Cost: one memchr per line."""
    cdef Span rest
    cdef Span line
    cdef Status status
    cdef bint is_host = False
    cdef size_t window = n if n < HEAD_OCTETS else HEAD_OCTETS
    memset(out, 0, sizeof(RequestHead))
    rest.at = data
    rest.end = data + window
    while rest.at < rest.end and _is_space(rest.at[0]):      # E60; RFC 9112 §2.2 allows the empty lines among them
        rest.at += 1
    status = _request_line(&rest, out)
    while status == NEED_MORE and _take_line(&rest, &line):
        if line.at == line.end:
            status = OK
            break
        is_host = _header(&line, is_host, out)
    if status == NEED_MORE and n >= HEAD_OCTETS:
        return TOO_BIG
    if status == OK:
        out.after = <size_t>(rest.at - data)
    return status


cdef Status _request_line(Span* rest, RequestHead* out) noexcept nogil:
    """Parse the first line.   OK: it is the complete head.  NEED_MORE: a request so far."""
    cdef Span line, method, word, last
    cdef bint is_request = False
    cdef bint is_connect
    cdef int words = 1
    if not _may_begin(rest):
        return NOT_THIS
    if not _take_line(rest, &line):
        return NEED_MORE
    if not _take_word(&line, &method):
        return NOT_THIS
    is_connect = _is(&method, b"connect", 7)
    last = method
    while _take_word(&line, &word):
        words += 1
        last = word
        if words == 2:
            out.target = word.at
            out.target_n = <uint16_t>(word.end - word.at)
        if not _begins(&word, b"http/", 5):
            out.spaced_n = <uint16_t>(word.end - out.target)
        if _keep_authority(&word, is_connect and words == 2, out) or word.at[0] == 47 or _is(&word, b"*", 1):
            is_request = True
        if _begins(&word, b"http/", 5):
            is_request = True
    if not is_request or (_is(&method, b"pri", 3) and _is(&last, b"http/2.0", 8)):
        return NOT_THIS
    return OK if out.n_hosts > 0 and not _begins(&last, b"http/", 5) and words == 2 else NEED_MORE


cdef bint _may_begin(const Span* rest) noexcept nogil:
    """Whether these octets, up to a line end, can be a request line: a token, white space, no control characters."""
    cdef const uint8_t* at = rest.at
    while at < rest.end and _is_token(at[0]):
        at += 1
    if at < rest.end and (at == rest.at or not _is_space(at[0])):
        return False
    while at < rest.end and at[0] != LF:
        if at[0] < 32 and not _is_space(at[0]) or at[0] == 127:
            return False
        at += 1
    return True


cdef bint _keep_authority(const Span* word, bint is_authority_form, RequestHead* out) noexcept nogil:
    """Store the authority of `scheme://authority/...`, or the whole word in authority-form."""
    cdef Span found
    found.at = word.at
    if not is_authority_form:
        while found.at < word.end and _is_scheme(found.at[0]):
            found.at += 1
        if found.at == word.at or word.end - found.at < 3 or memcmp(found.at, b"://", 3) != 0:
            return False
        found.at += 3
    found.end = found.at
    while found.end < word.end and not _ends_authority(found.end[0]):
        found.end += 1
    _keep(&found, out)
    return True


cdef bint _header(const Span* line, bint was_host, RequestHead* out) noexcept nogil:
    """Store the host of a header line.   True: a folded line that follows still belongs to a Host field.

    A folded line counts as a value of its own: a fold inside a name makes it invalid, so one line holds all of it."""
    cdef Span value = line[0]
    cdef bint is_folded = _is_space(line.at[0])
    if is_folded and was_host:
        _keep(line, out)
    while value.at < value.end and _is_space(value.at[0]):
        value.at += 1
    if _begins(&value, b"host", 4):
        value.at += 4
        while value.at < value.end and _is_space(value.at[0]):
            value.at += 1
        if value.at < value.end and value.at[0] == COLON:
            value.at += 1
            _keep(&value, out)
            return True
    return is_folded and was_host


cdef void _keep(const Span* value, RequestHead* out) noexcept nogil:
    cdef const uint8_t* at = value.at
    cdef const uint8_t* end = value.end
    while at < end and _is_space(at[0]):
        at += 1
    while at < end and _is_space(end[-1]):
        end -= 1
    if at == end:
        return
    if out.n_hosts == HEAD_HOSTS:
        out.hosts_overflowed = 1
        return
    out.hosts[out.n_hosts].at = at
    out.hosts[out.n_hosts].n = <uint16_t>(end - at)
    out.n_hosts += 1


cdef bint _take_line(Span* rest, Span* line) noexcept nogil:
    """Take the octets up to the next LF, without it and the CRs before it.   False: there is none."""
    cdef const uint8_t* lf
    if rest.at == rest.end:
        return False
    lf = <const uint8_t*>memchr(rest.at, LF, <size_t>(rest.end - rest.at))
    if lf == NULL:
        return False
    line.at = rest.at
    line.end = lf
    while line.end > line.at and line.end[-1] == CR:
        line.end -= 1
    rest.at = lf + 1
    return True


cdef bint _take_word(Span* line, Span* word) noexcept nogil:
    while line.at < line.end and _is_space(line.at[0]):
        line.at += 1
    word.at = line.at
    while line.at < line.end and not _is_space(line.at[0]):
        line.at += 1
    word.end = line.at
    return word.at < word.end


cdef bint _begins(const Span* text, const char* lower, size_t n) noexcept nogil:
    """Whether `text` begins with `lower`, ignoring case."""
    cdef size_t i
    if <size_t>(text.end - text.at) < n:
        return False
    for i in range(n):
        if _fold(text.at[i]) != <uint8_t>lower[i]:
            return False
    return True


cdef bint _is(const Span* text, const char* lower, size_t n) noexcept nogil:
    return <size_t>(text.end - text.at) == n and _begins(text, lower, n)


cdef inline uint8_t _fold(uint8_t c) noexcept nogil:
    if 65 <= c <= 90:
        return c + 32
    return c


cdef inline bint _is_space(uint8_t c) noexcept nogil:
    """RFC 9112 §3: SP, HTAB, VT, FF and bare CR separate words for lenient servers; before a head, LF too."""
    return c == 32 or 9 <= c <= 13


cdef inline bint _is_scheme(uint8_t c) noexcept nogil:
    """RFC 3986 §3.1."""
    return 97 <= _fold(c) <= 122 or 48 <= c <= 57 or c == 43 or c == 45 or c == 46


cdef inline bint _is_token(uint8_t c) noexcept nogil:
    """RFC 9110 §5.6.2: letters, digits and !#$%&'*+-.^_`|~."""
    if 97 <= _fold(c) <= 122 or 48 <= c <= 57:
        return True
    return c > 32 and c < 127 and memchr(b"!#$%&'*+-.^_`|~", c, 15) != NULL


cdef inline bint _ends_authority(uint8_t c) noexcept nogil:
    """'/', '?', '#' (RFC 3986 §3.2), and '\\', which browsers read as '/'."""
    return c == 47 or c == 63 or c == 35 or c == 92


cdef int64_t body_octets(const uint8_t* head, size_t n) noexcept nogil:
    """The Content-Length of a head; 0 where there is none, where several differ, or with Transfer-Encoding.

    It is 0 too where servers may read the field differently: so the gate inspects more octets, never fewer (E63)."""
    cdef int64_t found = 0
    cdef int64_t value
    cdef size_t i
    for i in range(n):
        if head[i] != 10 or n - i < 18:     # 10: LF
            continue
        if _is_field(head + i + 1, n - i - 1, b"transfer-encoding", 17):
            return 0
        if _is_field(head + i + 1, n - i - 1, b"content-length", 14):
            value = _plain_number(head + i + 15, n - i - 15)
            if value < 0 or found != 0 and value != found:
                return 0
            found = value
    return found


cdef bint _is_field(const uint8_t* at, size_t n, const char* lower, size_t lower_n) noexcept nogil:
    cdef size_t i
    if n < lower_n:
        return False
    for i in range(lower_n):
        if (at[i] | (0x20 if 65 <= at[i] <= 90 else 0)) != <uint8_t>lower[i]:
            return False
    return True


cdef int64_t _plain_number(const uint8_t* at, size_t n) noexcept nogil:
    """The number behind a colon, alone on its line but for blanks; -1: anything else, or 16 digits and more."""
    cdef int64_t value = 0
    cdef size_t i = 1
    cdef int digits = 0
    if n == 0 or at[0] != COLON:
        return -1
    while i < n and _is_blank(at[i]):
        i += 1
    while i < n and 48 <= at[i] <= 57 and digits < 16:
        value = value * 10 + (at[i] - 48)
        digits += 1
        i += 1
    while i < n and (_is_blank(at[i]) or at[i] == CR):
        i += 1
    return value if 0 < digits < 16 and i < n and at[i] == LF else -1


cdef inline bint _is_blank(uint8_t c) noexcept nogil:
    """RFC 9110 §5.6.3."""
    return c == 32 or c == 9


class Head(NamedTuple):
    """One request head: its target as sent, every Host value and authority, and the end of the head."""

    target: bytes
    hosts: list[bytes]
    after: int


def request_head(data: bytes) -> Head | None:
    """Parse the request head at the beginning of `data`; None while more octets are needed.

    Raises ValueError: no HTTP/1.x request, or beyond a limit."""
    cdef RequestHead head
    cdef Status status = parse_request_head(data, len(data), &head)
    cdef int i
    if status == NEED_MORE:
        return None
    if status != OK:
        raise ValueError(_FAULTS[status])
    if head.hosts_overflowed:
        raise ValueError(f"more than {HEAD_HOSTS} hosts in one request head")
    hosts = [PyBytes_FromStringAndSize(<const char*>head.hosts[i].at, head.hosts[i].n) for i in range(head.n_hosts)]
    return Head(PyBytes_FromStringAndSize(<const char*>head.target, head.target_n), hosts, head.after)


def body_length(head: bytes) -> int:
    """The unambiguous Content-Length of a complete head; 0 without one."""
    return body_octets(head, len(head))


_FAULTS = {
    NOT_THIS: "not the beginning of an HTTP/1.x request",
    TOO_BIG: f"the request head has more than {HEAD_OCTETS} octets",
}
