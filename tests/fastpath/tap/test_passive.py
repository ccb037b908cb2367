"""Packets that are only seen: who is the client, where its stream begins, what a tap tells, and what it may send."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support.gate.lab import ALLOWED, BLOCKED, PARTIAL, RELEASED, bytewise, cut
from support.gate.tap_lab import TapLab, from_server
from support.images.opened import Images
from support.packets.builders import ACK, FIN, PSH, RST, SYN, URG, Client, hello, hello_message, records, request

from fastpath.gate.marks import MARK_VERDICT
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Channel, Mode
from fastpath.report.counters import read_confidential
from fastpath.report.spool import read_segment, segment_numbers, segment_path
from fastpath.tap.passive import Replay
from fastpath.wire.packet import checksums_fit, packet, tcp_onward
from filterd.commands.pcap import Frame, iter_frames

PCAPS = sorted((Path(__file__).parents[3] / "../shared/pcaps").glob("*.pcap"))
LISTED, OTHER = hello(b"www.blocked.test"), hello(b"www.allowed.test")
APPDATA = records(b"x" * 40, kind=23)
needs_pcaps = pytest.mark.skipif(not PCAPS, reason="the captures of real clients are not here")
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not here")


@pytest.fixture
def tables(images: Images) -> TableSet:
    return TableSet(
        images.names([("orders", "blocked.test", Mode.SUBTREE), ("csam", "confidential.test", Mode.SUBTREE)])
    )


@pytest.fixture
def lab(tmp_path: Path, tables: TableSet) -> TapLab:
    return TapLab(tmp_path / "tap", tables)


@pytest.fixture
def resetting(tmp_path: Path, tables: TableSet) -> TapLab:
    return TapLab(tmp_path / "resetting", tables, is_reset=True)


# -- whose payload it is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [Client(), Client("2001:db8::1", "2001:db8:1::1")], ids=["v4", "v6"])
def test_a_listed_name_is_seen_and_another_let_go_once_the_server_has_spoken(lab: TapLab, client: Client) -> None:
    lab.open(client)
    lab.accept(client)
    assert lab.send(client, 0, OTHER) == ALLOWED
    assert lab.reply(client, b"a server's hello") == 0
    assert lab.send(client, len(OTHER), APPDATA) == RELEASED
    second = Client(client.src, client.dst, sport=40001)
    lab.open(second)
    assert [lab.send(second, at, octets) for at, octets in cut(LISTED, 60)] == [PARTIAL, BLOCKED]
    assert lab.counted("gate_released") == 1


def test_a_server_that_is_silent_releases_nothing(lab: TapLab) -> None:
    lab.open(Client())
    assert lab.send(Client(), 0, OTHER) == ALLOWED
    assert lab.send(Client(), len(OTHER), APPDATA) == ALLOWED
    assert lab.reply(Client(), b"") == 0
    assert lab.send(Client(), len(OTHER + APPDATA), APPDATA) == ALLOWED


def test_only_one_direction_is_enough(lab: TapLab) -> None:
    assert [lab.send(Client(), at, octets) for at, octets in bytewise(LISTED)][-1] == BLOCKED


def test_without_a_syn_the_client_is_who_sends_to_the_gates_port(lab: TapLab) -> None:
    assert lab.reply(Client(), LISTED) == 0
    assert lab.reply(Client(dport=80), request(b"blocked.test")) == 0
    assert lab.send(Client(), 0, LISTED) == BLOCKED


def test_packets_between_other_ports_are_not_looked_at(lab: TapLab) -> None:
    stranger = Client(dport=8443)
    lab.open(stranger)

    assert lab.send(stranger, 0, LISTED) == 0
    assert lab.counted("gate_packets") == 0


@pytest.mark.parametrize("other", [b"\x45rubbish", b"", b"\x45" + bytes(19), from_server(Client(), b"x")[:30]])
def test_what_is_no_whole_packet_is_no_reason_to_stop(lab: TapLab, other: bytes) -> None:
    assert lab.see(other) == 0
    assert lab.counted("gate_malformed") == 1


def test_udp_and_icmp_are_stepped_over_without_a_count(lab: TapLab) -> None:
    udp = bytearray(Client().segment(0, b"x"))
    udp[9] = 1
    assert lab.see(bytes(udp)) == 0
    assert lab.counted("gate_malformed") == 0


# -- where the stream begins -------------------------------------------------------------------------------------------


def test_octets_before_the_first_one_of_a_stream_are_no_part_of_it(lab: TapLab) -> None:
    lab.open(Client())

    assert lab.send(Client(), -9, b"\x16\x03\x01junk!!" + LISTED[:40]) == PARTIAL
    assert lab.send(Client(), 40, LISTED[40:]) == BLOCKED


def test_a_decoy_syn_does_not_choose_where_the_stream_begins(lab: TapLab) -> None:
    client, decoy = Client(isn=5000), Client(isn=900000)
    lab.open(client)
    lab.accept(client)
    lab.send(client, 0, LISTED[:50])
    lab.open(decoy)
    lab.accept(client)  # the server says again what it holds for the beginning

    assert lab.send(client, 0, LISTED[:50]) == PARTIAL
    assert lab.send(client, 50, LISTED[50:]) == BLOCKED


def test_a_syn_in_the_middle_of_a_conversation_forgets_nothing(lab: TapLab) -> None:
    client = Client(dport=80, isn=5000)
    lab.open(client)
    assert lab.send(client, 0, request(b"allowed.test")) == ALLOWED
    lab.reply(client, b"HTTP/1.1 200 OK\r\n\r\n")
    lab.open(Client(dport=80, isn=900000))

    assert lab.send(client, len(request(b"allowed.test")), request(b"www.blocked.test")) == BLOCKED


def test_the_same_ports_with_another_isn_are_another_connection(lab: TapLab) -> None:
    lab.open(Client(isn=1000))
    assert lab.send(Client(isn=1000), 0, LISTED) == BLOCKED
    assert lab.send(Client(isn=1000), 0, LISTED) == BLOCKED
    lab.open(Client(isn=90000))
    assert lab.send(Client(isn=90000), 0, OTHER) == ALLOWED


def test_a_syn_that_is_sent_again_forgets_nothing(lab: TapLab) -> None:
    lab.open(Client())
    lab.send(Client(), 0, LISTED[:50])
    lab.open(Client())
    lab.accept(Client())

    assert lab.send(Client(), 50, LISTED[50:]) == BLOCKED


def test_a_contradiction_is_counted_and_the_connection_noted(lab: TapLab) -> None:
    lab.open(Client())

    assert lab.send(Client(), 0, OTHER) == ALLOWED
    assert lab.send(Client(), 0, LISTED) == BLOCKED
    assert lab.counted("gate_overlap") == 1


def test_more_connections_than_there_is_memory_for_are_counted(lab: TapLab) -> None:
    for port in range(20):
        lab.open(Client(sport=1000 + port))
    assert lab.counted("gate_flows_evicted") == 12


# -- what a tap may say ------------------------------------------------------------------------------------------------


def events(lab: TapLab) -> list[tuple[str, str, Action, Channel]]:
    spool = str(lab.folder / "spool")
    found = [
        event for number in segment_numbers(spool) for event in read_segment(segment_path(spool, number), 0, 100).events
    ]
    return [(event.list, event.rule, Action(event.action), Channel(event.channel)) for event in found]


def test_what_is_blocked_is_recorded_and_counted_as_a_shadow_only(lab: TapLab) -> None:
    lab.send(Client(), 0, LISTED)
    lab.send(Client(dport=80), 0, request(b"blocked.test"))

    assert events(lab) == [
        ("orders", "blocked.test", Action.SHADOW, Channel.SNI),
        ("orders", "blocked.test", Action.SHADOW, Channel.HTTP),
    ]
    counted = ("gate_shadowed", "gate_blocked", "gate_rst_sent", "gate_pages_sent")
    assert [lab.counted(name) for name in counted] == [2, 0, 0, 0]
    assert lab.tap.injected() == []


def test_a_name_of_a_confidential_list_leaves_one_number_and_no_block(lab: TapLab) -> None:
    assert lab.send(Client(), 0, hello(b"confidential.test")) == BLOCKED

    assert events(lab) == []
    assert lab.counted("gate_shadowed") == 1
    assert read_confidential(lab.folder / "counters") == {}


# -- resets ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [Client(), Client("2001:db8::1", "2001:db8:1::1")], ids=["v4", "v6"])
def test_both_ends_are_reset_where_they_stand(resetting: TapLab, client: Client) -> None:
    resetting.open(client)
    assert resetting.send(client, 0, LISTED) == BLOCKED

    to_client, to_server = (packet(each) for each in resetting.tap.injected())
    assert to_client is not None and to_server is not None
    assert (to_client.sport, to_client.dport, to_client.seq) == (443, 40000, 77777)
    assert (to_server.sport, to_server.dport, to_server.seq) == (40000, 443, client.isn + len(LISTED))
    assert to_client.flags == to_server.flags == RST | ACK
    assert resetting.counted("gate_rst_sent") == 2


def test_every_later_packet_of_the_client_brings_another_pair(resetting: TapLab) -> None:
    resetting.send(Client(), 0, LISTED)
    resetting.tap.injected()

    resetting.send(Client(), len(LISTED), APPDATA, ACK | FIN)
    _, to_server = resetting.tap.injected()
    seen = packet(to_server)
    assert seen is not None and seen.seq == Client().isn + len(LISTED + APPDATA) + 1
    resetting.send(Client(), len(LISTED + APPDATA), b"", ACK)
    assert len(resetting.tap.injected()) == 2


def test_a_reset_is_answered_with_none(resetting: TapLab) -> None:
    resetting.send(Client(), 0, LISTED)
    resetting.tap.injected()
    resetting.send(Client(), len(LISTED), b"", RST)
    resetting.reply(Client(), b"", RST)

    assert resetting.tap.injected() == []


def test_what_is_allowed_is_never_reset(resetting: TapLab) -> None:
    resetting.open(Client())
    resetting.send(Client(), 0, OTHER)
    resetting.reply(Client(), b"a server's hello")
    resetting.send(Client(), len(OTHER), APPDATA)
    resetting.send(Client(), len(OTHER + APPDATA), b"", ACK)

    assert resetting.tap.injected() == []


# -- checksums ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [Client(), Client("2001:db8::1", "2001:db8:1::1")], ids=["v4", "v6"])
def test_a_decoy_with_a_bad_checksum_is_not_read(tmp_path: Path, tables: TableSet, client: Client) -> None:
    lab = TapLab(tmp_path / "summed", tables)
    good = tcp_onward(client.segment(0, b""), client.isn, 77777, ACK, LISTED)
    decoy = client.segment(0, OTHER)

    assert checksums_fit(good) and not checksums_fit(decoy)
    assert lab.tap.feed(decoy, 1, True) == 0
    assert lab.tap.feed(good, 1, True) == MARK_VERDICT | BLOCKED
    assert lab.counted("gate_malformed") == 1


def test_a_syn_with_a_bad_checksum_begins_nothing(tmp_path: Path, tables: TableSet) -> None:
    lab = TapLab(tmp_path / "summed", tables, n_flows=1)
    lab.tap.feed(Client().segment(-1, b"", SYN), 1, True)
    lab.open(Client(sport=7))

    assert lab.counted("gate_flows_evicted") == 0


# -- captures ----------------------------------------------------------------------------------------------------------


def names(replay: Replay, *packets: bytes) -> list[tuple[int, bytes]]:
    """(channel, host or what was counted), in order."""
    seen = [sighting for each in packets for sighting in replay.feed(each, 10**9)]
    return [(each.channel, each.host if each.undecidable is None else each.undecidable.encode()) for each in seen]


@pytest.mark.parametrize("port", [443, 80, 8443, 25])
def test_a_name_is_found_on_any_port_however_it_arrives(port: int) -> None:
    client = Client(dport=port)
    pieces = [client.segment(at, octets) for at, octets in reversed(bytewise(LISTED))]
    opening = client.segment(-1, b"", SYN)
    head = request(b"blocked.test", b"/a")
    other = Client(dport=port, sport=7)

    assert names(Replay(), opening, *pieces) == [(Channel.SNI, b"www.blocked.test")]
    assert names(Replay(), *(client.segment(at, octets) for at, octets in bytewise(LISTED))) == [
        (Channel.SNI, b"www.blocked.test")
    ]
    [sighting] = Replay().feed(other.segment(0, head), 1)
    assert (sighting.channel, sighting.host, sighting.target) == (Channel.HTTP, b"blocked.test", b"/a")


def test_a_listed_name_does_not_end_the_search_in_a_capture() -> None:
    head = request(b"a.test") + request(b"b.test")

    assert names(Replay(), Client(dport=80).segment(0, head)) == [(Channel.HTTP, b"a.test"), (Channel.HTTP, b"b.test")]


@pytest.mark.parametrize("port", [443, 80, 22])
def test_what_is_neither_is_undecidable_where_the_port_promises_more(port: int) -> None:
    found = names(Replay(), Client(dport=port).segment(0, b"SSH-2.0-client\r\n"))

    expected = {443: [(Channel.SNI, b"gate_not_tls")], 80: [(Channel.HTTP, b"gate_malformed")], 22: []}
    assert found == expected[port]


def test_of_a_server_nothing_is_told_not_even_between_ports_that_promise_nothing() -> None:
    server_hello = b"\x16\x03\x03\x00\x30\x02" + bytes(47)
    for port in (443, 8443):
        client = Client(dport=port)
        replay = Replay()
        assert names(replay, from_server(client, server_hello), client.segment(0, LISTED)) == [
            (Channel.SNI, b"www.blocked.test")
        ]
        assert names(replay, from_server(client, server_hello)) == []


@pytest.mark.parametrize("at", [0, 3])
@pytest.mark.parametrize("port", [22, 8443])
def test_a_name_in_the_place_of_octets_of_another_protocol_is_a_contradiction_in_a_capture(port: int, at: int) -> None:
    client, replay = Client(dport=port), Replay()
    opening, decoy = client.segment(-1, b"", SYN), client.segment(0, b"SSH-2.0-" + LISTED[:at] + bytes(600))

    assert names(replay, opening, decoy) == []
    [(_, counted)] = names(replay, client.segment(at, LISTED))

    assert counted == b"gate_overlap"


def test_another_protocol_is_followed_no_further_in_a_capture_once_its_server_has_spoken() -> None:
    client, replay = Client(dport=22), Replay()
    said = b"SSH-2.0-client\r\n"
    spoken = [client.segment(-1, b"", SYN), client.segment(0, said), from_server(client, b"SSH-2.0-server\r\n")]

    assert names(replay, *spoken, client.segment(len(said), b"keys"), client.segment(0, LISTED)) == []


def test_a_stream_without_an_end_of_its_first_line_is_given_up() -> None:
    replay = Replay()
    for at in range(0, 40000, 1000):
        assert names(replay, Client(dport=25).segment(at, b"a" * 1000)) == []


@pytest.mark.services
@needs_pcaps
@needs_tshark
@pytest.mark.parametrize("path", PCAPS, ids=lambda path: path.stem)
def test_the_names_of_real_clients_are_those_that_tshark_finds(path: Path) -> None:
    replay = Replay()
    ours = []
    for frame in iter_frames(path):
        assert isinstance(frame, Frame)
        for sighting in replay.feed(frame.packet, int(frame.time_s * 1e9)):
            seen = packet(frame.packet)
            assert seen is not None
            ours += [(seen.sport, sighting.host.decode())] if sighting.channel == Channel.SNI else []

    fields = ["-T", "fields", "-e", "tcp.srcport", "-e", "tls.handshake.extensions_server_name"]
    argv: list[str | Path] = ["tshark", "-r", path, "-Y", "tcp && tls.handshake.type == 1", *fields]
    told = subprocess.run(argv, capture_output=True, check=True, text=True).stdout.splitlines()
    theirs = [(int(line.split("\t")[0]), line.split("\t")[1]) for line in told]

    assert ours == theirs


def test_a_hello_in_records_of_three_octets_is_one_sighting() -> None:
    octets = records(hello_message(b"www.blocked.test"), 3)

    assert names(Replay(), *(Client().segment(at, piece) for at, piece in cut(octets, 99, 200))) == [
        (Channel.SNI, b"www.blocked.test")
    ]


def test_an_urgent_octet_is_read_where_nothing_can_be_dropped(lab: TapLab) -> None:
    lab.open(Client())

    assert lab.send(Client(), 0, LISTED, ACK | PSH | URG) == BLOCKED


# -- octets of a SYN (TCP Fast Open) -----------------------------------------------------------------------------------


def syn_ack(client: Client, acked: int) -> bytes:
    """The server's SYN/ACK that has taken so many octets of the SYN."""
    return from_server(replace(client, isn=client.isn + acked), b"", SYN | ACK)


def test_octets_of_a_syn_are_judged_when_the_server_acknowledges_them(lab: TapLab) -> None:  # E10
    assert lab.send(Client(), -1, LISTED, SYN) == 0
    assert lab.counted("gate_shadowed") == 0

    assert lab.see(syn_ack(Client(), len(LISTED))) == BLOCKED
    assert lab.counted("gate_shadowed") == 1


def test_a_hello_goes_on_behind_octets_of_its_syn(lab: TapLab) -> None:
    lab.send(Client(), -1, LISTED[:60], SYN)
    assert lab.see(syn_ack(Client(), 60)) == PARTIAL
    assert lab.see(syn_ack(Client(), 60)) == 0

    assert lab.send(Client(), 60, LISTED[60:]) == BLOCKED


@pytest.mark.parametrize("again", [LISTED, b""], ids=["with its octets", "without"])
def test_octets_of_a_syn_that_the_server_does_not_take_hide_no_hello(lab: TapLab, again: bytes) -> None:
    lab.send(Client(), -1, OTHER, SYN)
    lab.send(Client(), -1, again, SYN)
    lab.accept(Client())

    assert lab.send(Client(), 0, LISTED) == BLOCKED
    assert lab.counted("gate_overlap") == 0


def test_without_a_syn_ack_octets_of_a_syn_count_for_nothing(lab: TapLab) -> None:
    lab.send(Client(), -1, OTHER, SYN)

    assert lab.send(Client(), 0, LISTED) == BLOCKED
    assert lab.counted("gate_overlap") == 0
