"""The packet gate without a kernel: segments in, marks and injected packets out."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.gatelab import (
    ALLOWED,
    ANSWERED,
    BLOCKED,
    DROPPED,
    NOW_S,
    PARTIAL,
    RELEASED,
    SPOKEN,
    Lab,
    bytewise,
    cut,
)
from support.images import Images
from support.packets import FIN, RST, SYN, Client, hello, hello_message, records, request

from fastpath.loop_gate import GateLoop
from fastpath.pack import ProfileSpec
from fastpath.packet import packet as parse
from fastpath.spool import Reporter
from fastpath.tables import Handoff, TableSet
from fastpath.verdict import Mode, Reason

APPDATA = records(b"x" * 40, kind=23)
CCS = b"\x14\x03\x03\x00\x01\x01"


@pytest.fixture
def tables(images: Images) -> TableSet:
    names = images.names(
        [
            ("orders", "blocked.test", Mode.SUBTREE),
            ("csam", "confidential.test", Mode.SUBTREE),
            ("help", "help.test", Mode.SUBTREE),
        ]
    )
    locked = ProfileSpec(0, (), NOW_S + 1000, 0)
    return TableSet(
        names,
        subscribers=images.subscribers([("192.0.2.66/32", 66), ("2001:db8::66/128", 66)]),
        policy=images.policy([(66, locked)]),
    )


@pytest.fixture
def lab(tmp_path: Path, tables: TableSet) -> Lab:
    return Lab(tmp_path, tables)


@pytest.fixture
def closed_lab(tmp_path: Path, tables: TableSet) -> Lab:
    return Lab(tmp_path / "closed", tables, closed=1)


# -- TLS -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [Client(), Client("2001:db8::1", "2001:db8:1::1")], ids=["v4", "v6"])
def test_a_listed_name_is_blocked_and_the_server_is_reset_where_it_stands(lab: Lab, client: Client) -> None:
    octets = hello(b"www.BLOCKED.test")

    assert lab.send_all(client, cut(octets, 50)) == BLOCKED
    [injected] = lab.gate.injected()
    reset = parse(injected)
    assert reset is not None
    assert (reset.dport, reset.sport, reset.seq, reset.flags & RST) == (443, 40000, client.isn + 50, RST)
    assert lab.counted("gate_blocked") == 1
    assert lab.counted("gate_rst_sent") == 1


def test_an_allowed_name_is_released_only_after_the_server_has_spoken(lab: Lab) -> None:
    octets = hello(b"www.allowed.test")

    assert lab.send(Client(), 0, octets) == ALLOWED
    assert lab.send(Client(), 0, octets, ALLOWED) == ALLOWED
    assert lab.send(Client(), 0, octets, SPOKEN) == SPOKEN
    assert lab.send(Client(), len(octets), CCS + APPDATA, SPOKEN) == RELEASED
    assert lab.send(Client(), len(octets) + 51, APPDATA, SPOKEN) == RELEASED
    assert lab.gate.injected() == []
    assert lab.counted("gate_released") == 1


def test_early_data_does_not_release_a_flow_before_the_server_has_spoken(lab: Lab) -> None:
    octets = hello(b"www.allowed.test")

    assert lab.send(Client(), 0, octets + APPDATA) == ALLOWED
    assert lab.send(Client(), len(octets + APPDATA), APPDATA * 800, ALLOWED) == ALLOWED
    assert lab.send(Client(), len(octets + APPDATA * 801), APPDATA, SPOKEN) == RELEASED


ARRIVALS: dict[str, Callable[[bytes], list[tuple[int, bytes]]]] = {
    "one octet a segment": bytewise,
    "reversed": lambda octets: list(reversed(bytewise(octets))),
    "two halves, second first": lambda octets: list(reversed(cut(octets, 60))),
    "every piece twice": lambda octets: [piece for piece in cut(octets, 40, 90) for _ in range(2)],
    "overlapping, equal": lambda octets: [(0, octets[:80]), (40, octets[40:120]), (100, octets[100:])],
    "shuffled": lambda octets: random.Random(7).sample(bytewise(octets), len(octets)),
    "octets before the first": lambda octets: [(-9, b"\x16\x03\x01junk!!" + octets[:40]), (40, octets[40:])],
}
READINGS = {
    "one record": hello_message,
    "records of 20": lambda name: records(hello_message(name), 20),
    "records of one": lambda name: records(hello_message(name), 1),
    "change_cipher_spec first": lambda name: CCS + hello(name),
}


@pytest.mark.parametrize(
    ("arrival", "isn"),
    # without an ISN, octets before the first are the first
    [(arrival, isn) for arrival in ARRIVALS for isn in (True, False) if isn or "before" not in arrival],
)
@pytest.mark.parametrize("reading", READINGS)
def test_how_a_hello_arrives_does_not_change_the_verdict(lab: Lab, arrival: str, reading: str, isn: bool) -> None:
    build = READINGS[reading] if reading != "one record" else hello
    listed = ARRIVALS[arrival](build(b"www.blocked.test"))
    other = ARRIVALS[arrival](build(b"www.allowed.test"))

    assert lab.send_all(Client(), listed, isn) == BLOCKED
    assert lab.send_all(Client(sport=40001), other, isn) == ALLOWED


@pytest.mark.parametrize("isn", [1, 0xFFFFFF00, 0xFF_FFF0, (1 << 24) + 1])
def test_every_split_of_a_hello_is_blocked_with_its_last_segment(lab: Lab, isn: int) -> None:
    octets = hello(b"www.blocked.test")
    for at in range(1, len(octets)):
        client = Client(sport=1000 + at, isn=isn)

        assert lab.send(client, 0, octets[:at]) == PARTIAL
        assert lab.send(client, at, octets[at:], PARTIAL) == BLOCKED


DECOY = hello(b"www.allowed.test")
REAL = hello(b"www.blocked.test")
EVASIONS: dict[str, list[tuple[int, bytes]]] = {
    "decoy first": [(0, DECOY), (0, REAL)],
    "decoy and early data first": [(0, DECOY + APPDATA), (0, REAL)],
    "decoy piece on the name": [(0, REAL[:60]), (60, DECOY[60:]), (60, REAL[60:])],
    "decoy behind a gap": [(60, DECOY[60:]), (0, REAL[:60]), (60, REAL[60:])],
    "junk first": [(0, bytes(len(REAL))), (0, REAL)],
    "old sequence number": [(-100000, DECOY), (0, REAL)],
    "old and contiguous": [(-len(DECOY), DECOY), (0, REAL)],
    "2**24 before": [(-(1 << 24), DECOY), (0, REAL)],
    "far ahead": [(40000, DECOY), (0, REAL)],
    "ahead at its own length": [(len(REAL), DECOY), (0, REAL)],
}


@pytest.mark.parametrize("name", EVASIONS)
def test_a_decoy_does_not_save_the_real_hello(lab: Lab, name: str) -> None:
    assert lab.send_all(Client(isn=0x2001000), EVASIONS[name]) == BLOCKED


def test_a_contradiction_is_counted_and_dropped(lab: Lab) -> None:
    assert lab.send_all(Client(), EVASIONS["decoy first"]) == BLOCKED
    assert lab.counted("gate_overlap") == 1


def test_a_second_hello_is_judged_like_the_first(lab: Lab) -> None:
    first, second = hello(b"www.allowed.test"), hello(b"www.blocked.test")

    assert lab.send(Client(), 0, first) == ALLOWED
    assert lab.send(Client(), len(first), CCS, SPOKEN) == SPOKEN
    assert lab.send(Client(), len(first + CCS), second[:30], SPOKEN) == SPOKEN
    assert lab.send(Client(), len(first + CCS) + 30, second[30:], SPOKEN) == BLOCKED


def test_any_listed_name_among_several_blocks(lab: Lab) -> None:
    assert lab.send(Client(), 0, hello(b"www.allowed.test", b"blocked.test")) == BLOCKED


def test_retransmissions_of_a_blocked_hello_stay_blocked(lab: Lab) -> None:
    lab.send(Client(), 0, REAL)

    assert lab.send(Client(), 0, REAL) == BLOCKED
    assert lab.counted("gate_rst_sent") == 1


def test_the_same_ports_with_another_isn_are_another_connection(lab: Lab) -> None:
    assert lab.send(Client(isn=1000), 0, REAL) == BLOCKED
    assert lab.send(Client(isn=5000), 0, DECOY) == ALLOWED


UNDECIDABLE = [
    ("not TLS", b"SSH-2.0-client\r\n", "gate_not_tls"),
    ("no name", hello(), "gate_no_name"),
    ("an address for a name", hello(b"192.0.2.1"), "gate_malformed"),
    ("a name with a blank", hello(b"www blocked"), "gate_malformed"),
    ("lengths that do not nest", hello(b"allowed.test")[:43] + b"\xff" + hello(b"allowed.test")[44:], "gate_malformed"),
]


@pytest.mark.parametrize(("why", "octets", "counter"), UNDECIDABLE)
def test_what_cannot_be_decided_is_counted_and_goes_by_the_policy(
    lab: Lab, closed_lab: Lab, why: str, octets: bytes, counter: str
) -> None:
    assert lab.send(Client(), 0, octets) == ALLOWED
    assert lab.send(Client(), len(octets), b"more", SPOKEN) == RELEASED
    assert closed_lab.send(Client(), 0, octets) == BLOCKED
    assert lab.counted(counter) == 1
    assert closed_lab.counted(counter) == 1


def test_a_hello_longer_than_the_window_is_undecidable(lab: Lab, closed_lab: Lab) -> None:
    octets = records(hello_message(b"www.blocked.test", padding=60000), 5)

    assert lab.send_all(Client(), cut(octets, 40000, 80000)) == ALLOWED
    assert closed_lab.send_all(Client(), cut(octets, 40000, 80000)) == BLOCKED
    assert lab.counted("gate_too_big") >= 1


def test_a_packet_of_a_locked_subscriber_is_blocked_even_without_a_name(lab: Lab) -> None:
    assert lab.send(Client("192.0.2.66"), 0, hello()) == BLOCKED
    assert lab.send(Client("2001:db8::66", "2001:db8:1::1"), 0, DECOY) == BLOCKED
    assert lab.send(Client("192.0.2.66", sport=1), 0, hello(b"help.test")) == ALLOWED


def test_a_damaged_packet_is_counted_and_goes_by_the_policy(lab: Lab, closed_lab: Lab) -> None:
    assert lab.gate.feed(b"\x45rubbish", 0x80 | ALLOWED, NOW_S) == 0x40 | ALLOWED
    assert closed_lab.gate.feed(b"\x45rubbish", 0x80 | ALLOWED, NOW_S) == 0x40 | BLOCKED
    assert lab.counted("gate_malformed") == 1


def test_payload_of_a_syn_is_no_part_of_the_stream(lab: Lab) -> None:
    assert lab.send(Client(), -1, DECOY, flags=SYN, isn=False) == 0
    assert lab.send(Client(), 0, REAL) == BLOCKED


def test_without_tables_packets_are_let_go_and_counted(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path / "counters", tmp_path / "spool")
    gate = GateLoop(0, Handoff(), reporter, [443], [80], 0, {}, 4)

    assert gate.feed(Client().segment(0, REAL), Client().mark(0), NOW_S) == 0x40 | ALLOWED
    assert reporter.counters.values()["no_tables"] == 1


# -- a full table ----------------------------------------------------------------------------------------------------


def test_the_longest_silent_flow_goes_when_the_table_is_full(lab: Lab, closed_lab: Lab) -> None:
    for each in (lab, closed_lab):
        for sport in range(1, 10):
            each.send(Client(sport=sport), 0, DECOY[:50])
        assert each.counted("gate_flows_evicted") == 1
        assert each.send(Client(sport=9), 50, DECOY[50:], PARTIAL) == ALLOWED

    assert lab.send(Client(sport=1), len(DECOY), b"more", ALLOWED) == ALLOWED
    assert closed_lab.send(Client(sport=1), len(DECOY), b"more", ALLOWED) == BLOCKED


def test_a_hello_whose_begin_was_forgotten_is_blocked_whatever_the_policy(lab: Lab) -> None:
    assert lab.send(Client(), 0, DECOY[:50]) == PARTIAL
    lab.now_s += 301
    lab.send(Client(sport=2), 0, DECOY)

    assert lab.send(Client(), 50, DECOY[50:], PARTIAL) == BLOCKED


def test_decided_and_idle_flows_make_room_without_being_evicted(lab: Lab) -> None:
    for sport in range(1, 8):
        lab.send(Client(sport=sport), 0, DECOY[:50])
    for sport in range(100, 120):
        assert lab.send(Client(sport=sport), 0, REAL) == BLOCKED
    assert lab.counted("gate_flows_evicted") == 0

    lab.now_s += 301
    for sport in range(200, 207):
        lab.send(Client(sport=sport), 0, DECOY[:50])
    assert lab.counted("gate_flows_evicted") == 0


@pytest.mark.parametrize("seed", range(5))
def test_many_flows_at_once_keep_their_own_verdicts(tmp_path: Path, tables: TableSet, seed: int) -> None:
    rng = random.Random(seed)
    lab = Lab(tmp_path, tables, n_flows=64)
    clients = [Client(sport=sport, isn=rng.getrandbits(32) | 1) for sport in range(60)]
    queues: list[Iterator[tuple[int, bytes]]] = [
        iter(cut(REAL if client.sport % 2 else DECOY, *sorted(rng.sample(range(1, len(REAL)), 5))))
        for client in clients
    ]
    states = [0] * 60
    order = [n for n in range(60) for _ in range(6)]
    rng.shuffle(order)

    for n in order:
        states[n] = lab.send(clients[n], *next(queues[n]), states[n])

    assert states == [BLOCKED if client.sport % 2 else ALLOWED for client in clients]


# -- HTTP ------------------------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_how_a_request_arrives_does_not_change_the_verdict(lab: Lab, arrival: str) -> None:
    assert lab.send_all(WEB, ARRIVALS[arrival](request(b"www.blocked.test", more=b"Accept: */*\r\n" * 8))) == ANSWERED
    other = Client(dport=80, sport=1)
    assert lab.send_all(other, ARRIVALS[arrival](request(b"www.allowed.test", more=b"Accept: */*\r\n" * 8))) == ALLOWED


@pytest.mark.parametrize(
    "octets",
    [
        request(b"www.allowed.test", target=b"http://www.blocked.test/x"),
        request(b"www.blocked.test", target=b"http://www.allowed.test/x"),
        request(b"www.allowed.test", more=b"hOST:\tblocked.test \r\n"),
        request(b"www.allowed.test") + request(b"blocked.test"),
        request(b"allowed.test", method=b"POST", more=b"Content-Length: 4\r\n") + b"abcd" + request(b"blocked.test"),
        request(b"www.allowed.test", more=b"Content-Length: 900\r\n") + request(b"blocked.test"),
    ],
    ids=["target", "host", "second host", "pipelined", "behind a body", "hidden in a body"],
)
def test_every_reading_of_a_request_decides(lab: Lab, octets: bytes) -> None:
    assert lab.send(WEB, 0, octets) == ANSWERED
    assert lab.send_all(Client(dport=80, sport=1), bytewise(octets)) == ANSWERED


def test_a_second_request_of_a_kept_connection_is_judged(lab: Lab) -> None:
    first = request(b"www.allowed.test")

    assert lab.send(WEB, 0, first) == ALLOWED
    assert lab.send(WEB, len(first), first, SPOKEN) == SPOKEN
    assert lab.send(WEB, 2 * len(first), request(b"blocked.test"), SPOKEN) == ANSWERED


def test_http_is_never_released(lab: Lab) -> None:
    first = request(b"www.allowed.test")
    for n in range(1000):
        assert lab.send(WEB, n * len(first), first, SPOKEN) == SPOKEN

    assert lab.send(WEB, 1000 * len(first), request(b"blocked.test"), SPOKEN) == ANSWERED


@pytest.mark.parametrize("state", [ALLOWED, SPOKEN])
def test_a_request_behind_a_body_longer_than_24_bits_is_judged(lab: Lab, state: int) -> None:
    n, step = 20 << 20, 60000
    head = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: %d\r\n" % n)
    assert lab.send(WEB, 0, head) == ALLOWED
    for at in range(0, n, step):
        assert lab.send(WEB, len(head) + at, bytes(min(step, n - at)), state) == state

    assert lab.send(WEB, len(head) + n, request(b"blocked.test"), SPOKEN) == ANSWERED
    assert lab.counted("gate_too_big") == 0


def test_lost_segments_of_a_body_do_not_matter(closed_lab: Lab) -> None:
    n = 200_000
    head = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: %d\r\n" % n)
    pieces = [(at, bytes(min(1400, n - at))) for at in range(0, n, 1400)]
    random.Random(3).shuffle(pieces)
    closed_lab.send(WEB, 0, head)

    assert {closed_lab.send(WEB, len(head) + at, octets, ALLOWED) for at, octets in pieces} == {ALLOWED}
    assert closed_lab.send(WEB, len(head) + n, request(b"blocked.test"), SPOKEN) == ANSWERED


def test_a_body_of_unknown_length_is_looked_through_at_every_segment(lab: Lab) -> None:
    head = request(b"www.allowed.test", method=b"POST", more=b"Transfer-Encoding: chunked\r\n")
    chunk = b"578\r\n" + bytes(1400) + b"\r\n"
    at = len(head)
    lab.send(WEB, 0, head)
    for _ in range(30):
        assert lab.send(WEB, at, chunk, SPOKEN) == SPOKEN
        at += len(chunk)

    assert lab.send(WEB, at, b"0\r\n\r\n", SPOKEN) == SPOKEN
    assert lab.send(WEB, at + 5, request(b"blocked.test"), SPOKEN) == ANSWERED


def test_a_decoy_request_does_not_save_the_real_one(lab: Lab) -> None:
    assert lab.send_all(WEB, [(0, request(b"www.allowed.test")), (0, request(b"www.blocked.test"))]) == BLOCKED


def test_no_http_on_its_port_goes_by_the_policy(lab: Lab, closed_lab: Lab) -> None:
    assert lab.send(WEB, 0, b"\x13BitTorrent protocol") == ALLOWED
    assert closed_lab.send(WEB, 0, b"\x13BitTorrent protocol") == BLOCKED
    assert lab.counted("gate_malformed") == 1


def test_a_head_longer_than_the_window_goes_by_the_policy_unless_a_host_is_known(lab: Lab, closed_lab: Lab) -> None:
    filler = b"X: " + b"y" * 1000 + b"\r\n"
    hidden = b"GET / HTTP/1.1\r\n" + filler * 100 + b"Host: blocked.test\r\n\r\n"
    shown = b"GET / HTTP/1.1\r\nHost: blocked.test\r\n" + filler * 100 + b"\r\n"

    assert lab.send_all(WEB, cut(hidden, 60000)) == ALLOWED
    assert closed_lab.send_all(WEB, cut(hidden, 60000)) == BLOCKED
    assert lab.send_all(Client(dport=80, sport=1), cut(shown, 60000)) == ANSWERED


def test_a_request_of_a_flow_we_no_longer_know_is_judged(lab: Lab) -> None:
    assert lab.send(WEB, 123456, request(b"www.allowed.test"), SPOKEN) == SPOKEN
    assert lab.send(WEB, 123456 + 500, request(b"blocked.test"), SPOKEN) in (SPOKEN, ANSWERED)
    assert lab.send(Client(dport=80, sport=1), 99999, request(b"blocked.test"), SPOKEN) == ANSWERED
