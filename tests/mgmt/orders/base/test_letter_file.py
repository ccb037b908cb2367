"""Files of letters: read a few at once, by a reader that may not be there; their letters and their rows."""

import asyncio
import threading
from typing import Any

import pytest

from mgmt.orders.base.letter_file import (
    NO_READER,
    Letters,
    UnreadLetter,
    corrected_named,
    entries_of,
    judge_rows,
    letter_named,
)
from mgmt.orders.base.model import Order
from rules.base.errors import BadList
from rules.base.protected import ProtectedNames
from rules.lists.letter import Letter, Row

ROWS = [Row("2", "a.example", "exact", "PTA/1", None), Row("3", "", None, None, "no cell of the row holds a name")]


def test_a_file_is_of_the_one_letter_that_its_rows_name() -> None:
    assert letter_named(Letter("utf-8", ROWS)) == "PTA/1"
    with pytest.raises(BadList, match=r"rows of 2 letters \(PTA/1, PTA/2\)"):
        letter_named(Letter("utf-8", [*ROWS, Row("4", "b.example", None, "PTA/2", None)]))
    with pytest.raises(BadList, match="no row names its letter"):
        letter_named(Letter("utf-8", ROWS[1:]))


def test_a_file_corrects_the_one_letter_that_its_rows_or_its_sender_name() -> None:
    other = Letter("utf-8", [*ROWS, Row("4", "b.example", None, "PTA/1", None, "PTA/0")])
    several = Letter("utf-8", [*other.rows, Row("5", "c.example", None, "PTA/1", None, "PTA/7")])

    assert corrected_named(Letter("utf-8", ROWS), None) is None
    assert corrected_named(Letter("utf-8", ROWS), "PTA/0") == "PTA/0"
    assert corrected_named(other, None) == corrected_named(other, "PTA/0") == "PTA/0"
    for found, said in ((several, None), (other, "PTA/7")):
        with pytest.raises(BadList, match=r"corrects several letters .*; not taken"):
            corrected_named(found, said)


def test_a_row_keeps_its_place_its_scope_and_its_fault() -> None:
    found = Letter("utf-8", ROWS)
    order = Order("PTA", "1", "g", "subtree", None, False, entries_of(found, "subtree"))

    judged = judge_rows(order, found, ProtectedNames())
    assert [(each.place, each.mode, each.status) for each in judged] == [
        ("2", "exact", "pending"),
        ("3", None, "invalid"),
    ]
    assert judged[1].reason == ROWS[1].fault


async def test_where_nothing_reads_files_the_sender_is_told_so() -> None:
    with pytest.raises(UnreadLetter, match=NO_READER):
        await Letters(None).read(b"URL\na.example\n", None)


async def test_two_files_are_read_at_once_and_others_wait() -> None:
    entered, go = threading.Semaphore(0), threading.Event()
    at_once: list[bytes] = []

    def reads(octets: bytes, encoding: str | None) -> Any:
        at_once.append(octets)
        entered.release()
        assert go.wait(60)

    letters = Letters(reads)
    async with asyncio.TaskGroup() as group:
        for n in range(5):
            group.create_task(letters.read(b"%d" % n, None))
        for _ in range(2):
            assert await asyncio.to_thread(entered.acquire, timeout=60)
        assert len(at_once) == 2
        go.set()
    assert len(at_once) == 5
