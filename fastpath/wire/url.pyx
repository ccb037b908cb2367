r"""Canonical URLs: one form for list lines, request targets and the API.

    text    host[:port]/path[?query], ASCII; what people read and `rules.base.urls` returns
    key     the same with the host in wire form, root octet included; the lookup key of images

Normalisation:
- http and https are one; so are URLs without a scheme and with `//` alone.  Any number of slashes follows a scheme.
- Blanks and controls around it are removed, tab and line ends inside it too (WHATWG URL §4.4), and so are user info and
  fragment.
- The host is lower case without a trailing dot; an address literal becomes dotted decimal, or RFC 5952 in brackets.
  80 and 443 are the default port of either scheme and are removed, any other port stays.  `www.` stays.
- Path and query are percent-decoded until nothing is left to decode, then every octet is encoded once (%XX, capitals)
  but these:  A-Z a-z 0-9 - . _ ~ ! $ & ' ( ) * + , ; = : @ /  and in a query also ?.  So an encoded ? in a path stays
  part of the path.
- `\` in a path is `/`.  Dot segments are resolved after decoding, as if empty segments counted (RFC 3986 §5.2.4,
  which browsers follow), then runs of slashes become one.  An empty path is `/`, an empty query is no query.
Case, a trailing slash and the order of a query's parts are kept.

Invariants: canonical(canonical(x)) == canonical(x); no allocation.  Nothing that is listed is truncated to fit; of a
request the first URL_CUT_OCTETS are read, more than a listed URL has: so a rule of what it begins with hits.
Absent on purpose: IDNA (rules.base.urls applies it where the fault is URL_NOT_ASCII).
Source: WHATWG URL §3.5 and §4.4, RFC 3986 §3 and §5.2.4, RFC 5952 §4.
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, uint8_t, uint16_t
from libc.string cimport memchr, memcmp, memcpy, memset

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, OK, TOO_BIG, Status
from fastpath.wire.ip_literal cimport name_from_literal
from fastpath.wire.name cimport NAME_SLACK, Name, begin_name, name_from_host, name_from_text
from fastpath.wire.url_path cimport READINGS, TARGET_OCTETS, decode_once, has_parent, is_plain_path, put_path

cdef enum:
    AT_SIGN = 64
    BACKSLASH = 92
    CLOSE = 93      # ]
    COLON = 58
    DOT = 46
    HASH = 35
    OPEN = 91       # [
    PERCENT = 37
    QUESTION = 63
    SLASH = 47
    HTTP_PORT = 80
    HTTPS_PORT = 443
    MAX_PORT = 65535
    NO_PORT = -1


cdef struct Part:
    const uint8_t* at
    size_t n


cdef struct Parts:              # of a URL's text
    Part host                   # as written
    Part rest                   # path, query, fragment
    int32_t port                # NO_PORT: none, or a default one


cdef Status url_from_text(const uint8_t* text, size_t n, Url* out) noexcept nogil:
    """Read a URL with or without scheme.

    MALFORMED: no URL, `fault` says why.  NOT_THIS: its host is not ASCII.  TOO_BIG: longer than URL_OCTETS."""
    cdef uint8_t clean[URL_OCTETS]
    cdef Parts parts
    cdef Name host
    cdef Status status
    _clear(out)
    if not _clean(text, n, clean, URL_OCTETS, &n):
        return _fault(out, URL_TOO_LONG, TOO_BIG)
    status = _split(clean, n, &parts, out)
    if status == OK:
        status = _read_host(parts.host.at, parts.host.n, &host, out)
    if status != OK:
        return status
    _put_host(&host, parts.port, out)
    if not _put_plain(parts.rest.at, parts.rest.n, out):
        _put_rest(parts.rest.at, parts.rest.n, 0, out)
    return OK if out.n <= URL_KEY_OCTETS else _fault(out, URL_TOO_LONG, TOO_BIG)


cdef Status url_from_parts(const Name* host, int32_t port, const uint8_t* target, size_t n, uint8_t reading,
                           Url* out) noexcept nogil:
    """Assemble a URL from a request line and a Host field, or a connection.

    host     of a name, or of name_from_literal()
    port     0 to 65535, or negative for none
    target   path and query, or an absolute form, whose authority is skipped; a missing first '/' is added
    reading  of fastpath.wire.url_path; 0: the canonical one
    A longer key than URL_KEY_OCTETS is cut to URL_CUT_OCTETS.
    TOO_BIG: of more than TARGET_OCTETS only these are read."""
    cdef uint8_t clean[TARGET_OCTETS]
    cdef size_t at
    cdef bint is_whole
    _clear(out)
    if port == HTTP_PORT or port == HTTPS_PORT:
        port = NO_PORT
    _put_host(host, port, out)
    if reading == 0 and _put_plain(target, n, out):
        return OK
    at = _path_begin(target, n)
    is_whole = _clean(target + at, n - at, clean, TARGET_OCTETS, &n) or memchr(clean, HASH, n) != NULL
    _put_rest(clean, n, reading, out)
    if is_whole or out.n == URL_CUT_OCTETS and memchr(clean, QUESTION, n) != NULL:
        return OK
    _put_unread(out)
    return TOO_BIG


cdef bint has_readings(const uint8_t* target, size_t n) noexcept nogil:
    """Whether servers read the path of a request in several ways.   target  as of url_from_parts()"""
    cdef uint8_t clean[TARGET_OCTETS]
    cdef size_t at = _path_begin(target, n)
    _clean(target + at, n - at, clean, TARGET_OCTETS, &n)
    return has_parent(clean, n)


cdef Status name_from_literal_host(const uint8_t* text, size_t n, Name* out) noexcept nogil:
    """Read the address literal of a Host value, whose user info and port are cut off: see name_from_host()."""
    cdef Part host = _without_user(text, n)
    cdef size_t end = _host_end(&host)
    if end < host.n and memchr(host.at + end + 1, COLON, host.n - end - 1) != NULL:
        begin_name(out)
        return MALFORMED        # an IPv6 address without brackets
    return name_from_literal(host.at, end, out)


cdef int32_t port_of_host(const uint8_t* text, size_t n) noexcept nogil:
    """The port of a Host value; negative without one, for a default one, and for other text behind its ':'."""
    cdef Part host = _without_user(text, n)
    cdef int32_t port
    return port if _cut_port(&host, &port, True) else NO_PORT


cdef Part _without_user(const uint8_t* text, size_t n) noexcept nogil:
    cdef Part host
    cdef size_t at = n
    while at > 0 and text[at - 1] != AT_SIGN:
        at -= 1
    host.at = text + at
    host.n = n - at
    return host


cdef size_t write_url_text(const Url* url, size_t n, uint8_t* out, size_t room) noexcept nogil:
    """Write the text of the key's first `n` octets (more than the host's), at most `room`; returns its octets."""
    cdef size_t used = 0
    cdef size_t label
    cdef size_t length
    for label in range(url.host.n_labels):
        length = url.host.wire[url.host.at[label]]
        if label > 0 and used < room:
            out[used] = DOT
            used += 1
        length = length if length < room - used else room - used
        memcpy(out + used, url.host.wire + url.host.at[label] + 1, length)
        used += length
    length = n - url.host_n if n - url.host_n < room - used else room - used
    memcpy(out + used, url.key + url.host_n, length)
    return used + length


# -- parsing ---------------------------------------------------------------------------------------------------------

cdef void _clear(Url* out) noexcept nogil:
    out.fault = URL_NO_FAULT
    out.is_address = 0
    out.host_n = out.path_at = out.query_at = out.n = 0
    out.host.n = out.host.n_labels = 0


cdef inline Status _fault(Url* out, uint8_t fault, Status status) noexcept nogil:
    out.n = 0
    out.fault = fault
    return status


cdef bint _clean(const uint8_t* text, size_t n, uint8_t* clean, size_t room, size_t* clean_n) noexcept nogil:
    """Copy without the blanks and controls around it, and without tab, LF and CR inside.   False: more than `room`,
    which are there."""
    cdef size_t i
    cdef size_t used = 0
    clean_n[0] = room
    while n > 0 and text[n - 1] <= 32:
        n -= 1
    for i in range(n):
        if (used == 0 and text[i] <= 32) or text[i] == 9 or text[i] == 10 or text[i] == 13:
            continue
        if used == room:
            return False
        clean[used] = text[i]
        used += 1
    clean_n[0] = used
    return True


cdef Status _split(const uint8_t* text, size_t n, Parts* out, Url* url) noexcept nogil:
    """Split into scheme, user info, host, port and the rest."""
    cdef size_t at = 0
    cdef size_t end
    cdef size_t i
    cdef bint has_scheme = False
    if not _skip_scheme(text, n, &at, &has_scheme):
        return _fault(url, URL_OTHER_SCHEME, MALFORMED)
    end = _authority_end(text, n, at)
    for i in range(end, at, -1):
        if text[i - 1] == AT_SIGN:
            if not has_scheme:
                return _fault(url, URL_LONE_USER, MALFORMED)
            at = i
            break
    out.host.at = text + at
    out.host.n = end - at
    out.rest.at = text + end
    out.rest.n = n - end
    if not _cut_port(&out.host, &out.port, has_scheme):
        return _fault(url, URL_BAD_PORT, MALFORMED)
    return OK


cdef bint _skip_scheme(const uint8_t* text, size_t n, size_t* at, bint* has_scheme) noexcept nogil:
    """Move `at` behind the scheme and its slashes.   False: a scheme other than http and https."""
    cdef size_t colon = 0
    cdef size_t end
    while colon < n and _is_scheme(text[colon]):
        colon += 1
    if colon == n or text[colon] != COLON:
        has_scheme[0] = n >= 2 and _is_slash(text[0]) and _is_slash(text[1])
        end = 0
    elif _is_http(text, colon):
        end = colon + 1
        # `http:8080/` is the host `http` at port 8080, as in canonical text, and no URL of the host 8080
        has_scheme[0] = not _is_number(text + end, _authority_end(text, n, end) - end)
    else:
        return not (n - colon > 2 and _is_slash(text[colon + 1]) and _is_slash(text[colon + 2]))
    if has_scheme[0]:
        while end < n and _is_slash(text[end]):
            end += 1
        at[0] = end
    return True


cdef size_t _authority_end(const uint8_t* text, size_t n, size_t at) noexcept nogil:
    while at < n and not (_is_slash(text[at]) or text[at] == QUESTION or text[at] == HASH):
        at += 1
    return at


cdef size_t _path_begin(const uint8_t* target, size_t n) noexcept nogil:
    """The offset behind `scheme://authority`; 0 where none exists."""
    cdef size_t colon = 0
    while colon < n and _is_scheme(target[colon]):
        colon += 1
    if colon == 0 or n - colon < 3 or memcmp(target + colon, b"://", 3) != 0:
        return 0
    return _authority_end(target, n, colon + 3)


cdef size_t _host_end(const Part* host) noexcept nogil:
    """The offset of the port's ':', not one between brackets."""
    cdef size_t colon = 0
    if host.n > 0 and host.at[0] == OPEN:
        while colon < host.n and host.at[colon] != CLOSE:
            colon += 1
    while colon < host.n and host.at[colon] != COLON:
        colon += 1
    return colon


cdef bint _cut_port(Part* host, int32_t* port, bint may_be_empty) noexcept nogil:
    """Remove `:port`.   False: it is no number up to MAX_PORT."""
    cdef size_t colon = _host_end(host)
    cdef int32_t value = 0
    cdef size_t i
    port[0] = NO_PORT
    if colon == host.n:
        return True
    if colon + 1 == host.n and not may_be_empty:
        return False
    for i in range(colon + 1, host.n):
        if not 48 <= host.at[i] <= 57:
            return False
        value = value * 10 + host.at[i] - 48
        if value > MAX_PORT:
            return False
    if colon + 1 < host.n and value != HTTP_PORT and value != HTTPS_PORT:
        port[0] = value
    host.n = colon
    return True


cdef Status _read_host(const uint8_t* text, size_t n, Name* host, Url* url) noexcept nogil:
    """Read a host as written, percent-decoded once (WHATWG URL §3.5)."""
    cdef uint8_t decoded[URL_OCTETS]
    cdef size_t i
    cdef bint is_ascii = True
    memcpy(decoded, text, n)
    if memchr(text, PERCENT, n) != NULL:
        n = decode_once(decoded, n)
    for i in range(n):
        is_ascii = is_ascii and decoded[i] < 0x80
    if not is_ascii:
        return _fault(url, URL_NOT_ASCII, NOT_THIS)
    if n == 0:
        return _fault(url, URL_NO_HOST, MALFORMED)
    if name_from_text(decoded, n, host) != OK and name_from_literal(decoded, n, host) != OK:
        return _fault(url, URL_BAD_HOST, MALFORMED)
    return OK


# -- writing ---------------------------------------------------------------------------------------------------------

cdef void _put_rest(const uint8_t* rest, size_t n, uint8_t reading, Url* out) noexcept nogil:
    """Append path and query to the host, as far as there is room.   rest  with fragment, at most TARGET_OCTETS"""
    cdef size_t path_n
    n = put_path(rest, n, reading, out.key + out.n, URL_CUT_OCTETS - out.n, &path_n)
    _end(out, path_n, n)


cdef void _put_unread(Url* out) noexcept nogil:
    """Append what stands for octets that were not read: no canonical text has it, so no rule of the whole URL hits."""
    if out.query_at == out.n:
        out.query_at = URL_CUT_OCTETS
    memset(out.key + out.n, PERCENT, URL_CUT_OCTETS - out.n)
    memset(out.key + URL_CUT_OCTETS, 0, URL_SLACK)
    out.n = URL_CUT_OCTETS


cdef bint _put_plain(const uint8_t* rest, size_t n, Url* out) noexcept nogil:
    """Append a rest that is canonical already.   False: it is not, and nothing was written"""
    cdef size_t path_n
    if n > <size_t>(URL_KEY_OCTETS - out.n) or not is_plain_path(rest, n, &path_n):
        return False
    memcpy(out.key + out.n, rest, n)
    _end(out, path_n, n)
    return True


cdef inline void _end(Url* out, size_t path_n, size_t n) noexcept nogil:
    out.query_at = out.n + <uint16_t>path_n
    out.n += <uint16_t>n
    memset(out.key + out.n, 0, URL_SLACK)


cdef void _put_host(const Name* host, int32_t port, Url* out) noexcept nogil:
    cdef uint8_t digits[8]
    cdef int i = 8
    out.host.n = host.n
    out.host.n_labels = host.n_labels
    memcpy(out.host.at, host.at, host.n_labels)
    memcpy(out.host.wire, host.wire, host.n + NAME_SLACK)
    out.is_address = _is_literal(host)
    out.host_n = host.n
    memcpy(out.key, host.wire, host.n)
    out.n = host.n
    if port >= 0:
        while i == 8 or port > 0:
            i -= 1
            digits[i] = <uint8_t>(48 + port % 10)
            port //= 10
        out.key[out.n] = COLON
        memcpy(out.key + out.n + 1, digits + i, 8 - i)
        out.n += 9 - i
    out.path_at = out.n


cdef bint _is_literal(const Name* host) noexcept nogil:
    """A name never begins with '[', and never ends in a number."""
    cdef uint8_t first = host.wire[1]
    cdef const uint8_t* last
    if host.n_labels == 0:
        return False
    last = host.wire + host.at[host.n_labels - 1]
    return first == OPEN or (host.n_labels == 4 and last[0] <= 3 and _is_number(last + 1, last[0]))


cdef inline bint _is_slash(uint8_t c) noexcept nogil:
    return c == SLASH or c == BACKSLASH


cdef inline bint _is_scheme(uint8_t c) noexcept nogil:
    """RFC 3986 §3.1."""
    return 97 <= (c | 32) <= 122 or 48 <= c <= 57 or c == 43 or c == 45 or c == 46


cdef inline bint _is_http(const uint8_t* text, size_t n) noexcept nogil:
    return ((n == 4 or (n == 5 and text[4] | 32 == 115)) and text[0] | 32 == 104 and text[1] | 32 == 116
            and text[2] | 32 == 116 and text[3] | 32 == 112)


cdef bint _is_number(const uint8_t* text, size_t n) noexcept nogil:
    cdef size_t i
    for i in range(n):
        if not 48 <= text[i] <= 57:
            return False
    return n > 0


# -- for Python ------------------------------------------------------------------------------------------------------

class CanonicalUrl(NamedTuple):
    """One canonical URL.

    text    host[:port]/path[?query]
    key     the same with the host in wire form
    wire    the host; None for an address literal
    is_host_alone   nothing but a host name: no port, path `/`, no query"""

    text: bytes
    key: bytes
    wire: bytes | None
    is_host_alone: bool


def canonical(text: bytes) -> CanonicalUrl | None:
    """Parse a URL; None where its host is not ASCII.   Raises ValueError with one of FAULTS."""
    cdef Url url
    cdef Status status = url_from_text(text, len(text), &url)
    if status == NOT_THIS:
        return None
    if status != OK:
        raise ValueError(FAULTS[url.fault])
    return _value(&url)


def split(text: bytes) -> tuple[bytes, int, bytes]:
    """Host as written but percent-decoded, port (-1: none or a default one) and the rest.   Raises as canonical().

    For a host that is not ASCII: convert it to A-labels, then call join()."""
    cdef uint8_t clean[URL_OCTETS]
    cdef uint8_t host[URL_OCTETS]
    cdef Parts parts
    cdef Url url
    cdef size_t n
    _clear(&url)
    if not _clean(text, len(text), clean, URL_OCTETS, &n):
        raise ValueError(FAULTS[URL_TOO_LONG])
    if _split(clean, n, &parts, &url) != OK:
        raise ValueError(FAULTS[url.fault])
    memcpy(host, parts.host.at, parts.host.n)
    n = decode_once(host, parts.host.n)
    return (PyBytes_FromStringAndSize(<const char*>host, n), parts.port,
            PyBytes_FromStringAndSize(<const char*>parts.rest.at, parts.rest.n))


def join(host: bytes, port: int, rest: bytes, reading: int = 0) -> CanonicalUrl:
    """The URL of an ASCII host (a name or an address literal), a port (-1: none) and path and query as sent.

    reading  how a server reads a path with `..`: of fastpath.wire.url_path, below READINGS
    Raises ValueError with one of FAULTS."""
    cdef Name name
    cdef Url url
    if not -1 <= port <= MAX_PORT:
        raise ValueError(FAULTS[URL_BAD_PORT])
    if name_from_text(host, len(host), &name) != OK and name_from_literal(host, len(host), &name) != OK:
        raise ValueError(FAULTS[URL_BAD_HOST])
    if not 0 <= reading < READINGS:
        raise ValueError(f"reading {reading}: not one of the {READINGS} ways to read a path")
    if url_from_parts(&name, port, rest, len(rest), reading, &url) != OK or url.n > URL_KEY_OCTETS:
        raise ValueError(FAULTS[URL_TOO_LONG])
    return _value(&url)


def host_text(value: bytes) -> bytes:
    """The canonical text of a Host value's name or address literal.   Raises ValueError where it is neither."""
    cdef uint8_t text[URL_OCTETS]
    cdef Name name
    cdef Url url
    if name_from_host(value, len(value), &name) != OK and name_from_literal_host(value, len(value), &name) != OK:
        raise ValueError(FAULTS[URL_BAD_HOST])
    _put_host(&name, NO_PORT, &url)
    return PyBytes_FromStringAndSize(<const char*>text, write_url_text(&url, url.host_n, text, URL_OCTETS))


FAULTS = {
    URL_TOO_LONG: f"is longer than {URL_OCTETS} octets",
    URL_OTHER_SCHEME: "has a scheme that is neither http nor https",
    URL_LONE_USER: "names a user but no scheme",
    URL_NO_HOST: "has no host",
    URL_BAD_HOST: "has a host that is neither a name nor an address",
    URL_BAD_PORT: "has a port that is no number",
}


cdef object _value(const Url* url):
    cdef bytes key = PyBytes_FromStringAndSize(<const char*>url.key, url.n)
    cdef uint8_t text[URL_OCTETS]
    cdef size_t n = write_url_text(url, url.n, text, URL_OCTETS)
    is_alone = not url.is_address and url.path_at == url.host_n and url.n == url.path_at + 1
    return CanonicalUrl(PyBytes_FromStringAndSize(<const char*>text, n), key,
                        None if url.is_address else key[:url.host_n], is_alone)
