import struct
from pathlib import Path

import pytest

from filterd.commands.pcap import BrokenPacket, Frame, iter_frames

IP4 = b"\x45" + bytes(19)
ETHERNET = bytes(12)


def pcap(*packets: bytes, link: int = 1, order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for packet in packets:
        out += struct.pack(order + "IIII", 5, 250_000, len(packet), len(packet)) + packet
    return out


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    padded = body + bytes(-len(body) % 4)
    n = struct.pack(order + "I", len(padded) + 12)
    return struct.pack(order + "I", kind) + n + padded + n


def pcapng(*blocks: bytes, order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order) + b"".join(blocks)


def enhanced(ticks: int, packet: bytes, order: str = "<") -> bytes:
    return block(
        6, struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), len(packet)) + packet, order
    )


def frames(tmp_path: Path, data: bytes) -> list[Frame | BrokenPacket]:
    (tmp_path / "x").write_bytes(data)
    return list(iter_frames(tmp_path / "x"))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_pcap_of_either_byte_order_gives_its_packets(tmp_path: Path, order: str) -> None:
    data = pcap(ETHERNET + b"\x08\x00" + IP4, order=order)

    assert frames(tmp_path, data) == [Frame(5.25, IP4)]


def test_a_nanosecond_pcap_counts_nanoseconds(tmp_path: Path) -> None:
    assert frames(tmp_path, pcap(IP4, link=101, magic=0xA1B23C4D)) == [Frame(5.00025, IP4)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_pcapng_of_either_byte_order_gives_its_packets(tmp_path: Path, order: str) -> None:
    interface = block(1, struct.pack(order + "HHI", 101, 0, 0), order)
    data = pcapng(interface, enhanced(7_500_000, IP4, order), order=order)

    assert frames(tmp_path, data) == [Frame(7.5, IP4)]


def test_the_resolution_of_an_interface_is_honoured(tmp_path: Path) -> None:
    interface = block(1, struct.pack("<HHI", 101, 0, 0) + struct.pack("<HHB3x", 9, 1, 9))

    assert frames(tmp_path, pcapng(interface, enhanced(7_500_000_000, IP4))) == [Frame(7.5, IP4)]


def test_a_bad_block_is_told_and_the_next_packet_follows(tmp_path: Path) -> None:
    interface = block(1, struct.pack("<HHI", 101, 0, 0))
    data = pcapng(interface, block(6, b"\x09\x00\x00\x00"), enhanced(0, IP4))

    assert frames(tmp_path, data) == [BrokenPacket("a block of type 6 contradicts itself"), Frame(0.0, IP4)]


def test_a_file_cut_anywhere_gives_what_is_whole_and_says_that_it_ends(tmp_path: Path) -> None:
    for whole in (pcap(IP4, IP4, link=101), pcapng(block(1, struct.pack("<HHI", 101, 0, 0)), enhanced(0, IP4))):
        for cut in range(4, len(whole)):
            found = frames(tmp_path, whole[:cut])
            assert all(isinstance(one, Frame | BrokenPacket) for one in found)


def test_a_file_that_is_no_capture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither pcap nor pcapng"):
        frames(tmp_path, b"hello")


def test_a_frame_that_is_cut_inside_its_headers_is_told(tmp_path: Path) -> None:
    tagged = ETHERNET + b"\x81\x00\x00\x07\x08\x00" + IP4
    found = frames(tmp_path, pcap(tagged[:15], tagged))

    assert found == [BrokenPacket("the frame is cut inside its headers"), Frame(5.25, IP4)]


def test_a_frame_without_an_ip_packet_is_stepped_over(tmp_path: Path) -> None:
    assert frames(tmp_path, pcap(ETHERNET + b"\x08\x06" + bytes(28), ETHERNET + b"\x08\x00" + IP4)) == [
        Frame(5.25, IP4)
    ]
