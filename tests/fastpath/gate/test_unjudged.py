"""What was forwarded and not judged is never completed, and a connection that begins anew is judged anew."""

import struct
from pathlib import Path

import pytest
from support.gate.lab import (
    ALLOWED,
    ANSWERED,
    APPDATA,
    BLOCKED,
    CCS,
    DECOY,
    DROPPED,
    OPENED,
    PARTIAL,
    PARTIAL_AGAIN,
    PARTIAL_SPOKEN,
    REAL,
    RELEASED,
    SPOKEN,
    Lab,
    state_in,
)
from support.packets.builders import ACK, FIN, Client, hello_message, records, request

from fastpath.gate.loop import GateLoop
from fastpath.images.tables import Handoff, TableSet

WEB = Client(dport=80)
RETRY_RANDOM = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"  # RFC 8446 §4.1.3
FIRST = request(b"www.allowed.test")
LISTED = request(b"www.blocked.test")
OTHERS = 60


def hello_with_early_data(name: bytes) -> bytes:
    """A ClientHello that offers early data (RFC 8446 §4.2.10)."""
    message = hello_message(name)
    n_extensions = int.from_bytes(message[45:47]) + 4
    body = message[4:45] + struct.pack("!H", n_extensions) + message[47:] + struct.pack("!HH", 42, 0)
    return records(b"\x01" + len(body).to_bytes(3) + body)


EMPTY = b"\x16\x03\x03\x00\x00"  # a handshake record without a message
EARLY = hello_with_early_data(b"www.allowed.test")


def press(lab: Lab, client: Client) -> None:
    """Other connections of the same subscriber, until its share of memory is used up."""
    for sport in range(1000, 1000 + OTHERS):
        lab.send(Client(client.src, sport=sport), 0, REAL[:50])


def in_segments(lab: Lab, at: int, octets: bytes, state: int) -> int:
    """Send octets of one connection in segments, from a stream position on; the state that the connection ends with."""
    for begin in range(0, len(octets), 1400):
        state = lab.send(Client(), at + begin, octets[begin : begin + 1400], state)
        if state == BLOCKED:
            break
        if lab.is_asking:
            lab.answer(Client(), at + begin, at=100, state=state)
    return state


@pytest.fixture
def tight(tmp_path: Path, tables: TableSet) -> Lab:
    """A gate in which ten half hellos are a subscriber's share."""
    return Lab(tmp_path / "tight", tables, n_flows=4096, n_windows=64, share=10)


# -- begun anew --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("isn", [1000, 5000], ids=["the same ISN", "another ISN"])
def test_a_released_connection_that_begins_anew_is_judged_anew(lab: Lab, isn: int) -> None:
    assert lab.send(Client(), 0, DECOY) == ALLOWED
    assert lab.send(Client(), len(DECOY), CCS + APPDATA, SPOKEN) == SPOKEN
    assert lab.answer(Client(), len(DECOY + CCS + APPDATA), b"x") == RELEASED

    assert lab.open(Client(isn=isn)) == OPENED
    assert lab.send(Client(isn=isn), 0, REAL) == BLOCKED


def test_a_connection_whose_beginning_is_no_longer_known_begins_again(
    lab: Lab, tmp_path: Path, tables: TableSet
) -> None:
    assert lab.open(WEB) == OPENED

    again = Lab(tmp_path / "again", tables)
    assert again.send(WEB, 0, FIRST, OPENED) == BLOCKED
    assert again.counted("gate_forgotten") == 1
    assert again.open(WEB) == OPENED
    assert again.send(WEB, 0, FIRST) == ALLOWED


@pytest.mark.parametrize("before", ["nothing", "half", "hello"])
def test_a_syn_ack_that_is_sent_again_changes_nothing(lab: Lab, before: str) -> None:
    lab.open(Client())
    octets = {"nothing": b"", "half": REAL[50:], "hello": DECOY}[before]
    state = lab.send(Client(), 50 if before == "half" else 0, octets) if octets else OPENED

    assert lab.open(Client()) == state
    at = len(DECOY) if before == "hello" else 0
    assert lab.send(Client(), at, REAL[:50], state) in (PARTIAL_AGAIN, BLOCKED, PARTIAL)
    assert lab.send(Client(), at + 50, REAL[50:], state) == BLOCKED


@pytest.mark.parametrize("isn", [1000, 50_000], ids=["their beginning", "another"])
def test_a_syn_ack_behind_octets_without_a_beginning_blocks_them_while_they_may_be_its_connection_s(
    lab: Lab, isn: int
) -> None:
    assert lab.send(WEB, 0, FIRST, isn=False) == ALLOWED

    assert lab.open(Client(isn=isn, dport=80)) == BLOCKED
    assert lab.counted("gate_forgotten") == 2
    assert lab.send(WEB, len(FIRST), FIRST, isn=False) == BLOCKED


@pytest.mark.parametrize("octets", [FIRST, REAL], ids=["a request", "a hello"])
def test_what_begins_without_a_syn_ack_is_blocked_under_closed_and_read_and_counted_under_open(
    lab: Lab, closed_lab: Lab, octets: bytes
) -> None:
    client = WEB if octets is FIRST else Client()
    opened = ALLOWED if octets is FIRST else BLOCKED

    assert lab.send(client, 0, octets, isn=False) == opened
    assert closed_lab.send(client, 0, octets, isn=False) == BLOCKED

    assert lab.counted("gate_forgotten") == closed_lab.counted("gate_forgotten") == 1
    assert closed_lab.counted("events") == 0


def test_a_syn_ack_of_another_connection_than_octets_without_a_beginning_begins_anew(lab: Lab) -> None:
    spoken = bytearray(WEB.segment(0, FIRST))
    spoken[28:32] = (77_777 + 5000).to_bytes(4, "big")  # it acknowledges what its server has sent
    assert lab.send(WEB, 0, FIRST, isn=False) == ALLOWED
    assert state_in(lab.gate.feed(bytes(spoken), WEB.mark(ALLOWED), lab.now_s)) == ALLOWED

    assert lab.open(WEB) == OPENED
    assert lab.send(WEB, 0, FIRST, OPENED) == ALLOWED


def test_a_packet_that_was_queued_with_the_last_one_of_a_released_connection_passes(lab: Lab) -> None:
    lab.send(Client(), 0, DECOY)
    assert lab.send(Client(), len(DECOY), CCS + APPDATA, SPOKEN) == SPOKEN
    assert lab.answer(Client(), len(DECOY + CCS + APPDATA), b"x") == RELEASED

    assert lab.send(Client(), len(DECOY) + 51, APPDATA, SPOKEN) == RELEASED


def test_a_kept_connection_that_begins_anew_with_the_same_isn_is_judged_anew(lab: Lab) -> None:
    assert lab.send(WEB, 0, FIRST) == ALLOWED
    assert lab.send(WEB, len(FIRST), FIRST, SPOKEN) == SPOKEN

    lab.open(WEB)
    assert lab.send(WEB, 0, LISTED) == ANSWERED


def test_what_a_server_has_acknowledged_is_no_word_for_the_next_connection(lab: Lab) -> None:
    post = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: 60000\r\n") + b"x" * 60_000
    for at in range(0, len(post), 1400):
        lab.send(WEB, at, post[at : at + 1400], ALLOWED if at else 0)
    lab.answer(WEB, len(post), state=ALLOWED)

    lab.open(WEB)
    assert lab.send(WEB, 0, LISTED) == ANSWERED


# -- evicted -----------------------------------------------------------------------------------------------------------


def test_half_a_second_head_that_was_evicted_is_not_completed(tight: Lab) -> None:
    tight.send(WEB, 0, FIRST)
    half = len(FIRST) + 30
    assert tight.send(WEB, len(FIRST), LISTED[:30], SPOKEN) == PARTIAL_SPOKEN
    press(tight, WEB)

    assert tight.send(WEB, half, LISTED[30:], PARTIAL_SPOKEN) == BLOCKED


def test_half_a_second_hello_that_was_evicted_is_not_completed(tight: Lab) -> None:
    tight.send(Client(), 0, DECOY)
    assert tight.send(Client(), len(DECOY), REAL[:30], SPOKEN) == PARTIAL_SPOKEN
    press(tight, Client())

    assert tight.send(Client(), len(DECOY) + 30, REAL[30:], PARTIAL_SPOKEN) == BLOCKED


def test_a_second_piece_before_the_first_that_was_evicted_is_not_completed(tight: Lab) -> None:
    assert tight.send(Client(), 50, REAL[50:]) == PARTIAL
    press(tight, Client())

    assert tight.send(Client(), 0, REAL[:50], PARTIAL) == BLOCKED


def test_nothing_saves_half_a_hello_over_a_restart_of_the_gate(lab: Lab, tmp_path: Path, tables: TableSet) -> None:
    assert lab.send(Client(), 50, REAL[50:]) == PARTIAL

    again = Lab(tmp_path / "again", tables)
    assert again.send(Client(), 0, REAL[:50], PARTIAL) == BLOCKED


def test_a_second_hello_is_judged_though_the_first_was_evicted(tight: Lab) -> None:
    tight.send(Client(), 0, DECOY)
    press(tight, Client())

    assert tight.send(Client(), len(DECOY), REAL, SPOKEN) == BLOCKED


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_second_hello_in_pieces_is_judged_though_the_first_was_evicted(tight: Lab, cut: int) -> None:
    tight.send(Client(), 0, DECOY)
    press(tight, Client())

    state = tight.send(Client(), len(DECOY), REAL[:cut], SPOKEN)
    assert state in (PARTIAL_SPOKEN, BLOCKED)
    assert tight.send(Client(), len(DECOY) + cut, REAL[cut:], state) == BLOCKED


def test_a_connection_that_is_encrypted_goes_on_though_it_was_evicted(tight: Lab) -> None:
    tight.send(Client(), 0, DECOY)
    press(tight, Client())

    assert tight.send(Client(), len(DECOY), APPDATA, SPOKEN) == SPOKEN
    assert tight.is_asking
    assert tight.answer(Client(), len(DECOY)) == SPOKEN
    assert tight.answer(Client(), len(DECOY + APPDATA)) == RELEASED
    assert tight.counted("gate_forgotten") == 1


@pytest.mark.parametrize("first", [0, 1], ids=["HTTP", "TLS"])
def test_octets_in_front_of_those_that_a_connection_was_resumed_with_are_blocked(tight: Lab, first: int) -> None:
    client, before, listed = ((WEB, FIRST, LISTED), (Client(), DECOY, REAL))[first]
    tight.send(client, 0, before)
    press(tight, client)

    state = tight.send(client, len(before) + 30, listed[30:], SPOKEN)
    assert state in (SPOKEN, PARTIAL_SPOKEN, BLOCKED)
    assert tight.send(client, len(before), listed[:30], state) == BLOCKED


def test_half_a_head_that_the_kernel_has_forgotten_is_not_completed(lab: Lab) -> None:
    lab.send(WEB, 0, FIRST)
    assert lab.send(WEB, len(FIRST), LISTED[:30], SPOKEN) == PARTIAL_SPOKEN

    assert lab.send(WEB, len(FIRST) + 30, LISTED[30:], isn=False) == BLOCKED


def test_judged_octets_leave_nothing_unjudged_behind(lab: Lab) -> None:
    assert lab.send(WEB, 0, FIRST) == ALLOWED
    assert lab.send(WEB, len(FIRST), FIRST[:20], ALLOWED) == PARTIAL_AGAIN
    assert lab.send(WEB, len(FIRST) + 20, FIRST[20:], PARTIAL_AGAIN) == ALLOWED


# -- a second hello ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [APPDATA, APPDATA * 40, EMPTY + APPDATA, CCS + APPDATA + EMPTY + APPDATA])
def test_a_second_hello_is_judged_behind_early_data(lab: Lab, early: bytes) -> None:
    assert lab.send(Client(), 0, EARLY) == ALLOWED
    assert lab.send(Client(), len(EARLY), early, SPOKEN) == SPOKEN

    assert lab.send(Client(), len(EARLY + early), REAL, SPOKEN) == BLOCKED


def test_early_data_and_the_second_hello_are_judged_in_any_pieces(lab: Lab) -> None:
    stream = EARLY + APPDATA + CCS + REAL
    for at in range(len(EARLY), len(stream)):
        client = Client(sport=2000 + at)
        lab.send(client, 0, EARLY)
        state = lab.send(client, len(EARLY), stream[len(EARLY) : at], SPOKEN) if at > len(EARLY) else SPOKEN
        assert lab.send(client, at, stream[at:], state) == BLOCKED


SERVER_HELLO = records(b"\x02\x00\x00\x26\x03\x03" + bytes(36))
RETRY = records(b"\x02\x00\x00\x26\x03\x03" + bytes.fromhex(RETRY_RANDOM) + bytes(4))


def test_a_server_s_hello_releases_a_connection_with_early_data(lab: Lab, closed_lab: Lab) -> None:
    for each in (lab, closed_lab):
        assert each.send(Client(), 0, EARLY + APPDATA) == ALLOWED
        assert each.is_asking

        assert each.answer(Client(), len(EARLY + APPDATA), SERVER_HELLO) == RELEASED
        assert each.send(Client(), len(EARLY + APPDATA), APPDATA, SPOKEN) == RELEASED


@pytest.mark.parametrize("answer", [RETRY, SERVER_HELLO[:40], b"\x15\x03\x03\x00\x02\x01\x70", b"x" * 100])
def test_what_is_no_whole_server_hello_releases_nothing(lab: Lab, answer: bytes) -> None:
    lab.send(Client(), 0, EARLY + APPDATA)

    assert lab.answer(Client(), len(EARLY + APPDATA), answer) == SPOKEN
    assert lab.send(Client(), len(EARLY + APPDATA), REAL, SPOKEN) == BLOCKED


def test_only_the_server_s_first_octets_say_what_it_made_of_a_hello(lab: Lab) -> None:
    lab.send(Client(), 0, EARLY + APPDATA)

    assert lab.answer(Client(), len(EARLY + APPDATA), SERVER_HELLO, at=200) == SPOKEN
    assert lab.answer(Client(), len(EARLY + APPDATA), RETRY) == SPOKEN
    assert lab.send(Client(), len(EARLY + APPDATA), REAL, SPOKEN) == BLOCKED


def test_early_data_that_a_server_skips_passes_at_any_length_as_it_is_acknowledged(lab: Lab, closed_lab: Lab) -> None:
    large = records(bytes(300_000), kind=23)
    for each in (lab, closed_lab):
        each.send(Client(), 0, EARLY)
        each.answer(Client(), len(EARLY), RETRY)
        for at in range(0, len(large), 1400):
            state = each.send(Client(), len(EARLY) + at, large[at : at + 1400], SPOKEN)
            assert state in (SPOKEN, PARTIAL_SPOKEN)
            if each.is_asking:
                each.answer(Client(), len(EARLY) + at, at=100)
        assert each.send(Client(), len(EARLY + large), REAL, SPOKEN) == BLOCKED


# -- decoys that push judged octets out of the window ------------------------------------------------------------------


def pushed(lab: Lab, client: Client) -> int:
    """Send an answered request, then decoys that its server never receives; returns where they begin."""
    lab.send(client, 0, FIRST)
    at = len(FIRST)
    for number in range(200):
        state = lab.send(client, at + number * 1000, FIRST + b"GET /" + b"x" * 940 + b"\r\n\r\n", SPOKEN)
        if state not in (SPOKEN, PARTIAL_SPOKEN):
            break
    return at


def test_decoys_do_not_push_out_what_the_server_has_not_received(lab: Lab, closed_lab: Lab) -> None:
    for each in (lab, closed_lab):
        at = pushed(each, WEB)
        each.answer(WEB, at)  # the server has received the first request alone

        assert each.send(WEB, at, LISTED[:30], SPOKEN) in (BLOCKED, PARTIAL_SPOKEN, SPOKEN)
        assert each.send(WEB, at + 30, LISTED[30:], PARTIAL_SPOKEN) == BLOCKED


def test_requests_without_end_pass_as_the_server_acknowledges_them(lab: Lab, closed_lab: Lab) -> None:
    for each in (lab, closed_lab):
        at = 0
        for _ in range(9000):
            assert each.send(WEB, at, FIRST, SPOKEN if at else 0) in (ALLOWED, SPOKEN)
            at += len(FIRST)
            if each.is_asking:
                each.answer(WEB, at)
        assert each.send(WEB, at, LISTED, SPOKEN) == ANSWERED


def test_a_request_behind_a_long_body_passes_once_the_server_has_the_body(lab: Lab, closed_lab: Lab) -> None:
    post = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: 40000\r\n") + bytes(40_000)
    for each in (lab, closed_lab):
        for at in range(0, len(post), 1400):
            assert each.send(WEB, at, post[at : at + 1400], ALLOWED if at else 0) == ALLOWED
        assert each.is_asking
        assert each.send(WEB, len(post), FIRST, ALLOWED) == DROPPED

        each.answer(WEB, len(post), state=ALLOWED)
        assert each.send(WEB, len(post), FIRST, ALLOWED) == ALLOWED
        assert each.send(WEB, len(post + FIRST), LISTED, ALLOWED) == ANSWERED


def test_what_the_server_has_acknowledged_may_come_again(closed_lab: Lab) -> None:
    at = 0
    for _ in range(3000):
        closed_lab.send(WEB, at, FIRST, SPOKEN if at else 0)
        at += len(FIRST)
        if closed_lab.is_asking:
            closed_lab.answer(WEB, at)

    assert closed_lab.send(WEB, 50, b"anything at all", SPOKEN) == SPOKEN


# -- ends --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nHost: www.blocked.test", LISTED[:-2], LISTED[:-1]])
def test_a_head_that_its_client_ends_with_its_connection_is_judged(lab: Lab, head: bytes) -> None:
    one, other = Client(dport=80, sport=1), Client(dport=80, sport=2)

    assert lab.send(one, 0, head, flags=ACK | FIN) == ANSWERED
    assert lab.send(other, 0, head) == PARTIAL
    assert lab.send(other, len(head), b"", PARTIAL, flags=ACK | FIN) == ANSWERED


@pytest.mark.parametrize("n", [60, 4093, 4094, 4095, 4096])
def test_a_head_of_any_length_that_its_client_ends_with_its_connection_is_judged(lab: Lab, n: int) -> None:
    """SMALL_OCTETS are 4096: the end of the last line, and of the head, need room behind it."""
    begin = b"GET / HTTP/1.1\r\nHost: www.blocked.test\r\nX: "
    head = begin + b"a" * (n - len(begin) - 2) + b"\r\n"
    one, other = Client(dport=80, sport=1), Client(dport=80, sport=2)

    assert lab.send(one, 0, head[:-9]) == PARTIAL
    assert lab.send(one, n - 9, head[-9:], PARTIAL, flags=ACK | FIN) == ANSWERED
    assert lab.send(other, 0, head) == PARTIAL
    assert lab.send(other, n, b"", PARTIAL, flags=ACK | FIN) == ANSWERED
    assert lab.counted("gate_too_big") == 0


def test_an_allowed_head_may_be_ended_by_its_connection(lab: Lab, closed_lab: Lab) -> None:
    for each in (lab, closed_lab):
        assert each.send(WEB, 0, FIRST[:-2], flags=ACK | FIN) == ALLOWED
        assert each.send(WEB, len(FIRST) - 2, b"", ALLOWED, flags=ACK | FIN) == ALLOWED


def test_an_end_before_the_octets_that_it_ends_waits_for_them(lab: Lab) -> None:
    head = LISTED[:-4]

    assert lab.send(WEB, 0, head[:20]) == PARTIAL
    assert lab.send(WEB, len(head), b"", PARTIAL, flags=ACK | FIN) == DROPPED
    assert lab.send(WEB, 20, head[20:], PARTIAL) == PARTIAL
    assert lab.send(WEB, len(head), b"", PARTIAL, flags=ACK | FIN) == ANSWERED


def test_octets_behind_an_end_are_a_contradiction(lab: Lab) -> None:
    assert lab.send(WEB, 0, LISTED[:25]) == PARTIAL
    assert lab.send(WEB, 25, b"", PARTIAL, flags=ACK | FIN) == ALLOWED  # no server may have received it

    assert lab.send(WEB, 25, LISTED[25:], ALLOWED) == BLOCKED


def test_an_end_amid_octets_is_a_contradiction(lab: Lab) -> None:
    octets = b"GET / HTTP/1.1\r\nHost: www.blocked.test"
    lab.send(WEB, 0, octets + b".allowed.test\r\n")

    assert lab.send(WEB, len(octets), b"", PARTIAL, flags=ACK | FIN) == BLOCKED


def test_an_end_of_what_the_gate_has_forgotten_ends_as_it_began(lab: Lab) -> None:
    assert lab.send(WEB, 40, b"", PARTIAL, flags=ACK | FIN) == BLOCKED
    assert lab.send(WEB, 40, b"", SPOKEN, flags=ACK | FIN) == SPOKEN


def test_line_ends_of_a_head_that_nobody_knows_go_by_the_policy(lab: Lab, closed_lab: Lab) -> None:
    assert lab.send(WEB, 40, b"\r\n\r\n", isn=False) == ALLOWED
    assert closed_lab.send(WEB, 40, b"\r\n\r\n", isn=False) == BLOCKED


def test_a_request_that_came_before_the_body_in_front_of_it_is_judged(lab: Lab) -> None:
    stream = request(b"www.allowed.test", method=b"POST", more=b"Content-Length: 9000\r\n") + b"x" * 9000 + LISTED
    for at in (5000, 9000, len(stream) - 20):
        client = Client(dport=80, sport=at)
        state = lab.send(client, at, stream[at:])
        if state == PARTIAL:
            state = lab.send(client, 0, stream[:at], state)
        assert state == ANSWERED


def test_octets_before_a_stream_are_dropped(lab: Lab) -> None:
    assert lab.send(Client(), -2000, REAL) == DROPPED
    assert lab.send(Client(), 0, REAL) == BLOCKED


# -- windows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(60_000, 60_000), (40_000, 64_000)])
def test_two_hellos_that_are_larger_than_a_window_together_are_judged(lab: Lab, sizes: tuple[int, int]) -> None:
    first = records(hello_message(b"www.allowed.test", padding=sizes[0]))
    second = records(hello_message(b"www.blocked.test", padding=sizes[1]))
    assert in_segments(lab, 0, first, 0) == ALLOWED

    assert in_segments(lab, len(first), second, SPOKEN) == BLOCKED


@pytest.mark.parametrize(("closed", "state"), [(0, ALLOWED), (1, BLOCKED)])
def test_without_images_the_policy_decides(tmp_path: Path, tables: TableSet, closed: int, state: int) -> None:
    lab = Lab(tmp_path / "none", tables)
    lab.gate = GateLoop(0, Handoff(), lab.reporter, [443], [80], closed, {}, 8)

    assert lab.send(Client(), 0, DECOY) == state
    assert lab.send(WEB, 0, FIRST) == state
