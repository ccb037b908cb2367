"""IP, TCP and UDP headers: parser of packets, and writer of TCP packets.

Invariants: nothing past data[n-1] is read.  `payload` ends by the IP (or UDP) length, never by the frame's.  A fragment
is never parsed as a packet.  The parser verifies no checksum: a queue hands out packets whose checksum the network card
has yet to fill in.
Absent on purpose: defragmentation (conntrack does it before the queue) and tunnels.
Source: RFC 791 §3.1, RFC 8200 §4, RFC 9293 §3.1, RFC 7323 §3, RFC 2385, RFC 768, RFC 1071 (checksum).
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastpath.base.cursor cimport (
    MALFORMED, NEED_MORE, NOT_THIS, OK, Cursor, Status, skip, take_span, take_u16, take_u32, take_u8)

cdef enum:
    IPV4_HEADER = 20
    IPV6_HEADER = 40
    TCP_HEADER = 20
    UDP_HEADER = 8
    TTL = 64                       # as Linux sends: injected packets look like a host's
    PACKET_OCTETS = 65535          # the length fields have 16 bits
    OPTION_END = 0
    OPTION_NOP = 1
    OPTION_TIMESTAMPS = 8
    TIMESTAMPS_OCTETS = 10
    OPTION_MD5 = 19
    MD5_OCTETS = 18
    TIMESTAMPS_PADDED = 12         # NOP NOP kind length TSval TSecr (RFC 7323 appendix A)
    NEXT_HOP_BY_HOP = 0
    NEXT_ROUTING = 43
    NEXT_FRAGMENT = 44
    NEXT_DESTINATION = 60


cdef Status parse_packet(const uint8_t* data, size_t n, PacketView* out) noexcept nogil:
    """Parse one IP packet that begins at `data`.

    NEED_MORE: the IP length reaches past `n`.  NOT_THIS: a fragment, or neither TCP nor UDP, whose addresses and
    protocol are set.  MALFORMED: a packet that every host drops, or lengths that do not nest."""
    cdef Cursor c
    cdef Status status
    memset(out, 0, sizeof(PacketView))
    if n == 0:
        return NEED_MORE
    c.at = data
    c.end = data + n
    out.version = data[0] >> 4
    if out.version == 4:
        status = _ipv4(&c, out)
    elif out.version == 6:
        status = _ipv6(&c, out)
    else:
        return MALFORMED
    if status != OK:
        return status
    if out.proto == PROTO_TCP:
        return _tcp(&c, out)
    return _udp(&c, out)


cdef Status _ipv4(Cursor* c, PacketView* out) noexcept nogil:
    """Parse the IPv4 header; leave `c` at the transport's first octet, its end by total length."""
    cdef const uint8_t* at = c.at
    cdef size_t header, total
    if c.end - at < IPV4_HEADER:
        return NEED_MORE
    header = (at[0] & 0x0f) * 4
    total = <size_t>((at[2] << 8) | at[3])
    if header < IPV4_HEADER or total < header:
        return MALFORMED
    if total > <size_t>(c.end - at):
        return NEED_MORE
    if ((at[6] & 0x3f) << 8) | at[7]:          # MF or an offset
        return NOT_THIS
    out.proto = at[9]
    memcpy(out.src, at + 12, 4)
    memcpy(out.dst, at + 16, 4)
    if out.proto != PROTO_TCP and out.proto != PROTO_UDP:
        return NOT_THIS
    c.at = at + header
    c.end = at + total
    return OK


cdef Status _ipv6(Cursor* c, PacketView* out) noexcept nogil:
    """Parse the IPv6 header and its extension chain; leave `c` at the transport's first octet."""
    cdef const uint8_t* at = c.at
    cdef size_t total
    if c.end - at < IPV6_HEADER:
        return NEED_MORE
    total = <size_t>(IPV6_HEADER + ((at[4] << 8) | at[5]))
    if total == IPV6_HEADER and at[6] == NEXT_HOP_BY_HOP:
        total = <size_t>(c.end - at)   # RFC 2675 §3, and Linux takes it without a jumbo option too
    if total > <size_t>(c.end - at):
        return NEED_MORE
    out.proto = at[6]
    memcpy(out.src, at + 8, 16)
    memcpy(out.dst, at + 24, 16)
    c.at = at + IPV6_HEADER
    c.end = at + total
    return _ipv6_chain(c, out)


cdef Status _ipv6_chain(Cursor* c, PacketView* out) noexcept nogil:
    cdef bint is_first = True
    cdef uint8_t next_header = 0, length = 0
    cdef uint16_t offset = 0
    while out.proto != PROTO_TCP and out.proto != PROTO_UDP:
        if out.proto == NEXT_HOP_BY_HOP and not is_first:
            return MALFORMED       # E25: RFC 8200 §4.1, right behind the IPv6 header; hosts drop it elsewhere
        if out.proto not in (NEXT_HOP_BY_HOP, NEXT_ROUTING, NEXT_FRAGMENT, NEXT_DESTINATION):
            return NOT_THIS
        if take_u8(c, &next_header) != OK or take_u8(c, &length) != OK or take_u16(c, &offset) != OK:
            return MALFORMED
        if out.proto == NEXT_FRAGMENT:
            length = 0             # the field is reserved there: always 8 octets
            if offset & 0xfff9:    # the offset's 13 bits or M; neither is an atomic fragment (RFC 6946)
                return NOT_THIS
        if skip(c, 4 + 8 * <size_t>length) != OK:
            return MALFORMED
        out.proto = next_header
        is_first = False
    return OK


cdef Status _tcp(Cursor* c, PacketView* out) noexcept nogil:
    cdef Cursor options
    cdef uint8_t offset = 0
    cdef size_t header
    if c.end - c.at < TCP_HEADER:
        return MALFORMED
    out.transport = c.at
    take_u16(c, &out.sport)
    take_u16(c, &out.dport)
    take_u32(c, &out.seq)
    take_u32(c, &out.ack)
    take_u8(c, &offset)
    take_u8(c, &out.flags)
    take_u16(c, &out.window)
    skip(c, 4)                     # checksum, urgent pointer
    header = <size_t>((offset >> 4) * 4)
    if header < TCP_HEADER or take_span(c, header - TCP_HEADER, &options) != OK:
        return MALFORMED
    _tcp_options(&options, out)
    out.payload = c.at
    out.payload_n = <uint32_t>(c.end - c.at)
    return OK


cdef void _tcp_options(Cursor* c, PacketView* out) noexcept nogil:
    """Note the options that decide whether a host accepts the segment.

    As Linux does: an invalid length ends the options and the segment still counts; the last of two timestamps is used;
    an MD5 option of another length than 18 is ignored."""
    cdef uint8_t kind, length
    cdef Cursor body
    while take_u8(c, &kind) == OK and kind != OPTION_END:
        if kind == OPTION_NOP:
            continue
        if take_u8(c, &length) != OK or length < 2 or take_span(c, length - 2, &body) != OK:
            return
        if kind == OPTION_MD5 and length == MD5_OCTETS:
            out.has_md5 = 1
        elif kind == OPTION_TIMESTAMPS and length == TIMESTAMPS_OCTETS:
            out.has_tsval = 1
            take_u32(&body, &out.tsval)
            take_u32(&body, &out.tsecr)


cdef Status _udp(Cursor* c, PacketView* out) noexcept nogil:
    cdef uint16_t length = 0
    cdef size_t there = <size_t>(c.end - c.at)
    if there < UDP_HEADER:
        return MALFORMED
    out.transport = c.at
    take_u16(c, &out.sport)
    take_u16(c, &out.dport)
    take_u16(c, &length)
    skip(c, 2)
    if length == 0 and out.version == 6:
        length = <uint16_t>there   # RFC 2675 §4, and Linux takes it in any packet
    if length < UDP_HEADER or length > there:
        return MALFORMED
    out.payload = c.at
    out.payload_n = length - UDP_HEADER
    return OK


cdef void turn_packet(const PacketView* p, PacketView* out) noexcept nogil:
    """Copy a packet's view with both ends swapped."""
    out[0] = p[0]
    memcpy(out.src, <const uint8_t*>p.dst, 16)
    memcpy(out.dst, <const uint8_t*>p.src, 16)
    out.sport = p.dport
    out.dport = p.sport


cdef bint has_good_checksums(const uint8_t* data, const PacketView* p) noexcept nogil:
    """Whether the IPv4 header's and TCP's checksums are right, as a host checks before it accepts a packet (E14).

    p   parse_packet()'s result for `data`: TCP.   With a routing header its last address is assumed to count."""
    cdef size_t segment = <size_t>(p.payload - p.transport) + p.payload_n
    cdef uint64_t total = PROTO_TCP + segment + _sum(p.transport, segment)
    if p.version == 6:
        return _checksum(total + _sum(p.src, 16) + _sum(p.dst, 16)) == 0
    return _checksum(_sum(data, (data[0] & 0x0f) * 4)) == 0 and _checksum(total + _sum(data + 12, 8)) == 0


cdef size_t write_tcp(uint8_t* out, size_t room, const PacketView* like, bint reversed, uint32_t seq, uint32_t ack,
                      uint8_t flags, const uint8_t* payload, size_t payload_n) noexcept nogil:
    """Write a TCP packet of like's flow; returns its octets, or 0 where `room` is too small.

    reversed   from like's destination to its source
    Segments other than RST carry timestamps where `like` does: RFC 7323 §3.2 lets a host drop them without.  `payload`
    must not overlap `out`."""
    cdef size_t ip = IPV4_HEADER if like.version == 4 else IPV6_HEADER
    cdef bint has_timestamps = like.has_tsval and not flags & FLAG_RST
    cdef size_t header = TCP_HEADER + (TIMESTAMPS_PADDED if has_timestamps else 0)
    cdef size_t total
    if like.version != 4 and like.version != 6 or payload_n > PACKET_OCTETS:
        return 0
    total = ip + header + payload_n
    if total > room or total > PACKET_OCTETS:
        return 0
    memset(out, 0, ip + header)
    _write_ports_and_numbers(out + ip, like, reversed, seq, ack, flags, header)
    if has_timestamps:
        _write_timestamps(out + ip + TCP_HEADER, like, reversed)
    if payload_n > 0:
        memcpy(out + ip + header, payload, payload_n)
    if like.version == 4:
        _write_ipv4(out, like, reversed, total, seq ^ ack)
    else:
        _write_ipv6(out, like, reversed, total)
    return total


cdef void _write_ports_and_numbers(uint8_t* at, const PacketView* like, bint reversed, uint32_t seq, uint32_t ack,
                                   uint8_t flags, size_t header) noexcept nogil:
    _put_u16(at, like.dport if reversed else like.sport)
    _put_u16(at + 2, like.sport if reversed else like.dport)
    _put_u32(at + 4, seq)
    _put_u32(at + 8, ack)
    at[12] = <uint8_t>(header // 4 << 4)
    at[13] = flags
    _put_u16(at + 14, 0 if flags & FLAG_RST else like.window)


cdef void _write_timestamps(uint8_t* at, const PacketView* like, bint reversed) noexcept nogil:
    """Continue the sending end's timestamp clock, by the other end's latest echo of it."""
    at[0] = OPTION_NOP
    at[1] = OPTION_NOP
    at[2] = OPTION_TIMESTAMPS
    at[3] = TIMESTAMPS_OCTETS
    _put_u32(at + 4, like.tsecr if reversed else like.tsval)
    _put_u32(at + 8, like.tsval if reversed else like.tsecr)


cdef void _write_ipv4(uint8_t* out, const PacketView* like, bint reversed, size_t total, uint32_t mixed) noexcept nogil:
    cdef size_t segment = total - IPV4_HEADER
    out[0] = 0x45
    _put_u16(out + 2, <uint16_t>total)
    # E70: clients that discard injected packets recognise them by an identification of 0 to 15
    _put_u16(out + 4, <uint16_t>(mixed ^ (mixed >> 16)) | 0x10)
    out[6] = 0x40                  # DF
    out[8] = TTL
    out[9] = PROTO_TCP
    _write_addresses(out + 12, like, reversed, 4)
    _put_u16(out + 10, _checksum(_sum(out, IPV4_HEADER)))
    _put_u16(out + IPV4_HEADER + 16,
             _checksum(_sum(out + 12, 8) + PROTO_TCP + segment + _sum(out + IPV4_HEADER, segment)))


cdef void _write_ipv6(uint8_t* out, const PacketView* like, bint reversed, size_t total) noexcept nogil:
    cdef size_t segment = total - IPV6_HEADER
    out[0] = 0x60
    _put_u16(out + 4, <uint16_t>segment)
    out[6] = PROTO_TCP
    out[7] = TTL
    _write_addresses(out + 8, like, reversed, 16)
    _put_u16(out + IPV6_HEADER + 16,
             _checksum(_sum(out + 8, 32) + PROTO_TCP + segment + _sum(out + IPV6_HEADER, segment)))


cdef void _write_addresses(uint8_t* at, const PacketView* like, bint reversed, size_t n) noexcept nogil:
    memcpy(at, <const uint8_t*>like.src, n)
    memcpy(at + n, <const uint8_t*>like.dst, n)
    if reversed:
        memcpy(at, <const uint8_t*>like.dst, n)
        memcpy(at + n, <const uint8_t*>like.src, n)


cdef uint64_t _sum(const uint8_t* at, size_t n) noexcept nogil:
    """Sum of 16-bit words, network order; a last odd octet counts as the high one of a word (RFC 1071 §4.1)."""
    cdef uint64_t total = 0
    cdef size_t i = 0
    while i + 1 < n:
        total += (at[i] << 8) | at[i + 1]
        i += 2
    if i < n:
        total += at[i] << 8
    return total


cdef uint16_t _checksum(uint64_t total) noexcept nogil:
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return <uint16_t>(~total & 0xffff)


cdef inline void _put_u16(uint8_t* at, uint16_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 8)
    at[1] = <uint8_t>(value & 0xff)


cdef inline void _put_u32(uint8_t* at, uint32_t value) noexcept nogil:
    _put_u16(at, <uint16_t>(value >> 16))
    _put_u16(at + 2, <uint16_t>(value & 0xffff))


class Packet(NamedTuple):
    """The headers of one packet: addresses of 4 or 16 octets, timestamps (TSval, TSecr) where present."""

    version: int
    proto: int
    src: bytes
    dst: bytes
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    has_md5: bool
    timestamps: tuple[int, int] | None
    payload: bytes


def packet(data: bytes) -> Packet | None:
    """Parse the headers of an IP packet; None where it is truncated.

    Raises ValueError: malformed, a fragment, or neither TCP nor UDP."""
    cdef PacketView view
    cdef Status status = parse_packet(data, len(data), &view)
    if status == NEED_MORE:
        return None
    if status == NOT_THIS and _is_fragment(&view, data):
        raise ValueError("a fragment of a packet; fragments are not put together here")
    if status != OK:
        raise ValueError(_FAULTS[status])
    n_address = 4 if view.version == 4 else 16
    return Packet(
        view.version, view.proto,
        PyBytes_FromStringAndSize(<const char*>view.src, n_address),
        PyBytes_FromStringAndSize(<const char*>view.dst, n_address),
        view.sport, view.dport, view.seq, view.ack, view.flags, view.window, bool(view.has_md5),
        (view.tsval, view.tsecr) if view.has_tsval else None,
        PyBytes_FromStringAndSize(<const char*>view.payload, view.payload_n),
    )


cdef bint _is_fragment(const PacketView* view, bytes data):
    """Whether a packet that was not parsed is a fragment, in IPv4 of TCP or UDP."""
    if view.version == 6:
        return view.proto == NEXT_FRAGMENT
    return (data[6] & 0x3f or data[7]) and (data[9] == PROTO_TCP or data[9] == PROTO_UDP)


def checksums_fit(data: bytes) -> bool:
    """Whether the checksums of a complete TCP packet are right.   Raises ValueError: no such packet."""
    cdef PacketView view
    if parse_packet(data, len(data), &view) != OK or view.proto != PROTO_TCP:
        raise ValueError("no whole TCP packet")
    return has_good_checksums(data, &view)


def tcp_onward(like: bytes, seq: int, ack: int, flags: int, payload: bytes = b"", room: int = 65535) -> bytes:
    """Build a TCP packet from like's source to its destination.   Raises ValueError where `room` is too small."""
    return _written(like, False, seq, ack, flags, payload, room)


def tcp_back(like: bytes, seq: int, ack: int, flags: int, payload: bytes = b"", room: int = 65535) -> bytes:
    """Build a TCP packet from like's destination to its source.   Raises ValueError where `room` is too small."""
    return _written(like, True, seq, ack, flags, payload, room)


cdef bytes _written(bytes like, bint reversed, uint32_t seq, uint32_t ack, uint8_t flags, bytes payload, size_t room):
    cdef PacketView view
    cdef bytearray out
    cdef size_t n
    if parse_packet(like, len(like), &view) != OK or view.proto != PROTO_TCP:
        raise ValueError("the packet to write alike is no whole TCP packet")
    out = bytearray(room)
    n = write_tcp(<uint8_t*><char*>out, room, &view, reversed, seq, ack, flags, payload, len(payload))
    if n == 0:
        raise ValueError(f"{len(payload)} octets of payload do not fit in {room} octets")
    return bytes(out[:n])


_FAULTS = {
    MALFORMED: "the packet's lengths do not fit each other, or every host drops it",
    NOT_THIS: "neither TCP nor UDP",
}
