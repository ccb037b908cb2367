"""Accept-Language of a request head: which of some languages its reader prefers.

The result is that of mgmt.text.accept, which the web uses: the gate's page and the web's are in one language.
Invariants: never reads past the head; ties go to the language that is named first.
Source: RFC 9110 §12.5.4, §12.4.2 (weights).
Cost: one memchr for each line of the head; for a page that is sent, never for a request that passes.
"""
from libc.stdint cimport uint8_t
from libc.string cimport memchr

from fastpath.base.cursor cimport Cursor
from fastpath.wire.http1_octets cimport is_separator, is_space
from fastpath.wire.name cimport fold

cdef enum:
    MOST_LINES = 100        # that are looked at; browsers send some twenty
    MOST_RANGES = 20        # browsers send two to six
    WHOLE = 1000            # the weight of a range that gives none, in thousandths

cdef const uint8_t* FIELD = b"accept-language:"


cdef uint8_t preferred_language(const uint8_t* head, size_t n, const uint8_t* codes,
                                uint8_t n_codes) noexcept nogil:
    """The index of the language that a request prefers; 0 where it wants none of them.

    codes: CODE_OCTETS small letters for each of n_codes languages"""
    cdef Cursor value, item, tag
    cdef uint8_t best = 0
    cdef int best_weight = 0
    cdef int weight, i, _n
    if not _find_field(head, n, &value):
        return 0
    for _n in range(MOST_RANGES):
        _take_part(&value, 44, &item)       # ','
        _take_part(&item, 59, &tag)         # ';'
        i = _find_code(&tag, codes, n_codes)
        if i >= 0:
            weight = _weight(&item)
            if weight > best_weight:
                best = <uint8_t>i
                best_weight = weight
        if value.at == value.end:
            break
    return best


cdef bint _find_field(const uint8_t* head, size_t n, Cursor* value) noexcept nogil:
    """Find the first Accept-Language line, as far as it has come."""
    cdef Cursor rest
    cdef int _n
    rest.at = head
    rest.end = head + n
    while rest.at < rest.end and is_space(rest.at[0]):      # RFC 9112 §2.2: empty lines in front of a head
        rest.at += 1
    for _n in range(MOST_LINES):
        _take_part(&rest, 10, value)        # LF
        if value.at == value.end or value.at[0] == 13 and value.end - value.at == 1:
            return False
        if _skip_name(value):
            return True
    return False


cdef bint _skip_name(Cursor* line) noexcept nogil:
    cdef const uint8_t* at = line.at
    cdef const uint8_t* name = FIELD
    while name[0] != 0:
        if at == line.end or fold(at[0]) != name[0]:
            return False
        at += 1
        name += 1
    line.at = at
    return True


cdef void _take_part(Cursor* c, uint8_t separator, Cursor* out) noexcept nogil:
    """Take what is in front of a separator, and step over it; all where none exists."""
    cdef const uint8_t* end = NULL
    out.at = c.at
    if c.at < c.end:
        end = <const uint8_t*>memchr(c.at, separator, <size_t>(c.end - c.at))
    out.end = c.end if end == NULL else end
    c.at = c.end if end == NULL else end + 1


cdef void _strip(Cursor* c) noexcept nogil:
    while c.at < c.end and is_separator(c.at[0]):
        c.at += 1
    while c.at < c.end and is_separator(c.end[-1]):
        c.end -= 1


cdef int _find_code(Cursor* tag, const uint8_t* codes, uint8_t n_codes) noexcept nogil:
    """The index of a tag's language, without its script and region; -1: none of them."""
    cdef Cursor language
    cdef uint8_t i
    _strip(tag)
    _take_part(tag, 45, &language)          # '-'
    if language.end - language.at != CODE_OCTETS:
        return -1
    for i in range(n_codes):
        if (fold(language.at[0]) == codes[i * CODE_OCTETS]
                and fold(language.at[1]) == codes[i * CODE_OCTETS + 1]):
            return i
    return -1


cdef int _weight(Cursor* parameters) noexcept nogil:
    """The weight of a range, in thousandths; 0 where it cannot be read."""
    cdef Cursor key
    _strip(parameters)
    _take_part(parameters, 61, &key)        # '='
    if key.at == key.end:
        return WHOLE
    _strip(&key)
    if key.end - key.at != 1 or key.at[0] != 113:       # 'q'
        return 0
    _strip(parameters)
    return _thousandths(parameters)


cdef int _thousandths(Cursor* c) noexcept nogil:
    """A weight of at most three digits behind the point: 0 to 1.   0 where it is not one."""
    cdef int weight, digit
    cdef int place = 100
    if c.at == c.end or c.at[0] != 48 and c.at[0] != 49:
        return 0
    weight = (c.at[0] - 48) * WHOLE
    c.at += 1
    if c.at == c.end:
        return weight
    if c.at[0] != 46 or c.end - c.at > 4:   # '.'
        return 0
    c.at += 1
    while c.at < c.end:
        digit = c.at[0] - 48
        if digit < 0 or digit > 9:
            return 0
        weight += digit * place
        place //= 10
        c.at += 1
    return weight if weight <= WHOLE else 0


def preferred(bytes head, tuple codes) -> str:
    cdef bytes letters = "".join(codes).encode("ascii")
    if not codes or any(len(code) != CODE_OCTETS for code in codes):
        raise ValueError(f"languages {codes}: not two letters each; nothing chosen; give codes of ISO 639-1")
    return codes[preferred_language(head, len(head), letters, <uint8_t>len(codes))]
