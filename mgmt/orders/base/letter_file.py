"""The file that comes with a letter: its rows become the order's entries, and it is kept as it came.

    octets ─ reader (a process of its own) → rows → entries with their places, judged like those of any order

A row that is no entry is one of status invalid, with its reason: nothing is dropped, and the rows that are good are not
kept waiting for those that are not.
Invariants: `file` of an order is a part of its `original`, octet for octet.
Source: semantics §1, §6.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy import Connection, Row, insert, select

from mgmt.orders.base.judge import judge_entries
from mgmt.orders.base.model import Entry, EntryStatus, Order
from parental.store.schema.orders import order_files, orders
from rules.base.errors import BadList
from rules.base.protected import ProtectedNames
from rules.lists import letter
from rules.lists.letter import Letter

MAX_LETTERS_SHOWN = 5
NO_ENTRY = "no row of it is an entry"
NO_READER = "file: no reader of files is here, and nothing reads it; push its entries, or ask the operator"
MAX_AT_ONCE = 2  # files that are read; others wait


class UnreadLetter(Exception):
    """The reader did not get to the end of a file, no matter what the file is; the message says how."""


class ReadsLetters(Protocol):
    """Reads files of strangers somewhere else."""

    def __call__(self, octets: bytes, encoding: str | None) -> Letter:
        """Raises BadList: it is no such file;   UnreadLetter."""


class Letters:
    """Has files read, a few at once.   reads  None: nothing does"""

    def __init__(self, reads: ReadsLetters | None) -> None:
        self._reads = reads
        self._free = asyncio.Semaphore(MAX_AT_ONCE)

    async def read(self, octets: bytes, encoding: str | None) -> Letter:
        """Raises BadList, UnreadLetter."""
        if self._reads is None:
            raise UnreadLetter(NO_READER)
        async with self._free:
            return await asyncio.to_thread(self._reads, octets, encoding)


@dataclass(frozen=True, slots=True)
class File:
    """A file of an order.   begin  where it begins in the order's original"""

    name: str
    begin: int
    octets: bytes
    encoding: str


def letter_named(found: Letter) -> str:
    """The one letter that the rows of a file name.   Raises BadList where none exists, or several."""
    named = list(dict.fromkeys(row.letter for row in found.rows if row.letter))
    if len(named) == 1:
        return named[0]
    shown = ", ".join(each[:40] for each in named[:MAX_LETTERS_SHOWN])
    said = f"rows of {len(named)} letters ({shown})" if named else "no row names its letter"
    raise BadList(f"file: {said}; not taken; name one letter in its column, or say ref")


def corrected_named(found: Letter, said: str | None) -> str | None:
    """The order that the rows of a file correct, or that its sender says; None: it corrects none.

    Raises BadList where they name several."""
    named = list(dict.fromkeys(row.corrects for row in found.rows if row.corrects))
    if len(named) > 1 or (said is not None and named not in ([], [said])):
        shown = ", ".join(each[:40] for each in [*named, *([said] if said else [])][:MAX_LETTERS_SHOWN])
        raise BadList(f"file: it corrects several letters ({shown}); not taken; send a file for each of them")
    return named[0] if named else said


def entries_of(found: Letter, scope: str) -> tuple[tuple[str, str], ...]:
    """The entries of an order as the file has them, with their scopes; an empty value is no entry."""
    return tuple((row.value, row.mode or scope) for row in found.rows)


def judge_rows(order: Order, found: Letter, protected: ProtectedNames, **does: bool) -> list[Entry]:
    """Each row of a file, judged.   order  of entries_of() the file;   does  as judge_entries()

    Raises BadList where no row is an entry."""
    judged = list(_judged(order, found.rows, protected, does))
    if all(entry.status == EntryStatus.INVALID for entry in judged):
        raise BadList(f"file: {NO_ENTRY} ({judged[0].reason}, place {judged[0].place}); not taken; look at its columns")
    return judged


def keep_file(conn: Connection, order: int, file: File) -> None:
    """Note where the file of an order stands in its original."""
    conn.execute(
        insert(order_files).values(
            order=order,
            name=file.name,
            begin=file.begin,
            octets=len(file.octets),
            sha256=hashlib.sha256(file.octets).digest(),
            encoding=file.encoding,
        )
    )


def files_of(conn: Connection, numbers: Sequence[int]) -> dict[int, Row[Any]]:
    """Order → its file.   numbers  at most a page of orders"""
    chosen = select(order_files).where(order_files.c.order.in_(numbers))
    return {row.order: row for row in conn.execute(chosen)}


def octets_of_file(conn: Connection, order: int) -> tuple[str, bytes] | None:
    """The file of an order, by name and octet for octet; None: it came with none."""
    chosen = select(orders.c.original, order_files).join(order_files, order_files.c.order == orders.c.id)
    row = conn.execute(chosen.where(orders.c.id == order)).one_or_none()
    return None if row is None else (row.name, bytes(row.original[row.begin : row.begin + row.octets]))


# ----------------------------------------------------------------------------------------------------------------------


def _judged(
    order: Order, rows: Sequence[letter.Row], protected: ProtectedNames, does: dict[str, bool]
) -> Iterator[Entry]:
    for entry, row in zip(judge_entries(order, protected, **does), rows, strict=True):
        if row.fault is not None:
            yield Entry(entry.number, row.value, None, None, EntryStatus.INVALID, row.fault, row.place)
        else:
            yield replace(entry, place=row.place)
