"""Streams that go on without their beginning, with asymmetric routing: all of their octets are searched for a hello."""

import itertools
import random
from pathlib import Path

import pytest
from support.gate.lab import ALLOWED, APPDATA, BLOCKED, DECOY, PARTIAL, PARTIAL_AGAIN, REAL, Lab, state_in
from support.packets.builders import Client

from fastpath.gate.marks import MARK_QUEUED
from fastpath.images.tables import TableSet

REST = bytes(range(32, 132)) * 3  # of a record whose beginning nobody knows
PASSES = (ALLOWED, PARTIAL, PARTIAL_AGAIN)
CLIENT = Client()
SEGMENT = (APPDATA * 32)[:1400]
CUTS = range(1, 12)  # in front of the hello, in its head, and behind that


class Half(Lab):
    """A gate that has forgotten a connection, or never knew it, and sees its client alone."""

    def say(self, at: int, octets: bytes, client: Client = CLIENT) -> int:
        return state_in(self.gate.feed(client.segment(at, octets), MARK_QUEUED, self.now_s))


@pytest.fixture
def half(tmp_path: Path, tables: TableSet) -> Half:
    return Half(tmp_path, tables, n_flows=64, is_asymmetric=True)


@pytest.mark.parametrize("behind", [0, 5000, 120_000])
@pytest.mark.parametrize("hello", [REAL, DECOY], ids=["listed", "allowed"])
def test_a_hello_is_found_wherever_its_head_is_cut_and_however_late_it_comes(
    half: Half, behind: int, hello: bytes
) -> None:
    for sport, (one, other) in enumerate(itertools.combinations(CUTS, 2), 1):
        client = Client(sport=sport)
        stream = REST + bytes(behind) + b"rest" + hello
        begin = len(stream) - len(hello) - 4
        for at in range(0, begin, 1400):
            assert half.say(at, stream[at : min(at + 1400, begin)], client) == ALLOWED
        pieces = [(begin, begin + one), (begin + one, begin + other), (begin + other, len(stream))]
        assert BLOCKED in [half.say(a, stream[a:b], client) for a, b in pieces]


def test_the_order_of_the_pieces_does_not_matter(half: Half) -> None:
    stream = REST + REAL
    cuts = [0, len(REST) - 1, len(REST) + 2, len(REST) + 5, len(REST) + 8, len(stream)]
    for sport, pieces in enumerate(itertools.permutations(itertools.pairwise(cuts)), 1):
        client = Client(sport=sport)
        assert BLOCKED in [half.say(a, stream[a:b], client) for a, b in pieces]


def test_what_seems_to_begin_a_hello_is_not_forgotten_again(half: Half) -> None:
    assert half.say(0, REST + REAL[:3]) == PARTIAL
    half.now_s += 301
    for sport in range(1, 80):
        half.say(0, REST, Client(sport=sport))

    assert half.say(len(REST) + 3, REAL[3:]) == BLOCKED


def test_a_long_upload_passes_and_is_counted_once(half: Half) -> None:
    upload = random.Random(1).randbytes(1_500_000)
    pieces = [(at, upload[at : at + 1400]) for at in range(0, len(upload), 1400)]
    for at, octets in pieces:  # each is sent twice
        assert half.say(at, octets) in PASSES
        if at:
            assert half.say(at - 1400, upload[at - 1400 : at]) in PASSES

    assert half.counted("gate_not_tls") == 1
    assert half.counted("gate_too_big") == half.counted("gate_forgotten") == 0


def test_lost_segments_come_late_and_pass(half: Half) -> None:
    for number in range(200):
        if number % 20 != 10:
            assert half.say(1400 * number, SEGMENT) in PASSES
        if number % 20 == 15:
            assert half.say(1400 * (number - 5), SEGMENT) in PASSES

    assert half.counted("gate_not_tls") == 1
    assert half.counted("gate_too_big") == half.counted("gate_overlap") == 0


def test_other_octets_in_the_place_of_those_that_came_are_a_contradiction(half: Half) -> None:
    assert half.say(0, REST) == ALLOWED
    assert half.say(len(REST), APPDATA) == ALLOWED

    assert half.say(len(REST), REAL[: len(APPDATA)]) == BLOCKED
    assert half.counted("gate_overlap") == 1


def test_octets_in_front_of_what_is_kept_are_undecidable_and_counted(half: Half) -> None:
    for at in range(0, 14_000, 1400):
        assert half.say(at, bytes(1400)) == ALLOWED

    assert half.say(0, REAL) == ALLOWED
    assert half.counted("gate_too_big") == 1


def test_behind_a_gap_that_is_never_filled_the_search_goes_on(half: Half) -> None:
    assert half.say(0, REST) == ALLOWED
    for at in range(1400, 140_000, 1400):
        assert half.say(at, bytes(1400)) in PASSES

    assert half.counted("gate_too_big") == 1
    assert half.say(140_000, b"rest" + REAL[:4]) in PASSES
    assert half.say(140_008, REAL[4:]) == BLOCKED


def test_a_message_too_long_for_a_hello_is_undecidable(half: Half) -> None:
    assert half.say(0, REST + b"\x16\x03\x01\x40\x00\x01\x20\x00\x00\x03\x03") == ALLOWED
    assert half.counted("gate_too_big") == 1


def test_where_the_policy_is_closed_nothing_goes_on(tmp_path: Path, tables: TableSet) -> None:
    half = Half(tmp_path, tables, closed=1, n_flows=64, is_asymmetric=True)

    assert half.say(0, REST) == BLOCKED
    assert half.counted("gate_not_tls") == 1
