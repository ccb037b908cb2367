"""Statistics that were published: each quarter once, signed by control, and never changed."""

from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.event import CONTROL, SETTINGS, Event
from mgmt.ledger.signed_statement import digest_of
from mgmt.ledger.store import append
from mgmt.registers.records.statistics.statement import Statement, note_of, text_of
from parental.store.database import upsert
from parental.store.schema.statistics import statistics_releases

Totals = dict[str, int]


class SignedRelease(NamedTuple):
    """Statistics of a quarter.   node  '' for all that share the database;   text, note  as signed"""

    quarter: str
    node: str
    at_ms: int
    text: str
    note: str


_ALL = select(*statistics_releases.c[SignedRelease._fields])


def put_release(
    conn: Connection, statement: Statement, signer: Signer, at: datetime, bypass: Totals | None = None
) -> bool:
    """Sign and keep a statement; whether it is the first of its quarter and gateway: another one changes nothing.

    bypass  what the counts of the next quarter are to be compared with"""
    text = text_of(statement)
    row = {
        "quarter": statement.quarter,
        "node": statement.node,
        "at_ms": int(at.timestamp() * 1000),
        "text": text,
        "note": note_of(signer, statement.quarter, statement.node, text),
        "bypass": None if bypass is None else msgspec.json.encode(bypass, order="sorted").decode(),
    }
    put = upsert(conn, statistics_releases).values(row).on_conflict_do_nothing().returning(statistics_releases.c.at_ms)
    if conn.execute(put).first() is None:
        return False
    about = {"quarter": statement.quarter, "node": statement.node}
    append(conn, Event(SETTINGS, "statistics signed", CONTROL, about, {"sha256": digest_of(text)}), at)
    return True


def find_release(conn: Connection, quarter: str, node: str) -> SignedRelease | None:
    """One release."""
    of = statistics_releases.c
    row = conn.execute(_ALL.where(of.quarter == quarter, of.node == node)).one_or_none()
    return None if row is None else SignedRelease._make(row)


def has_text(conn: Connection, quarter: str, node: str) -> bool:
    """Whether the records of a gateway are in a text of this quarter: its own, or that of all together.

    Where the database is this box's alone, any is: it may have been renamed, or have moved its records, since"""
    nodes = {each.node for each in releases(conn) if each.quarter == quarter}
    return bool(nodes if conn.dialect.name == "sqlite" else nodes & {node, ""})


def releases(conn: Connection) -> list[SignedRelease]:
    """All of them, the newest first."""
    of = statistics_releases.c
    return list(map(SignedRelease._make, conn.execute(_ALL.order_by(of.quarter.desc(), of.node))))


def last_bypass(conn: Connection, before: str, node: str) -> Totals | None:
    """What lists of bypass had come to at the release of the quarter `before`; None: it did not count them.

    That of all together counts, too: an earlier release, whose records were in the database, named no node"""
    of = statistics_releases.c
    found = conn.execute(
        select(of.bypass).where(of.quarter == before, of.node.in_((node, "")), of.bypass.is_not(None))
    ).scalar_one_or_none()
    return None if found is None else msgspec.json.decode(found, type=Totals)
