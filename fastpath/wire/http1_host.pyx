"""Host values: the name in one, and where it is no name all in it that a server may compare with one.

Invariants: a value is stored as sent, white space trimmed, and the names in it behind it, marked as parts.
Source: RFC 9110 §7.2, RFC 3986 §3.2.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memchr, memset

from fastpath.wire.http1 cimport HEAD_HOSTS, RequestHead
from fastpath.wire.http1_octets cimport is_name_octet, is_space
from fastpath.wire.name cimport LABEL_OCTETS

cdef enum:
    COLON = 58
    DOT = 46
    OPEN = 91                   # [
    CLOSE = 93                  # ]
    PERCENT = 37
    NAME_TEXT_OCTETS = 253      # as in name.pyx


cdef struct Span:
    const uint8_t* at
    const uint8_t* end


cdef void keep_host(const uint8_t* at, const uint8_t* end, RequestHead* out) noexcept nogil:
    """Store a value; where it is no name, also the names in it: one may be all that a server compares.

    A C string ends at NUL; lighttpd takes a name with a blank or `@` behind it, Apache and Node one in a list; a
    wildcard of nginx matches the end alone."""
    cdef Span text
    text.at = at
    text.end = end
    while text.at < text.end and is_space(text.at[0]):
        text.at += 1
    while text.at < text.end and is_space(text.end[-1]):
        text.end -= 1
    if text.at < text.end:
        _keep_host(&text, False, out)
        if not _is_plain_host(&text):
            _keep_names(&text, out)


cdef bint _is_plain_host(const Span* text) noexcept nogil:
    """Whether the value is a name with labels of legal length, or an address in brackets, with or without a port."""
    cdef const uint8_t* at = _address_end(text) if text.at[0] == OPEN else _name_end(text)
    if at == NULL:
        return False
    if at < text.end and at[0] == COLON:
        at += 1
        while at < text.end and 48 <= at[0] <= 57:
            at += 1
    return at == text.end


cdef const uint8_t* _address_end(const Span* text) noexcept nogil:
    """The end of an address in brackets."""
    cdef const uint8_t* at = <const uint8_t*>memchr(text.at, CLOSE, <size_t>(text.end - text.at))
    cdef const uint8_t* octet = text.at + 1
    while octet < at:
        if not is_name_octet(octet[0]) and octet[0] != COLON and octet[0] != DOT and octet[0] != PERCENT:
            return NULL
        octet += 1
    return at + 1 if at != NULL else NULL


cdef const uint8_t* _name_end(const Span* text) noexcept nogil:
    """The end of the name that a value begins with; NULL: it begins with none."""
    cdef const uint8_t* at = text.at
    cdef const uint8_t* label = at
    while at < text.end and (is_name_octet(at[0]) or at[0] == DOT):
        if at[0] == DOT and (at == label or at - label > LABEL_OCTETS):
            return NULL
        if at[0] == DOT:
            label = at + 1
        at += 1
    if at == text.at or at - label > LABEL_OCTETS or at - text.at > NAME_TEXT_OCTETS:
        return NULL
    return at


cdef void _keep_names(const Span* text, RequestHead* out) noexcept nogil:
    """Store the longest names that some label of a value begins."""
    cdef Span name
    name.end = text.at
    while name.end < text.end:
        name.at = name.end
        while name.end < text.end and (is_name_octet(name.end[0]) or name.end[0] == DOT):
            name.end += 1
        _keep_end(&name, out)
        name.end += 1


cdef void keep_name(const uint8_t* at, const uint8_t* end, RequestHead* out) noexcept nogil:
    """Store the name with a dot that begins here, if any: no field has such a name."""
    cdef Span name
    name.at = name.end = at
    while name.end < end and (is_name_octet(name.end[0]) or name.end[0] == DOT):
        name.end += 1
    if name.at < name.end and memchr(name.at, DOT, <size_t>(name.end - name.at)) != NULL:
        _keep_end(&name, out)


cdef void _keep_end(const Span* labels, RequestHead* out) noexcept nogil:
    """Store the last labels that make a name."""
    cdef Span name, label
    name.end = labels.end
    while name.end > labels.at and name.end[-1] == DOT:
        name.end -= 1
    name.at = label.at = label.end = name.end
    while True:
        while label.at > labels.at and label.at[-1] != DOT:
            label.at -= 1
        if label.at == label.end or label.end - label.at > LABEL_OCTETS or name.end - label.at > NAME_TEXT_OCTETS:
            break
        name.at = label.at
        if label.at == labels.at:
            break
        label.at -= 1
        label.end = label.at
    if name.at < name.end:
        _keep_host(&name, True, out)


cdef void _keep_host(const Span* text, bint is_part, RequestHead* out) noexcept nogil:
    if out.n_hosts == HEAD_HOSTS:
        out.is_overflowed = 1
        return
    out.hosts[out.n_hosts].at = text.at
    out.hosts[out.n_hosts].n = <uint16_t>(text.end - text.at)
    out.hosts[out.n_hosts].is_part = is_part
    out.n_hosts += 1


def hosts_in(value: bytes) -> list[bytes]:
    """A value, and the names in it where it is not one; at most HEAD_HOSTS."""
    cdef RequestHead head
    memset(&head, 0, sizeof(RequestHead))
    cdef const uint8_t* at = value
    keep_host(at, at + len(value), &head)
    return [PyBytes_FromStringAndSize(<const char*>head.hosts[i].at, head.hosts[i].n) for i in range(head.n_hosts)]
