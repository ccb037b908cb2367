"""Octets in pieces of memory: small ones until they do not do, and none that is not there."""

import itertools
import random

import pytest

from fastpath.flow import Stream

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
