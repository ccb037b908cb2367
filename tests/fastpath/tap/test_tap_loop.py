"""The tap's loop: what it refuses, how it ends, and resets on a real loopback.  Frames: test_ring.py; packets:
test_watching.py."""

import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.gate.cable import Cable
from support.gate.lab import ALLOWED, BLOCKED
from support.gate.tap_lab import Tap, TapLab
from support.images.opened import Images
from support.packets.builders import Client, hello
from support.system.namespace import in_a_network_of_its_own, run_ip

from fastpath.gate.marks import MARK_VERDICT
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Mode
from fastpath.report.spool import Reporter
from fastpath.tap.tap_loop import TapLoop

LISTED = hello(b"www.blocked.test")


@pytest.fixture
def reporter(tmp_path: Path) -> Reporter:
    return Reporter(tmp_path / "counters", tmp_path / "spool")


def test_more_interfaces_than_a_loop_has_room_for_are_refused(reporter: Reporter) -> None:
    with pytest.raises(ValueError, match="9 interfaces; not started"):
        TapLoop([f"eth{number}" for number in range(9)], Handoff(), reporter, [443], [80], 0)


def test_newer_tables_speak_from_the_next_packet_on(reporter: Reporter, images: Images) -> None:
    handoff = Handoff()
    handoff.give(TableSet(images.names([])))
    tap = TapLoop([], handoff, reporter, [443], [80], 0, 4)
    assert tap.feed(Client().segment(0, LISTED), 1) == MARK_VERDICT | ALLOWED

    ticket = handoff.give(TableSet(images.names([("orders", "blocked.test", Mode.SUBTREE)])))

    assert tap.feed(Client(sport=2).segment(0, LISTED), 1) == MARK_VERDICT | BLOCKED
    assert handoff.taken() == ticket


def test_a_full_outbox_is_told(tmp_path: Path, images: Images) -> None:
    tables = TableSet(images.names([("orders", "blocked.test", Mode.SUBTREE)]))
    lab = TapLab(tmp_path / "tap", tables, is_reset=True)
    lab.send(Client(), 0, LISTED)
    with pytest.raises(BufferError, match="full"):
        for _ in range(10_000):
            lab.send(Client(), 0, LISTED)

    assert len(lab.tap.injected()) > 100
    lab.send(Client(), 0, LISTED)


@pytest.mark.kernel
def test_an_idle_loop_turns_and_ends_when_told(tmp_path: Path, images: Images) -> None:
    async def live() -> None:
        with contextlib.closing(Tap(tmp_path / "tap", images, ["lo"])) as tap:
            turns = tap.loop.n_turns
            tap.wait(lambda: tap.loop.n_turns > turns + 1)
        with pytest.raises(OSError, match="tap of nowhere"):
            TapLoop(["nowhere"], Handoff(), tap.reporter, [443], [80], 0, 4).run()

    in_a_network_of_its_own(live)


@pytest.mark.kernel
@pytest.mark.parametrize("how", [("link", "set", "far", "down"), ("link", "delete", "far")], ids=["down", "gone"])
def test_an_interface_that_is_taken_away_ends_the_loop(
    tmp_path: Path, reporter: Reporter, images: Images, how: tuple[str, ...]
) -> None:
    async def live() -> None:
        handoff = Handoff()
        ticket = handoff.give(TableSet(images.names([])))
        tap = TapLoop(["lo", "far"], handoff, reporter, [443], [80], 0, 4)
        with contextlib.closing(Cable()), ThreadPoolExecutor(1) as pool:
            running = pool.submit(tap.run)
            while handoff.taken() < ticket and not running.done():
                pass
            run_ip(*how)
            with pytest.raises(OSError, match="tap of far: interface down or removed"):
                running.result(5)

    in_a_network_of_its_own(live)


@pytest.mark.kernel
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_blocked_connection_is_reset_at_both_ends_and_another_goes_on(
    tmp_path: Path, images: Images, address: str
) -> None:
    """The server is silent, so no race is run: what it had to say would come before the reset."""

    async def live() -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with (
            contextlib.closing(Tap(tmp_path / "tap", images, ["lo"], is_reset=True)) as tap,
            socket.create_server((address, 443), family=family) as server,
        ):
            with socket.create_connection((address, 443), 5) as client, server.accept()[0] as accepted:
                accepted.settimeout(60)
                client.sendall(LISTED)
                with pytest.raises(ConnectionResetError):
                    client.recv(1)
                with pytest.raises(ConnectionResetError):
                    while accepted.recv(1000):
                        pass
            with socket.create_connection((address, 443), 5) as client, server.accept()[0] as accepted:
                client.sendall(hello(b"allowed.test"))
                tap.wait(lambda: tap.counted("gate_hellos") == 2)
                accepted.sendall(b"here")
                assert client.recv(4) == b"here"
            assert tap.counted("gate_rst_sent") >= 2
            assert tap.counted("gate_verdict_failed") == 0

    in_a_network_of_its_own(live)


@pytest.mark.kernel
def test_without_resets_nothing_is_sent(tmp_path: Path, images: Images) -> None:
    async def live() -> None:
        with (
            contextlib.closing(Tap(tmp_path / "tap", images, ["lo"])) as tap,
            socket.create_server(("127.0.0.1", 443)) as server,
            socket.create_connection(("127.0.0.1", 443), 5) as client,
            server.accept()[0] as accepted,
        ):
            client.sendall(LISTED)
            tap.wait(lambda: tap.counted("gate_shadowed") == 1)
            accepted.sendall(b"here")
            assert client.recv(4) == b"here"
            assert tap.counted("gate_rst_sent") == 0

    in_a_network_of_its_own(live)
