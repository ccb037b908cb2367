"""Frames of a real interface through the kernel's ring: two ends of a cable in a namespace of their own."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from support.gate.cable import Cable
from support.gate.tap_lab import Tap
from support.images.opened import Images
from support.packets import frames as framed
from support.packets.builders import ACK, Client, hello
from support.system.namespace import in_a_network_of_its_own

from fastpath.tap.packet_ring import open_ring
from fastpath.wire.packet import tcp_onward

pytestmark = pytest.mark.kernel
LISTED = hello(b"www.blocked.test")


@contextlib.contextmanager
def cable_and_tap(folder: Path, images: Images, *interfaces: str) -> Iterator[tuple[Cable, Tap]]:
    with contextlib.closing(Cable()) as cable, contextlib.closing(Tap(folder, images, interfaces)) as tap:
        yield cable, tap


def packet_of(number: int, octets: bytes = LISTED) -> bytes:
    """A hello of connection `number`, with good checksums."""
    client = Client(sport=1024 + number, isn=number)
    return tcp_onward(client.segment(0, b""), client.isn, 77777, ACK, octets)


def has_named(tap: Tap, n: int) -> bool:
    return tap.counted("gate_shadowed") == n


def has_met(tap: Tap, n: int) -> bool:
    """At least `n` frames were read or lost."""
    return tap.counted("tap_frames") + tap.counted("tap_lost") >= n


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": framed.tagged,
    "VLAN": lambda packet: framed.tagged(packet, framed.VLAN),
    "QinQ": lambda packet: framed.tagged(packet, framed.QINQ, framed.VLAN),
    "three tags": lambda packet: framed.tagged(packet, framed.QINQ, framed.VLAN, framed.VLAN),
    "PPPoE": framed.in_session,
    "PPPoE in QinQ": lambda packet: framed.behind_tags(framed.in_session(packet), framed.QINQ, framed.VLAN),
    "MPLS": lambda packet: framed.labelled(packet, 2),
    "MPLS in VLAN": lambda packet: framed.behind_tags(framed.labelled(packet, 1), framed.VLAN),
}


def test_a_name_is_seen_behind_whatever_a_carrier_puts_before_it(tmp_path: Path, images: Images) -> None:
    async def live() -> None:
        with cable_and_tap(tmp_path / "tap", images, "far") as (cable, tap):
            for number, wrap in enumerate(WRAPPINGS.values(), 1):
                cable.send(framed.ethernet(wrap(packet_of(number))))
                tap.wait(partial(has_named, tap, number))
            cable.send(framed.ethernet(b"\x08\x06" + bytes(28)), framed.ethernet(b"\x88\x64\x11\x00\x00"))
            tap.wait(lambda: tap.counted("tap_frames") == len(WRAPPINGS) + 2)
            assert tap.counted("tap_unreadable") == 1
            assert tap.counted("gate_malformed") == tap.counted("tap_lost") == 0

    in_a_network_of_its_own(live)


def test_more_frames_than_a_block_holds_arrive_in_their_order(tmp_path: Path, images: Images) -> None:
    """Some thousand connections of two segments each: a frame lost or out of order is a name that was not seen."""
    n = 3000

    async def live() -> None:
        with cable_and_tap(tmp_path / "tap", images, "far") as (cable, tap):
            for number in range(n):
                client = Client(src=f"192.0.2.{number % 250 + 1}", sport=1024 + number, isn=number * 7)
                like = client.segment(0, b"")
                first = tcp_onward(like, client.isn, 77777, ACK, LISTED[:60])
                second = tcp_onward(like, client.isn + 60, 77777, ACK, LISTED[60:])
                cable.send(*(framed.ethernet(framed.tagged(each)) for each in (first, second)))
                if number % 200 == 0:  # a cable carries less in a moment than a loop can fill
                    tap.wait(partial(has_met, tap, 2 * number))
            tap.wait(lambda: tap.counted("tap_frames") + tap.counted("tap_lost") == 2 * n)
            assert (tap.counted("gate_shadowed"), tap.counted("tap_lost")) == (n, 0)

    in_a_network_of_its_own(live)


def test_several_taps_share_an_interface_and_each_connection_is_at_one_of_them(tmp_path: Path, images: Images) -> None:
    n = 64

    async def live() -> None:
        with contextlib.closing(Cable()) as cable, contextlib.ExitStack() as stack:
            taps = [
                stack.enter_context(contextlib.closing(Tap(tmp_path / f"tap-{number}", images, ["far"])))
                for number in range(2)
            ]
            for number in range(n):
                for octets in (LISTED[:60], LISTED[60:]):
                    client = Client(sport=1024 + number, isn=number)
                    seq = client.isn + (60 if octets == LISTED[60:] else 0)
                    whole = tcp_onward(client.segment(0, b""), seq, 77777, ACK, octets)
                    cable.send(framed.ethernet(framed.tagged(whole)))
            taps[0].wait(lambda: sum(tap.counted("tap_frames") for tap in taps) == 2 * n)
            shares = [tap.counted("gate_shadowed") for tap in taps]
            assert sum(shares) == n and min(shares) > 0, shares

    in_a_network_of_its_own(live)


def test_several_interfaces_are_seen_by_one_tap(tmp_path: Path, images: Images) -> None:
    async def live() -> None:
        with cable_and_tap(tmp_path / "tap", images, "far", "near") as (cable, tap):
            cable.send(framed.ethernet(framed.tagged(packet_of(1))))
            tap.wait(lambda: tap.counted("tap_frames") == 2)
            assert tap.counted("gate_shadowed") == 1

    in_a_network_of_its_own(live)


def test_fragments_are_put_together_before_they_are_seen(tmp_path: Path, images: Images) -> None:
    whole = packet_of(7)
    pieces = [(0, whole[20:100], 0x2000), (80 // 8, whole[100:], 0)]
    fragments = []
    for offset, octets, more in pieces:
        head = bytearray(whole[:20])
        head[2:4] = (20 + len(octets)).to_bytes(2, "big")
        head[6:8] = (offset | more).to_bytes(2, "big")
        head[10:12] = b"\0\0"
        head[10:12] = (0xFFFF - int.from_bytes(head, "big") % 0xFFFF).to_bytes(2, "big")
        fragments.append(framed.ethernet(framed.tagged(bytes(head) + octets)))

    async def live() -> None:
        with cable_and_tap(tmp_path / "tap", images, "far") as (cable, tap):
            cable.send(*fragments)
            tap.wait(lambda: tap.counted("gate_shadowed") == 1)

    in_a_network_of_its_own(live)


def test_an_interface_that_is_not_there_is_told() -> None:
    async def live() -> None:
        with pytest.raises(OSError, match="tap of nowhere"):
            open_ring("nowhere")

    in_a_network_of_its_own(live)


def test_a_packet_that_its_sender_leaves_to_the_card_to_sum_is_read(tmp_path: Path, images: Images) -> None:
    """On the loopback nobody adds up a checksum: the kernel says so (TP_STATUS_CSUMNOTREADY) and is believed."""

    async def live() -> None:
        with contextlib.closing(Tap(tmp_path / "tap", images, ["lo"])) as tap:
            server = socket.create_server(("127.0.0.1", 443))
            with server, socket.create_connection(("127.0.0.1", 443)) as client:
                client.sendall(LISTED)
                tap.wait(lambda: tap.counted("gate_shadowed") == 1)
            assert tap.counted("gate_malformed") == 0

    in_a_network_of_its_own(live)
