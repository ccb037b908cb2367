"""What the gate sends by itself: pages and resets."""

import random
from pathlib import Path

from support.gate.lab import ANSWERED, BLOCKED, NOW_S, Lab, cut
from support.packets.builders import ACCEPTED, FIN, RST, Client, request

from fastpath.gate.loop import GateLoop
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Reason
from fastpath.report.spool import Reporter
from fastpath.wire.packet import packet as parse

WEB = Client(dport=80)


def test_a_listed_host_is_answered_with_the_page_and_both_ends_are_finished(lab: Lab) -> None:
    octets = request(b"www.BLOCKED.test:80")

    assert lab.send_all(WEB, cut(octets, 20)) == ANSWERED
    to_client, to_server = (parse(packet) for packet in lab.gate.injected())
    assert to_client is not None
    assert to_server is not None
    assert to_client.payload == b"HTTP/1.1 451 \r\n\r\nstopped: www.blocked.test END"
    assert (to_client.sport, to_client.dport, to_client.seq) == (80, 40000, 77777)
    assert to_client.ack == WEB.isn + len(octets)
    assert to_client.flags & FIN
    assert (to_server.dport, to_server.seq, to_server.flags & RST) == (80, WEB.isn + 20, RST)


def test_the_page_of_a_confidential_list_names_nothing(lab: Lab) -> None:
    assert lab.send(WEB, 0, request(b"www.confidential.test")) == ANSWERED
    packets = lab.gate.injected()
    assert not any(b"confidential" in packet for packet in packets)
    assert b"stopped" in packets[0]


def test_a_long_page_comes_in_segments_that_fit_any_path(tmp_path: Path, tables: TableSet) -> None:
    handoff = Handoff()
    handoff.give(tables)
    page = random.Random(1).randbytes(5000)
    reporter = Reporter(tmp_path / "counters", tmp_path / "spool")
    gate = GateLoop(0, handoff, reporter, [443], [80], 0, {Reason.ORDER: (page, b"")}, 4)

    gate.feed(WEB.accepted(), ACCEPTED, NOW_S)
    gate.feed(WEB.segment(0, request(b"blocked.test")), WEB.mark(0), NOW_S)

    segments = [parse(packet) for packet in gate.injected()[:-1]]
    octets = b""
    for segment in segments:
        assert segment is not None
        assert len(segment.payload) <= 1200
        assert segment.seq == 77777 + len(octets)
        octets += segment.payload
        assert bool(segment.flags & FIN) == (len(octets) == len(page))
    assert octets == page


def test_a_reason_without_a_page_is_reset(lab: Lab) -> None:
    assert lab.send(Client("192.0.2.66", dport=80), 0, request(b"www.allowed.test")) == BLOCKED
