"""The loop's Python side: what it refuses, how it ends.  What it does with packets: the two test_gate.py."""

import socket
import threading
from pathlib import Path

import pytest
from support.gate.lab import ALLOWED, BLOCKED, UNDECIDED, state_in
from support.images.opened import Images
from support.packets.builders import ACCEPTED, Client, hello, request
from support.system.rights import needs

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import MARK_VERDICT
from fastpath.gate.nfqueue import open_queue, read_message, wake_message
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Mode, Reason
from fastpath.report.spool import Reporter
from filterd.box.capabilities import Capability

needs_root = needs(Capability.NET_ADMIN)


@pytest.fixture
def reporter(tmp_path: Path) -> Reporter:
    return Reporter(tmp_path / "counters", tmp_path / "spool")


@pytest.mark.parametrize(
    "pages", [{Reason.ORDER: (bytes(40000), b"")}, {len(Reason): (b"page", b"")}], ids=["too long", "no reason"]
)
def test_a_page_that_cannot_be_sent_is_refused_at_the_start(
    reporter: Reporter, pages: dict[int, tuple[bytes, bytes]]
) -> None:
    with pytest.raises(ValueError, match="page for reason"):
        GateLoop(0, Handoff(), reporter, [443], [80], 0, {"en": pages}, 4)


@pytest.mark.parametrize("languages", [("en", "ur", "ps"), ("eng",)], ids=["three", "of three letters"])
def test_pages_in_languages_that_have_no_place_are_refused(reporter: Reporter, languages: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="more than 2 languages, or no code of two letters"):
        GateLoop(0, Handoff(), reporter, [443], [80], 0, {code: {} for code in languages}, 4)


def test_a_loop_without_flows_is_refused(reporter: Reporter) -> None:
    with pytest.raises(MemoryError, match="no memory for 0 flows"):
        GateLoop(0, Handoff(), reporter, [443], [80], 0, {}, 0)


def test_only_the_configured_ports_are_judged(reporter: Reporter, images: Images) -> None:
    handoff = Handoff()
    handoff.give(TableSet(images.names([("orders", "blocked.test", Mode.SUBTREE)])))
    gate = GateLoop(0, handoff, reporter, [8443], [8080], 0, {}, 4)

    def state(port: int, octets: bytes) -> int:
        client = Client(dport=port)
        gate.feed(client.accepted(), ACCEPTED, 1)
        return state_in(gate.feed(client.segment(0, octets), client.mark(0), 1))

    states = {port: state(port, hello(b"blocked.test")) for port in (443, 8443)}
    states |= {port: state(port, request(b"blocked.test")) for port in (80, 8080)}

    assert states == {443: UNDECIDED, 8443: BLOCKED, 80: UNDECIDED, 8080: BLOCKED}


def test_newer_tables_speak_from_the_next_packet_on(reporter: Reporter, images: Images) -> None:
    handoff = Handoff()
    handoff.give(TableSet(images.names([])))
    gate = GateLoop(0, handoff, reporter, [443], [80], 0, {}, 4)
    for sport in (40000, 2):
        gate.feed(Client(sport=sport).accepted(), ACCEPTED, 1)
    assert gate.feed(Client().segment(0, hello(b"blocked.test")), Client().mark(0), 1) == MARK_VERDICT | ALLOWED

    ticket = handoff.give(TableSet(images.names([("orders", "blocked.test", Mode.SUBTREE)])))

    assert gate.feed(Client(sport=2).segment(0, hello(b"blocked.test")), Client().mark(0), 1) == MARK_VERDICT | BLOCKED
    assert handoff.taken() == ticket


@pytest.mark.kernel
@needs_root
def test_a_queue_that_another_loop_has_is_refused(reporter: Reporter, images: Images) -> None:
    handoff = Handoff()
    first = GateLoop(65017, handoff, reporter, [443], [80], 0, {}, 4)
    second = GateLoop(65017, Handoff(), reporter, [443], [80], 0, {}, 4)
    second.stop()
    thread = threading.Thread(target=first.run)
    thread.start()
    ticket = handoff.give(TableSet(images.names([])))
    first.wake()
    while handoff.taken() < ticket and thread.is_alive():  # then it has the queue
        pass
    try:
        with pytest.raises(OSError, match="queue 65017"):
            second.run()
    finally:
        first.stop()
        thread.join()


@pytest.mark.kernel
@needs_root
def test_a_running_loop_takes_tables_when_woken_and_ends_when_told(reporter: Reporter, images: Images) -> None:
    handoff = Handoff()
    gate = GateLoop(65018, handoff, reporter, [443], [80], 0, {}, 4)
    thread = threading.Thread(target=gate.run)
    thread.start()

    ticket = handoff.give(TableSet(images.names([])))
    gate.wake()
    while handoff.taken() < ticket and thread.is_alive():
        pass
    turns = gate.n_turns
    while gate.n_turns == turns and thread.is_alive():  # an idle loop turns, too
        pass
    gate.stop()
    thread.join(timeout=60)

    assert not thread.is_alive()
    assert handoff.taken() == ticket
    assert gate.n_turns > turns


@pytest.mark.kernel
@needs_root
def test_who_waits_at_a_queue_is_woken_by_a_message_through_its_socket() -> None:
    with open_queue(65019) as queue:
        with pytest.raises(BlockingIOError):  # nothing comes by itself, and the wait has an end
            queue.recv(4096)
        queue.send(wake_message())

        assert read_message(queue.recv(4096, socket.MSG_DONTWAIT)) is None
