"""HTTP/1.x request head parser: every host that a server could read in the request.

It is tolerant on purpose (E58 to E60), as tolerant as the most tolerant server for each part:
- white space before the method, between words and around the colon: nginx, Python, Apache;
- any method, and any octet behind it: Python's frameworks take both, old nginx control octets in a target;
- LF alone as line end: nginx, Python, Node, Go; a bare CR: Python in headers, mini_httpd everywhere;
- a control octet around a header's name or value: Tornado, Waitress and others strip some;
- a line among the headers that reads as a request line: it is one to a server for which the head ended before it.
A target with an authority and without a version is a complete head: servers answer HTTP/0.9 at its line end.

Invariants: never reads past data[n-1]; a status other than NEED_MORE is final.  Every reading counts: all Host values,
every line of a folded one, the authority of every absolute-form word, CONNECT's target.  Values are octets as sent,
white space trimmed: name_from_host() checks them.
Source: RFC 9112 §2.2, §3, §5; RFC 1945 §4.1 (HTTP/0.9); RFC 9113 §3.4 (the HTTP/2 preface).
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcpy, memset

from fastpath.base.cursor cimport NEED_MORE, NOT_THIS, OK, TOO_BIG, Status
from fastpath.wire.http1_host cimport keep_host, keep_name
from fastpath.wire.http1_line cimport (
    A_BODY, ANYTHING, NOTHING, NOTHING_ELSE, Front, RequestLine, Span, begins, ends, is_whole, is_word, mark_in,
    read_words, take_word)
from fastpath.wire.http1_octets cimport is_junk, is_separator, is_space, is_token
from fastpath.wire.name cimport fold

cdef enum:
    LF = 10
    CR = 13
    SLASH = 47
    COLON = 58


# -- heads -------------------------------------------------------------------------------------------------------------

cdef Status parse_request_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil:
    """Parse one request head that begins at `data`.

    NOT_THIS: the first line cannot be a request's (as soon as one octet shows it).  TOO_BIG: no end within HEAD_OCTETS;
    the hosts found so far stay in `out`, as with NEED_MORE those of lines that a bare CR may have ended.  Pointers in
    `out` go into `data`.
    Cost: one memchr per line for each of its ends and marks."""
    return _parse(data, n, A_BODY, out)


cdef Status parse_exact_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil:
    """As parse_request_head(), where every server begins to read: no third word is an absolute form to any."""
    return _parse(data, n, NOTHING, out)


cdef Status parse_body_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil:
    """As parse_request_head(), for a line in a body that ends alike for all servers, but that some read none of.

    To those it is a request, or an error.  So NOT_THIS: more than words of one, as in logs and other texts of them."""
    cdef Status status = _parse(data, n, NOTHING_ELSE, out)
    cdef uint8_t is_http2 = out.is_http2
    if status == NOT_THIS:
        memset(out, 0, sizeof(RequestHead))
        out.is_http2 = is_http2
    return status


cdef Status parse_marked_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil:
    """As parse_request_head(), with any octets in front of the target: for a line where other_octets() saw a mark."""
    return _parse(data, n, ANYTHING, out)


cdef Status _parse(const uint8_t* data, size_t n, Front front, RequestHead* out) noexcept nogil:
    cdef Span rest
    cdef Span line
    cdef Status status
    cdef bint is_host = False
    memset(out, 0, sizeof(RequestHead))
    rest.at = data
    rest.end = data + (n if n < HEAD_OCTETS else HEAD_OCTETS)
    while rest.at < rest.end and is_space(rest.at[0]):      # E60; RFC 9112 §2.2 allows the empty lines among them
        rest.at += 1
    if front != ANYTHING and not _may_begin(&rest, out):
        return NOT_THIS
    status = _first_line(&rest, front, out)
    while status == NEED_MORE and _take_line(&rest, &line, out):
        if line.at == line.end:
            status = OK
            break
        _keep_behind_lf(&line, data, is_host, out)
        is_host = _header_lines(&line, is_host, out)
    if status == NEED_MORE:
        _unended_lines(&rest, is_host, out)
        if n >= HEAD_OCTETS:
            return TOO_BIG
    if status == OK:
        out.after = <size_t>(rest.at - data)
    return status


cdef size_t lines_of_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil:
    """Read header lines of a head that began earlier, up to its empty line: hosts without their target.

    Returns the octets up to the last line end, or the end of a line behind which `out` has no room for more hosts; what
    follows is not complete, or to be read by another call."""
    cdef Span rest
    cdef Span line
    cdef bint is_host = True    # a folded line may continue the last one of an earlier call
    memset(out, 0, sizeof(RequestHead))
    rest.at = data
    rest.end = data + n
    while _take_line(&rest, &line, out):
        if line.at == line.end:
            out.is_ended = 1
            return <size_t>(rest.at - data)
        _keep_behind_lf(&line, data, is_host, out)
        is_host = _header_lines(&line, is_host, out)
        if out.n_hosts > HEAD_HOSTS // 2:
            return <size_t>(rest.at - data)
    return <size_t>(_unended_lines(&rest, is_host, out) - data)


cdef Status _first_line(Span* rest, Front front, RequestHead* out) noexcept nogil:
    """Parse the first line.   OK: it is the complete head.  NEED_MORE: a request so far."""
    cdef Span line, part
    cdef RequestLine read
    if not _take_line(rest, &line, out):
        return NEED_MORE
    read_words(&line, front, out, &read)
    if not read.is_request or front == NOTHING_ELSE and not is_whole(&read, False):
        return NOT_THIS
    out.has_line = 1
    part.at = <const uint8_t*>memchr(line.at, CR, <size_t>(line.end - line.at))
    part.end = line.end
    if part.at != NULL:         # a blank to Python, a line end to others
        _header_lines(&part, False, out)
    return OK if out.n_hosts > 0 and not read.has_version and read.words == 2 else NEED_MORE


cdef bint _header_lines(const Span* line, bint is_host, RequestHead* out) noexcept nogil:
    """Read a line, and each part of it between bare CRs as a line.   True: the last one belongs to a Host."""
    cdef Span part
    if memchr(line.at, CR, <size_t>(line.end - line.at)) != NULL:
        _header(line, is_host, out)     # to Tornado and Twisted a bare CR is an octet of the value
    part.at = line.at
    while part.at < line.end:
        part.end = <const uint8_t*>memchr(part.at, CR, <size_t>(line.end - part.at))
        if part.end == NULL:
            part.end = line.end
        else:
            out.may_be_whole = 1
        if part.at < part.end:
            is_host = _header(&part, is_host, out)
        part.at = part.end + 1
    return is_host


cdef const uint8_t* _unended_lines(const Span* rest, bint is_host, RequestHead* out) noexcept nogil:
    """Read the lines that a bare CR has ended, where no LF has come yet.   Returns the end of the last one."""
    cdef Span part
    part.at = rest.at
    while part.at < rest.end:
        part.end = <const uint8_t*>memchr(part.at, CR, <size_t>(rest.end - part.at))
        if part.end == NULL or part.end + 1 == rest.end:    # an LF may follow
            break
        out.may_be_whole = 1
        if part.at < part.end:
            is_host = _header(&part, is_host, out)
        part.at = part.end + 1
    return part.at


# -- request lines -----------------------------------------------------------------------------------------------------

cdef bint _may_begin(const Span* rest, RequestHead* out) noexcept nogil:
    """Whether these octets, up to a line end, can be a request line: a token, white space, no control characters.

    A target that begins as one may hold any octets; other lines show with their mark what they are: in binary protocols
    they are many."""
    cdef const uint8_t* at = rest.at
    while at < rest.end and is_token(at[0]):
        at += 1
    if at < rest.end and (at == rest.at or not is_space(at[0])):
        return False
    out.has_method = at < rest.end
    while at < rest.end and is_space(at[0]) and at[0] != LF:
        at += 1
    if at < rest.end and (at[0] == SLASH or fold(at[0]) == 104):      # h: of http
        return True
    while at < rest.end and at[0] != LF:
        if at[0] < 32 and not is_space(at[0]) or at[0] == 127:
            return False
        at += 1
    return True


# -- header lines ------------------------------------------------------------------------------------------------------

cdef bint _header(const Span* line, bint was_host, RequestHead* out) noexcept nogil:
    """Store the host of a header line.   True: a folded line that follows still belongs to a Host field.

    A folded line counts as a value of its own: a fold inside a name makes it invalid, so one line holds all of it."""
    cdef Span value = line[0]
    cdef bint is_folded = is_separator(line.at[0])
    cdef RequestLine read
    if is_folded and was_host:
        keep_host(line.at, line.end, out)
    while value.at < value.end and is_junk(value.at[0]):
        value.at += 1
    if begins(&value, b"host", 4):
        value.at += 4
        while value.at < value.end and is_junk(value.at[0]):
            value.at += 1
        if value.at < value.end and value.at[0] == COLON:
            value.at += 1
            keep_host(value.at, value.end, out)
            return True
    if begins(&value, b"upgrade:", 8):
        out.offers_h2c = out.offers_h2c or _h2c_in(value.at, value.end) != NULL
    if _is_like_request(line):
        out.may_be_whole = 1
        read_words(line, A_BODY, out, &read)
    return is_folded and was_host


cdef bint _is_like_request(const Span* line) noexcept nogil:
    """Whether this line among headers reads as a request line: no field's name begins it, and a version follows.

    Or GET in HTTP/0.9; the rest of a body may stand in front of it."""
    cdef Span rest = line[0]
    cdef Span first, word
    cdef int words = 1
    if not take_word(&rest, &first) or memchr(first.at, COLON, <size_t>(first.end - first.at)) != NULL:
        return False
    while take_word(&rest, &word):
        words += 1
    return words == 2 and ends(&first, b"get", 3) or mark_in(line) != NULL


cdef void _keep_behind_lf(const Span* line, const uint8_t* data, bint was_host, RequestHead* out) noexcept nogil:
    """Store a name at the beginning of a line behind a bare LF, which ends no line for Twisted and Gunicorn.

    So it may belong to the Host field before it, or to an authority in a request line.   data: where the head begins"""
    cdef const uint8_t* at = line.at
    if line.at - data < 2 or line.at[-2] == CR or not (was_host or mark_in(line) != NULL):
        return
    while at < line.end and is_junk(at[0]):
        at += 1
    keep_name(at, line.end, out)


# -- octets of no request ----------------------------------------------------------------------------------------------

cdef size_t other_octets(const uint8_t* data, size_t n, bint* is_marked) noexcept nogil:
    """How many of these octets are no part of a request, where parse_request_head() says NOT_THIS: at most a line.

    is_marked   `HTTP/` stands in the line, which therefore is a request to some server
    While its end has not come, the octets stay that may become a mark, or have an authority in front of one."""
    cdef Span line
    cdef const uint8_t* lf
    line.at = data
    line.end = data + n
    while line.at < line.end and is_space(line.at[0]):
        line.at += 1
    lf = <const uint8_t*>memchr(line.at, LF, <size_t>(line.end - line.at)) if line.at < line.end else NULL
    if lf != NULL:
        line.end = lf
    is_marked[0] = mark_in(&line) != NULL
    if is_marked[0] and lf == NULL:
        return 0
    return <size_t>((lf + 1 if lf != NULL else _unfinished(&line)) - data)


cdef size_t other_octets_in_body(const uint8_t* data, size_t n, bint* is_marked, uint8_t* line_is) noexcept nogil:
    """As other_octets(), for lines of parse_body_head().

    is_marked   the line is whole, and a request to some server
    line_is     in, out: a LineState.  Anyone who takes any octets for a method takes three words"""
    cdef RequestHead head
    cdef RequestLine read
    cdef Span line, rest, word
    cdef int words = 0
    cdef bint is_rest = line_is[0] == LINE_BEGUN
    cdef const uint8_t* lf
    is_marked[0] = False
    line.at = data
    line.end = data + n
    while line.at < line.end and is_space(line.at[0]):
        line.at += 1
    lf = <const uint8_t*>memchr(line.at, LF, <size_t>(line.end - line.at)) if line.at < line.end else NULL
    if lf != NULL:
        line.end = lf
        if mark_in(&line) != NULL:
            head.n_hosts = head.n_targets = 0
            head.target = NULL
            read_words(&line, NOTHING, &head, &read)
            is_marked[0] = is_whole(&read, is_rest)
        line_is[0] = LINE_NEW
        return 0 if is_marked[0] else <size_t>(lf + 1 - data)
    rest = line
    while words < 4 and take_word(&rest, &word):
        words += 1
        if words == 1 and not is_rest and is_word(&word):
            line_is[0] = LINE_BEGUN
            return 0            # a method of letters stays until its line has ended
    line_is[0] = LINE_REFUTED if words == 4 else LINE_BEGUN
    return n if words == 4 else <size_t>(_unfinished(&line) - data)


cdef bint hide_h2c(uint8_t* head, size_t n) noexcept nogil:
    """Write other octets over `h2c` in the Upgrade fields of a head: what is offered then, no server knows.

    False: it is in none.  Source: RFC 9110 §7.8: a server ignores what it does not know."""
    cdef Span rest, line
    cdef RequestHead unused
    cdef uint8_t* found
    cdef bint has_hidden = False
    rest.at = head
    rest.end = head + n
    while _take_line(&rest, &line, &unused) and line.at < line.end:
        if not begins(&line, b"upgrade:", 8):
            continue
        found = <uint8_t*>_h2c_in(line.at, line.end)
        while found != NULL:
            memcpy(found, b"h-c", 3)
            has_hidden = True
            found = <uint8_t*>_h2c_in(found, line.end)
    return has_hidden


cdef const uint8_t* _h2c_in(const uint8_t* at, const uint8_t* end) noexcept nogil:
    cdef Span rest
    rest.at = at
    rest.end = end
    while rest.at < end:
        if begins(&rest, b"h2c", 3):
            return rest.at
        rest.at += 1
    return NULL


cdef bint may_be_host(const uint8_t* data, size_t n) noexcept nogil:
    """Whether a Host field begins here, as far as it is there."""
    cdef Span line
    line.at = data
    line.end = data + n
    while line.at < line.end and is_junk(line.at[0]):
        line.at += 1
    return line.at < line.end and _may_become(&line, b"host", 4)


cdef const uint8_t* _unfinished(const Span* line) noexcept nogil:
    """Where the last words begin that an absolute form, CONNECT or a mark may be part of."""
    cdef Span rest = line[0]
    cdef uint8_t c
    while rest.at < line.end:
        c = fold(rest.at[0])
        if (c == 104 and _may_become(&rest, b"http/", 5) or c == 99 and _may_become(&rest, b"connect", 7)
                or c == COLON and _may_become(&rest, b"://", 3)):
            return rest.at
        rest.at += 1
    return line.end


cdef bint _may_become(const Span* text, const char* lower, size_t n) noexcept nogil:
    """Whether `text` begins with `lower`, or is the beginning of it."""
    cdef size_t there = <size_t>(text.end - text.at)
    return begins(text, lower, n if n < there else there)


# -- octets ------------------------------------------------------------------------------------------------------------

cdef bint _take_line(Span* rest, Span* line, RequestHead* out) noexcept nogil:
    """Take the octets up to the next LF, without it and the CRs before it.   False: none exists."""
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
    if lf - line.end > 1:
        out.may_be_whole = 1
    rest.at = lf + 1
    return True


# -- for Python --------------------------------------------------------------------------------------------------------

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
    return _value(&head, status)


def marked_head(data: bytes) -> Head | None:
    """As request_head(), for a line with `HTTP/` in it no matter what its first octets are."""
    cdef RequestHead head
    cdef Status status = parse_marked_head(data, len(data), &head)
    return _value(&head, status)


def head_lines(data: bytes) -> tuple[list[bytes], int, bool]:
    """The hosts in complete header lines, the octets of these lines, and whether the empty line is among them."""
    cdef RequestHead head
    cdef size_t n = lines_of_head(data, len(data), &head)
    return _hosts(&head), n, bool(head.is_ended)


def without_request(data: bytes) -> int | None:
    """How many octets of a line that is no request are done with; None: it is a request to some server."""
    cdef bint is_marked
    cdef size_t n = other_octets(data, len(data), &is_marked)
    return None if is_marked else n


cdef object _value(const RequestHead* head, Status status):
    if status == NEED_MORE:
        return None
    if status != OK:
        raise ValueError(_FAULTS[status])
    if head.is_overflowed:
        raise ValueError(f"more than {HEAD_HOSTS} hosts or {HEAD_TARGETS} targets in one request head")
    return Head(PyBytes_FromStringAndSize(<const char*>head.target, head.target_n), _hosts(head), head.after)


cdef list _hosts(const RequestHead* head):
    return [PyBytes_FromStringAndSize(<const char*>head.hosts[i].at, head.hosts[i].n) for i in range(head.n_hosts)]


_FAULTS = {
    NOT_THIS: "not the beginning of an HTTP/1.x request",
    TOO_BIG: f"the request head has more than {HEAD_OCTETS} octets",
}
