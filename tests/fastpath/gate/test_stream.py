"""Octets of a flow: order does not matter, contradictions do."""

import random

import pytest

from fastpath.testing.stream import Stream

WINDOW = 98304


def test_octets_in_order_are_contiguous() -> None:
    stream = Stream(isn=5)

    assert stream.put(0, b"abc") == 3
    assert stream.put(3, b"def") == 3
    assert stream.contiguous == b"abcdef"


def test_octets_out_of_order_wait_for_the_gap() -> None:
    stream = Stream(isn=5)
    stream.put(3, b"def")
    stream.put(8, b"ij")

    assert stream.contiguous == b""
    stream.put(0, b"abc")
    assert stream.contiguous == b"abcdef"
    stream.put(6, b"gh")
    assert stream.contiguous == b"abcdefghij"


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_overlapping_pieces_gives_the_same_octets(seed: int) -> None:
    rng = random.Random(seed)
    octets = rng.randbytes(700)
    starts = [0, *(rng.randrange(700) for _ in range(60))]
    pieces = [(start, octets[start : start + rng.randrange(1, 60)]) for start in starts]
    pieces += [(at, octets[at : at + 1]) for at in range(700)]
    rng.shuffle(pieces)
    stream = Stream(isn=1)

    for at, piece in pieces:
        assert stream.put(at, piece) == len(piece)

    assert stream.contiguous == octets


def test_equal_octets_again_are_no_contradiction() -> None:
    stream = Stream(isn=5)
    stream.put(0, b"abcdef")

    assert stream.put(2, b"cdefgh") == 6
    assert stream.contiguous == b"abcdefgh"


@pytest.mark.parametrize("first", [(0, b"abcdef"), (2, b"cdef")], ids=["contiguous", "behind a gap"])
def test_one_differing_octet_is_a_contradiction_and_changes_nothing(first: tuple[int, bytes]) -> None:
    stream = Stream(isn=5)
    stream.put(*first)

    with pytest.raises(ValueError, match="other octets than before"):
        stream.put(1, b"bcdeXgh")

    stream.put(0, b"ab")
    assert stream.contiguous == b"abcdef"


def test_octets_before_the_window_are_ignored() -> None:
    stream = Stream(isn=5)

    assert stream.put(-3, b"xyzabc") == 6
    assert stream.put(-3, b"xy") == 2
    assert stream.contiguous == b"abc"


def test_what_does_not_fit_the_window_is_not_taken() -> None:
    stream = Stream(isn=5)

    assert stream.put(WINDOW - 2, b"abcd") == 2
    assert stream.put(WINDOW, b"abcd") == 0


def test_a_slid_window_keeps_what_is_behind_its_begin() -> None:
    stream = Stream(isn=5)
    stream.put(0, b"abcdef")
    stream.put(8, b"ijk")

    stream.slide(4)
    assert stream.contiguous == b"ef"
    stream.put(6, b"gh")
    assert stream.contiguous == b"efghijk"
    stream.slide(100)
    assert stream.contiguous == b""


def test_a_window_that_slides_into_a_gap_knows_what_was_behind_it() -> None:
    stream = Stream(isn=5)
    stream.put(4, b"ef")

    stream.slide(4)

    assert stream.contiguous == b"ef"


def test_without_an_isn_the_stream_may_turn_out_to_begin_earlier() -> None:
    stream = Stream()
    stream.put(0, b"def")
    stream.put(-3, b"abc")

    assert stream.contiguous == b"abcdef"


def test_without_an_isn_a_contradiction_is_found_across_the_new_begin() -> None:
    stream = Stream()
    stream.put(0, b"def")
    stream.put(-3, b"ab")

    with pytest.raises(ValueError, match="other octets"):
        stream.put(-2, b"bcX")


@pytest.mark.parametrize(
    ("seq", "position"),
    [
        (1000, 0),
        (1010, 10),
        (990, -10),
        (1000 + (1 << 24), 1 << 24),
        ((1 << 32) - 5, -1005),
        (1000 + (1 << 31) - 1, (1 << 31) - 1),
        (1000 + (1 << 31), -(1 << 31)),
    ],
)
def test_a_position_is_32_bits_around_the_highest_one(seq: int, position: int) -> None:
    assert Stream(isn=1000).position(seq) == position


def test_a_position_goes_on_past_32_bits() -> None:
    stream = Stream(isn=0xFFFFFF00)
    for at in range(0, 10 << 30, 1 << 30):
        stream.slide(at)

    assert stream.position((0xFFFFFF00 + (37 << 28)) & 0xFFFFFFFF) == 37 << 28
