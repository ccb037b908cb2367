"""Octets in pieces of memory: small ones until they do not do, and none that is not there."""

import itertools
import os
import random
from pathlib import Path

import pytest
from support.images.opened import Images
from support.packets.builders import ACCEPTED, Client, hello, records

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import MARK_REPLY
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Mode
from fastpath.report.spool import Reporter
from fastpath.testing.stream import Stream

SMALL, LARGE = 4096, 98304


@pytest.mark.parametrize("seed", range(8))
def test_a_window_that_grows_while_gaps_are_open_keeps_every_octet(seed: int) -> None:
    rng = random.Random(seed)
    octets = rng.randbytes(20_000)
    edges = [0, *sorted(rng.sample(range(1, len(octets)), 30)), len(octets)]
    pieces = [(a, octets[a:b]) for a, b in itertools.pairwise(edges)]
    rng.shuffle(pieces)
    stream = Stream(isn=1)

    for at, piece in pieces:
        assert stream.put(at, piece) == len(piece)

    assert stream.contiguous == octets


def test_a_contradiction_is_found_in_a_large_window_too() -> None:
    stream = Stream(isn=1)
    stream.put(0, bytes(SMALL))
    stream.put(SMALL, bytes(SMALL))

    with pytest.raises(ValueError, match="other octets"):
        stream.put(SMALL - 1, b"\0\1")
    assert stream.contiguous == bytes(2 * SMALL)


def test_the_window_has_an_end() -> None:
    stream = Stream(isn=1)

    assert stream.put(0, bytes(60_000)) == 60_000
    assert stream.put(60_000, bytes(60_000)) == LARGE - 60_000
    assert stream.put(LARGE, b"x") == 0


def test_a_window_that_was_slid_takes_its_whole_room_again() -> None:
    stream = Stream(isn=1)
    for at in range(0, 500_000, 50_000):
        assert stream.put(at, bytes([at // 50_000]) * 50_000) == 50_000
        stream.slide(at + 49_000)

    assert stream.contiguous == bytes([9]) * 1000


def test_a_stream_that_turns_out_to_begin_earlier_may_outgrow_its_small_piece() -> None:
    stream = Stream()
    stream.put(0, b"end")
    stream.put(-5000, b"a" * 5000)

    assert stream.contiguous == b"a" * 5000 + b"end"


def test_what_was_given_back_is_taken_before_what_was_never_touched(images: Images, tmp_path: Path) -> None:
    handoff, reporter = Handoff(), Reporter(tmp_path / "counters", tmp_path / "spool")
    handoff.give(TableSet(images.names([("orders", "blocked.test", Mode.SUBTREE)])))
    gate = GateLoop(0, handoff, reporter, [443], [], 0, {})
    octets = hello(b"www.allowed.test")
    packets = []
    for number in range(1000, 12_000):
        client = Client(sport=number, isn=number)
        packets.append((client.accepted(), ACCEPTED))
        packets.append((client.segment(0, octets), client.mark(0)))
        packets.append((client.segment(len(octets), records(bytes(40), kind=23)), client.mark(4)))
        packets.append((client.answer(len(octets) + 45, b"x", 0), client.mark(4) | MARK_REPLY))

    for packet, mark in packets[:4000]:
        gate.feed(packet, mark, 1)
    before = resident()
    for packet, mark in packets[4000:]:
        gate.feed(packet, mark, 1)

    assert resident() - before < 10_000 * SMALL / 2
    assert reporter.counters.values()["gate_released"] == 11_000


def resident() -> int:
    """Octets of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
