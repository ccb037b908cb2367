"""Control tells the public of each quarter, once it is over and its statistics are published.

Invariants: control alone signs; a quarter is reported once; what the statistics of the quarter say of reports is not
counted a second time: of two counts, the difference would be a small one.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from filterd.control.records.quarters import DELAY, Box
from mgmt.ledger import trusted_clock
from mgmt.ledger.event import time_text
from mgmt.ledger.trusted_clock import Clocks
from mgmt.orders.base.deadline_rules import Rules
from mgmt.registers.records.statistics.cells import Quarter, appeal_cells, last_quarter
from mgmt.registers.records.statistics.disclosure import LEAST
from mgmt.registers.records.statistics.releases import releases
from mgmt.registers.records.statistics.statement import Appeals, protected_appeals
from mgmt.registers.transparency import statement
from mgmt.registers.transparency.counts import answered_ms, directed
from mgmt.registers.transparency.releases import find_release, put_release
from parental.store.database import reading, writing


def tell_last(box: Box, clocks: Clocks, rules: Rules, hidden: Sequence[str]) -> str | None:
    """Report the last quarter, if that was not done; its name, where it was now.   Blocking.

    hidden  issuers whose orders are not counted;   Raises ClockStep, DatabaseFault; nothing is published then"""
    with writing(box.records) as conn:
        known = trusted_clock.look(conn, clocks)
    at, zone = datetime.fromtimestamp(known.time_s, UTC), ZoneInfo(str(rules.zone))
    quarter = last_quarter(at, zone, DELAY)
    with reading(box.engine) as conn:
        if find_release(conn, quarter.name) is not None:
            return None
        made = _statement(conn, quarter, at, hidden, _appeals(conn, box, quarter))
        has_statistics = any(row.quarter == quarter.name for row in releases(conn))
    if not (made.orders or made.appeals or made.answered_ms is not None or has_statistics):
        return None  # nothing could be shown, and a box that did not exist yet has had no quarter
    with writing(box.engine) as conn:
        return quarter.name if put_release(conn, made, box.signer, at) else None


# ----------------------------------------------------------------------------------------------------------------------


def _appeals(conn: Connection, box: Box, quarter: Quarter) -> list[Appeals] | None:
    """None: the statistics of the quarter have them, or there were none."""
    alone = box.engine.dialect.name == "postgresql"
    return protected_appeals(appeal_cells(conn, quarter.months)) if alone else None


def _statement(
    conn: Connection, quarter: Quarter, at: datetime, hidden: Sequence[str], appeals: list[Appeals] | None
) -> statement.Statement:
    months = quarter.months
    since, until = (datetime.fromtimestamp(each, UTC) for each in (months[0].since_s, months[-1].until_s))
    return statement.Statement(
        format=statement.FORMAT,
        quarter=quarter.name,
        zone=str(quarter.zone),
        made=time_text(int(at.timestamp() * 1000)),
        least=LEAST,
        leaves_out=bool(hidden),
        orders=directed(conn, since, until, hidden),
        appeals=appeals,
        answered_ms=answered_ms(conn, since, until),
    )
