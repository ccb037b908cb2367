"""Whose memory it is: a subscriber's flood costs that subscriber's own flows, and nobody else's."""

from pathlib import Path

from support.gate.lab import ALLOWED, APPDATA, BLOCKED, CCS, DECOY, OPENED, PARTIAL, REAL, RELEASED, SPOKEN, Lab
from support.images.opened import Images
from support.packets.builders import Client, hello

from fastpath.gate.loop import GateLoop
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Mode


def test_who_holds_his_whole_share_loses_his_own_longest_silent_hello_and_nobody_elses(
    tmp_path: Path, tables: TableSet
) -> None:
    lab = Lab(tmp_path, tables, n_flows=4096, n_windows=64, share=10)
    other = Client("192.0.2.2")
    assert lab.send(other, 0, REAL[:50]) == PARTIAL
    assert {lab.send(Client(sport=sport), 0, REAL[:50]) for sport in range(1, 1000)} == {PARTIAL}

    assert lab.counted("gate_beyond_share") == lab.counted("gate_flows_evicted") == 989
    assert lab.send(other, 50, REAL[50:], PARTIAL) == BLOCKED
    assert lab.send(Client(sport=999), 50, REAL[50:], PARTIAL) == BLOCKED
    assert lab.counted("gate_forgotten") == 0
    assert lab.send(Client(sport=1), 50, REAL[50:], PARTIAL) == BLOCKED
    assert lab.counted("gate_forgotten") == 1


def test_a_decoy_that_was_forgotten_before_the_server_spoke_saves_nothing(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path, tables, n_flows=4096, n_windows=64, share=10)
    at = REAL.index(b"www.")
    lab.send(Client(), 0, DECOY[:at])
    assert lab.send(Client(), at, DECOY[at:], PARTIAL) == ALLOWED
    for sport in range(1, 20):
        lab.send(Client(sport=sport), 0, DECOY[:50])

    assert lab.send(Client(), at, REAL[at:], ALLOWED) == BLOCKED
    assert lab.send(Client(isn=5000), 0, REAL, ALLOWED) == BLOCKED


def test_a_share_comes_back_with_each_decision_and_after_silence(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path, tables, n_flows=4096, n_windows=64, share=10)
    for isn in (1000, 2000, 3000):
        clients = [Client(sport=sport, isn=isn) for sport in range(1, 11)]
        for client in clients:
            lab.send(client, 0, DECOY[:50])
        for client in clients:
            assert lab.send(client, 50, DECOY[50:], PARTIAL) == ALLOWED
            assert lab.send(client, len(DECOY), CCS + APPDATA, SPOKEN) == SPOKEN
            assert lab.answer(client, len(DECOY + CCS + APPDATA), b"x") == RELEASED
        lab.send(Client(sport=99), 0, DECOY[:50])
        lab.now_s += 301
    assert lab.counted("gate_beyond_share") == 0


def test_two_hundred_thousand_hellos_that_one_client_does_not_end_harm_nobody_else(
    tmp_path: Path, tables: TableSet
) -> None:
    lab = Lab(tmp_path, tables, n_flows=262_144)
    others = [Client(f"198.51.100.{number}", dst="203.0.113.1") for number in range(1, 251)]
    for other in others:
        assert lab.send(other, 0, REAL[:50]) == PARTIAL
    for number in range(200_000):
        lab.send(Client(sport=number % 65536, dst=f"203.0.113.{number // 65536}"), 0, REAL[:50])

    assert {lab.send(other, 50, REAL[50:], PARTIAL) for other in others} == {BLOCKED}
    assert lab.counted("gate_forgotten") == 0
    assert lab.counted("gate_beyond_share") == 200_000 - 1024


def test_a_hello_is_judged_by_one_generation_however_often_the_images_are_swapped(
    tmp_path: Path, images: Images
) -> None:
    lab = Lab(tmp_path, TableSet(images.names([("orders", "blocked.test", Mode.SUBTREE)])))
    handoff = Handoff()
    lab.gate = GateLoop(0, handoff, lab.reporter, [443], [80], 0, {}, 4096)
    listed = [b"www.first.test", b"www.second.test"]
    generations = [TableSet(images.names([("orders", name.decode(), Mode.EXACT)])) for name in listed]
    for number in range(400):
        handoff.give(generations[number % 2])
        pair = hello(*listed) if number % 3 else hello(listed[number % 2])
        assert lab.send(Client(sport=number + 1), 0, pair) == BLOCKED
        assert lab.send(Client(sport=number + 1000), 0, hello(listed[1 - number % 2])) == ALLOWED


def test_of_many_clients_the_longest_silent_hello_gives_its_memory_away(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path, tables, n_flows=4096, n_windows=64, share=10)
    for number in range(70):
        assert lab.send(Client(f"192.0.2.{number}", sport=number + 1), 0, DECOY[:50]) == PARTIAL

    assert lab.counted("gate_flows_evicted") == 6
    assert lab.send(Client("192.0.2.69", sport=70), 50, DECOY[50:], PARTIAL) == ALLOWED
    assert lab.send(Client("192.0.2.0", sport=1), 50, DECOY[50:], PARTIAL) == BLOCKED


def test_no_subscriber_pays_for_another_of_two_thousand(tmp_path: Path, tables: TableSet) -> None:
    """Of ten thousand, one finds all its places taken in one run of seventy: keys are new in each."""
    lab = Lab(tmp_path, tables, n_flows=65536, share=1)
    for number in range(2_000):
        lab.send(Client(f"198.18.{number >> 8}.{number & 255}"), 0, REAL[:50])

    assert lab.counted("gate_beyond_share") == lab.counted("gate_flows_evicted") == 0


def test_an_account_is_free_again_once_no_flow_counts_against_it(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path, tables, n_flows=512, share=1)
    for number in range(80_000):  # more than there are accounts
        lab.send(Client(f"198.{number >> 16}.{number >> 8 & 255}.{number & 255}"), 0, REAL[:50])

    assert lab.counted("gate_flows_evicted") == 80_000 - 512
    assert lab.counted("gate_beyond_share") == 0


def half_large(name: bytes) -> bytes:
    """The beginning of a hello that needs a large window."""
    return hello(name, padding=8000)[:5000]


def test_one_household_s_flood_of_large_hellos_costs_another_no_judged_flow(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path, tables, n_flows=4096)
    other = Client("2001:db8:2::1", "2001:db8:ffff::1")
    whole = hello(b"www.allowed.test", padding=8000)
    assert lab.send(other, 0, whole[:5000]) == PARTIAL
    for number in range(300):  # nine /64 of one /56
        flooding = Client(f"2001:db8:1:{number % 9}::{number:x}", "2001:db8:ffff::1", sport=number + 1)
        assert lab.send(flooding, 0, half_large(b"www.allowed.test")) == PARTIAL

    assert lab.send(other, 5000, whole[5000:], PARTIAL) == ALLOWED


def test_of_many_households_that_hold_large_pieces_who_holds_most_loses(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path, tables, n_flows=8192)
    quiet = Client("192.0.2.200", sport=9)
    whole = hello(b"www.allowed.test", padding=8000)
    assert lab.send(quiet, 0, whole[:5000]) == PARTIAL
    for number in range(600):  # ten households, sixty each: 256 large pieces are all
        lab.send(Client(f"192.0.2.{number % 10}", sport=number + 1), 0, half_large(b"www.allowed.test"))

    assert lab.counted("gate_flows_evicted") > 300
    assert lab.send(quiet, 5000, whole[5000:], PARTIAL) == ALLOWED


def test_memory_is_taken_from_who_holds_some_and_never_from_a_connection_that_has_sent_nothing_yet(
    tmp_path: Path, tables: TableSet
) -> None:
    lab = Lab(tmp_path, tables, n_flows=4096, n_windows=64)
    waiting = [Client("203.0.113.200", sport=number) for number in range(1, 101)]
    for client in waiting:
        assert lab.open(client) == OPENED
    for number in range(100):
        assert lab.send(Client(f"203.0.113.{number}", sport=number + 1), 0, DECOY) == ALLOWED

    assert lab.counted("gate_flows_evicted") == 36
    assert {lab.send(client, 0, DECOY, OPENED) for client in waiting} == {ALLOWED}
    assert lab.counted("gate_forgotten") == 0


def test_who_holds_his_whole_share_loses_a_hello_before_a_connection_that_has_sent_nothing_yet(
    tmp_path: Path, tables: TableSet
) -> None:
    lab = Lab(tmp_path, tables, n_flows=4096, n_windows=64, share=10)
    waiting = [Client(sport=number) for number in range(1, 51)]
    for client in waiting:
        assert lab.open(client) == OPENED
    for number in range(100, 120):
        assert lab.send(Client(sport=number), 0, DECOY) == ALLOWED

    assert lab.counted("gate_beyond_share") == 10
    assert {lab.send(client, 0, DECOY, OPENED) for client in waiting} == {ALLOWED}
    assert lab.counted("gate_forgotten") == 0
