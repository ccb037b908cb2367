import struct
from ipaddress import IPv4Address, IPv6Address

import pytest

from dns.errors import BadHeader
from dns.streams.proxy_protocol import MAX_REST_OCTETS, SIGNATURE, Header, crc32c, read_header

IPV4 = IPv4Address("192.0.2.7").packed + IPv4Address("192.0.2.53").packed + struct.pack("!HH", 40000, 53)
IPV6 = IPv6Address("2001:db8::7").packed + IPv6Address("2001:db8::53").packed + struct.pack("!HH", 40001, 853)
FROM4 = (IPv4Address("192.0.2.7"), 40000)
FROM6 = (IPv6Address("2001:db8::7"), 40001)


def header(rest: bytes, family: int = 0x11, command: int = 0x21) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def summed(rest: bytes) -> bytes:
    """A header that ends with its own checksum, made by a bitwise CRC."""
    blank = header(rest + tlv(3, bytes(4)))
    crc = 0xFFFFFFFF
    for octet in blank:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 * (crc & 1))
    return blank[:-4] + struct.pack("!I", crc ^ 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("octets", "source"),
    [
        (header(IPV4), FROM4),
        (header(IPV4, 0x12), FROM4),
        (header(IPV6, 0x21), FROM6),
        (header(IPV6, 0x22), FROM6),
        (header(IPV4 + tlv(4, b"") + tlv(2, b"dns.test")), FROM4),
        (summed(IPV4 + tlv(5, b"id")), FROM4),
    ],
)
def test_a_header_tells_the_client_and_where_it_ends(octets: bytes, source: object) -> None:
    assert read_header(octets) == read_header(octets + b"what follows") == Header(source, len(octets))


@pytest.mark.parametrize(
    "octets",
    [
        header(b"", 0, 0x20),
        header(IPV4, 0x11, 0x20),
        header(b"anything", 0xFF, 0x20),
        header(b"", 0),
        header(bytes(216), 0x31),
        header(bytes(216), 0x32),
    ],
)
def test_a_proxy_that_names_no_client_speaks_for_itself(octets: bytes) -> None:
    assert read_header(octets) == Header(None, len(octets))


@pytest.mark.parametrize("octets", [header(IPV4), header(IPV6 + tlv(4, b"x"), 0x21), summed(IPV4), header(b"", 0)])
def test_a_header_cut_at_any_octet_waits_for_more(octets: bytes) -> None:
    assert [read_header(octets[:n]) for n in range(len(octets))] == [None] * len(octets)


@pytest.mark.parametrize(
    ("what", "octets"),
    [
        ("no signature", b"PROXY TCP4 192.0.2.7 192.0.2.53 40000 53\r\n"),
        ("a query", b"\0\x1d\x12\x34\1\0"),
        ("one octet is wrong", header(IPV4).replace(b"QUIT", b"QUIt")),
        ("version 1", header(IPV4, command=0x11)),
        ("an unknown command", header(IPV4, command=0x22)),
        ("an unknown family", header(IPV4, 0x41)),
        ("an unknown transport", header(IPV4, 0x13)),
        ("a family without a transport", header(IPV4, 0x10)),
        ("one octet of an address is missing", header(IPV4[:-1])),
        ("IPv6 with an IPv4 address", header(IPV4, 0x21)),
        ("half a TLV head", header(IPV4 + b"\4\0")),
        ("a TLV that leaves the header", header(IPV4 + b"\4\0\2x")),
        ("a wrong checksum", summed(IPV4)[:-1] + bytes([summed(IPV4)[-1] ^ 1])),
        ("a checksum of three octets", header(IPV4 + tlv(3, bytes(3)))),
        ("two checksums", summed(IPV4 + tlv(3, bytes(4)))),
        ("a changed address under a checksum", summed(IPV4).replace(b"\xc0\0\2\7", b"\xc0\0\2\x08")),
        ("more than we take", header(bytes(MAX_REST_OCTETS + 1))),
    ],
)
def test_what_is_no_header_is_refused(what: str, octets: bytes) -> None:
    with pytest.raises(BadHeader, match=r"PROXY header: .*; not served; "):
        read_header(octets)


def test_a_wrong_beginning_is_refused_before_the_rest_comes() -> None:
    with pytest.raises(BadHeader):
        read_header(b"\0")


def test_the_largest_header_is_taken() -> None:
    octets = header(IPV4 + tlv(4, bytes(MAX_REST_OCTETS - len(IPV4) - 3)))

    assert read_header(octets) == Header(FROM4, len(octets))


@pytest.mark.parametrize(
    ("octets", "crc"),
    [  # RFC 3720 §B.4, and the check value of the polynomial
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_checksum_is_that_of_the_rfc(octets: bytes, crc: int) -> None:
    assert crc32c(octets) == crc
