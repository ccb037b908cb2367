import io
import json
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from filterd.images.explain.line_io import json_text, line_batches


class Trickle(io.BytesIO):
    """Gives its pieces one by one, as a pipe does."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self.pieces = list(pieces)

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


def test_what_has_arrived_is_given_before_more_is_read() -> None:
    trickle = Trickle([b"a\nb\n", b"c\n"])
    batches = line_batches(trickle)

    assert next(batches) == [b"a", b"b"]
    assert trickle.pieces == [b"c\n"]


def test_a_line_that_a_read_has_cut_comes_whole() -> None:
    assert list(line_batches(Trickle([b"a\nlo", b"n", b"g\nb"]))) == [[b"a"], [b"long"], [b"b"]]


def test_an_empty_file_has_no_lines() -> None:
    assert list(line_batches(io.BytesIO(b""))) == []


@given(st.lists(st.binary(max_size=5).filter(bool)))
def test_however_it_is_cut_the_lines_are_those_of_the_whole(pieces: list[bytes]) -> None:
    found = [line for batch in line_batches(Trickle(pieces)) for line in batch]

    assert found == [line.rstrip(b"\n").rstrip(b"\r") for line in io.BytesIO(b"".join(pieces))]


@given(st.text())
def test_a_json_text_is_read_back_as_it_was(text: str) -> None:
    assert json.loads(json_text(text)) == text
    assert json_text(text).isascii()
