"""Letters are read by a process that can do nothing else, and what it says is looked at."""

import sys
from pathlib import Path
from typing import Any

import pytest
from support.lists.workbooks import table, workbook

from filterd.images.lists import letter_client
from filterd.images.lists.letter_client import LetterReader
from filterd.images.lists.list_reader import LetterContent, letter_read
from mgmt.orders.base.letter_file import UnreadLetter
from mgmt.orders.base.sealed import why_sealed
from rules.base.errors import BadList
from rules.lists import letter
from rules.lists.letter import Row, read_letter

pytestmark = pytest.mark.services
NO_DOOR = Path("/nonexistent/reader.sock")


@pytest.mark.parametrize(
    "octets",
    [
        b"URL,Letter No\nhttp://a.example/,PTA/1\nnothing,PTA/1\n",
        "ویب سائٹ\nمثال.example\n".encode("utf-16"),
        workbook({"One": table(("URL",), ("a.example",))}),
    ],
)
def test_a_reader_apart_says_what_is_said_here(octets: bytes) -> None:
    assert LetterReader(NO_DOOR)(octets, None) == read_letter(octets, None, why_sealed)


def test_a_hundred_thousand_rows_come_back_whole() -> None:
    octets = "".join(f"{n}.example\n" if n % 2 else f"\x00{n}\n" for n in range(1, letter.MAX_ROWS + 1)).encode()

    found = LetterReader(NO_DOOR)(b"URL\n" + octets.replace(b"\0", b"? "), None)
    assert len(found.rows) == letter.MAX_ROWS
    assert found.rows[0] == Row("2", "1.example", None, None, None)
    assert found.rows[1].place == "3"


@pytest.mark.parametrize(
    ("octets", "said"), [(b"%PDF", "a PDF"), (b"URL,Category\na.example,child abuse\n", "child abuse material")]
)
def test_what_is_no_letter_is_said_with_its_reason(octets: bytes, said: str) -> None:
    with pytest.raises(BadList, match=said):
        LetterReader(NO_DOOR)(octets, None)


def test_a_reader_that_says_no_answer_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("/usr/bin/false", "/usr/bin/yes"):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(UnreadLetter, match="ended without an answer"):
            LetterReader(NO_DOOR)(b"a.example\n", None)


def test_more_rows_than_a_letter_has_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row("1", "a.example", None, None, None)] * (letter.MAX_ROWS + 1)
    monkeypatch.setattr(letter_client, "asked_of", lambda *_: LetterContent("utf-8", rows))

    with pytest.raises(UnreadLetter, match="too many rows"):
        LetterReader(NO_DOOR)(b"a.example\n", None)


@pytest.mark.parametrize(
    ("fault", "said"), [(MemoryError(), "more memory"), (RuntimeError("a.example"), "RuntimeError")]
)
def test_a_reader_that_fails_says_how_and_nothing_of_the_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, said: str
) -> None:
    def fail(*_: Any) -> None:
        raise fault

    (tmp_path / "file").touch()
    monkeypatch.setattr("filterd.images.lists.list_reader.read_letter", fail)

    failed = letter_read(tmp_path / "file", None).failed
    assert said in failed and "a.example" not in failed
