import pytest

from rules.base.errors import BadList
from rules.base.lines import fault_of, join_lines, open_list


def test_every_line_is_given_and_the_mark_at_the_start_is_not() -> None:
    lines = [b"\xef\xbb\xbf\n", b"\n", b"bad.example\n", b"worse.example"]

    assert list(open_list(lines)) == [b"\n", b"\n", b"bad.example\n", b"worse.example"]


def test_an_empty_file_is_an_empty_list() -> None:
    assert list(open_list([])) == []
    assert list(open_list([b"\n", b" \n"])) == [b"\n", b" \n"]


@pytest.mark.parametrize("start", [b"<!DOCTYPE html>\n", b"  <html lang=en>\n", b"<HTML>\n", b"<?xml version='1.0'?>"])
def test_a_page_instead_of_a_list_is_refused_with_its_line(start: bytes) -> None:
    with pytest.raises(BadList, match="line 2: a web page instead of a list; not read"):
        open_list([b"\n", start])


def test_a_page_behind_a_byte_order_mark_is_refused() -> None:
    with pytest.raises(BadList, match="line 1: a web page"):
        open_list([b"\xef\xbb\xbf<html>\n"])


def test_lines_in_utf16_are_refused_with_what_to_do() -> None:
    with pytest.raises(BadList, match="line 1: the file is UTF-16; not read; save it as UTF-8"):
        open_list(["\ufeffbad.example".encode("utf-16-le")])


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (b"x" * 2049 + b"\n", 2049, "longer than 2048"),
        (b"ab\0c\n", 3, "NUL"),
        ("ab\u202ec\n".encode(), 3, "direction"),
        ("ab\u2066c\n".encode(), 3, "direction"),
    ],
)
def test_a_fault_of_any_format_is_located(line: bytes, column: int, reason: str) -> None:
    found = fault_of(line)

    assert found is not None
    assert found[0] == column
    assert reason in found[1]


def test_a_line_of_2048_octets_has_no_fault() -> None:
    assert fault_of(b"x" * 2048 + b"\r\n") is None


def test_lines_of_one_record_are_joined_under_the_first_number() -> None:
    lines = iter([(1, b"a"), (2, b"b("), (3, b"c"), (4, b"d)"), (5, b"e")])

    assert list(join_lines(lines, parentheses, is_open, 9)) == [(1, b"a"), (2, b"b(cd)"), (5, b"e")]


@pytest.mark.parametrize("most", [1, 9])
def test_a_record_that_is_never_closed_is_given_back_line_by_line(most: int) -> None:
    lines = [(1, b"a("), (2, b"b"), (3, b"c()"), (4, b"d")]

    assert list(join_lines(iter(lines), parentheses, is_open, most)) == lines


def parentheses(line: bytes) -> int:
    return line.count(b"(") - line.count(b")")


def is_open(balance: int) -> bool:
    return balance > 0
