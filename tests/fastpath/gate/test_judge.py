"""The packet gate without a kernel: packets in, marks out; what is for nobody, and who has to go."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.gate.lab import (
    ALLOWED,
    APPDATA,
    BLOCKED,
    DECOY,
    DROPPED,
    NOW_S,
    OPENED,
    PARTIAL,
    REAL,
    RELEASED,
    SPOKEN,
    Lab,
    cut,
    state_in,
)
from support.packets.builders import (
    ACCEPTED,
    ACK,
    PSH,
    RST,
    SERVER_ISN,
    SYN,
    URG,
    Client,
    hello,
    md5,
    timestamps,
)
from support.packets.shapes import ipv4, ipv6, tcp

from fastpath.gate.marks import MARK_ASK, MARK_DROPPED, MARK_QUEUED, MARK_VERDICT
from fastpath.images.tables import TableSet


def test_retransmissions_of_a_blocked_hello_stay_blocked(lab: Lab) -> None:
    lab.send(Client(), 0, REAL)

    assert lab.send(Client(), 0, REAL) == BLOCKED
    assert lab.counted("gate_rst_sent") == 1


def test_the_same_ports_with_another_isn_are_another_connection(lab: Lab) -> None:
    assert lab.send(Client(isn=1000), 0, REAL) == BLOCKED
    assert lab.send(Client(isn=5000), 0, DECOY) == ALLOWED


@pytest.mark.parametrize("damaged", [b"\x45rubbish", b"\x50" + bytes(40), ipv4(tcp(b"data"))[:-1]])
def test_a_packet_that_cannot_be_read_is_dropped_and_counted(lab: Lab, closed_lab: Lab, damaged: bytes) -> None:
    for place in (lab, closed_lab):
        assert place.gate.feed(damaged, MARK_QUEUED | ALLOWED, NOW_S) == MARK_VERDICT | MARK_DROPPED
        assert place.counted("gate_malformed") == 1


def test_a_packet_of_another_protocol_is_judged_by_its_addresses_alone(lab: Lab, closed_lab: Lab) -> None:
    sctp = ipv4(bytes(20), proto=132)

    for each in (lab, closed_lab):
        assert each.gate.feed(sctp, MARK_QUEUED | ALLOWED, NOW_S) == MARK_VERDICT | ALLOWED


def test_tcp_behind_an_authentication_header_goes_by_the_policy(lab: Lab, closed_lab: Lab) -> None:
    header = bytes([6, 4]) + bytes(22)
    packet = ipv6(header + tcp(REAL), proto=51)

    assert lab.gate.feed(packet, MARK_QUEUED | ALLOWED, NOW_S) == MARK_VERDICT | ALLOWED
    assert closed_lab.gate.feed(packet, MARK_QUEUED | ALLOWED, NOW_S) == MARK_VERDICT | BLOCKED


def test_a_fragment_goes_by_the_policy(lab: Lab, closed_lab: Lab) -> None:
    fragment = bytearray(ipv4(bytes(20), proto=17))
    fragment[6] = 0x20

    assert lab.gate.feed(bytes(fragment), MARK_QUEUED | ALLOWED, NOW_S) == MARK_VERDICT | ALLOWED
    assert closed_lab.gate.feed(bytes(fragment), MARK_QUEUED | ALLOWED, NOW_S) == MARK_VERDICT | BLOCKED


def test_payload_of_a_syn_is_no_part_of_the_stream(lab: Lab) -> None:
    assert lab.send(Client(), -1, DECOY, flags=SYN, isn=False) == 0
    assert lab.send(Client(), 0, REAL) == BLOCKED


def test_the_longest_silent_flow_goes_when_the_table_is_full(lab: Lab, closed_lab: Lab) -> None:
    for each in (lab, closed_lab):
        for sport in range(1, 10):
            each.send(Client(sport=sport), 0, DECOY[:50])
        assert each.counted("gate_flows_evicted") == 1
        assert each.send(Client(sport=9), 50, DECOY[50:], PARTIAL) == ALLOWED

    assert lab.send(Client(sport=1), len(DECOY), b"more", SPOKEN) == SPOKEN
    assert lab.answer(Client(sport=1), len(DECOY) + 4) == RELEASED  # its server misses no octet
    assert closed_lab.send(Client(sport=1), len(DECOY), b"more", SPOKEN) == BLOCKED


def test_a_hello_whose_begin_was_forgotten_is_blocked_whatever_the_policy(lab: Lab) -> None:
    assert lab.send(Client(), 0, DECOY[:50]) == PARTIAL
    lab.now_s += 301
    lab.send(Client(sport=2), 0, DECOY)

    assert lab.send(Client(), 50, DECOY[50:], PARTIAL) == BLOCKED
    assert lab.counted("gate_forgotten") == 1


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


# -- what is for nobody ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [PSH, ACK | PSH | URG], ids=["without ACK", "urgent"])
def test_segments_that_no_host_takes_are_dropped_and_not_read(lab: Lab, flags: int) -> None:
    assert lab.send(Client(), 0, DECOY, flags=flags) == DROPPED
    assert lab.counted("gate_ignored") == 1
    assert lab.send(Client(), 0, REAL) == BLOCKED
    assert lab.counted("gate_overlap") == 0


@pytest.mark.parametrize(
    ("decoy", "real"),
    [(md5(), b""), (timestamps(99), timestamps(100)), (timestamps(0xFFFFFFFF), timestamps(5))],
    ids=["MD5", "older timestamp", "older timestamp across its end"],
)
def test_decoys_by_their_options_are_dropped_and_not_read(lab: Lab, decoy: bytes, real: bytes) -> None:
    assert lab.send(Client(options=real), 0, REAL[:20]) == PARTIAL
    assert lab.send(Client(options=decoy), 20, DECOY[20:], PARTIAL) == DROPPED
    assert lab.send(Client(options=real), 20, REAL[20:], PARTIAL) == BLOCKED
    assert lab.counted("gate_overlap") == 0


def test_a_segment_that_was_overtaken_is_none_of_them(lab: Lab) -> None:
    assert lab.send(Client(options=timestamps(100)), 0, DECOY[:20]) == PARTIAL
    assert lab.send(Client(options=timestamps(102)), 40, DECOY[40:], PARTIAL) == PARTIAL
    assert lab.send(Client(options=timestamps(101)), 20, DECOY[20:40], PARTIAL) == ALLOWED


def test_a_reset_with_payload_tells_nothing_and_ends_nothing(lab: Lab) -> None:
    assert lab.send(Client(), 0, DECOY, flags=RST | ACK) == OPENED
    assert lab.send(Client(), 0, REAL) == BLOCKED


# -- two beginnings ----------------------------------------------------------------------------------------------------


FAR = 1 << 28  # between two numbers of a server's that are no SYN cookies of one minute


def accept(lab: Lab, client: Client, number: int = SERVER_ISN) -> int:
    """Feed the SYN/ACK of a connection, with a number of the server's: of its first octet."""
    server = Client(client.dst, client.src, client.dport, client.sport, isn=number)
    lab.opened[replace(client, isn=0, options=b"")] = client.isn
    return state_in(lab.gate.feed(server.segment(-1, b"", SYN | ACK, ack=client.isn), ACCEPTED, lab.now_s))


def begin_again(lab: Lab, client: Client, state: int = 0) -> int:
    return lab.send(client, -1, b"", state, flags=SYN, isn=False)


@pytest.mark.parametrize("by", [1, 100, 5000, 1 << 20, 1 << 24, -1, -5000, -(1 << 24)])
def test_a_server_that_keeps_nothing_of_a_syn_gets_no_hello_where_another_syn_has_stood(
    lab: Lab, closed_lab: Lab, by: int
) -> None:
    first, second = Client(isn=0x40000000 + by), Client(isn=0x40000000)
    for each in (lab, closed_lab):
        accept(each, first)
        begin_again(each, second, OPENED)
        assert accept(each, second, SERVER_ISN - by) == OPENED

        states = [each.send(first, at, octets, OPENED, isn=False) for at, octets in cut(REAL, 40)]
        assert set(states) & {BLOCKED, DROPPED}
        assert states[0] in (BLOCKED, DROPPED)


@pytest.mark.parametrize("by", [3, 100, 5000, 1 << 24, -600, -5000, -(1 << 24)])
def test_a_client_that_begins_again_before_it_has_said_anything_is_served(lab: Lab, closed_lab: Lab, by: int) -> None:
    first, second = Client(isn=0x40000000), Client(isn=0x40000000 + by)
    for each in (lab, closed_lab):
        accept(each, first)
        begin_again(each, second, OPENED)
        accept(each, second, SERVER_ISN + 999)

        assert each.send(second, 0, DECOY, OPENED, isn=False) == ALLOWED
        assert each.is_asking
        each.answer(second, len(DECOY), b"x")
        assert each.send(second, len(DECOY), APPDATA * 200, SPOKEN) == SPOKEN
        assert each.answer(second, len(DECOY + APPDATA * 200), b"x") == RELEASED
        assert each.counted("gate_overlap") == 0


def test_a_syn_that_comes_again_is_answered_with_another_cookie_and_its_client_is_served(closed_lab: Lab) -> None:
    accept(closed_lab, Client())
    assert begin_again(closed_lab, Client(), OPENED) == 0  # no verdict on its connection
    assert accept(closed_lab, Client(), SERVER_ISN - 123456) == OPENED

    assert closed_lab.send(Client(), 0, DECOY, OPENED, isn=False) == ALLOWED
    assert closed_lab.counted("gate_ignored") == 0


# -- a device that begins again with the same number -------------------------------------------------------------------


@pytest.mark.parametrize("octets", [DECOY, DECOY[:60]], ids=["a hello", "a part of one"])
def test_a_client_that_begins_again_with_the_same_number_gets_an_answer_and_is_judged_anew(
    lab: Lab, closed_lab: Lab, octets: bytes
) -> None:
    for each in (lab, closed_lab):
        for sport, (said, verdict) in enumerate(
            ((DECOY, ALLOWED), (hello(b"www.other.test"), ALLOWED), (REAL, BLOCKED))
        ):
            client = Client(sport=40000 + sport)
            state = each.send(client, 0, octets)
            assert begin_again(each, client, state) == 0
            assert accept(each, client, SERVER_ISN - FAR) == OPENED
            assert play(each, client, 0, said, OPENED, SERVER_ISN - FAR) == verdict


def test_what_follows_a_syn_with_the_same_number_waits_until_its_server_has_said_where_it_stands(lab: Lab) -> None:
    lab.send(Client(), 0, DECOY[:60])
    begin_again(lab, Client(), PARTIAL)
    assert lab.is_asking
    assert lab.send(Client(), 60, DECOY[60:], PARTIAL) == DROPPED
    assert lab.is_asking

    assert lab.answer(Client(), 60, state=PARTIAL) == PARTIAL  # it goes on
    assert lab.send(Client(), 60, REAL[60:], PARTIAL) == BLOCKED


def test_a_syn_ack_that_is_sent_again_behind_octets_forgets_none_of_them(lab: Lab) -> None:
    lab.send(Client(), 0, REAL[:60])
    begin_again(lab, Client(), PARTIAL)

    assert accept(lab, Client()) == PARTIAL
    assert lab.send(Client(), 60, REAL[60:], PARTIAL) == BLOCKED


# -- a server that keeps nothing of a SYN, and octets that were forwarded before its next answer -----------------------


def play(lab: Lab, client: Client, at: int, octets: bytes, state: int, number: int) -> int:
    """Feed a client's segment that acknowledges the SYN/ACK with this number, and nothing behind it."""
    verdict = lab.gate.feed(client.segment(at, octets, ack=number & 0xFFFFFFFF), client.mark(state), lab.now_s)
    lab.is_asking = bool(verdict & MARK_ASK)
    return state_in(verdict)


@pytest.mark.parametrize("by", [1, 3, -1, -3, (1 << 24) - 3])
def test_octets_that_were_forwarded_before_another_syn_cookie_of_their_syn_stay(
    lab: Lab, closed_lab: Lab, by: int
) -> None:
    client = Client()
    for each in (lab, closed_lab):
        accept(each, client)
        begin_again(each, client, OPENED)
        assert play(each, client, 0, REAL[:70], OPENED, SERVER_ISN) == PARTIAL
        begin_again(each, client, PARTIAL)
        state = accept(each, client, SERVER_ISN + by)

        assert play(each, client, 0, DECOY, state, SERVER_ISN) == BLOCKED


def test_a_client_whose_octets_came_before_another_syn_cookie_goes_on(lab: Lab, closed_lab: Lab) -> None:
    client = Client()
    for each in (lab, closed_lab):
        accept(each, client)
        play(each, client, 0, DECOY[:60], OPENED, SERVER_ISN)
        begin_again(each, client, PARTIAL)
        state = accept(each, client, SERVER_ISN + 2)

        assert play(each, client, 60, DECOY[60:], state, SERVER_ISN) == ALLOWED


@pytest.mark.parametrize("far", [FAR, -FAR])
@pytest.mark.parametrize("by", [0, 1, 30, -3, 1 << 24])
def test_what_answers_another_syn_ack_than_that_of_its_stream_is_dropped(
    lab: Lab, closed_lab: Lab, by: int, far: int
) -> None:
    first, second = Client(isn=0x40000000), Client(isn=0x40000000 + by)
    for each in (lab, closed_lab):
        accept(each, first)
        play(each, first, 0, REAL[:70], OPENED, SERVER_ISN)
        begin_again(each, second, PARTIAL)
        assert accept(each, second, SERVER_ISN + far) == OPENED

        assert play(each, second, 0, DECOY, OPENED, SERVER_ISN) == DROPPED
        assert play(each, second, 0, DECOY, OPENED, SERVER_ISN + far) == ALLOWED
        assert play(each, second, 0, DECOY, SPOKEN, SERVER_ISN) == DROPPED  # its server may be at the earlier one


@pytest.mark.parametrize("far", [FAR, -FAR])
@pytest.mark.parametrize("by", [0, 1, 30, -3])
def test_a_server_that_goes_on_at_its_earlier_syn_ack_ends_the_stream_that_began_anew(
    lab: Lab, by: int, far: int
) -> None:
    first, second = Client(isn=0x40000000), Client(isn=0x40000000 + by)
    accept(lab, first)
    play(lab, first, 0, REAL[:70], OPENED, SERVER_ISN)
    begin_again(lab, second, PARTIAL)
    accept(lab, second, SERVER_ISN + far)

    assert play(lab, second, 0, DECOY, OPENED, SERVER_ISN + far) == ALLOWED
    assert lab.is_asking
    assert lab.answer(first, 70, state=ALLOWED) == BLOCKED
    assert play(lab, second, 0, DECOY, OPENED, SERVER_ISN + far) == BLOCKED


@pytest.mark.parametrize("far", [FAR, -FAR])
@pytest.mark.parametrize("by", [1, 3, 30, 500])
def test_a_device_that_is_started_again_and_counts_from_a_near_number_is_served(
    lab: Lab, closed_lab: Lab, by: int, far: int
) -> None:
    first, second = Client(isn=0x40000000), Client(isn=0x40000000 + by)
    for each in (lab, closed_lab):
        accept(each, first)
        play(each, first, 0, DECOY[:60], OPENED, SERVER_ISN)
        begin_again(each, second, PARTIAL)
        assert accept(each, second, SERVER_ISN + far) == OPENED

        assert play(each, second, 0, DECOY, OPENED, SERVER_ISN + far) == ALLOWED


def test_a_server_that_begins_where_its_last_syn_ack_says_is_asked_once(lab: Lab) -> None:
    client = Client()
    accept(lab, client)
    play(lab, client, 0, REAL[:70], OPENED, SERVER_ISN)
    begin_again(lab, client, PARTIAL)
    accept(lab, client, SERVER_ISN - FAR)
    assert play(lab, client, 0, DECOY[:60], OPENED, SERVER_ISN - FAR) == PARTIAL
    assert lab.is_asking

    assert lab.answer(client, 60, at=-FAR, state=PARTIAL) == PARTIAL
    assert play(lab, client, 60, DECOY[60:], PARTIAL, SERVER_ISN - FAR) == ALLOWED
    assert not lab.is_asking


@pytest.mark.parametrize("number", [SERVER_ISN, SERVER_ISN + 999], ids=["the same cookie", "another"])
@pytest.mark.parametrize("is_repeated", [False, True])
@pytest.mark.parametrize("by", [1, 3, 30, 70, -3])
def test_what_was_forwarded_before_the_answer_to_a_second_syn_is_completed_by_nothing(
    lab: Lab, closed_lab: Lab, by: int, is_repeated: bool, number: int
) -> None:
    first, second = Client(isn=0x40000000), Client(isn=0x40000000 + by)
    for each in (lab, closed_lab):
        accept(each, first)
        assert play(each, first, 0, REAL[:70], OPENED, SERVER_ISN) == PARTIAL
        begin_again(each, first if is_repeated else second, PARTIAL)
        assert accept(each, second, number) == OPENED

        assert play(each, second, 0, DECOY, OPENED, number) == BLOCKED
