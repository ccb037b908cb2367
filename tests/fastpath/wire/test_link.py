import itertools
import json
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.packets import frames as framed
from support.packets import shapes as wire
from support.packets.frames import ETHERNET, MPLS, MPLS_UPSTREAM, OLD_QINQ, QINQ, RAW, VLAN

from fastpath.wire.link import ip_packet

IP4 = wire.ipv4(wire.tcp(b"x"))
IP6 = wire.ipv6(wire.tcp(b"x"))
TAGS = [(), (VLAN,), (QINQ, VLAN), (OLD_QINQ, VLAN), (QINQ, QINQ, VLAN), (VLAN,) * 8]
INNER: dict[str, Callable[[bytes], bytes]] = {
    "plain": framed.tagged,
    "pppoe": framed.in_session,
    "one label": lambda packet: framed.labelled(packet, 1),
    "three labels": lambda packet: framed.labelled(packet, 3),
    "sixteen labels": lambda packet: framed.labelled(packet, 16, MPLS_UPSTREAM),
}


def nflog(attributes: list[tuple[int, bytes]], order: str = "<") -> bytes:
    """LINKTYPE_NFLOG: a header, and attributes in the capturing host's byte order."""
    padded = (
        struct.pack(order + "HH", 4 + len(value), kind) + value + bytes(-len(value) % 4) for kind, value in attributes
    )
    return b"\x02\x00\x00\x05" + b"".join(padded)


def frames_of(packet: bytes) -> list[bytes]:
    """Every combination of tags and what is behind them."""
    return [framed.ethernet(framed.behind_tags(inner(packet), *tags)) for tags in TAGS for inner in INNER.values()]


@pytest.mark.parametrize("packet", [IP4, IP6], ids=["v4", "v6"])
@pytest.mark.parametrize("tags", TAGS, ids=lambda tags: f"{len(tags)} tags")
@pytest.mark.parametrize("inner", INNER)
def test_the_packet_is_found_behind(packet: bytes, tags: tuple[int, ...], inner: str) -> None:
    frame = framed.ethernet(framed.behind_tags(INNER[inner](packet), *tags))

    assert ip_packet(ETHERNET, frame) == packet
    assert ip_packet(ETHERNET, frame + bytes(9)) == packet + bytes(9)


@pytest.mark.parametrize(
    ("link", "before"),
    [
        (RAW, b""),
        (228, b""),
        (229, b""),
        (0, b"\x02\x00\x00\x00"),
        (0, b"\x00\x00\x00\x1e"),
        (108, b"\x00\x00\x00\x02"),
        (113, bytes(14) + b"\x08\x00"),
        (113, bytes(14) + b"\x81\x00\x00\x07\x08\x00"),
        (276, b"\x08\x00" + bytes(18)),
        (9, b"\xff\x03\x00\x21"),
        (9, b"\x00\x21"),
        (9, b"\x21"),
        (50, b"\xff\x03\x00\x21"),
        (50, b"\x0f\x00\x08\x00"),
        (104, b"\x0f\x00\x08\x00"),
        (104, b"\x8f\x00\x81\x00\x00\x07\x08\x00"),
    ],
)
def test_the_packet_is_found_on_a_link_of_type(link: int, before: bytes) -> None:
    assert ip_packet(link, before + IP4) == IP4


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (ETHERNET, framed.ethernet(b"\x08\x06" + bytes(28))),
        (ETHERNET, framed.ethernet(b"\x88\x63" + bytes(20))),
        (ETHERNET, framed.ethernet(framed.in_session(IP4, b"\xc0\x21"))),
        (ETHERNET, framed.ethernet(framed.in_session(IP4, b"\x01\x21"))),
        (ETHERNET, framed.ethernet(framed.labelled(bytes(4) + IP4, 2))),
        (0, b"\x02\x00\x00\x00\x00" + bytes(19)),
        (113, bytes(14) + b"\x00\x04" + IP4),
        (9, b"\xff\x03\xc0\x21" + bytes(8)),
        (104, b"\x8f\x00\x80\x35" + bytes(18)),
        (239, nflog([(1, bytes(4))])),
    ],
    ids=[
        "ARP",
        "PPPoE discovery",
        "LCP",
        "unknown PPP",
        "pseudowire",
        "loopback",
        "cooked LLC",
        "LCP on a line",
        "Cisco's keep-alive",
        "no payload",
    ],
)
def test_a_frame_without_an_ip_packet_has_none(link: int, frame: bytes) -> None:
    assert ip_packet(link, frame) is None


def test_the_protocol_of_a_session_may_have_one_octet() -> None:
    assert ip_packet(ETHERNET, framed.ethernet(framed.in_session(IP4, b"\x21"))) == IP4
    assert ip_packet(ETHERNET, framed.ethernet(framed.in_session(IP6, b"\x57"))) == IP6


@pytest.mark.parametrize(
    "rest", [framed.tagged(IP4, *(VLAN,) * 9), framed.labelled(IP4, 17)], ids=["nine tags", "17 labels"]
)
def test_more_tags_than_anybody_has_are_refused(rest: bytes) -> None:
    with pytest.raises(ValueError, match="more than 8 tags or 16 labels"):
        ip_packet(ETHERNET, framed.ethernet(rest))


@pytest.mark.parametrize("packet", [IP4, IP6], ids=["v4", "v6"])
def test_a_frame_cut_before_its_packet_is_told_and_never_taken_for_another(packet: bytes) -> None:
    for frame in frames_of(packet):
        begin = len(frame) - len(packet)
        for n in range(len(frame)):
            try:
                found = ip_packet(ETHERNET, frame[:n])
            except ValueError as reason:
                assert "cut" in str(reason) and n <= begin
            else:
                assert found == frame[begin:n]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packet", [IP4, IP6], ids=["v4", "v6"])
def test_the_packet_is_found_among_the_attributes_of_netfilter_s_log(order: str, packet: bytes) -> None:
    attributes = [(1, b"\x08\x00\x01\x00"), (10, b"ab\0"), (9, packet), (4, bytes(4))]

    assert ip_packet(239, nflog(attributes, order)) == packet


def test_a_log_that_is_cut_is_told() -> None:
    whole = nflog([(1, bytes(4)), (9, IP4)])
    for n in (0, 3, 5, 11, 15, len(whole) - 9):
        with pytest.raises(ValueError, match="cut"):
            ip_packet(239, whole[:n])


@pytest.mark.parametrize("link", [147, 105, 195])
def test_a_link_type_that_is_not_read_is_told(link: int) -> None:
    with pytest.raises(ValueError, match=f"link type that is not read: {link}"):
        ip_packet(link, IP4)


@pytest.mark.parametrize("link", [0, 1, 9, 50, 104, 108, 113, 239, 276])
def test_nothing_at_all_is_a_cut_frame(link: int) -> None:
    with pytest.raises(ValueError, match="cut"):
        ip_packet(link, b"")


@pytest.mark.services
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not here")
def test_tshark_finds_the_same_packets(tmp_path: Path) -> None:
    """A second reader: which frames hold IP, from whom."""
    dice = random.Random(3)
    frames = list(itertools.chain(frames_of(IP4), frames_of(IP6)))
    frames += [framed.ethernet(framed.labelled(IP4, 1, MPLS)), framed.ethernet(b"\x08\x06" + bytes(28))]
    dice.shuffle(frames)
    path = tmp_path / "frames.pcap"
    path.write_bytes(framed.pcap(frames))

    argv: list[str | Path] = ["tshark", "-r", path, "-T", "json", "-e", "ip.src", "-e", "ipv6.src", "-e", "tcp.dstport"]
    told = json.loads(subprocess.run(argv, capture_output=True, check=True, text=True).stdout)
    theirs = [each["_source"].get("layers", {}) for each in told]

    assert len(theirs) == len(frames)
    for frame, fields in zip(frames, theirs, strict=True):
        found = ip_packet(ETHERNET, frame)
        assert (found is not None) == (fields.get("tcp.dstport") == ["443"])
        assert found is None or ("ip.src" in fields) == (found[0] >> 4 == 4)
