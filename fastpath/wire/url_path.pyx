"""Canonical paths and queries of URLs; fastpath.wire.url defines the form.

Decoding terminates, as each step shortens the text.  No two %XX overlap, so its result does not depend on their order.

Servers read a path with `..` in other ways, too, and what `..` takes away differs: a reading is one of these ways.

Invariants: the output begins with '/', and is a fixed point where all of it fits; nothing is allocated.
Source: RFC 3986 §3.3, §3.4 and §5.2.4.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcpy, memmove

cdef enum:
    BACKSLASH = 92
    DOT = 46
    HASH = 35
    PERCENT = 37
    QUESTION = 63
    SLASH = 47
    IN_PATH = 1
    IN_QUERY = 2


cdef size_t put_path(const uint8_t* rest, size_t n, uint8_t reading, uint8_t* out, size_t room,
                     size_t* path_n) noexcept nogil:
    """Write the canonical path and query of the text behind an authority, without its fragment.

    rest     at most TARGET_OCTETS; a missing first '/' is added
    reading  below READINGS
    path_n   set to the offset of the query's '?', or to the end
    Returns the octets written: of a longer text exactly the first `room` ones."""
    cdef uint8_t path[TARGET_OCTETS + 1]
    cdef size_t used = 0
    cdef size_t query_n = 0
    cdef const uint8_t* query
    cdef const uint8_t* fragment = <const uint8_t*>memchr(rest, HASH, n)
    if fragment != NULL:
        n = <size_t>(fragment - rest)
    query = <const uint8_t*>memchr(rest, QUESTION, n)
    if query != NULL:
        query_n = n - <size_t>(query - rest) - 1
        n = <size_t>(query - rest)
    path[0] = SLASH
    path_n[0] = 0 if n > 0 and _is_slash(rest[0]) else 1
    memcpy(path + path_n[0], rest, n)
    n = _read_path(path, path_n[0] + n, reading)
    _encode(path, n, IN_PATH, out, room, &used)
    path_n[0] = used
    if query_n == 0 or used == room:
        return used
    out[used] = QUESTION
    used += 1
    memcpy(path, query + 1, query_n)
    _encode(path, _decode(path, query_n), IN_QUERY, out, room, &used)
    return used


cdef bint is_plain_path(const uint8_t* rest, size_t n, size_t* path_n) noexcept nogil:
    """Whether path and query are canonical, as most are.   False: they are not, or only put_path() can decide.

    path_n   as put_path() sets it"""
    cdef size_t i = 0
    if n == 0 or rest[0] != SLASH:
        return False
    while i < n and PLAIN[rest[i]] & IN_PATH:
        i += 1
        if rest[i - 1] == SLASH and i < n and (rest[i] == SLASH or rest[i] == DOT):
            return False
    path_n[0] = i
    if i < n and (rest[i] != QUESTION or i + 1 == n):
        return False
    while i < n and PLAIN[rest[i]] & IN_QUERY:
        i += 1
    return i == n


cdef size_t _decode(uint8_t* at, size_t n) noexcept nogil:
    """Percent-decode in place until nothing is left to decode; returns the remaining octets."""
    cdef size_t used = 0
    cdef size_t i
    for i in range(n):
        at[used] = at[i]
        used += 1
        while used > 2 and at[used - 3] == PERCENT and _digit(at[used - 2]) < 16 and _digit(at[used - 1]) < 16:
            at[used - 3] = <uint8_t>(_digit(at[used - 2]) << 4 | _digit(at[used - 1]))
            used -= 2
    return used


cdef size_t decode_once(uint8_t* at, size_t n) noexcept nogil:
    """Percent-decode in place, once; returns the remaining octets."""
    cdef size_t used = 0
    cdef size_t i = 0
    while i < n:
        at[used] = at[i]
        if at[i] == PERCENT and n - i > 2 and _digit(at[i + 1]) < 16 and _digit(at[i + 2]) < 16:
            at[used] = <uint8_t>(_digit(at[i + 1]) << 4 | _digit(at[i + 2]))
            i += 2
        used += 1
        i += 1
    return used


cdef size_t _read_path(uint8_t* path, size_t n, uint8_t reading) noexcept nogil:
    """Decode a path and resolve its dot segments in place.   path  begins with '/'; so does the result"""
    if reading & READ_ONCE:
        n = decode_once(path, n)
    elif not reading & READ_RAW:
        n = _decode(path, n)
    if not reading & READ_BACKSLASH:
        _turn_backslashes(path, n)
    if reading & READ_MERGED:
        n = _merge_slashes(path, n)
    n = _resolve_dots(path, n)
    if reading:
        n = _decode(path, n)
        _turn_backslashes(path, n)
    return n


cdef void _turn_backslashes(uint8_t* path, size_t n) noexcept nogil:
    cdef size_t i
    for i in range(n):
        if path[i] == BACKSLASH:
            path[i] = SLASH


cdef size_t _merge_slashes(uint8_t* path, size_t n) noexcept nogil:
    cdef size_t used = 0
    cdef size_t i
    for i in range(n):
        if path[i] != SLASH or i == 0 or path[i - 1] != SLASH:
            path[used] = path[i]
            used += 1
    return used


cdef bint has_parent(const uint8_t* rest, size_t n) noexcept nogil:
    """Whether a path has a `..` in any reading.   rest  as of put_path(): only such a one is read in several ways"""
    cdef uint8_t path[TARGET_OCTETS + 1]
    cdef size_t end = 0
    cdef size_t start = 0
    path[0] = SLASH
    while end < n and rest[end] != QUESTION and rest[end] != HASH:
        end += 1
    memcpy(path + 1, rest, end)
    n = _decode(path, end + 1)
    _turn_backslashes(path, n)
    while start < n:
        end = start + 1
        while end < n and path[end] != SLASH:
            end += 1
        if end - start == 3 and path[start + 1] == DOT and path[start + 2] == DOT:
            return True
        start = end
    return False


cdef size_t _resolve_dots(uint8_t* path, size_t n) noexcept nogil:
    """Resolve `.` and `..` in place (RFC 3986 §5.2.4).   path  begins with '/'; so does the result"""
    cdef size_t used = 0
    cdef size_t start = 0
    cdef size_t end
    while start < n:
        end = start + 1
        while end < n and path[end] != SLASH:
            end += 1
        if end - start == 3 and path[start + 1] == DOT and path[start + 2] == DOT:
            used = _parent_end(path, used)
        elif not (end - start == 2 and path[start + 1] == DOT):
            memmove(path + used, path + start, end - start)
            used += end - start
            start = end
            continue
        if end == n:
            path[used] = SLASH
            used += 1
        start = end
    return used


cdef size_t _parent_end(const uint8_t* path, size_t n) noexcept nogil:
    """The offset of the last segment of path[:n]; 0 for none."""
    while n > 0:
        n -= 1
        if path[n] == SLASH:
            return n
    return 0


cdef void _encode(const uint8_t* at, size_t n, uint8_t plain, uint8_t* out, size_t room, size_t* used) noexcept nogil:
    """Append to out[:used] as far as there is room; encodes octets that are not `plain`, merges slashes of a path."""
    cdef uint8_t code[3]
    cdef size_t need
    cdef size_t i
    code[0] = PERCENT
    for i in range(n):
        if plain == IN_PATH and at[i] == SLASH and i > 0 and at[i - 1] == SLASH:
            continue
        if used[0] == room:
            return
        if PLAIN[at[i]] & plain:
            out[used[0]] = at[i]
            used[0] += 1
            continue
        code[1] = <uint8_t>HEX[at[i] >> 4]
        code[2] = <uint8_t>HEX[at[i] & 15]
        need = min(<size_t>3, room - used[0])
        memcpy(out + used[0], code, need)
        used[0] += need


cdef const char* HEX = "0123456789ABCDEF"
cdef uint8_t PLAIN[256]     # what need not be encoded: IN_PATH (§3.3 pchar and '/'), IN_QUERY (§3.4, '?' too)

for _octet in list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/"):
    PLAIN[_octet] = IN_PATH | IN_QUERY
PLAIN[QUESTION] = IN_QUERY


cdef inline bint _is_slash(uint8_t c) noexcept nogil:
    return c == SLASH or c == BACKSLASH


cdef inline int _digit(uint8_t c) noexcept nogil:
    """The value of a hexadecimal digit, 16 for anything else."""
    if 48 <= c <= 57:
        return c - 48
    c |= 32
    return c - 87 if 97 <= c <= 102 else 16


def canonical_path(rest: bytes) -> bytes:
    """Canonical path and query of the text behind an authority.   Raises ValueError: longer than PATH_OCTETS."""
    cdef uint8_t out[PATH_OCTETS + 1]
    cdef size_t path_n
    cdef size_t n = len(rest)
    if n <= PATH_OCTETS:
        n = put_path(rest, n, 0, out, PATH_OCTETS + 1, &path_n)
    if n > PATH_OCTETS:
        raise ValueError(f"path and query are longer than {PATH_OCTETS} octets")
    return PyBytes_FromStringAndSize(<const char*>out, n)
