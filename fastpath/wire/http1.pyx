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
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memchr, memcmp, memset

from fastpath.base.cursor cimport NEED_MORE, NOT_THIS, OK, TOO_BIG, Status
from fastpath.wire.http1_host cimport keep_host, keep_name
from fastpath.wire.http1_octets cimport ends_authority, is_junk, is_separator, is_space, is_token
from fastpath.wire.name cimport fold

cdef enum:
    LF = 10
    CR = 13
    SLASH = 47
    COLON = 58


cdef struct Span:
    const uint8_t* at
    const uint8_t* end


cdef struct RequestLine:        # words of a line that may be a request's
    Span method
    Span target                 # the second word
    Span last_target            # the last one that is no version
    Span last
    int words
    bint is_request
    bint has_version


# -- heads -------------------------------------------------------------------------------------------------------------

cdef Status parse_request_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil:
    """Parse one request head that begins at `data`.

    NOT_THIS: the first line cannot be a request's (as soon as one octet shows it).  TOO_BIG: no end within HEAD_OCTETS;
    the hosts found so far stay in `out`, as with NEED_MORE those of lines that a bare CR may have ended.  Pointers in
    `out` go into `data`.
    Cost: one memchr per line for each of its ends and marks."""
    return _parse(data, n, False, out)


cdef Status parse_marked_head(const uint8_t* data, size_t n, RequestHead* out) noexcept nogil:
    """As parse_request_head(), with any octets in front of the target: for a line where other_octets() saw a mark."""
    return _parse(data, n, True, out)


cdef Status _parse(const uint8_t* data, size_t n, bint is_marked, RequestHead* out) noexcept nogil:
    cdef Span rest
    cdef Span line
    cdef Status status
    cdef bint is_host = False
    memset(out, 0, sizeof(RequestHead))
    rest.at = data
    rest.end = data + (n if n < HEAD_OCTETS else HEAD_OCTETS)
    while rest.at < rest.end and is_space(rest.at[0]):      # E60; RFC 9112 §2.2 allows the empty lines among them
        rest.at += 1
    if not is_marked and not _may_begin(&rest, out):
        return NOT_THIS
    status = _first_line(&rest, out)
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


cdef Status _first_line(Span* rest, RequestHead* out) noexcept nogil:
    """Parse the first line.   OK: it is the complete head.  NEED_MORE: a request so far."""
    cdef Span line, part
    cdef RequestLine read
    if not _take_line(rest, &line, out):
        return NEED_MORE
    _read_words(&line, out, &read)
    if not read.is_request:
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


cdef void _read_words(const Span* whole, RequestHead* out, RequestLine* read) noexcept nogil:
    """Read a line as a request line and store its targets and authorities where it is one."""
    cdef Span line = whole[0]
    cdef Span word
    memset(read, 0, sizeof(RequestLine))
    while _take_word(&line, &word):
        read.words += 1
        if read.words == 1:
            read.method = word
        elif read.words == 2:
            read.target = word
        _read_word(&word, whole.end, out, read)
        read.last = word
    if _ends(&read.method, b"pri", 3) and _is(&read.target, b"*", 1) and _is(&read.last, b"http/2.0", 8):
        out.is_http2 = 1
        read.is_request = False
    elif _mark_in(whole) != NULL:
        out.is_marked = 1
        read.is_request = True
    if read.is_request:
        _keep_targets(read, out)


cdef void _read_word(const Span* word, const uint8_t* end, RequestHead* out, RequestLine* read) noexcept nogil:
    cdef bint is_connect = _ends(&read.last, b"connect", 7)
    read.has_version = _begins(word, b"http/", 5)
    if not read.has_version:
        read.last_target = word[0]
    if _keep_authority(word, end, is_connect, out) or read.has_version:
        read.is_request = True
    elif read.words > 1 and (word.at[0] == SLASH or _is(word, b"*", 1)):
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


cdef const uint8_t* _mark_in(const Span* line) noexcept nogil:
    """`HTTP/` in the line; NULL: it is not there."""
    cdef Span found
    found.end = line.at
    while found.end < line.end:
        found.end = <const uint8_t*>memchr(found.end, SLASH, <size_t>(line.end - found.end))
        if found.end == NULL:
            return NULL
        found.end += 1
        found.at = found.end - 5
        if found.end - line.at >= 5 and _begins(&found, b"http/", 5):
            return found.at
    return NULL


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
    if _begins(&value, b"host", 4):
        value.at += 4
        while value.at < value.end and is_junk(value.at[0]):
            value.at += 1
        if value.at < value.end and value.at[0] == COLON:
            value.at += 1
            keep_host(value.at, value.end, out)
            return True
    if _is_like_request(line):
        out.may_be_whole = 1
        _read_words(line, out, &read)
    return is_folded and was_host


cdef bint _is_like_request(const Span* line) noexcept nogil:
    """Whether this line among headers reads as a request line: no field's name begins it, and a version follows.

    Or GET in HTTP/0.9; the rest of a body may stand in front of it."""
    cdef Span rest = line[0]
    cdef Span first, word
    cdef int words = 1
    if not _take_word(&rest, &first) or memchr(first.at, COLON, <size_t>(first.end - first.at)) != NULL:
        return False
    while _take_word(&rest, &word):
        words += 1
    return words == 2 and _ends(&first, b"get", 3) or _mark_in(line) != NULL


cdef void _keep_behind_lf(const Span* line, const uint8_t* data, bint was_host, RequestHead* out) noexcept nogil:
    """Store a name at the beginning of a line behind a bare LF, which ends no line for Twisted and Gunicorn.

    So it may belong to the Host field before it, or to an authority in a request line.   data: where the head begins"""
    cdef const uint8_t* at = line.at
    if line.at - data < 2 or line.at[-2] == CR or not (was_host or _mark_in(line) != NULL):
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
    is_marked[0] = _mark_in(&line) != NULL
    if is_marked[0] and lf == NULL:
        return 0
    return <size_t>((lf + 1 if lf != NULL else _unfinished(&line)) - data)


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
    return _begins(text, lower, n if n < there else there)


# -- octets ------------------------------------------------------------------------------------------------------------

cdef bint _take_line(Span* rest, Span* line, RequestHead* out) noexcept nogil:
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
    if lf - line.end > 1:
        out.may_be_whole = 1
    rest.at = lf + 1
    return True


cdef bint _take_word(Span* line, Span* word) noexcept nogil:
    while line.at < line.end and is_separator(line.at[0]):
        line.at += 1
    word.at = line.at
    while line.at < line.end and not is_separator(line.at[0]):
        line.at += 1
    word.end = line.at
    return word.at < word.end


cdef bint _begins(const Span* text, const char* lower, size_t n) noexcept nogil:
    """Whether `text` begins with `lower`, ignoring case."""
    cdef size_t i
    if <size_t>(text.end - text.at) < n:
        return False
    for i in range(n):
        if fold(text.at[i]) != <uint8_t>lower[i]:
            return False
    return True


cdef bint _ends(const Span* text, const char* lower, size_t n) noexcept nogil:
    """Whether `text` ends with `lower`, ignoring case: the rest of a body may stand in front of a method."""
    cdef Span end = text[0]
    if <size_t>(text.end - text.at) < n:
        return False
    end.at = text.end - n
    return _begins(&end, lower, n)


cdef bint _is(const Span* text, const char* lower, size_t n) noexcept nogil:
    return <size_t>(text.end - text.at) == n and _begins(text, lower, n)


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
    """As request_head(), for a line with `HTTP/` in it whatever its first octets are."""
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
