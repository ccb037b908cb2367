"""ClientHello parser: host names, ECH and end of the ClientHello at the beginning of a client's TCP stream.

It is strict about structure (every length must fit its parent exactly) and ignores values that a server may refuse.

Invariants: never reads past data[n-1]; every octet is parsed as part of a record, never at a fixed offset; a status
other than NEED_MORE is final, more octets do not change it.  Names are octets as sent: name_from_host() checks them.
Source: RFC 8446 §4.1.2 and §5.1, RFC 6066 §3, draft-ietf-tls-esni §5 (ECH).
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from fastpath.base.cursor cimport (
    MALFORMED, NEED_MORE, NOT_THIS, OK, TOO_BIG, Cursor, Status, skip, take_span, take_u16, take_u24, take_u8)

cdef enum:
    RECORD_HEADER = 5
    RECORD_OCTETS = 16384      # RFC 8446 §5.1: the length MUST NOT exceed 2^14
    STREAM_OCTETS = 98304      # 64 KiB of hello in records of 10 octets, 16 KiB in records of one
    MESSAGE_HEADER = 4
    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    CLIENT_HELLO = 1
    RANDOM_OCTETS = 32
    EXT_SERVER_NAME = 0
    EXT_EARLY_DATA = 42     # RFC 8446 §4.2.10
    EXT_ECH = 0xfe0d
    HOST_NAME = 0


cdef struct Record:
    uint8_t kind
    uint16_t n             # octets of the fragment, once the header is complete
    const uint8_t* at      # the fragment


cdef Status parse_client_hello(const uint8_t* data, size_t n, uint8_t* scratch, ClientHello* out) noexcept nogil:
    """Parse the first ClientHello of a stream that begins at `data`.

    scratch   HELLO_OCTETS; used only where the hello spans records, then the names point into it
    out.after on OK: the end of the record that ended the hello; on NEED_MORE: the least `n` for the next call
    NEED_MORE: TLS so far.  NOT_THIS: not TLS, or its first message is another.  TOO_BIG: more than HELLO_OCTETS of
    hello, or STREAM_OCTETS of stream before its end.  MALFORMED: lengths that do not nest; the names found before
    the fault stay in `out`."""
    return _parse(data, n, scratch, False, out)


cdef Status parse_later_hello(const uint8_t* data, size_t n, uint8_t* scratch, ClientHello* out) noexcept nogil:
    """As parse_client_hello(), of one that a server may read behind another hello.

    E40: a server that has chosen TLS 1.3 ignores the versions of records (RFC 8446 §5.1; OpenSSL)."""
    return _parse(data, n, scratch, True, out)


cdef Status _parse(const uint8_t* data, size_t n, uint8_t* scratch, bint is_later, ClientHello* out) noexcept nogil:
    cdef Record record
    cdef Status status
    cdef size_t at = 0
    cdef size_t have = 0               # octets of the handshake stream at `message`
    cdef const uint8_t* message = NULL
    memset(out, 0, sizeof(ClientHello))
    while True:
        if at > STREAM_OCTETS:
            return TOO_BIG
        status = _record(data + at, n - at, is_later or have > 0, &record)
        if status == NOT_THIS and have > 0:
            return MALFORMED
        if status == NEED_MORE:
            out.after = at + RECORD_HEADER + max(<size_t>record.n, _missing(message, have))
            if record.kind == HANDSHAKE and have == 0 and record.at != NULL:
                return _refuse_early(record.at, <size_t>(data + n - record.at))
        if status != OK:
            return status
        at += RECORD_HEADER + record.n
        # E36: real servers step over leading change_cipher_spec, alerts and empty records
        if record.kind != HANDSHAKE or record.n == 0:
            continue
        if have == 0:
            message = record.at
        elif have + record.n > HELLO_OCTETS:
            return TOO_BIG
        else:
            if message != scratch:
                memcpy(scratch, message, have)
                message = scratch
            memcpy(scratch + have, record.at, record.n)
        have += record.n
        status = _messages(message, have, out)
        if status != NEED_MORE:
            out.after = at
            return status


cdef Status parse_hello_messages(const uint8_t* message, size_t n, ClientHello* out) noexcept nogil:
    """Parse the first ClientHello, and any later ones, of a handshake stream without records: QUIC's CRYPTO frames.

    out.after on NEED_MORE: the least `n` worth asking again with; else `n`
    The statuses are those of parse_client_hello()."""
    cdef Cursor c
    cdef uint32_t size = 0
    cdef Status status = NEED_MORE
    memset(out, 0, sizeof(ClientHello))
    if n > 0:
        status = _messages(message, n, out)
    out.after = n
    if status == NEED_MORE:
        c.at = message
        c.end = message + n
        skip(&c, 1)
        take_u24(&c, &size)
        out.after = MESSAGE_HEADER + size
    return status


cdef Status _record(const uint8_t* data, size_t n, bint is_later, Record* out) noexcept nogil:
    """Parse one record.   NOT_THIS as soon as an octet of the header shows it.   is_later  its version may be any"""
    cdef Cursor c
    cdef Cursor fragment
    cdef uint8_t major
    memset(out, 0, sizeof(Record))
    c.at = data
    c.end = data + n
    if take_u8(&c, &out.kind) != OK:
        return NEED_MORE
    if out.kind != HANDSHAKE and out.kind != ALERT and out.kind != CHANGE_CIPHER_SPEC:
        return NOT_THIS
    if take_u8(&c, &major) != OK:
        return NEED_MORE
    if major != 3 and not is_later:
        return NOT_THIS
    # E35: the minor version is what the client chooses
    if skip(&c, 1) != OK or take_u16(&c, &out.n) != OK:
        return NEED_MORE
    if out.n > RECORD_OCTETS:
        return NOT_THIS
    out.at = c.at
    return take_span(&c, out.n, &fragment)


cdef size_t _missing(const uint8_t* message, size_t have) noexcept nogil:
    """The least number of octets missing of a hello whose first `have` are there."""
    cdef size_t whole
    if have < MESSAGE_HEADER:
        return 1
    whole = MESSAGE_HEADER + ((<size_t>message[1] << 16) | (<size_t>message[2] << 8) | message[3])
    return whole - have if whole > have else 1


cdef Status _refuse_early(const uint8_t* message, size_t n) noexcept nogil:
    """Check the available part of a first fragment: NEED_MORE unless its header already excludes a hello."""
    cdef Cursor c
    cdef uint8_t kind
    cdef uint32_t size
    c.at = message
    c.end = message + n
    if take_u8(&c, &kind) != OK:
        return NEED_MORE
    if kind != CLIENT_HELLO:
        return NOT_THIS
    if take_u24(&c, &size) == OK and size + MESSAGE_HEADER > HELLO_OCTETS:
        return TOO_BIG
    return NEED_MORE


cdef Status _messages(const uint8_t* message, size_t n, ClientHello* out) noexcept nogil:
    """Read the first hello of a handshake stream, and any that follow it in the same record.

    A second hello that is cut sets is_cut: there is a name that was not seen, and waiting for it would let the first
    hello through to the server undecided."""
    cdef Cursor c
    cdef Cursor body
    cdef uint8_t kind
    cdef uint32_t size
    cdef Status status = _refuse_early(message, n)
    cdef bint is_first = True
    if status != NEED_MORE:
        return status
    c.at = message
    c.end = message + n
    while c.at < c.end:
        kind = c.at[0]
        if skip(&c, 1) != OK or take_u24(&c, &size) != OK or take_span(&c, size, &body) != OK:
            if is_first:
                return NEED_MORE
            out.is_cut = kind == CLIENT_HELLO
            return OK
        if is_first:
            out.message = message
            out.message_n = MESSAGE_HEADER + size
        if kind == CLIENT_HELLO:
            status = _hello(&body, out)
            if status != OK:
                return status
        is_first = False
    return OK


cdef Status _hello(Cursor* c, ClientHello* out) noexcept nogil:
    """Parse one complete hello: a length that does not fit is MALFORMED."""
    cdef uint8_t n_session, n_compression
    cdef uint16_t n_suites, n_extensions
    if skip(c, 2 + RANDOM_OCTETS) != OK or take_u8(c, &n_session) != OK or skip(c, n_session) != OK:
        return MALFORMED
    if take_u16(c, &n_suites) != OK or n_suites % 2 != 0 or skip(c, n_suites) != OK:
        return MALFORMED
    if take_u8(c, &n_compression) != OK or skip(c, n_compression) != OK:
        return MALFORMED
    if c.at == c.end:          # TLS 1.2 and before: extensions may be absent altogether
        return OK
    if take_u16(c, &n_extensions) != OK or c.end - c.at != n_extensions:
        return MALFORMED
    return _extensions(c, out)


cdef Status _extensions(Cursor* c, ClientHello* out) noexcept nogil:
    cdef Cursor body
    cdef uint16_t kind, size
    while c.at < c.end:
        if take_u16(c, &kind) != OK or take_u16(c, &size) != OK or take_span(c, size, &body) != OK:
            return MALFORMED
        if kind == EXT_ECH:
            out.has_ech = 1
        elif kind == EXT_EARLY_DATA:
            out.has_early_data = 1
        elif kind == EXT_SERVER_NAME and _server_names(&body, out) != OK:
            return MALFORMED
    return OK


cdef Status _server_names(Cursor* c, ClientHello* out) noexcept nogil:
    """Keep every host_name of one server_name extension (E37: evaders send several)."""
    cdef Cursor name
    cdef uint8_t kind
    cdef uint16_t size
    if take_u16(c, &size) != OK or size == 0 or c.end - c.at != size:
        return MALFORMED
    while c.at < c.end:
        # RFC 6066 §3 leaves other name types open; everyone gives them the same 16-bit length
        if take_u8(c, &kind) != OK or take_u16(c, &size) != OK or size == 0 or take_span(c, size, &name) != OK:
            return MALFORMED
        if kind != HOST_NAME:
            continue
        if out.n_names == HELLO_NAMES:
            out.names_overflowed = 1
            continue
        out.names[out.n_names].at = name.at
        out.names[out.n_names].n = size
        out.n_names += 1
    return OK


class Hello(NamedTuple):
    """A parsed ClientHello: host names as sent, whether it has extension 0xfe0d, the end of its last record."""

    names: list[bytes]
    has_ech: bool
    after: int


def client_hello(data: bytes) -> Hello | None:
    """Parse the ClientHello at the beginning of a client's stream; None while more octets are needed.

    Raises ValueError: not TLS, not a ClientHello, malformed, or beyond a limit."""
    cdef ClientHello hello
    cdef bytearray scratch = bytearray(HELLO_OCTETS)
    return _found(parse_client_hello(data, len(data), <uint8_t*><char*>scratch, &hello), &hello)


def later_hello(data: bytes) -> Hello | None:
    """As client_hello(), of one behind another hello: records may have any version."""
    cdef ClientHello hello
    cdef bytearray scratch = bytearray(HELLO_OCTETS)
    return _found(parse_later_hello(data, len(data), <uint8_t*><char*>scratch, &hello), &hello)


def hello_messages(data: bytes) -> Hello | None:
    """Parse the ClientHello at the beginning of a handshake stream without records; as client_hello()."""
    cdef ClientHello hello
    return _found(parse_hello_messages(data, len(data), &hello), &hello)


cdef _found(Status status, const ClientHello* hello):
    cdef int i
    if status == NEED_MORE:
        return None
    if status != OK:
        raise ValueError(_FAULTS[status])
    names = [PyBytes_FromStringAndSize(<const char*>hello.names[i].at, hello.names[i].n) for i in range(hello.n_names)]
    if hello.names_overflowed:
        raise ValueError(f"more than {HELLO_NAMES} host names")
    if hello.is_cut:
        raise ValueError("a second hello that is cut")
    return Hello(names, bool(hello.has_ech), hello.after)


_FAULTS = {
    MALFORMED: "the ClientHello's lengths do not fit each other",
    NOT_THIS: "not the start of a TLS client's stream",
    TOO_BIG: f"the ClientHello has more than {HELLO_OCTETS} octets",
}
