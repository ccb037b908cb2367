"""Netlink messages of the packet queue, byte by byte."""

import struct

import pytest

from fastpath.gate.nfqueue import fitted_maxlen, maxlen_message, open_queue, read_message, verdict_message


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


PACKET = message(
    0x0300,
    bytes(4)
    + attribute(1, struct.pack(">IHB", 7, 0x0800, 2))
    + attribute(3, struct.pack(">I", 0x01020380))
    + attribute(5, bytes(4))
    + attribute(10, b"octets"),
)


def test_a_queued_packet_has_its_id_mark_and_octets() -> None:
    assert read_message(PACKET) == (7, 0x01020380, False, b"octets")


@pytest.mark.parametrize(("info", "is_summed"), [(0, False), (1, False), (2, False), (4, True), (6, True)])
def test_the_kernel_says_whether_checksums_are_there_and_nobody_has_verified_them(info: int, is_summed: bool) -> None:
    told = PACKET[16:] + bytes(-len(PACKET) % 4) + attribute(14, struct.pack(">I", info))

    assert read_message(message(0x0300, told)) == (7, 0x01020380, is_summed, b"octets")


@pytest.mark.parametrize("n", range(len(PACKET)))
def test_a_cut_message_is_damaged(n: int) -> None:
    with pytest.raises(ValueError, match="damaged"):
        read_message(PACKET[:n])


@pytest.mark.parametrize("length", [0, 3, 200])
def test_an_attribute_of_a_wrong_length_is_damaged(length: int) -> None:
    wrong = bytearray(PACKET)
    wrong[20:22] = struct.pack("=H", length)

    with pytest.raises(ValueError, match="damaged"):
        read_message(bytes(wrong))


def test_a_packet_without_id_is_damaged() -> None:
    with pytest.raises(ValueError, match="damaged"):
        read_message(message(0x0300, bytes(4) + attribute(10, b"octets")))


def test_an_acknowledgement_is_no_packet() -> None:
    assert read_message(message(2, bytes(20))) is None


def test_an_error_report_is_told_apart_from_an_acknowledgement() -> None:
    with pytest.raises(ValueError, match="error report"):
        read_message(message(2, struct.pack("=i", -2) + bytes(16)))


def test_a_verdict_repeats_the_chain_up_to_an_id_with_a_mark() -> None:
    body = (
        struct.pack(">BBH", 0, 0, 260) + attribute(2, struct.pack(">II", 4, 9)) + attribute(3, struct.pack(">I", 0x43))
    )

    assert verdict_message(260, 9, 0x43) == struct.pack("=IHHII", 40, 0x0303, 1, 0, 0) + body


def test_a_queue_number_out_of_range_is_no_queue() -> None:
    with pytest.raises(ValueError, match="no such queue"):
        open_queue(70000)


def test_the_length_of_a_queue_is_told_without_asking_for_an_answer() -> None:
    body = struct.pack(">BBH", 0, 0, 258) + attribute(3, struct.pack(">I", 4096))

    assert maxlen_message(258, 4096) == struct.pack("=IHHII", 16 + len(body), 0x0302, 1, 0, 0) + body


@pytest.mark.parametrize(
    ("maxlen", "n_packets", "fitted"),
    [
        (256, 0, 256),
        (256, 256, 256),
        (256, 257, 512),
        (256, 5000, 8192),
        (256, 1_000_000, 16384),
        (8192, 5000, 8192),
        (8192, 4096, 8192),
        (8192, 4095, 4096),
        (8192, 0, 4096),
        (16384, 4_000_000_000, 16384),
    ],
)
def test_a_queue_is_as_long_as_what_comes_in_a_span_or_its_double(maxlen: int, n_packets: int, fitted: int) -> None:
    assert fitted_maxlen(maxlen, n_packets) == fitted
