"""Quarters that were made public: each once, signed by control, and never changed."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.event import CONTROL, SETTINGS, Event
from mgmt.ledger.signed_statement import digest_of
from mgmt.ledger.store import append
from mgmt.registers.transparency.statement import Statement, note_of, text_of
from parental.store.database import upsert
from parental.store.schema.statistics import statistics_releases, transparency_releases

MOST_QUARTERS = 8  # that the page leads to


class Release(NamedTuple):
    """text, note  as signed;   statistics  texts of the same quarter, of each gateway that has published one"""

    text: str
    note: str
    statistics: tuple[str, ...]


def put_release(conn: Connection, statement: Statement, signer: Signer, at: datetime) -> bool:
    """Sign and keep a statement; whether it is the first of its quarter: another one changes nothing."""
    text = text_of(statement)
    row = {
        "quarter": statement.quarter,
        "at_ms": int(at.timestamp() * 1000),
        "text": text,
        "note": note_of(signer, statement.quarter, text),
    }
    put = upsert(conn, transparency_releases).values(row).on_conflict_do_nothing()
    if conn.execute(put.returning(transparency_releases.c.at_ms)).first() is None:
        return False
    about = {"quarter": statement.quarter}
    append(conn, Event(SETTINGS, "transparency statement signed", CONTROL, about, {"sha256": digest_of(text)}), at)
    return True


def quarters(conn: Connection) -> list[str]:
    """The newest ones, the last first."""
    of = transparency_releases.c
    return list(conn.execute(select(of.quarter).order_by(of.quarter.desc()).limit(MOST_QUARTERS)).scalars())


def find_release(conn: Connection, quarter: str) -> Release | None:
    """What is said of a quarter; None: it was not made public."""
    of, also = transparency_releases.c, statistics_releases.c
    found = conn.execute(select(of.text, of.note).where(of.quarter == quarter)).one_or_none()
    if found is None:
        return None
    texts = conn.execute(select(also.text).where(also.quarter == quarter).order_by(also.node)).scalars()
    return Release(found.text, found.note, tuple(texts))
