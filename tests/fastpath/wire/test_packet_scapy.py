"""Scapy as the second reader of packets: what packet() reads, scapy reads the same; and as the maker of hostile ones.

Seeds are what the builders of tests/support/packets make, and the hostile packets that scapy makes here.  Hypothesis
changes, cuts and extends them.  packet() refuses more than scapy: only what it takes is compared.
"""

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP, fragment
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
    fragment6,
)
from scapy.layers.ipsec import AH
from scapy.packet import NoPayload, Padding, Raw
from scapy.packet import Packet as Layer
from support.packets.builders import ACK, FIN, RST, SYN, URG, Client, hello, md5, records, request, timestamps
from support.packets.initials import initial
from support.packets.shapes import ipv4, ipv6, tcp, udp

from fastpath.wire.packet import Packet, packet

SRC4, DST4, SRC6, DST6 = "192.0.2.10", "198.51.100.20", "2001:db8::10", "2001:db8::20"
HELLO = hello(b"www.order.test")
PAD = PadN(optdata=bytes(4))


def built() -> list[bytes]:
    """What the builders make: both versions, all flags, options, extension headers, datagrams."""
    clients = [
        Client(),
        Client(dst="2001:db8:1::1", src="2001:db8::1"),
        Client(options=timestamps(7), dport=80),
        Client(options=md5(), sport=53),
    ]
    found = [
        ipv4(tcp(b"data"), options=b"\x01" * 40),
        ipv4(udp(b"data", length=10), proto=17),
        ipv6(udp(b""), proto=17),
    ]
    found += [ipv6(tcp(b"data"), chain=[(0, b"\x00\x01\x04" + bytes(4)), (60, b"\x00\x01\x04" + bytes(4))])]
    for client in clients:
        found += [client.segment(0, HELLO, flags) for flags in (SYN, ACK, ACK | FIN, RST, ACK | URG, 0, 0xFF)]
        found += [client.segment(60, records(HELLO, 7)), client.segment(0, request(b"free.example"))]
        found += [client.segment(0, b""), client.datagram(initial(b"\x01", size=1200)), client.datagram(b"")]
    return found


def v4(**fields: Any) -> Layer:
    return IP(src=SRC4, dst=DST4, **fields)


def v6(*headers: Layer) -> Layer:
    whole = IPv6(src=SRC6, dst=DST6)
    for header in headers:
        whole = whole / header
    return whole


SEGMENT = TCP(sport=40000, dport=443, seq=5, ack=6, flags="PA") / Raw(HELLO)
DATAGRAM = UDP(sport=40000, dport=443) / Raw(HELLO)
ROUTE = IPv6ExtHdrRouting(addresses=[DST6])
# description → packet, and its payload; a str: why it is refused; None: it is cut
HOSTILE: dict[str, tuple[Layer, bytes | str | None]] = {
    "a segment": (v4() / SEGMENT, HELLO),
    "forty octets of IPv4 options": (v4(options=[IPOption_NOP()] * 40) / SEGMENT, HELLO),
    "a header longer than the packet": (v4(ihl=15, len=40) / SEGMENT, "lengths"),
    "a header of four words": (v4(ihl=4) / SEGMENT, "lengths"),
    "a length that is too long": (v4(len=1500) / SEGMENT, None),
    "a length of headers alone": (v4(len=40) / SEGMENT, b""),
    "a length within the TCP header": (v4(len=39) / SEGMENT, "lengths"),
    "a TCP offset of four words": (v4() / TCP(dataofs=4) / Raw(HELLO), "lengths"),
    "a TCP offset past the end": (v4() / TCP(dataofs=15) / Raw(b"short"), "lengths"),
    "a TCP offset into the payload": (v4() / TCP(dataofs=6) / Raw(HELLO), HELLO[4:]),
    "a UDP length within its header": (v4() / UDP(len=7) / Raw(HELLO), "lengths"),
    "a UDP length past the packet": (v4() / UDP(len=1500) / Raw(HELLO), "lengths"),
    "a UDP length within the packet": (v4() / UDP(len=10) / Raw(HELLO), HELLO[:2]),
    "a first fragment": (fragment(v4() / SEGMENT, fragsize=32)[0], "fragment"),
    "a later fragment": (fragment(v4() / SEGMENT, fragsize=32)[1], "fragment"),
    "a first fragment of IPv6": (fragment6(v6(IPv6ExtHdrFragment()) / DATAGRAM, 100)[0], "fragment"),
    "a later fragment of IPv6": (fragment6(v6(IPv6ExtHdrFragment()) / DATAGRAM, 100)[1], "fragment"),
    "an atomic fragment": (v6(IPv6ExtHdrFragment(id=7)) / SEGMENT, HELLO),
    "two atomic fragments": (v6(IPv6ExtHdrFragment(id=7), IPv6ExtHdrFragment(id=8)) / SEGMENT, HELLO),
    "a route behind options": (v6(IPv6ExtHdrHopByHop(options=[PAD]), ROUTE) / SEGMENT, HELLO),
    "hop-by-hop options twice": (
        v6(IPv6ExtHdrHopByHop(options=[PAD]), IPv6ExtHdrHopByHop()) / SEGMENT,
        "every host drops it",
    ),
    "destination options before a datagram": (v6(IPv6ExtHdrDestOpt(options=[PAD])) / DATAGRAM, HELLO),
    "options longer than the packet": (v6(IPv6ExtHdrDestOpt(len=255)) / SEGMENT, "lengths"),
    "an authentication header": (v6(AH(nh=6)) / SEGMENT, "neither"),
    "a UDP length of 0 in IPv6": (v6() / UDP(len=0) / Raw(HELLO), HELLO),
    "a tunnel": (v4() / v4() / SEGMENT, "neither"),
    "version 5": (v4(version=5) / SEGMENT, "every host drops it"),
}


def second_reading(data: bytes) -> Packet:
    """The same by scapy; options of TCP aside."""
    ip = IP(data) if data[0] >> 4 == 4 else IPv6(data)
    top = ip[TCP] if TCP in ip else ip[UDP]
    body = b"" if isinstance(top.payload, NoPayload | Padding) else top.payload.original
    if UDP in ip and ip.version == 6 and top.len == 0:  # RFC 2675 §4: the IP length counts; scapy does not know it
        body = top.original[8:]
    src, dst = ip_address(ip.src).packed, ip_address(ip.dst).packed
    if TCP in ip:
        numbers = (top.seq, top.ack, int(top.flags) & 0xFF, top.window)
        return Packet(ip.version, 6, src, dst, top.sport, top.dport, *numbers, False, None, body)
    return Packet(ip.version, 17, src, dst, top.sport, top.dport, 0, 0, 0, 0, False, None, body)


def first_reading(data: bytes) -> Packet | None:
    try:
        found = packet(data)
    except ValueError:
        return None
    return found and found._replace(has_md5=False, timestamps=None)


SEEDS = [*built(), *(bytes(data) for data, _ in HOSTILE.values())]


@pytest.mark.parametrize("data", built(), ids=lambda data: f"{len(data)} octets")
def test_scapy_reads_what_is_built_here_the_same(data: bytes) -> None:
    found = first_reading(data)

    assert found is not None and found == second_reading(data)


@pytest.mark.parametrize(("data", "outcome"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_packet_of_scapy_is_read_or_refused(data: Layer, outcome: bytes | str | None) -> None:
    octets = bytes(data)
    if isinstance(outcome, str):
        with pytest.raises(ValueError, match=outcome):
            packet(octets)
        return
    found = packet(octets)

    assert (found and found.payload) == outcome
    assert found is None or first_reading(octets) == second_reading(octets)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A seed with octets of its headers changed, cut or extended."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for at, value in draw(st.dictionaries(st.integers(0, 99), st.integers(0, 255), max_size=4)).items():
        if at < len(data):
            data[at] = value
    end = draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))
    return bytes(data[:end]) + draw(st.binary(max_size=8))


@given(changed())
def test_scapy_reads_what_packet_takes_of_changed_packets_the_same(data: bytes) -> None:
    found = first_reading(data)

    assert found is None or found == second_reading(data)


@given(
    is_v6=st.booleans(),
    ports=st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
    numbers=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    flags=st.integers(0, 255),
    payload=st.binary(max_size=64),
)
def test_packet_reads_every_segment_of_scapy_as_it_was_made(
    is_v6: bool, ports: tuple[int, int], numbers: tuple[int, int], flags: int, payload: bytes
) -> None:
    segment = TCP(sport=ports[0], dport=ports[1], seq=numbers[0], ack=numbers[1], flags=flags, window=512)
    found = packet(bytes((v6() if is_v6 else v4()) / segment / Raw(payload)))

    assert found is not None
    assert (found.sport, found.dport, found.seq, found.ack) == (*ports, *numbers)
    assert (found.proto, found.flags, found.window, found.payload) == (6, flags, 512, payload)
    assert found.src == ip_address(SRC6 if is_v6 else SRC4).packed
