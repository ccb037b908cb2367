import pytest

from rules.base.rule import SAMPLE_CHARACTERS, printable, skipped


@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        (b" bad.example \r\n", "bad.example"),
        (b"a\x1b[31mb", "a\\u001b[31mb"),
        (b"a\0b", "a\\u0000b"),
        ("a\u202eb".encode(), "a\\u202eb"),
        (b"a\xffb", "a\\xffb"),
        ("بد.example".encode(), "بد.example"),
    ],
)
def test_what_is_shown_of_a_line_cannot_disturb_a_terminal(octets: bytes, shown: str) -> None:
    assert printable(octets) == shown


def test_what_is_shown_of_a_line_is_short() -> None:
    assert skipped(1, 1, b"x" * 10_000, "is long").text == "x" * SAMPLE_CHARACTERS
