"""IP, TCP and UDP headers read from every shape, and packets written that a host would take."""

import ipaddress
import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from support.packets.shapes import ipv4, ipv6, tcp, udp

from fastpath.wire.packet import Packet, checksums_fit, packet, tcp_back, tcp_onward

SRC4, DST4 = bytes([192, 0, 2, 10]), bytes([198, 51, 100, 20])
SRC6, DST6 = ipaddress.IPv6Address("2001:db8::10").packed, ipaddress.IPv6Address("2001:db8::20").packed
TIMESTAMPS = b"\x01\x01\x08\x0a" + struct.pack("!II", 111, 222)
MD5 = b"\x13\x12" + bytes(16) + b"\x01\x01"
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
PAD8 = b"\x00\x01\x04" + bytes(4)  # an options header of 8 octets, less its first
PAD16 = b"\x01\x01\x0c" + bytes(12)
ATOMIC = b"\x00" + struct.pack("!HI", 0, 77)
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
REFUSED = {"lengths do not fit": "malformed", "a fragment": "not this", "neither TCP nor UDP": "not this"}


def read(data: bytes) -> Packet:
    found = packet(data)
    assert found is not None
    return found


def outcome(data: bytes) -> Packet | str | None:
    try:
        return packet(data)
    except ValueError as refused:
        return next(kind for text, kind in REFUSED.items() if text in str(refused))


def test_an_ipv4_segment_gives_all_of_its_fields() -> None:
    assert read(ipv4(tcp(b"data", seq=5, ack=6, options=TIMESTAMPS))) == Packet(
        4, 6, SRC4, DST4, 40000, 443, 5, 6, PSH | ACK, 64240, False, (111, 222), b"data"
    )


def test_an_ipv6_segment_gives_all_of_its_fields() -> None:
    assert read(ipv6(tcp(b"data", seq=5, ack=6))) == Packet(
        6, 6, SRC6, DST6, 40000, 443, 5, 6, PSH | ACK, 64240, False, None, b"data"
    )


def test_datagrams_of_both_versions_give_their_payload() -> None:
    for found in (read(ipv4(udp(b"data"), proto=17)), read(ipv6(udp(b"data"), proto=17))):
        assert (found.proto, found.sport, found.dport, found.flags, found.payload) == (17, 40000, 443, 0, b"data")


@pytest.mark.parametrize(("segment", "proto"), [(tcp(b"data"), 6), (udp(b"data"), 17)])
def test_an_ipv6_packet_that_says_no_length_and_has_hop_by_hop_options_goes_to_its_end(
    segment: bytes, proto: int
) -> None:
    """As Linux takes it: of a jumbogram's length it looks at its option alone, where there is one (RFC 2675)."""
    whole, bare = ipv6(segment, proto=proto, chain=[(HOP_BY_HOP, PAD8)]), ipv6(segment, proto=proto)

    assert read(whole[:4] + bytes(2) + whole[6:]).payload == read(whole).payload == b"data"
    assert outcome(bare[:4] + bytes(2) + bare[6:]) == "malformed"


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        ([(HOP_BY_HOP, PAD8)], b"data"),
        ([(HOP_BY_HOP, PAD16), (DESTINATION, PAD8), (ROUTING, PAD8), (DESTINATION, PAD16)], b"data"),
        ([(FRAGMENT, ATOMIC)], b"data"),
        ([(HOP_BY_HOP, PAD8), (FRAGMENT, b"\xff" + ATOMIC[1:]), (DESTINATION, PAD8)], b"data"),
        ([(DESTINATION, PAD8)] * 30, b"data"),
        ([(HOP_BY_HOP, PAD8), (HOP_BY_HOP, PAD8)], "malformed"),
        ([(DESTINATION, PAD8), (HOP_BY_HOP, PAD8)], "malformed"),
        ([(FRAGMENT, b"\x00" + struct.pack("!HI", 8, 77))], "not this"),
        ([(FRAGMENT, b"\x00" + struct.pack("!HI", 1, 77))], "not this"),
        ([(51, PAD8)], "not this"),
        ([(50, PAD8)], "not this"),
        ([(59, PAD8)], "not this"),
    ],
    ids=[
        "hop-by-hop",
        "all of them",
        "atomic fragment",
        "atomic fragment with reserved octet",
        "thirty",
        "hop-by-hop twice",
        "hop-by-hop late",
        "later fragment",
        "first fragment",
        "ah",
        "esp",
        "no next header",
    ],
)
def test_the_ipv6_chain_is_walked(chain: list[tuple[int, bytes]], found: bytes | str) -> None:
    seen = outcome(ipv6(tcp(b"data"), chain=chain))

    assert (seen.payload if isinstance(seen, Packet) else seen) == found


def test_ipv4_options_are_stepped_over() -> None:
    assert read(ipv4(tcp(b"data"), options=b"\x01" * 40)).payload == b"data"


@pytest.mark.parametrize("fragment", [0x2000, 0x0001, 0x1FFF, 0x2001])
def test_an_ipv4_fragment_is_never_taken_for_a_packet(fragment: int) -> None:
    assert outcome(ipv4(tcp(b"data"), fragment=fragment)) == "not this"


@pytest.mark.parametrize("fragment", [0x0000, 0x4000, 0x8000, 0xC000])
def test_reserved_and_do_not_fragment_bits_do_not_make_a_fragment(fragment: int) -> None:
    assert read(ipv4(tcp(b"data"), fragment=fragment)).payload == b"data"


def test_the_payload_ends_by_ip_length_and_not_by_frame_length() -> None:
    assert read(ipv4(tcp(b"data")) + bytes(6)).payload == b"data"
    assert read(ipv6(tcp(b"data")) + bytes(6)).payload == b"data"
    assert read(ipv4(udp(b"data", length=10), proto=17)).payload == b"da"


def test_packets_cut_at_any_octet_ask_for_more() -> None:
    for whole in (
        ipv4(tcp(b"data", options=TIMESTAMPS), options=bytes(4)),
        ipv6(tcp(b"data"), chain=[(HOP_BY_HOP, PAD8), (FRAGMENT, ATOMIC)]),
        ipv4(udp(b"data"), proto=17),
    ):
        assert [n for n in range(len(whole)) if packet(whole[:n]) is not None] == []


def test_a_body_cut_at_any_octet_of_its_headers_is_malformed() -> None:
    segment = tcp(options=TIMESTAMPS)
    for n in range(len(segment)):
        assert outcome(ipv4(segment[:n])) == "malformed"
        assert outcome(ipv6(segment[:n])) == "malformed"
    for n in range(8):
        assert outcome(ipv4(udp()[:n], proto=17)) == "malformed"
    for n in range(1, 16):
        assert outcome(ipv6(b"\x06" + PAD16[: n - 1], proto=DESTINATION)) == "malformed"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (ipv4(tcp(b"data"), total=43), b"dat"),
        (ipv4(tcp(b"data"), total=45), None),
        (ipv4(tcp(b"data"), total=39), "malformed"),
        (ipv4(tcp(b"data"), total=19), "malformed"),
        (ipv4(tcp(b"data"), total=0), "malformed"),
        (ipv6(tcp(b"data"), length=23), b"dat"),
        (ipv6(tcp(b"data"), length=25), None),
        (ipv6(tcp(b"data"), length=0), "malformed"),
        (ipv4(udp(b"data", length=11), proto=17), b"dat"),
        (ipv4(udp(b"data", length=13), proto=17), "malformed"),
        (ipv4(udp(b"data", length=7), proto=17), "malformed"),
        (ipv4(udp(b"data", length=0), proto=17), "malformed"),
        (ipv6(udp(b"data", length=0), proto=17), b"data"),
        (b"\x44" + ipv4(tcp(b"data"))[1:], "malformed"),
        (b"\x46" + ipv4(tcp(b""))[1:], "malformed"),
        (ipv6(tcp(b"data"), chain=[(DESTINATION, b"\x04" + PAD8[1:])]), "malformed"),
    ],
)
def test_a_length_that_is_off_moves_the_end_or_is_malformed(data: bytes, found: bytes | str | None) -> None:
    seen = outcome(data)

    assert (seen.payload if isinstance(seen, Packet) else seen) == found


@pytest.mark.parametrize(
    ("words", "found"), [(4, "malformed"), (5, b"\x01\x01\x01\x01data"), (7, b""), (8, "malformed")]
)
def test_a_tcp_offset_that_is_off_moves_the_payload_or_is_malformed(words: int, found: bytes | str) -> None:
    segment = bytearray(tcp(b"data", options=b"\x01" * 4))
    segment[12] = words << 4
    seen = outcome(ipv4(bytes(segment)))

    assert (seen.payload if isinstance(seen, Packet) else seen) == found


@pytest.mark.parametrize(
    ("options", "has_md5", "timestamps"),
    [
        (MD5, True, None),
        (TIMESTAMPS + MD5, True, (111, 222)),
        (TIMESTAMPS + b"\x01\x01\x08\x0a" + struct.pack("!II", 3, 4), False, (3, 4)),
        (b"\x00\x00\x00\x00" + TIMESTAMPS, False, None),
        (b"\x05\x01\x00\x00" + TIMESTAMPS, False, None),
        (b"\x05\x00\x00\x00" + TIMESTAMPS, False, None),
        (b"\x05\xff\x00\x00" + TIMESTAMPS, False, None),
        (b"\x01\x01\x13\x02" + TIMESTAMPS, False, (111, 222)),
        (b"\x08\x0c" + bytes(10), False, None),
        (b"\x01\x01\x01\x08", False, None),
    ],
    ids=[
        "md5",
        "timestamps and md5",
        "two timestamps: the last",
        "behind the end",
        "length 1",
        "length 0",
        "length past the header",
        "md5 of another length is none",
        "timestamps of another length",
        "kind alone",
    ],
)
def test_tcp_options_are_read_as_a_host_reads_them(
    options: bytes, has_md5: bool, timestamps: tuple[int, int] | None
) -> None:
    seen = read(ipv4(tcp(b"data", options=options)))

    assert (seen.has_md5, seen.timestamps, seen.payload) == (has_md5, timestamps, b"data")


@pytest.mark.parametrize("data", [b"\x00" * 40, b"\x16\x03\x01\x02\x00" * 20, b"\x50" + bytes(60)])
def test_what_is_no_ip_is_malformed(data: bytes) -> None:
    assert outcome(data) == "malformed"


@pytest.mark.parametrize("proto", [1, 2, 4, 41, 47, 58, 132])
def test_other_transports_are_another_protocol(proto: int) -> None:
    assert outcome(ipv4(bytes(40), proto=proto)) == "not this"
    assert outcome(ipv6(bytes(40), proto=proto)) == "not this"


# ------------------------------------------------------------------------------------------------------ writing


def ones_complement(octets: bytes) -> int:
    """0 for octets that hold their own right checksum: RFC 1071, the slow way, by remainder."""
    return int.from_bytes(octets + bytes(len(octets) % 2), "big") % 0xFFFF


def assert_checksums(data: bytes) -> None:
    if data[0] >> 4 == 4:
        assert ones_complement(data[:20]) == 0
        pseudo, segment = data[12:20] + struct.pack("!HH", 6, len(data) - 20), data[20:]
    else:
        pseudo, segment = data[8:40] + struct.pack("!II", len(data) - 40, 6), data[40:]
    assert ones_complement(pseudo + segment) == 0


LIKE = [
    ipv4(tcp(b"hello")),
    ipv6(tcp(b"hello")),
    ipv4(tcp(b"x", options=TIMESTAMPS)),
    ipv6(tcp(b"x", options=TIMESTAMPS)),
]


@pytest.mark.parametrize("like", LIKE)
@pytest.mark.parametrize("payload", [b"", b"a", b"ab", b"\xff" * 1001, bytes(1400)])
def test_a_packet_back_has_the_ends_swapped_and_checksums_that_fit(like: bytes, payload: bytes) -> None:
    theirs = read(like)
    written = tcp_back(like, 4294967295, 7, PSH | ACK, payload)
    ours = read(written)

    assert_checksums(written)
    assert (ours.src, ours.sport, ours.dst, ours.dport) == (theirs.dst, theirs.dport, theirs.src, theirs.sport)
    assert (ours.seq, ours.ack, ours.flags, ours.payload) == (4294967295, 7, PSH | ACK, payload)


@pytest.mark.parametrize("like", LIKE)
def test_a_packet_onward_keeps_the_ends(like: bytes) -> None:
    theirs = read(like)
    written = tcp_onward(like, 1, 2, FIN | ACK, b"bye")
    ours = read(written)

    assert_checksums(written)
    assert (ours.src, ours.sport, ours.dst, ours.dport) == (theirs.src, theirs.sport, theirs.dst, theirs.dport)


def test_checksums_fit_for_any_numbers_and_payload() -> None:
    rng = random.Random(4)
    for _ in range(500):
        numbers = rng.getrandbits(32), rng.getrandbits(32)
        assert_checksums(
            tcp_back(rng.choice(LIKE), *numbers, rng.choice((4, 20, 24)), rng.randbytes(rng.randrange(40)))
        )


def test_the_clock_of_the_end_we_speak_for_goes_on() -> None:
    assert read(tcp_back(LIKE[2], 1, 2, ACK, b"page")).timestamps == (222, 111)
    assert read(tcp_onward(LIKE[2], 1, 2, ACK, b"page")).timestamps == (111, 222)
    assert read(tcp_back(LIKE[0], 1, 2, ACK, b"page")).timestamps is None


def test_a_reset_has_no_window_no_options_and_the_length_of_bare_headers() -> None:
    for like, n in zip(LIKE, (40, 60, 40, 60), strict=True):
        reset = tcp_back(like, 1, 2, RST | ACK)
        assert (len(reset), read(reset).window, read(reset).timestamps) == (n, 0, None)


def test_a_written_packet_looks_like_one_of_a_host() -> None:
    for seq in range(0, 70000, 7):
        written = tcp_back(LIKE[0], seq, 0, RST | ACK)
        assert written[8] == 64 and written[6:8] == b"\x40\x00"
        assert int.from_bytes(written[4:6], "big") > 15
    assert tcp_back(LIKE[1], 1, 2, RST | ACK)[7] == 64


def test_nothing_is_written_where_the_room_does_not_do() -> None:
    assert len(tcp_back(LIKE[0], 1, 2, ACK, b"page", room=44)) == 44
    for room in range(44):
        with pytest.raises(ValueError, match="4 octets of payload do not fit"):
            tcp_back(LIKE[0], 1, 2, ACK, b"page", room=room)
    with pytest.raises(ValueError, match="65500 octets of payload do not fit"):
        tcp_back(LIKE[0], 1, 2, ACK, bytes(65500), room=70000)


def test_nothing_is_written_like_a_packet_that_is_none() -> None:
    for like in (ipv4(tcp())[:-1], ipv4(udp(b"data"), proto=17)):
        with pytest.raises(ValueError, match="no whole TCP packet"):
            tcp_back(like, 1, 2, RST)


@pytest.mark.services
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_finds_the_checksums_good(tmp_path: Path) -> None:
    packets = [tcp_back(like, 1, 2, flags, b"page") for like in LIKE for flags in (ACK, RST | ACK)]
    capture = tmp_path / "written.pcap"
    records = b"".join(struct.pack("<IIII", 0, 0, len(data), len(data)) + data for data in packets)
    capture.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + records)

    options = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    good = ["-Y", "tcp.checksum.status == 1 && (ipv6 || ip.checksum.status == 1)"]
    listed = subprocess.run(
        ["tshark", "-n", "-r", capture, *options, *good], capture_output=True, check=True, text=True
    )

    assert len(listed.stdout.splitlines()) == len(packets)


def summed(segment: bytes, *addresses: bytes) -> bytes:
    """A TCP segment with its checksum (RFC 9293 §3.1), added up here in another way."""
    pseudo = b"".join(addresses) + struct.pack("!II", len(segment), 6)
    words = pseudo + segment + bytes(len(segment) % 2)
    checksum = 0xFFFF - int.from_bytes(words, "big") % 0xFFFF
    return segment[:16] + struct.pack("!H", checksum) + segment[18:]


def with_header_sum(data: bytes) -> bytes:
    header = data[: (data[0] & 15) * 4]
    return data[:10] + struct.pack("!H", 0xFFFF - int.from_bytes(header, "big") % 0xFFFF) + data[12:]


SUMMED = {
    "v4": with_header_sum(ipv4(summed(tcp(b"odd"), SRC4, DST4))),
    "v4 with options": with_header_sum(ipv4(summed(tcp(b"even", options=TIMESTAMPS), SRC4, DST4), options=b"\x01" * 8)),
    "v6": ipv6(summed(tcp(b"odd"), SRC6, DST6)),
    "v6 with headers": ipv6(summed(tcp(b"even"), SRC6, DST6), chain=[(HOP_BY_HOP, PAD8), (DESTINATION, PAD16)]),
}


@pytest.mark.parametrize("data", SUMMED.values(), ids=SUMMED)
def test_checksums_that_fit_are_told_from_those_that_do_not(data: bytes) -> None:
    assert checksums_fit(data) and checksums_fit(data + b"padding")
    begin = len(data) - len(read(data).payload) - 4  # checksum, urgent pointer, payload
    for at in [*range(10, 20), *range(begin, len(data))] if data[0] >> 4 == 4 else range(begin, len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[at] ^= 1 << bit
            assert not checksums_fit(bytes(flipped))


def test_checksums_of_what_is_no_tcp_packet_are_not_asked_for() -> None:
    with pytest.raises(ValueError, match="no whole TCP packet"):
        checksums_fit(ipv4(udp(b"x"), proto=17))
