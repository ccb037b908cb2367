from array import array

import pytest

from fastpath.people.held_prefixes import HeldPrefixes

Row = tuple[int, bytes, int, int]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([(4, b"\xc0\0\2\1", 24, 1)], "has bits behind its length"),
        ([(4, b"\x80\0\0\0", 0, 1)], "has bits behind its length"),
        ([(4, b"\0\0\0\0", 33, 1)], "is not a prefix"),
        ([(6, b"\xc0\0\2\1", 32, 1)], "is not a prefix"),
        ([(4, b"\xc0\0\2\1", 32, 1)] * 2, "occurs twice"),
        ([(4, b"\xc0\0\2\1", 32, 2**32 - 1)], "is no number"),
        ([(4, b"\xc0\0\2\1", 32, -1)], "is no number"),
    ],
)
def test_rows_that_are_no_prefixes_of_profiles_are_refused_and_nothing_changes(rows: list[Row], why: str) -> None:
    held = HeldPrefixes()
    held.replace([(4, bytes((192, 0, 2, 7)), 32, 1)])

    with pytest.raises(ValueError, match=why):
        held.replace(rows, array("I", [1]))

    assert held.columns(b"\1") == {(4, 32): bytes((192, 0, 2, 7))}
