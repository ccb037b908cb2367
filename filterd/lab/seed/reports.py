"""Visitors' reports of wrong blocks: most answered, one waiting, one late."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from filterd.lab.seed.month import N_DAYS, Change, Month
from filterd.lab.seed.staff import BY
from mgmt.contract.control import LAW, Report
from mgmt.registers.records.wrong_blocks import answer_report, report_mistake


@dataclass(slots=True)
class Mistake:
    """A report and its answer.

    days     of its coming, and of its answer, None: none yet;   outcome  see mgmt.registers.records.wrong_blocks
    written  as it was written down"""

    reason: str
    name: str | None
    days: tuple[int, int | None]
    outcome: str = ""
    written: Report | None = None


def changes_of(month: Month, zone: str) -> list[Change]:
    """Reports and answers of the month."""
    found = []
    for mistake in _mistakes():
        came, answered = mistake.days
        found.append(Change(month.in_office(came), partial(_report, mistake, zone)))
        if answered is not None:
            found.append(Change(month.in_office(answered), partial(_answer, mistake)))
    return found


def _mistakes() -> list[Mistake]:
    return [
        Mistake("category", "adult.test", (3, 4), "kept"),
        Mistake("category", "museum.example", (8, 9), "opened"),
        Mistake("security", "malware.test", (11, 12), "kept"),
        Mistake(LAW, None, (14, 16), "passed"),
        Mistake("security", "shop.example", (19, 20), "opened"),
        Mistake(LAW, None, (22, None)),
        Mistake("category", "clinic.example", (N_DAYS - 1, None)),
    ]


def _report(mistake: Mistake, zone: str, conn: Connection, at: datetime) -> None:
    mistake.written = report_mistake(conn, mistake.reason, mistake.name, at, zone)


def _answer(mistake: Mistake, conn: Connection, at: datetime) -> None:
    assert mistake.written is not None, mistake
    answer_report(conn, mistake.written.reference, mistake.outcome, at, BY)
