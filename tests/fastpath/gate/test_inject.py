"""What the gate sends by itself: pages and resets."""

import random
from pathlib import Path

import pytest
from support.gate.lab import ANSWERED, BLOCKED, NOW_S, OPENED, Lab, cut, state_in
from support.packets.builders import ACCEPTED, FIN, RST, SERVER_ISN, Client, request

from fastpath.gate.loop import GateLoop
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Reason
from fastpath.report.counters import read_confidential
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


LANGUAGES = {b"en": b"in English: www.blocked.test END", b"de,ur;q=0.5": b"\r\nstopped: www.blocked.test END"}


@pytest.mark.parametrize("piece", [7, 1000], ids=["in pieces", "at once"])
@pytest.mark.parametrize("accepted", LANGUAGES)
def test_the_page_is_in_the_language_that_its_reader_prefers(lab: Lab, accepted: bytes, piece: int) -> None:
    head = b"GET / HTTP/1.1\r\nHost: www.blocked.test\r\nAccept-Language: " + accepted + b"\r\n\r\n"
    pieces = [(at, head[at : at + piece]) for at in range(0, len(head), piece)]

    assert lab.send_all(WEB, pieces) == ANSWERED
    page = parse(lab.gate.injected()[0])
    assert page is not None
    assert page.payload.endswith(LANGUAGES[accepted])


def test_each_request_of_a_connection_has_its_own_language(lab: Lab) -> None:
    first = request(b"www.allowed.test")[:-2] + b"Accept-Language: en\r\n\r\n"

    assert lab.send_all(WEB, [(0, first), (len(first), request(b"www.blocked.test"))]) == ANSWERED
    page = parse(lab.gate.injected()[0])
    assert page is not None
    assert page.payload.endswith(b"\r\nstopped: www.blocked.test END")


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
    gate = GateLoop(0, handoff, reporter, [443], [80], 0, {"en": {Reason.ORDER: (page, b"")}}, 4)

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


@pytest.mark.parametrize("name", [b"www.blocked.test", b"www.confidential.test"])
def test_without_a_handshake_a_listed_host_gets_neither_a_page_nor_a_reset_of_ours_nor_a_record(
    lab: Lab, name: bytes
) -> None:
    before = lab.reporter.counters.values()

    assert lab.send(WEB, 0, request(name), isn=False) == BLOCKED

    assert lab.gate.injected() == []
    moved = {name for name, n in lab.reporter.counters.values().items() if n != before[name]}
    assert moved == {"gate_packets", "gate_requests", "gate_unproven", "gate_forgotten"}
    assert read_confidential(lab.folder / "counters") == {}


@pytest.mark.parametrize("ack_by", [-1, -1000, -(1 << 30)])
def test_a_client_that_has_not_received_its_server_s_syn_ack_gets_no_page_and_no_record(lab: Lab, ack_by: int) -> None:
    lab.open(WEB)
    forged = WEB.segment(0, request(b"www.blocked.test"), ack=(SERVER_ISN + ack_by) & 0xFFFFFFFF)

    assert state_in(lab.gate.feed(forged, WEB.mark(OPENED), NOW_S)) == BLOCKED

    assert lab.gate.injected() == []
    assert lab.counted("gate_unproven") == 1
    assert lab.counted("gate_blocked") == lab.counted("events") == lab.counted("gate_pages_sent") == 0


def test_other_pages_are_shown_from_the_next_packet_on(tmp_path: Path, tables: TableSet) -> None:
    handoff = Handoff()
    handoff.give(tables)
    reporter = Reporter(tmp_path / "counters", tmp_path / "spool")
    gate = GateLoop(0, handoff, reporter, [443], [80], 0, {"en": {Reason.ORDER: (b"first ", b"!")}}, 64)

    def seen(port: int) -> bytes:
        asking = Client(sport=port, dport=80)
        gate.feed(asking.accepted(), ACCEPTED, NOW_S)
        gate.feed(asking.segment(0, request(b"blocked.test")), asking.mark(0), NOW_S)
        page = parse(gate.injected()[0])
        assert page is not None
        return page.payload

    assert seen(2000) == b"first blocked.test!"
    for number in range(20):  # what is not shown any more is freed; no octet of it is read
        gate.use_pages({"en": {Reason.ORDER: (b"%d " % number, b"?")}, "ur": {Reason.ORDER: (b"ur ", b"?")}})
        assert seen(2001 + number) == b"%d blocked.test?" % number
    with pytest.raises(ValueError, match="32 KiB"):
        gate.use_pages({"en": {Reason.ORDER: (bytes(40000), b"")}})
    assert seen(3000) == b"19 blocked.test?"
    gate.use_pages({})
    assert gate.feed(Client(sport=3001, dport=80).accepted(), ACCEPTED, NOW_S) is not None
    gate.feed(Client(sport=3001, dport=80).segment(0, request(b"blocked.test")), Client(sport=3001).mark(0), NOW_S)
    assert all(b"?" not in packet for packet in gate.injected())
