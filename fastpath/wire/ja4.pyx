"""JA4 fingerprints: FoxIO's identification of TLS client software by its ClientHello.

GREASE is ignored in signature algorithms too: "anywhere it sees them" says the specification, and Chromium draws one
there for every connection.  tshark 4.4 includes it, so its fingerprints of Chromium change with every connection.

Invariants: never reads past message[n-1].  Hellos that differ only in GREASE, random values, key shares, the server
name, or the order of extensions and cipher suites have the same fingerprint.
An unreadable extension makes the hello MALFORMED: the fingerprint of half a hello would be another client's.
Absent on purpose: the rest of JA4+, which has another licence; raw and unsorted forms; DTLS.
Source: FoxIO, technical_details/JA4.md (BSD 3-clause); RFC 8701 (GREASE).
Cost: two SHA-256 of five octets a number, two insertion sorts of at most CODES numbers: 0.5 µs for Chromium's hello, 8
for the worst.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memcpy, memset

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, OK, TOO_BIG, Cursor, Status, skip, take_span, take_u16, take_u8
from fastpath.base.sha256 cimport SHA256_CTX, SHA256_Final, SHA256_Init, SHA256_Update
from fastpath.wire.tls cimport HELLO_OCTETS, ClientHello, parse_client_hello

cdef enum:
    CODES = 128                    # of each kind; clients have some twenty, and sorting is quadratic
    CLIENT_HELLO = 1
    MESSAGE_HEADER = 4
    RANDOM_OCTETS = 32
    EXT_SERVER_NAME = 0
    EXT_SIGNATURE_ALGORITHMS = 13
    EXT_ALPN = 16
    EXT_SUPPORTED_VERSIONS = 43
    HASH_OCTETS = 32
    SHOWN_OCTETS = 6               # of a hash: twelve hexadecimal digits
    MOST_COUNTED = 99

cdef const char* _DIGITS = b"0123456789abcdef"


cdef struct Codes:                 # numbers of two octets, without GREASE
    uint16_t at[CODES]
    size_t n


cdef struct Seen:                  # the input of a fingerprint
    uint16_t version
    Codes suites
    Codes extensions               # without server_name and ALPN
    size_t n_extensions            # with them
    bint has_name
    bint has_alpn
    bint has_algorithms
    Cursor algorithms
    uint8_t alpn_first
    uint8_t alpn_last


cdef Status ja4_of_hello(const uint8_t* message, size_t n, uint8_t transport, uint8_t* out) noexcept nogil:
    """Write JA4_OCTETS of text to `out`.

    message     the hello's handshake message, its header included, without records: ClientHello.message
    transport   JA4_TLS or JA4_QUIC
    NOT_THIS: no ClientHello.  MALFORMED: lengths that do not nest.  TOO_BIG: more than CODES of a kind."""
    cdef Seen seen
    cdef Cursor c
    cdef Status status
    memset(&seen, 0, sizeof(Seen))
    c.at = message
    c.end = message + n
    if n == 0 or message[0] != CLIENT_HELLO:
        return NOT_THIS
    status = _hello(&c, &seen)
    if status != OK:
        return status
    out[0] = transport
    _version(seen.version, out + 1)
    out[3] = c"d" if seen.has_name else c"i"
    _count(seen.suites.n, out + 4)
    _count(seen.n_extensions, out + 6)
    _alpn(&seen, out + 8)
    out[10] = c"_"
    _write_hash(&seen.suites, NULL, out + 11)
    out[23] = c"_"
    _write_hash(&seen.extensions, &seen.algorithms if seen.has_algorithms else NULL, out + 24)
    return OK


cdef Status _hello(Cursor* c, Seen* out) noexcept nogil:
    cdef Cursor suites
    cdef uint8_t n_session = 0
    cdef uint8_t n_compression = 0
    cdef uint16_t n = 0
    if skip(c, MESSAGE_HEADER) != OK or take_u16(c, &out.version) != OK or skip(c, RANDOM_OCTETS) != OK:
        return MALFORMED
    if take_u8(c, &n_session) != OK or skip(c, n_session) != OK:
        return MALFORMED
    if take_u16(c, &n) != OK or take_span(c, n, &suites) != OK:
        return MALFORMED
    if take_u8(c, &n_compression) != OK or skip(c, n_compression) != OK:
        return MALFORMED
    if c.at < c.end and (take_u16(c, &n) != OK or c.end - c.at != n):
        return MALFORMED
    while suites.at < suites.end:
        if take_u16(&suites, &n) != OK:
            return MALFORMED
        if not _is_grease(n) and not _added(&out.suites, n):
            return TOO_BIG
    return _extensions(c, out)


cdef Status _extensions(Cursor* c, Seen* out) noexcept nogil:
    cdef Cursor body
    cdef Status status
    cdef uint16_t kind = 0
    cdef uint16_t n = 0
    while c.at < c.end:
        if take_u16(c, &kind) != OK or take_u16(c, &n) != OK or take_span(c, n, &body) != OK:
            return MALFORMED
        if _is_grease(kind):
            continue
        out.n_extensions += 1
        if kind == EXT_SERVER_NAME:
            out.has_name = True
        elif kind == EXT_ALPN:
            if _first_protocol(&body, out) != OK:
                return MALFORMED
        elif not _added(&out.extensions, kind):
            return TOO_BIG
        if kind == EXT_SUPPORTED_VERSIONS and _highest_version(&body, out) != OK:
            return MALFORMED
        if kind == EXT_SIGNATURE_ALGORITHMS:
            status = _algorithms(&body, out)
            if status != OK:
                return status
    return OK


cdef Status _first_protocol(Cursor* c, Seen* out) noexcept nogil:
    cdef Cursor name
    cdef uint16_t n_list = 0
    cdef uint8_t n = 0
    if take_u16(c, &n_list) != OK or c.end - c.at != n_list:
        return MALFORMED
    if n_list == 0 or out.has_alpn:
        return OK
    if take_u8(c, &n) != OK or take_span(c, n, &name) != OK:
        return MALFORMED
    out.has_alpn = n > 0
    if n > 0:
        out.alpn_first = name.at[0]
        out.alpn_last = name.at[n - 1]
    return OK


cdef Status _highest_version(Cursor* c, Seen* out) noexcept nogil:
    cdef uint8_t n = 0
    cdef uint16_t version = 0
    cdef uint16_t highest = 0
    if take_u8(c, &n) != OK or c.end - c.at != n:
        return MALFORMED
    while c.at < c.end:
        if take_u16(c, &version) != OK:
            return MALFORMED
        if not _is_grease(version):
            highest = max(highest, version)
    out.version = highest
    return OK


cdef Status _algorithms(Cursor* c, Seen* out) noexcept nogil:
    cdef uint16_t n = 0
    if take_u16(c, &n) != OK or c.end - c.at != n or n % 2 != 0:
        return MALFORMED
    if n > 2 * CODES:
        return TOO_BIG
    out.algorithms = c[0]
    out.has_algorithms = True
    return OK


cdef inline bint _is_grease(uint16_t code) noexcept nogil:
    return (code & 0x0f0f) == 0x0a0a and code >> 8 == (code & 0xff)


cdef bint _added(Codes* codes, uint16_t code) noexcept nogil:
    """Insert a number in order.   False: there are CODES already."""
    cdef size_t i = codes.n
    if i == CODES:
        return False
    while i > 0 and codes.at[i - 1] > code:
        codes.at[i] = codes.at[i - 1]
        i -= 1
    codes.at[i] = code
    codes.n += 1
    return True


cdef void _version(uint16_t version, uint8_t* out) noexcept nogil:
    cdef const char* text = b"00"
    if 0x0301 <= version <= 0x0304:
        out[0] = c"1"
        out[1] = <uint8_t>(c"0" + version - 0x0301)
        return
    if version == 0x0300:
        text = b"s3"
    elif version == 0x0002:
        text = b"s2"
    memcpy(out, text, 2)


cdef void _count(size_t n, uint8_t* out) noexcept nogil:
    n = min(n, <size_t>MOST_COUNTED)
    out[0] = <uint8_t>(c"0" + n // 10)
    out[1] = <uint8_t>(c"0" + n % 10)


cdef void _alpn(const Seen* seen, uint8_t* out) noexcept nogil:
    """Write the first and last character of the first protocol, in hexadecimal where one is not alphanumeric."""
    out[0] = c"0"
    out[1] = c"0"
    if not seen.has_alpn:
        return
    out[0] = seen.alpn_first
    out[1] = seen.alpn_last
    if not _is_alphanumeric(out[0]) or not _is_alphanumeric(out[1]):
        out[0] = _DIGITS[seen.alpn_first >> 4]
        out[1] = _DIGITS[seen.alpn_last & 0x0f]


cdef inline bint _is_alphanumeric(uint8_t octet) noexcept nogil:
    return c"0" <= octet <= c"9" or c"A" <= octet <= c"Z" or c"a" <= octet <= c"z"


cdef void _write_hash(const Codes* codes, const Cursor* algorithms, uint8_t* out) noexcept nogil:
    """Write the first twelve digits of the hash over sorted numbers and, in the order sent, algorithms."""
    cdef SHA256_CTX hashing
    cdef uint8_t[HASH_OCTETS] hashed
    cdef Cursor c
    cdef uint16_t code = 0
    cdef char before = c"_"        # the first algorithm, then commas
    cdef size_t i
    memset(out, c"0", 2 * SHOWN_OCTETS)
    if codes.n == 0:
        return
    SHA256_Init(&hashing)
    for i in range(codes.n):
        _feed(&hashing, codes.at[i], c"," if i > 0 else 0)
    if algorithms != NULL:
        c = algorithms[0]
        while take_u16(&c, &code) == OK:
            if not _is_grease(code):
                _feed(&hashing, code, before)
                before = c","
    SHA256_Final(hashed, &hashing)
    for i in range(<size_t>SHOWN_OCTETS):
        out[2 * i] = _DIGITS[hashed[i] >> 4]
        out[2 * i + 1] = _DIGITS[hashed[i] & 0x0f]


cdef void _feed(SHA256_CTX* hashing, uint16_t code, char before) noexcept nogil:
    """Hash a character, unless it is 0, and a number's four digits."""
    cdef uint8_t[5] text
    cdef int i
    text[0] = before
    for i in range(4):
        text[4 - i] = _DIGITS[(code >> (4 * i)) & 0x0f]
    if before == 0:
        SHA256_Update(hashing, text + 1, 4)
    else:
        SHA256_Update(hashing, text, 5)


def ja4(message: bytes, is_quic: bool = False) -> str:
    """The fingerprint of a ClientHello's handshake message.

    Raises ValueError: no ClientHello, malformed, or beyond a limit."""
    return _text(message, len(message), JA4_QUIC if is_quic else JA4_TLS)


def stream_ja4(data: bytes) -> str | None:
    """The fingerprint of the ClientHello at the beginning of a client's TCP stream; None without a complete one.

    Raises ValueError as ja4()."""
    cdef ClientHello hello
    cdef bytearray scratch = bytearray(HELLO_OCTETS)
    if parse_client_hello(data, len(data), <uint8_t*><char*>scratch, &hello) != OK:
        return None
    return _text(hello.message, hello.message_n, JA4_TLS)


cdef str _text(const uint8_t* message, size_t n, uint8_t transport):
    cdef uint8_t[JA4_OCTETS] out
    cdef Status status = ja4_of_hello(message, n, transport, out)
    if status != OK:
        raise ValueError(_FAULTS[status])
    return PyBytes_FromStringAndSize(<const char*>out, JA4_OCTETS).decode("ascii")


_FAULTS = {
    MALFORMED: "the ClientHello's lengths do not fit each other",
    NOT_THIS: "not a ClientHello",
    TOO_BIG: f"the ClientHello has more than {CODES} cipher suites, extensions or signature algorithms",
}
