"""Half of each connection: a client's packets in, marks out, and nobody but the flow remembers anything."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.gate.lab import (
    ALLOWED,
    APPDATA,
    ARRIVALS,
    BLOCKED,
    DECOY,
    DROPPED,
    NOW_S,
    PARTIAL,
    REAL,
    SPOKEN,
    Lab,
    state_in,
)
from support.packets.builders import ACK, PSH, SYN, Client, hello, request

from fastpath.gate.marks import MARK_DROPPED, MARK_QUEUED, MARK_VERDICT
from fastpath.images.tables import TableSet
from fastpath.wire.packet import packet as parse
from fastpath.wire.packet import tcp_onward

WEB = Client(dport=80)
ALLOWED_REQUEST, LISTED_REQUEST = request(b"www.allowed.test"), request(b"www.blocked.test")


class Half(Lab):
    """A lab whose kernel tracks nothing: what a mark would say is never told."""

    def open(self, client: Client, at: int = -1) -> int:
        """The client's SYN."""
        return self.send(client, at, b"", flags=SYN, isn=False)

    def say(self, client: Client, at: int, octets: bytes, acknowledged: int = 0) -> int:
        """Payload of the client, which has `acknowledged` so many octets of its server."""
        packet = bytearray(client.segment(at, octets))
        packet[28:32] = (77777 + acknowledged).to_bytes(4, "big")
        return state_in(self.gate.feed(bytes(packet), MARK_QUEUED, self.now_s))


@pytest.fixture
def half(tmp_path: Path, tables: TableSet) -> Half:
    return Half(tmp_path, tables, n_flows=64, is_asymmetric=True)


@pytest.fixture
def closed_half(tmp_path: Path, tables: TableSet) -> Half:
    return Half(tmp_path / "closed", tables, closed=1, n_flows=64, is_asymmetric=True)


@pytest.mark.parametrize("arrival", ARRIVALS.values(), ids=ARRIVALS)
@pytest.mark.parametrize("isn", [1000, 0xFFFFFFF0, 0x01000000], ids=["any", "just before the turn", "no low bits"])
def test_however_a_hello_comes_it_is_judged_as_with_both_directions(
    half: Half, arrival: Callable[[bytes], list[tuple[int, bytes]]], isn: int
) -> None:
    listed, allowed = Client(sport=1, isn=isn), Client(sport=2, isn=isn)
    for client in (listed, allowed):
        assert half.open(client) == 0

    assert [half.say(listed, *piece) for piece in arrival(REAL)][-1] == BLOCKED
    assert [half.say(allowed, *piece) for piece in arrival(DECOY)][-1] == ALLOWED


def test_what_was_judged_is_compared_with_what_comes_as_long_as_the_connection_lives(half: Half) -> None:
    half.open(Client())
    assert half.say(Client(), 0, DECOY) == ALLOWED
    for number in range(3):
        half.now_s += 299
        assert half.say(Client(), len(DECOY) + 45 * number, APPDATA, acknowledged=5000) == ALLOWED

    assert half.say(Client(), 0, REAL) == BLOCKED
    assert half.counted("gate_overlap") == 1


def test_a_blocked_connection_stays_blocked_and_the_next_on_its_ports_is_judged_anew(half: Half) -> None:
    half.open(Client())
    assert half.say(Client(), 0, REAL) == BLOCKED
    assert half.say(Client(), len(REAL), b"more") == BLOCKED

    assert half.open(Client(isn=9000)) == 0
    assert half.say(Client(isn=9000), 0, DECOY) == ALLOWED


def test_a_connection_whose_syn_was_not_seen_goes_on_but_may_not_say_hello(half: Half, closed_half: Half) -> None:
    assert half.say(Client(), 0, APPDATA) == ALLOWED
    assert closed_half.say(Client(), 0, APPDATA) == BLOCKED
    assert half.say(Client(sport=2), 0, DECOY) == BLOCKED
    assert half.counted("gate_forgotten") == 1


def test_connections_that_are_taken_up_late_hold_little_memory_however_much_they_send(
    tmp_path: Path, tables: TableSet
) -> None:
    half = Half(tmp_path, tables, n_flows=64, n_windows=64, share=64, is_asymmetric=True)
    waiting = Client(src="192.0.2.9")
    half.open(waiting)
    assert half.say(waiting, 0, REAL[:60]) == PARTIAL
    for sport in range(1, 40):
        for at in range(0, 200_000, 50_000):
            assert half.say(Client(sport=sport), at, b"\x17\x03\x03\x40\x00" + bytes(49_995)) == ALLOWED

    assert half.say(waiting, 60, REAL[60:]) == BLOCKED
    assert half.counted("gate_flows_evicted") == 0


# -- where its octets stand ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("far", [1 << 23, -(1 << 23) - len(DECOY), 1 << 24, 1 << 31, -(1 << 24)])
def test_a_decoy_in_nobodys_window_is_dropped_and_not_read(half: Half, far: int) -> None:  # E15
    half.open(Client())

    assert half.say(Client(), far, DECOY) == DROPPED
    assert half.say(Client(), 0, REAL[:60]) == PARTIAL
    assert half.say(Client(), far + 60, DECOY[60:]) == DROPPED
    assert half.say(Client(), 60, REAL[60:]) == BLOCKED
    assert half.counted("gate_ignored") == 2
    assert half.counted("gate_packets") == 5


def test_a_segment_with_a_wrong_checksum_is_dropped_where_nobody_else_has_looked(half: Half) -> None:  # E14
    half.open(Client())
    good = tcp_onward(Client().segment(0, b""), 1000, 77777, ACK | PSH, DECOY)
    bad = good[:-1] + bytes([good[-1] ^ 1])

    assert half.gate.feed(bad, MARK_QUEUED, NOW_S, True) == MARK_VERDICT | DROPPED
    assert half.gate.feed(good, MARK_QUEUED, NOW_S, True) == MARK_VERDICT | ALLOWED
    assert half.gate.feed(bad, MARK_QUEUED, NOW_S, False) == MARK_VERDICT | BLOCKED


def test_a_syn_that_comes_again_begins_nothing_anew(half: Half) -> None:
    half.open(Client())
    assert half.say(Client(), 0, DECOY[:60]) == PARTIAL
    half.open(Client())

    assert half.say(Client(), 0, b"x" * 60) == BLOCKED
    assert half.counted("gate_overlap") == 1


# -- two begins --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [1, 40, 400, 5000, 100_000, 1 << 22, 1 << 24, -1, -40, -400, -5000, -100_000])
def test_a_decoy_syn_in_front_or_behind_hides_no_hello(half: Half, by: int) -> None:
    behind, front = Client(sport=1), Client(sport=2)
    half.open(behind)
    half.open(behind, at=by - 1)
    half.open(front, at=by - 1)
    half.open(front)

    assert half.say(behind, 0, REAL) in (BLOCKED, DROPPED)
    assert half.say(front, 0, REAL) == BLOCKED


@pytest.mark.parametrize("by", [40, 100_000, -40, -100_000])
def test_a_decoy_syn_after_a_decoy_hello_hides_no_hello(half: Half, by: int) -> None:
    half.open(Client())
    assert half.say(Client(), 0, DECOY) == ALLOWED
    half.open(Client(), at=by - 1)

    assert half.say(Client(), 0, REAL) in (BLOCKED, DROPPED)
    half.open(Client(), at=by - 1)
    assert half.say(Client(), 0, REAL) in (BLOCKED, DROPPED)


@pytest.mark.parametrize("n", [0, 60, len(DECOY)])
def test_ports_may_be_used_again_at_once(half: Half, closed_half: Half, n: int) -> None:
    again = Client(isn=50_000)
    for each in (half, closed_half):
        each.open(Client())
        each.say(Client(), 0, DECOY[:n])
        each.open(again)

        assert each.say(again, 0, DECOY[:60]) == PARTIAL
        assert each.say(again, 60, DECOY[60:]) == ALLOWED
        assert each.say(again, len(DECOY), APPDATA) == ALLOWED


@pytest.mark.parametrize("decoy", [b"0123456789", b"\r\n" * 5])
def test_what_a_decoy_says_between_two_begins_hides_no_request(half: Half, decoy: bytes) -> None:
    half.open(WEB)
    half.open(WEB, at=-11)
    half.say(WEB, -10, decoy)

    assert half.say(WEB, 0, LISTED_REQUEST) == BLOCKED


# -- what is forgotten -------------------------------------------------------------------------------------------------


def test_a_hello_that_was_forgotten_in_its_middle_is_blocked(tmp_path: Path, tables: TableSet) -> None:
    half = Half(tmp_path, tables, n_flows=64, n_windows=64, share=4, is_asymmetric=True)
    clients = [Client(sport=sport) for sport in range(1, 7)]
    for client in clients:
        half.open(client)
        assert half.say(client, 0, REAL[:60]) == PARTIAL

    assert [half.say(client, 60, REAL[60:]) for client in clients] == [BLOCKED] * 6
    assert half.counted("gate_beyond_share") == 2
    half.open(clients[0])
    assert half.say(clients[0], 60, REAL[60:]) == BLOCKED


def test_two_hundred_thousand_syns_of_one_client_harm_nobody_else(tmp_path: Path, tables: TableSet) -> None:
    half = Half(tmp_path, tables, n_flows=65_536, is_asymmetric=True)
    others = [Client(f"198.51.100.{number}", dst="203.0.113.1") for number in range(1, 251)]
    for other in others:
        half.open(other)
        assert half.say(other, 0, REAL[:60]) == PARTIAL
    for number in range(200_000):
        half.open(Client(sport=number % 65536, dst=f"203.0.113.{number // 65536}"))

    assert {half.say(other, 60, REAL[60:]) for other in others} == {BLOCKED}
    assert half.counted("gate_overlap") == half.counted("gate_forgotten") == 0
    assert half.counted("gate_hellos") == len(others)
    assert half.counted("gate_beyond_share") == 200_000 - 1024


def test_a_hello_after_too_long_a_silence_is_blocked(half: Half) -> None:
    half.open(Client())
    assert half.say(Client(), 0, REAL[:60]) == PARTIAL
    half.now_s += 301
    half.open(Client(sport=2))

    assert half.say(Client(), 60, REAL[60:]) == BLOCKED


# -- HTTP ------------------------------------------------------------------------------------------------------------


def test_a_kept_connection_is_judged_to_its_end_as_its_client_acknowledges(half: Half) -> None:
    half.open(WEB)
    filled = request(b"www.allowed.test", more=b"X: " + b"y" * 3000 + b"\r\n")
    at = 0
    for number in range(100):
        state = half.say(WEB, at, filled, acknowledged=100 * number)
        assert state == (SPOKEN if number else ALLOWED)
        at += len(filled)

    assert half.say(WEB, at, LISTED_REQUEST, acknowledged=10_000) == BLOCKED
    assert half.counted("gate_too_big") == 0


def test_a_listed_request_is_reset_and_leaves_no_record_as_nothing_shows_a_handshake(half: Half) -> None:
    half.open(WEB)

    assert half.say(WEB, 0, LISTED_REQUEST) == BLOCKED
    [reset] = half.gate.injected()
    assert len(reset) <= len(WEB.segment(0, LISTED_REQUEST))
    assert half.counted("gate_unproven") == 1
    assert half.counted("gate_blocked") == half.counted("events") == half.counted("gate_pages_sent") == 0


def test_a_client_that_has_acknowledged_nothing_has_heard_nothing(half: Half) -> None:
    half.open(WEB)

    assert half.say(WEB, 0, ALLOWED_REQUEST, acknowledged=700) == ALLOWED
    assert half.say(WEB, len(ALLOWED_REQUEST), ALLOWED_REQUEST, acknowledged=700) == ALLOWED
    assert half.say(WEB, 0, LISTED_REQUEST, acknowledged=700) == BLOCKED


def test_datagrams_and_other_ports_go_by_the_mark_as_ever(half: Half) -> None:
    assert half.send(Client(dport=9999), 0, hello(b"www.blocked.test"), SPOKEN) == SPOKEN
    assert half.gate.feed(b"\x45rubbish", MARK_QUEUED | ALLOWED, NOW_S) == MARK_VERDICT | MARK_DROPPED


@pytest.mark.parametrize(
    ("client", "octets"), [(Client(), hello(b"www.allowed.test", padding=3)[:-1] + b"x"), (WEB, ALLOWED_REQUEST)]
)
def test_a_keep_alive_of_an_octet_reaches_its_server_without_it_so_that_an_idle_connection_lives(
    closed_half: Half, client: Client, octets: bytes
) -> None:
    closed_half.open(client)
    assert closed_half.say(client, 0, octets) == ALLOWED

    for _ in range(3):
        assert closed_half.say(client, len(octets) - 1, b"\0", acknowledged=500) == DROPPED
        (sent,) = [parse(each) for each in closed_half.gate.injected()]
        assert sent is not None
        assert (sent.dport, sent.seq, sent.ack) == (client.dport, client.isn + len(octets) - 1, 77777 + 500)
        assert (sent.payload, sent.flags) == (b"", ACK)
