"""Link-layer headers: the IP packet in a frame of an Ethernet port or of a capture.

It passes any stack of VLAN tags, one PPPoE session header, and one stack of MPLS labels.

Invariants: nothing past data[n-1] is read; a truncated header is NEED_MORE, never skipped.  Behind MPLS or a loopback
header, IP is recognised by its first four bits alone, as these headers name no protocol.  Padding may follow the
packet: its own length ends it (packet.pyx).
Absent on purpose: tunnels (GRE, VXLAN), pseudowires and MAC-in-MAC, where the subscribers' network begins behind
another box; LLC/SNAP, which carries no IP on Ethernet any more.
Source: IEEE 802.1Q §9, RFC 2516 §4, RFC 1661 §2 and §6.5, RFC 1662 §3.1, RFC 1547 §4.3.1, RFC 3032 §2.1, RFC 4928 §2;
LINKTYPE_LINUX_SLL, _SLL2, _PPP, _PPP_HDLC, _C_HDLC and _NFLOG of tcpdump.org/linktypes.html.
Cost: some ns, one comparison a tag.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize

from fastpath.base.cursor cimport NEED_MORE, NOT_THIS, OK, TOO_BIG, skip, take_u16, take_u8

cdef enum:
    MOST_TAGS = 8           # Linux forwards two; one more each for a carrier's and a wholesaler's network makes four
    MOST_LABELS = 16        # routers push ten or twelve at once (limits: RFC 8662)
    MAC_ADDRESSES = 12
    TYPE_IPV4 = 0x0800
    TYPE_IPV6 = 0x86dd
    TYPE_VLAN = 0x8100
    TYPE_QINQ = 0x88a8      # 802.1ad
    TYPE_OLD_QINQ = 0x9100  # before 802.1ad had a number
    TYPE_MPLS = 0x8847
    TYPE_MPLS_UPSTREAM = 0x8848     # RFC 5332 §3
    TYPE_PPPOE = 0x8864     # the session stage; discovery (0x8863) carries no IP
    PPPOE_HEADER = 6
    HDLC_ALL_STATIONS = 0xff    # of PPP's framing; Cisco's addresses are 0x0f and 0x8f
    HDLC_HEADER = 2         # address and control
    NFLOG_HEADER = 4
    NFLOG_ATTRIBUTE = 4     # length with this header, and type, in the byte order of the capturing host
    NFLOG_PAYLOAD = 9       # NFULA_PAYLOAD of linux/netfilter/nfnetlink_log.h
    PPP_IPV4 = 0x21
    PPP_IPV6 = 0x57


cdef Status find_ip(int link, const uint8_t* data, size_t n, Cursor* ip) noexcept nogil:
    """Set `ip` to the IP packet of a frame and any padding behind it.

    NOT_THIS: no IP in it (ARP, LLDP …), or an unsupported link type.  NEED_MORE: truncated inside a header.  TOO_BIG:
    beyond MOST_TAGS or MOST_LABELS."""
    cdef uint16_t kind = 0
    cdef Status status
    ip.at = data
    ip.end = data + n
    if link == LINK_RAW or link == LINK_IPV4 or link == LINK_IPV6:
        return OK
    if link == LINK_PPP or link == LINK_PPP_HDLC or link == LINK_C_HDLC:
        return _framed_by_hdlc(link, ip)
    if link == LINK_NFLOG:
        return _logged(ip)
    if link == LINK_NULL or link == LINK_LOOP:
        status = skip(ip, 4)
        return _by_version(ip) if status == OK else status
    if link == LINK_ETHERNET:
        status = skip(ip, MAC_ADDRESSES)
    elif link == LINK_SLL:
        status = skip(ip, 14)
    elif link == LINK_SLL2:
        status = OK
    else:
        return NOT_THIS
    if status != OK or take_u16(ip, &kind) != OK or (link == LINK_SLL2 and skip(ip, 18) != OK):
        return NEED_MORE
    return _after_type(ip, kind)


cdef Status _after_type(Cursor* c, uint16_t kind) noexcept nogil:
    """Parse the headers behind an EtherType."""
    cdef int n_tags = 0
    while kind == TYPE_VLAN or kind == TYPE_QINQ or kind == TYPE_OLD_QINQ:
        if n_tags == MOST_TAGS:
            return TOO_BIG
        if skip(c, 2) != OK or take_u16(c, &kind) != OK:
            return NEED_MORE
        n_tags += 1
    if kind == TYPE_IPV4 or kind == TYPE_IPV6:
        return OK
    if kind == TYPE_PPPOE:
        return _session(c)
    if kind == TYPE_MPLS or kind == TYPE_MPLS_UPSTREAM:
        return _labels(c)
    return NOT_THIS


cdef Status _framed_by_hdlc(int link, Cursor* c) noexcept nogil:
    """Parse HDLC's address and control, if they are there, and what PPP or Cisco says of the protocol."""
    cdef uint16_t kind = 0
    if c.at == c.end:
        return NEED_MORE
    if link == LINK_PPP and c.at[0] != HDLC_ALL_STATIONS:
        return _protocol(c)
    if link == LINK_C_HDLC or c.at[0] != HDLC_ALL_STATIONS:
        if skip(c, HDLC_HEADER) != OK or take_u16(c, &kind) != OK:
            return NEED_MORE
        return _after_type(c, kind)
    return _protocol(c) if skip(c, HDLC_HEADER) == OK else NEED_MORE


cdef Status _logged(Cursor* c) noexcept nogil:
    """Find the attribute that holds the packet.   Which byte order it is, its length shows: it fits the frame."""
    cdef uint8_t a = 0, b = 0, d = 0, e = 0
    cdef size_t n, kind
    if skip(c, NFLOG_HEADER) != OK:
        return NEED_MORE
    while c.at < c.end:
        if take_u8(c, &a) != OK or take_u8(c, &b) != OK or take_u8(c, &d) != OK or take_u8(c, &e) != OK:
            return NEED_MORE
        n = <size_t>(a | b << 8)
        kind = <size_t>(d | e << 8)
        if n < NFLOG_ATTRIBUTE or n - NFLOG_ATTRIBUTE > <size_t>(c.end - c.at):
            n = <size_t>(a << 8 | b)
            kind = <size_t>(d << 8 | e)
        if n < NFLOG_ATTRIBUTE or n - NFLOG_ATTRIBUTE > <size_t>(c.end - c.at):
            return NEED_MORE
        if kind == NFLOG_PAYLOAD:
            c.end = c.at + (n - NFLOG_ATTRIBUTE)
            return _by_version(c)
        if skip(c, min((n + 3) & ~<size_t>3, NFLOG_ATTRIBUTE + <size_t>(c.end - c.at)) - NFLOG_ATTRIBUTE) != OK:
            return NEED_MORE
    return NOT_THIS


cdef Status _session(Cursor* c) noexcept nogil:
    """Parse a PPPoE session header."""
    return _protocol(c) if skip(c, PPPOE_HEADER) == OK else NEED_MORE


cdef Status _protocol(Cursor* c) noexcept nogil:
    """Parse PPP's protocol number, which may be compressed to one octet (an odd one)."""
    cdef uint8_t low, high = 0
    if take_u8(c, &low) != OK:
        return NEED_MORE
    if low & 1 == 0:
        high = low
        if take_u8(c, &low) != OK:
            return NEED_MORE
    return OK if high == 0 and (low == PPP_IPV4 or low == PPP_IPV6) else NOT_THIS


cdef Status _labels(Cursor* c) noexcept nogil:
    """Labels up to the one that says it is the last (the bit S)."""
    cdef uint8_t last = 0
    cdef int n_labels = 0
    while last & 1 == 0:
        if n_labels == MOST_LABELS:
            return TOO_BIG
        if skip(c, 2) != OK or take_u8(c, &last) != OK or skip(c, 1) != OK:
            return NEED_MORE
        n_labels += 1
    return _by_version(c)


cdef Status _by_version(Cursor* c) noexcept nogil:
    if c.at == c.end:
        return NEED_MORE
    return OK if c.at[0] >> 4 == 4 or c.at[0] >> 4 == 6 else NOT_THIS


_LINKS = frozenset((
    LINK_NULL, LINK_ETHERNET, LINK_PPP, LINK_PPP_HDLC, LINK_RAW, LINK_C_HDLC, LINK_LOOP, LINK_SLL, LINK_IPV4, LINK_IPV6,
    LINK_NFLOG, LINK_SLL2))


def ip_packet(int link, bytes data) -> bytes | None:
    """The IP packet inside a frame; None where none exists (ARP, LLDP …).

    Raises ValueError: truncated inside a header, more tags or labels than the limits, or another link type."""
    cdef Cursor ip
    cdef Status status = find_ip(link, data, len(data), &ip)
    if status == NOT_THIS and link not in _LINKS:
        raise ValueError(f"a link type that is not read: {link}")
    if status == NOT_THIS:
        return None
    if status != OK:
        raise ValueError("the frame is cut inside its headers" if status == NEED_MORE
                         else f"the frame has more than {MOST_TAGS} tags or {MOST_LABELS} labels")
    return PyBytes_FromStringAndSize(<const char*>ip.at, ip.end - ip.at)
