"""QUIC headers and the frames of Initials: every kind, every length wrong, cut everywhere, several in a datagram."""

import struct
from collections.abc import Callable

import pytest
from aioquic._buffer import Buffer
from aioquic.quic.packet import (
    QuicProtocolVersion,
    encode_quic_retry,
    encode_quic_version_negotiation,
    pull_ack_frame,
    pull_quic_header,
)
from hypothesis import given
from hypothesis import strategies as st
from support.packets.initials import (
    DCID,
    DRAFT_29,
    HANDSHAKE,
    INITIAL,
    PADDING,
    PING,
    RETRY,
    V1,
    V2,
    VERSIONS,
    ZERO_RTT,
    ack,
    connection_close,
    crypto,
    initial,
    long_header,
    numbered,
    varint,
)
from support.packets.shapes import vector

from fastpath.wire.quic import Packet, crypto_frames, packets

KINDS = {INITIAL: "initial", ZERO_RTT: "0rtt", HANDSHAKE: "handshake", RETRY: "retry"}
SCID = b"source"
ONE = initial(crypto(0, b"hello"), scid=SCID, token=b"token", size=200)
WRONG = "is truncated, or its connection IDs are too long"


def kinds(datagram: bytes) -> list[str]:
    return [packet.kind for packet in packets(datagram)]


def outcome(read: Callable[[bytes], object], octets: bytes) -> object:
    try:
        return read(octets)
    except ValueError as refused:
        return str(refused)


def with_octet(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value & 0xFF]) + data[at + 1 :]


# ------------------------------------------------------------------------------------------------------------- packets


def test_an_initial_gives_its_version_its_connection_ids_and_where_its_number_is() -> None:
    assert packets(ONE) == [Packet("initial", V1, DCID, SCID, 1 + 4 + 9 + 7 + 6 + 2, ONE)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", [INITIAL, ZERO_RTT, HANDSHAKE])
def test_every_kind_of_every_version_is_told_by_its_own_type_bits(kind: int, version: int) -> None:
    octets = initial(PING * 30, version=version) if kind == INITIAL else numbered(kind, version)

    assert [(each.kind, each.version, each.octets) for each in packets(octets)] == [(KINDS[kind], version, octets)]


@pytest.mark.parametrize("version", [V1, V2])
def test_a_retry_of_another_library_is_a_retry_up_to_the_datagrams_end(version: int) -> None:
    octets = encode_quic_retry(QuicProtocolVersion(version), SCID, DCID, b"first id", b"the token", unused=5)

    assert packets(octets) == [Packet("retry", version, DCID, SCID, 0, octets)]
    assert outcome(packets, long_header(RETRY, version, DCID, SCID, bytes(16))) != []
    assert WRONG in str(outcome(packets, long_header(RETRY, version, DCID, SCID, bytes(15))))


def test_a_version_negotiation_of_another_library_is_one_up_to_the_datagrams_end() -> None:
    octets = encode_quic_version_negotiation(
        source_cid=SCID, destination_cid=bytes(30), supported_versions=[QuicProtocolVersion.VERSION_1]
    )

    assert packets(octets) == [Packet("negotiation", 0, bytes(30), SCID, 0, octets)]


@pytest.mark.parametrize("version", [0x0A1A2A3A, 0xFF00001C, 0xFF00001E, 0x51303530, 2, 0xFFFFFFFF])
@pytest.mark.parametrize("first", [0x80, 0xC3, 0xFF])
def test_a_long_header_of_an_unknown_version_shows_its_connection_ids_and_takes_the_rest(
    first: int, version: int
) -> None:
    octets = bytes([first]) + struct.pack("!I", version) + vector(bytes(255), 1) + vector(SCID, 1) + b"whatever"

    assert packets(octets) == [Packet("unknown", version, bytes(255), SCID, 0, octets)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("n", [0, 1, 20])
def test_connection_ids_of_0_to_20_octets_are_read(n: int, version: int) -> None:
    octets = initial(PING * 30, version=version, dcid=bytes(n), scid=bytes(20 - n))

    assert [(len(each.dcid), len(each.scid)) for each in packets(octets)] == [(n, 20 - n)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("dcid", "scid"), [(21, 0), (0, 21), (255, 0), (0, 255)])
def test_a_known_version_has_no_connection_id_of_more_than_20_octets(dcid: int, scid: int, version: int) -> None:
    octets = initial(PING * 30, version=version, dcid=bytes(dcid), scid=bytes(scid))

    assert WRONG in str(outcome(packets, octets))


def test_the_fixed_bit_of_a_long_header_may_be_zero() -> None:
    assert kinds(initial(PING * 30, is_fixed=False)) == ["initial"]


def test_every_packet_of_a_datagram_is_given_whatever_stands_before_it() -> None:
    early, late = numbered(ZERO_RTT), numbered(HANDSHAKE)
    short = b"\x41" + bytes(50)

    assert [each.octets for each in packets(early + late + ONE + ONE + short)] == [early, late, ONE, ONE, short]
    assert kinds(late + ONE + early) == ["handshake", "initial", "0rtt"]


def test_a_packet_with_a_known_version_behind_one_with_another_is_found() -> None:
    assert [each.version for each in packets(numbered(ZERO_RTT, V2) + numbered(HANDSHAKE, DRAFT_29) + ONE)] == [
        V2,
        DRAFT_29,
        V1,
    ]


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x00" * 64, b"\x00\x01\x00\x00\x21\x12\xa4\x42", b"\x16\xfe\xfd", b"\x3f"],
    ids=["nothing", "zeros", "STUN", "DTLS", "no fixed bit"],
)
def test_what_has_neither_a_long_header_nor_the_fixed_bit_is_none(octets: bytes) -> None:
    assert packets(octets) == []
    assert kinds(ONE + octets) == ["initial"]


def test_a_short_header_takes_the_rest_and_shows_nothing() -> None:
    assert packets(b"\x40\x00") == [Packet("short", 0, b"", b"", 0, b"\x40\x00")]


def test_a_packet_cut_at_any_octet_is_malformed() -> None:
    assert [n for n in range(1, len(ONE)) if WRONG not in str(outcome(packets, ONE[:n]))] == []


def test_packets_before_a_cut_one_are_not_lost_by_the_walk() -> None:
    assert "packet 2 of the datagram" in str(outcome(packets, ONE + numbered(HANDSHAKE) + ONE[:-1]))


@pytest.mark.parametrize("at", [5, 14, 21, 28], ids=["dcid", "scid", "token", "length"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_length_that_is_one_off_never_gives_the_same_packet(at: int, by: int) -> None:
    found = outcome(packets, with_octet(ONE, at, ONE[at] + by))

    assert found != packets(ONE)
    if (at, by) == (28, 1):
        assert WRONG in str(found)


def test_a_packet_ends_where_its_length_says_and_not_with_the_datagram() -> None:
    shorter = with_octet(ONE, 28, ONE[28] - 1)[:-1]

    assert [each.octets for each in packets(shorter + b"\x00")] == [shorter]


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_lengths_are_taken_in_any_width(width: int) -> None:
    octets = long_header(INITIAL, more=varint(3, width) + b"abc" + varint(25, width) + bytes(25))

    assert [(each.pn_at, each.octets) for each in packets(octets)] == [(15 + 2 * width + 3, octets)]


@pytest.mark.parametrize("n", [(1 << 62) - 1, 1 << 32, 26])
def test_a_length_past_the_end_is_malformed_however_large(n: int) -> None:
    assert WRONG in str(outcome(packets, long_header(INITIAL, more=b"\x00" + varint(n, 8) + bytes(25))))
    assert WRONG in str(outcome(packets, long_header(INITIAL, more=varint(n, 8) + bytes(25))))


@given(
    version=st.sampled_from([V1, V2]),
    kind=st.sampled_from([INITIAL, ZERO_RTT, HANDSHAKE]),
    dcid=st.binary(max_size=20),
    scid=st.binary(max_size=20),
    token=st.binary(max_size=100),
    body=st.binary(max_size=100),
    behind=st.binary(max_size=20),
)
def test_headers_are_read_as_aioquic_reads_them(
    version: int, kind: int, dcid: bytes, scid: bytes, token: bytes, body: bytes, behind: bytes
) -> None:
    more = (varint(len(token)) + token if kind == INITIAL else b"") + varint(len(body)) + body
    octets = long_header(kind, version, dcid, scid, more)
    theirs = pull_quic_header(Buffer(data=octets + behind), host_cid_length=8)

    ours = packets(octets + (b"\x00" + behind))[0]

    assert (ours.version, ours.dcid, ours.scid) == (theirs.version, theirs.destination_cid, theirs.source_cid)
    assert ours.kind.replace("0rtt", "zero_rtt") == theirs.packet_type.name.lower()
    assert len(ours.octets) == theirs.packet_length == len(octets)


# -------------------------------------------------------------------------------------------------------------- frames

AROUND = [
    PADDING,
    PADDING * 900,
    PING,
    ack(),
    ack(9, [(0, 3), (1, 70), (16384, 0)]),
    ack(5, [(1, 1)], ecn=True),
    connection_close(),
    connection_close(b"because" * 20),
]


@pytest.mark.parametrize("frame", AROUND, ids=lambda frame: frame[:4].hex())
def test_what_an_initial_carries_beside_crypto_is_stepped_over(frame: bytes) -> None:
    assert crypto_frames(frame) == []
    assert crypto_frames(frame + crypto(0, b"ab") + frame + crypto(2, b"c") + frame) == [(0, b"ab"), (2, b"c")]


def test_acks_end_where_aioquic_ends_them() -> None:
    for frame in (ack(9, [(0, 3), (1, 1)]), ack(70000, [(1, 2)] * 100)):
        read = Buffer(data=frame[1:] + b"behind")
        pull_ack_frame(read)
        assert read.tell() == len(frame) - 1
        assert crypto_frames(frame + crypto(7, b"x")) == [(7, b"x")]


def test_crypto_frames_are_given_in_their_order_empty_ones_too() -> None:
    frames = [(300, b"c"), (0, b""), (0, b"ab"), (0, b"AB"), ((1 << 62) - 2, b"z")]

    assert crypto_frames(b"".join(crypto(*frame) for frame in frames)) == frames


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_types_and_lengths_of_frames_are_taken_in_any_width(width: int) -> None:
    octets = varint(6, width) + varint(9, width) + varint(2, width) + b"ab"

    assert crypto_frames(varint(0, width) + varint(1, width) + octets) == [(9, b"ab")]


@pytest.mark.parametrize("kind", [*(set(range(0x40)) - {0, 1, 2, 3, 6, 0x1C}), 0x1234, 1 << 61])
def test_a_frame_that_an_initial_may_not_carry_is_malformed(kind: int) -> None:
    assert "behind 1 CRYPTO frames" in str(outcome(crypto_frames, crypto(0, b"ab") + varint(kind) + bytes(99)))


def test_a_crypto_frame_past_the_greatest_offset_is_malformed() -> None:
    assert "no Initial may carry" in str(outcome(crypto_frames, crypto((1 << 62) - 1, b"z")))


@pytest.mark.parametrize("frame", [*AROUND[2:], crypto(0, b""), crypto(70, bytes(70))], ids=lambda each: each[:4].hex())
def test_a_frame_cut_at_any_octet_is_malformed(frame: bytes) -> None:
    for n in range(1, len(frame)):
        assert "behind 0 CRYPTO frames" in str(outcome(crypto_frames, frame[:n]))


def test_an_ack_of_ranges_without_end_is_malformed_at_once() -> None:
    frame = b"\x02" + varint(9) + varint(0) + varint((1 << 62) - 1) + varint(0) + bytes(60)

    assert "no Initial may carry" in str(outcome(crypto_frames, frame))
