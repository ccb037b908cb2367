"""QUIC packet and frame parser: the packets of one datagram, and the CRYPTO frames of a decrypted Initial.

The fixed bit of long headers is not checked: a server may have allowed zero there (RFC 9287).  Variable-length integers
are accepted in each of their lengths, as servers may accept them.

Invariants: never reads past the given octets; a packet ends where its length says; results point into those octets.
Every packet of a datagram is returned, also behind others (coalescing, RFC 9000 §12.2).
A datagram is complete, so no status is NEED_MORE: a truncated packet is MALFORMED.
Absent on purpose: decryption (quic_initial.pyx), reassembly, the content of packets of unknown versions behind their
connection IDs, and a server's side of the handshake.
Source: RFC 8999, RFC 9000 §12.4, §16, §17, §19, RFC 9369 §3.2, draft-ietf-quic-transport-29 §17.
Cost: a few loads per packet or frame; one per octet of padding.
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, OK, Cursor, Status, skip, take_span, take_u32, take_u8

cdef enum:
    LONG_FORM = 0x80
    FIXED_BIT = 0x40
    RETRY_TAG_OCTETS = 16          # RFC 9000 §17.2.5
    FRAME_PADDING = 0x00
    FRAME_PING = 0x01
    FRAME_ACK = 0x02
    FRAME_ACK_ECN = 0x03
    FRAME_CRYPTO = 0x06
    FRAME_CONNECTION_CLOSE = 0x1c  # 0x1d, the application's, may not stand in an Initial
    ECN_COUNTS = 3

# The versions that are parsed, with their usual names.
VERSIONS = {QUIC_V1: "1", QUIC_V2: "2", QUIC_DRAFT_29: "draft-29"}

# RFC 9000 §19.6: a stream ends there at the latest.
cdef uint64_t STREAM_OCTETS = (<uint64_t>1 << 62) - 1


cdef Status next_quic_packet(Cursor* c, QuicPacket* out) noexcept nogil:
    """Parse the next packet of a datagram and step over it.

    NOT_THIS: the datagram ends here; or the next octet has neither the long header bit nor the fixed bit: padding,
    another protocol (RFC 9443), or a short header without the fixed bit.  None of them can hold a hello.
    MALFORMED: a truncated long header, connection IDs longer than its version allows, or a length past the datagram's
    end; the rest of the datagram cannot be parsed then."""
    cdef Cursor header
    memset(out, 0, sizeof(QuicPacket))
    out.at = c.at
    if c.at == c.end or not c.at[0] & (LONG_FORM | FIXED_BIT):
        return NOT_THIS
    if not c.at[0] & LONG_FORM:
        out.kind = QUIC_SHORT
        return _up_to(c, c.end, out)
    header.at = c.at + 1
    header.end = c.end
    if take_u32(&header, &out.version) != OK or _connection_ids(&header, out) != OK:
        return MALFORMED
    if out.version == 0:
        out.kind = QUIC_NEGOTIATION
        return _up_to(c, c.end, out)
    if not _is_known(out.version):
        out.kind = QUIC_UNKNOWN
        return _up_to(c, c.end, out)
    if out.dcid_n > QUIC_CID_OCTETS or out.scid_n > QUIC_CID_OCTETS:
        return MALFORMED               # E50
    out.kind = _long_kind(out.version, out.at[0])
    if out.kind == QUIC_RETRY:
        if header.end - header.at < RETRY_TAG_OCTETS:
            return MALFORMED
        return _up_to(c, c.end, out)
    return _numbered(c, &header, out)


cdef Status _connection_ids(Cursor* c, QuicPacket* out) noexcept nogil:
    """Read both connection IDs, which every version has here (RFC 8999 §5.1)."""
    cdef Cursor cid
    if take_u8(c, &out.dcid_n) != OK or take_span(c, out.dcid_n, &cid) != OK:
        return MALFORMED
    out.dcid = cid.at
    if take_u8(c, &out.scid_n) != OK or take_span(c, out.scid_n, &cid) != OK:
        return MALFORMED
    out.scid = cid.at
    return OK


cdef inline bint _is_known(uint32_t version) noexcept nogil:
    return version == QUIC_V1 or version == QUIC_V2 or version == QUIC_DRAFT_29


cdef uint8_t _long_kind(uint32_t version, uint8_t first) noexcept nogil:
    """The kind of a long header: version 2 numbers them from Retry (RFC 9369 §3.2), the others from Initial."""
    cdef uint8_t bits = (first >> 4) & 3
    if version == QUIC_V2:
        bits = (bits - 1) & 3
    if bits == 0:
        return QUIC_INITIAL
    if bits == 1:
        return QUIC_0RTT
    return QUIC_HANDSHAKE if bits == 2 else QUIC_RETRY


cdef Status _numbered(Cursor* c, Cursor* header, QuicPacket* out) noexcept nogil:
    """Parse the rest of a header with a packet number: an Initial's token, the length."""
    cdef uint64_t n = 0
    if out.kind == QUIC_INITIAL and (_varint(header, &n) != OK or skip(header, n) != OK):
        return MALFORMED
    if _varint(header, &n) != OK or n > <uint64_t>(header.end - header.at):
        return MALFORMED
    out.pn_at = <uint32_t>(header.at - out.at)
    return _up_to(c, header.at + n, out)


cdef inline Status _up_to(Cursor* c, const uint8_t* end, QuicPacket* out) noexcept nogil:
    out.n = <uint32_t>(end - out.at)
    c.at = end
    return OK


cdef Status _varint(Cursor* c, uint64_t* out) noexcept nogil:
    """Read a variable-length integer (RFC 9000 §16)."""
    cdef uint8_t octet = 0
    cdef int i
    cdef int n_more
    cdef Cursor rest
    if take_u8(c, &octet) != OK:
        return MALFORMED
    n_more = (1 << (octet >> 6)) - 1
    if take_span(c, n_more, &rest) != OK:
        return MALFORMED
    out[0] = octet & 0x3f
    for i in range(n_more):
        out[0] = (out[0] << 8) | rest.at[i]
    return OK


cdef Status next_crypto(Cursor* plain, uint64_t* offset, Cursor* data) noexcept nogil:
    """Step over the frames of a decrypted Initial up to the end of the next CRYPTO frame.

    offset    of its octets in the handshake stream
    data      these octets; may be empty
    NOT_THIS: no more of them.  MALFORMED: a truncated frame, or one that an Initial may not carry; earlier results
    stand, as servers process frames in order."""
    cdef uint64_t kind = 0
    cdef uint64_t n = 0
    cdef Status status = OK
    while status == OK:
        while plain.at < plain.end and plain.at[0] == FRAME_PADDING:
            plain.at += 1
        if plain.at == plain.end:
            return NOT_THIS
        if _varint(plain, &kind) != OK:
            return MALFORMED
        if kind == FRAME_CRYPTO:
            if _varint(plain, offset) != OK or _varint(plain, &n) != OK or offset[0] + n > STREAM_OCTETS:
                return MALFORMED
            return OK if take_span(plain, n, data) == OK else MALFORMED
        status = _step_over(plain, kind)
    return MALFORMED


cdef Status _step_over(Cursor* c, uint64_t kind) noexcept nogil:
    """Step over the body of a frame that is not CRYPTO."""
    cdef uint64_t n = 0
    if kind == FRAME_PADDING or kind == FRAME_PING:
        return OK
    if kind == FRAME_ACK or kind == FRAME_ACK_ECN:
        return _step_over_ack(c, kind == FRAME_ACK_ECN)
    if kind != FRAME_CONNECTION_CLOSE:
        return MALFORMED
    if _varint(c, &n) != OK or _varint(c, &n) != OK or _varint(c, &n) != OK:    # error, frame type, reason's length
        return MALFORMED
    return skip(c, n)


cdef Status _step_over_ack(Cursor* c, bint has_ecn) noexcept nogil:
    cdef uint64_t n_ranges = 0
    cdef uint64_t n = 0
    if _varint(c, &n) != OK or _varint(c, &n) != OK or _varint(c, &n_ranges) != OK or _varint(c, &n) != OK:
        return MALFORMED           # largest acknowledged, delay, count of further ranges, first range
    if n_ranges > <uint64_t>(c.end - c.at) // 2:
        return MALFORMED           # a gap and a length each, of one octet at least
    n_ranges = 2 * n_ranges + (ECN_COUNTS if has_ecn else 0)
    while n_ranges > 0:
        if _varint(c, &n) != OK:
            return MALFORMED
        n_ranges -= 1
    return OK


class Packet(NamedTuple):
    """One packet of a datagram; `dcid` and `scid` are empty for a short header, `pn_at` is 0 without a number."""

    kind: str
    version: int
    dcid: bytes
    scid: bytes
    pn_at: int
    octets: bytes


def packets(datagram: bytes) -> list[Packet]:
    """The QUIC packets at the beginning of a datagram.   Raises ValueError: malformed."""
    cdef Cursor c
    cdef QuicPacket found
    cdef Status status
    out = []
    c.at = datagram
    c.end = c.at + len(datagram)
    while True:
        status = next_quic_packet(&c, &found)
        if status == NOT_THIS:
            return out
        if status != OK:
            raise ValueError(f"packet {len(out)} of the datagram is truncated, or its connection IDs are too long")
        out.append(Packet(
            _KINDS[found.kind], found.version,
            PyBytes_FromStringAndSize(<const char*>found.dcid, found.dcid_n),
            PyBytes_FromStringAndSize(<const char*>found.scid, found.scid_n),
            found.pn_at, PyBytes_FromStringAndSize(<const char*>found.at, found.n),
        ))


def crypto_frames(plain: bytes) -> list[tuple[int, bytes]]:
    """(offset, octets) of each CRYPTO frame of a decrypted Initial, in order.

    Raises ValueError: a truncated frame, or one that an Initial may not carry."""
    cdef Cursor c
    cdef Cursor data
    cdef uint64_t offset = 0
    cdef Status status
    out = []
    c.at = plain
    c.end = c.at + len(plain)
    while True:
        status = next_crypto(&c, &offset, &data)
        if status == NOT_THIS:
            return out
        if status != OK:
            raise ValueError(f"behind {len(out)} CRYPTO frames: a truncated frame, or one that no Initial may carry")
        out.append((offset, PyBytes_FromStringAndSize(<const char*>data.at, data.end - data.at)))


_KINDS = {
    QUIC_INITIAL: "initial", QUIC_0RTT: "0rtt", QUIC_HANDSHAKE: "handshake", QUIC_RETRY: "retry",
    QUIC_NEGOTIATION: "negotiation", QUIC_SHORT: "short", QUIC_UNKNOWN: "unknown",
}
