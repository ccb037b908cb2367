"""Canonical domain names: one form for DNS questions, SNI, Host values, list lines and the API.

Invariants: with status OK a Name is lower case, uncompressed, 1 to 255 octets, ends with the root, and 16 zeros follow;
with any other status `n` is 0.  Names from text consist of letters, digits, '-' and '_'; names from the wire may
contain any octet.
Absent on purpose: compression pointers (none is valid where these names are read), U-labels (rules makes A-labels).
Source: RFC 1035 §2.3.4 and §3.1, RFC 6066 §3, WHATWG URL §3.5 (hosts that end in a number).
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy

from fastpath.base.cursor cimport MALFORMED, NEED_MORE, NOT_THIS, OK, Status

cdef enum:
    TEXT_OCTETS = 253      # 255 on the wire, less the first length octet and the root
    DOT = 46
    COLON = 58
    AT_SIGN = 64


cdef Status name_from_wire(const uint8_t* msg, size_t n, size_t at, Name* out, size_t* after) noexcept nogil:
    """Parse the uncompressed name at `msg[at]`, folded.

    after   set to the offset behind the name; 0 unless OK
    NEED_MORE: it runs past `n`.  MALFORMED: a pointer, an extended label type, more than 255 octets."""
    cdef size_t used = 0
    cdef uint8_t labels = 0
    cdef Status status
    begin_name(out)
    after[0] = 0
    while True:
        if at >= n:
            return NEED_MORE
        if msg[at] == 0:
            break
        status = take_label(msg, n, &at, &used, &labels, out)
        if status != OK:
            return status
    end_name(out, used, labels)
    after[0] = at + 1
    return OK


cdef Status name_from_text(const uint8_t* text, size_t n, Name* out) noexcept nogil:
    """Parse a name in text without escapes: one trailing dot is dropped, letters are folded."""
    cdef size_t i
    cdef size_t start = 0
    cdef uint8_t labels = 0
    cdef uint8_t c
    begin_name(out)
    if n > 0 and text[n - 1] == DOT:
        n -= 1
    if n == 0 or n > TEXT_OCTETS or _ends_in_number(text, n):
        return MALFORMED
    # the length octet takes the place of the dot before a label: text[i] goes to wire[i + 1]
    for i in range(n + 1):
        if i == n or text[i] == DOT:
            if i == start or i - start > LABEL_OCTETS:
                return MALFORMED
            out.at[labels] = <uint8_t>start
            labels += 1
            out.wire[start] = <uint8_t>(i - start)
            start = i + 1
            continue
        c = fold(text[i])
        if not _is_host_octet(c):
            return MALFORMED
        out.wire[i + 1] = c
    end_name(out, n + 1, labels)
    return OK


cdef Status name_from_host(const uint8_t* text, size_t n, Name* out) noexcept nogil:
    """Parse the name in an SNI or a Host value: userinfo, port and one trailing dot are removed.

    NOT_THIS: an IPv4 (any of WHATWG's forms) or IPv6 literal.  All that is behind the first ':' is taken for the
    port, as servers do that never look at it."""
    cdef size_t i
    cdef const uint8_t* colon
    cdef uint32_t address
    cdef Status status
    begin_name(out)
    for i in range(n, 0, -1):
        if text[i - 1] == AT_SIGN:
            text += i
            n -= i
            break
    if _is_v6_literal(text, n):
        return NOT_THIS
    colon = <const uint8_t*>memchr(text, COLON, n) if n > 0 else NULL
    if colon != NULL:
        n = <size_t>(colon - text)
    status = name_from_text(text, n, out)
    if status == MALFORMED and v4_from_text(text, n, &address):
        return NOT_THIS
    return status


def to_wire(text: bytes) -> bytes:
    """The wire form of a name in text.   Raises ValueError with the reason."""
    cdef Name name
    if name_from_text(text, len(text), &name) != OK:
        raise ValueError(_why_not(text))
    return _wire_of(&name)


def from_host(text: bytes) -> bytes | None:
    """The wire form of the name in an SNI or Host value; None for an address literal.   Raises ValueError."""
    cdef Name name
    cdef Status status = name_from_host(text, len(text), &name)
    if status == NOT_THIS:
        return None
    if status != OK:
        raise ValueError(_why_not(text.rpartition(b"@")[2].partition(b":")[0]))
    return _wire_of(&name)


def from_wire(msg: bytes, at: int) -> tuple[bytes, int]:
    """The folded name at `msg[at]` and the offset behind it.   Raises ValueError with the reason."""
    cdef Name name
    cdef size_t after
    cdef Status status
    if at < 0:
        raise ValueError(f"a name cannot stand at {at}")
    status = name_from_wire(msg, len(msg), at, &name, &after)
    if status == NEED_MORE:
        raise ValueError(f"the name at {at} is cut off at octet {len(msg)}")
    if status != OK:
        raise ValueError(f"the name at {at} is compressed, has an unknown label type, or is longer than 255 octets")
    return _wire_of(&name), after


def to_text(wire: bytes) -> str:
    r"""Print a wire name unambiguously: '.' and '\' inside a label as '\.' and '\\', what is not printable as \DDD.

    The root prints as '.'; other names have no trailing dot.  ValueError where `wire` is not exactly one name."""
    cdef Name name
    cdef size_t end
    if name_from_wire(wire, len(wire), 0, &name, &end) == OK and end == <size_t>len(wire) and _is_plain(&name):
        return _plain_text(&name)
    folded, after = from_wire(wire, 0)
    if after != len(wire):
        raise ValueError(f"{len(wire) - after} octets follow the name")
    labels: list[str] = []
    at = 0
    while folded[at]:
        labels.append("".join(_printed(octet) for octet in folded[at + 1 : at + 1 + folded[at]]))
        at += 1 + folded[at]
    return ".".join(labels) or "."


cdef inline bint _is_host_octet(uint8_t c) noexcept nogil:
    return 97 <= c <= 122 or 48 <= c <= 57 or c == 45 or c == 95


cdef inline int _digit(uint8_t c) noexcept nogil:
    """The value of a hexadecimal digit, 16 for anything else."""
    c = fold(c)
    if 48 <= c <= 57:
        return c - 48
    if 97 <= c <= 102:
        return c - 87
    return 16


cdef bint _has_digits_only(const uint8_t* text, size_t n, int base) noexcept nogil:
    cdef size_t i
    for i in range(n):
        if _digit(text[i]) >= base:
            return False
    return True


cdef bint _ends_in_number(const uint8_t* text, size_t n) noexcept nogil:
    """Whether the last label is decimal or 0x-hexadecimal (WHATWG: '0x' is 0).   n  at least 1, no trailing dot"""
    cdef size_t start = n
    while start > 0 and text[start - 1] != DOT:
        start -= 1
    text += start
    n -= start
    if n >= 2 and text[0] == 48 and fold(text[1]) == 120:
        return _has_digits_only(text + 2, n - 2, 16)
    return n > 0 and _has_digits_only(text, n, 10)


cdef bint _number(const uint8_t* text, size_t n, uint64_t* value) noexcept nogil:
    """One part of an IPv4 address: 0x hexadecimal, 0 octal, else decimal.   Past 32 bits it stays out of range."""
    cdef int base = 10
    cdef size_t i
    value[0] = 0
    if n == 0:
        return False
    if n >= 2 and text[0] == 48:
        base = 8
        if fold(text[1]) == 120:
            base = 16
            text += 1
            n -= 1
        text += 1
        n -= 1
    if not _has_digits_only(text, n, base):
        return False
    for i in range(n):
        if value[0] >> 32 == 0:
            value[0] = value[0] * base + _digit(text[i])
    return True


cdef bint v4_from_text(const uint8_t* text, size_t n, uint32_t* address) noexcept nogil:
    """Whether a browser reads this as an IPv4 address, and as which one (WHATWG URL §3.5, the IPv4 parser).

    address   host order; meaningless unless True"""
    cdef size_t i
    cdef size_t start = 0
    cdef int parts = 0
    cdef uint64_t value
    address[0] = 0
    if n > 0 and text[n - 1] == DOT:
        n -= 1
    for i in range(n + 1):
        if i < n and text[i] != DOT:
            continue
        parts += 1
        if parts > 4 or not _number(text + start, i - start, &value):
            return False
        # the last part fills all octets that are left, the others one each
        if value >= ((<uint64_t>1 << (8 * (5 - parts))) if i == n else 256):
            return False
        address[0] |= <uint32_t>(value if i == n else value << (8 * (4 - parts)))
        start = i + 1
    return True


cdef bint _is_v6_literal(const uint8_t* text, size_t n) noexcept nogil:
    """Whether this is `[v6]`, with or without a port, or a bare IPv6 address: two colons, only octets of IPv6 text."""
    cdef size_t i
    cdef int colons = 0
    cdef bint has_bracket = n > 0 and text[0] == 91
    for i in range(1 if has_bracket else 0, n):
        if has_bracket and (text[i] == 93 or text[i] == 37):    # ']', or the '%' of a zone
            return colons >= 2
        if text[i] == COLON:
            colons += 1
        elif text[i] != DOT and _digit(text[i]) == 16:
            return False
    return colons >= 2 and not has_bracket


cdef bint _is_plain(const Name* name) noexcept nogil:
    """Whether the name consists of letters, digits, '-' and '_', so it prints as it is."""
    cdef size_t i, label
    for label in range(name.n_labels):
        for i in range(name.at[label] + 1, <size_t>name.at[label] + 1 + name.wire[name.at[label]]):
            if not _is_host_octet(name.wire[i]):
                return False
    return name.n_labels > 0


cdef str _plain_text(const Name* name):
    """The labels in text, with dots in place of their length octets."""
    cdef char text[NAME_OCTETS]
    cdef size_t label
    memcpy(text, name.wire + 1, name.n - 2)
    for label in range(1, name.n_labels):
        text[name.at[label] - 1] = DOT
    return PyUnicode_DecodeASCII(text, name.n - 2, NULL)


cdef bytes _wire_of(const Name* name):
    return PyBytes_FromStringAndSize(<const char*>name.wire, name.n)


def _printed(octet: int) -> str:
    char = chr(octet)
    if char in '.\\"();@$':      # what a zone file would read as something else
        return "\\" + char
    return char if 33 <= octet <= 126 else f"\\{octet:03d}"


def _why_not(text: bytes) -> str:
    """The reason why name_from_text() refuses `text`."""
    bare = text.removesuffix(b".")
    if not bare:
        return "the name is empty"
    if len(bare) > TEXT_OCTETS:
        return f"the name has {len(bare)} octets, more than {TEXT_OCTETS}"
    for position, label in enumerate(bare.split(b"."), start=1):
        if not label:
            return f"label {position} is empty"
        if len(label) > LABEL_OCTETS:
            return f"label {position} is longer than {LABEL_OCTETS} octets"
        for octet in label:
            if not _is_host_octet(fold(octet)):
                return f"label {position} holds '{_printed(octet)}', not only letters, digits, '-' and '_'"
    return "the last label is a number, so this is an address and no name"
