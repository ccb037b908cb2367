"""The double of one flow's octets says what put_octets() says, in Python's own way."""

import pytest

from fastpath.testing.stream import Stream


def test_a_contradiction_is_raised_with_its_position() -> None:
    stream = Stream(isn=0)
    stream.put(0, b"abc")

    with pytest.raises(ValueError, match="segment at 1: other octets than before"):
        stream.put(1, b"x")


def test_positions_count_from_the_isn_or_from_zero() -> None:
    assert Stream(isn=7).position(9) == 2
    assert Stream().position(9) == 9


def test_two_streams_share_no_octets() -> None:
    first, second = Stream(isn=0), Stream(isn=0)
    first.put(0, b"abc")

    assert (first.contiguous, second.contiguous) == (b"abc", b"")
