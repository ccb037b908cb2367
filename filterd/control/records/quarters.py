"""Control publishes the statistics of each quarter, once it is over.

    records of the archive ─→ cells ─→ small counts protected ─→ statement, signed ─→ database

Only the last quarter that is over is published, by the trusted clock: a wrong wall clock publishes nothing early, and
nothing twice.
Invariants: control alone signs; what was published is never made again; a quarter in which there was nothing is not.
Cost: one pass over the records of three months, in a thread, once a quarter.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from filterd.audit.archive_client import ArchiveClient
from mgmt.ledger import trusted_clock
from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.event import time_text
from mgmt.ledger.trusted_clock import Clocks
from mgmt.orders.base.deadline_rules import Rules
from mgmt.orders.deadlines.statistics import Durations, Statistics, statistics_of
from mgmt.registers.records.block_ledger import RecordQuery, gone_before_s, has_blocks
from mgmt.registers.records.statistics import statement
from mgmt.registers.records.statistics.cells import (
    Quarter,
    appeal_cells,
    bypass_cells,
    cells_of,
    csam_cells,
    groups_of_lines,
    last_quarter,
)
from mgmt.registers.records.statistics.disclosure import LEAST, Values
from mgmt.registers.records.statistics.releases import Totals, has_text, last_bypass, put_release
from parental.store.database import reading, writing

DELAY = timedelta(days=1)  # after the end of a quarter: what waits in spools is in the records by then

Attempts = Mapping[str, Mapping[str, int]]  # list → channel → count, since they are counted


class Box(NamedTuple):
    """Who publishes, out of what.

    engine    of control;   records  of the role that keeps the records;   signer  the ledger's key
    archive   of this box;   kept_s  for how long blocks are kept
    waits_since  when the oldest record was written that is not among them yet, unix seconds; None: none waits"""

    engine: Engine
    records: Engine
    signer: Signer
    archive: ArchiveClient
    kept_s: int
    waits_since: Callable[[], float | None] = lambda: None


def publish_last(box: Box, clocks: Clocks, rules: Rules, attempts: Attempts | None) -> str | None:
    """Publish the last quarter, if that was not done; its name, where it was now.   Blocking.

    attempts  of lists of bypass; None: they are not published
    Raises ClockStep, OSError (the records are away), DatabaseFault; nothing is published then"""
    with writing(box.records) as conn:
        known = trusted_clock.look(conn, clocks)
    at, zone = datetime.fromtimestamp(known.time_s, UTC), ZoneInfo(str(rules.zone))
    quarter = last_quarter(at, zone, DELAY)
    alone = box.engine.dialect.name == "postgresql"
    with reading(box.engine) as conn:
        if has_text(conn, quarter.name, clocks.node):
            return None
    waits_since = box.waits_since()
    if waits_since is not None and waits_since < quarter.months[-1].until_s:
        raise OSError(f"statistics: records of {quarter.name} still wait in the spool; nothing published yet")
    blocks = _blocks(box, quarter)
    totals = None if attempts is None or alone else _totals(attempts)
    made = _statement(box, quarter, clocks.node, at, rules, blocks, totals, alone)
    if not (blocks or made.csam or made.appeals or made.orders):
        return None
    with writing(box.engine) as conn:
        return quarter.name if put_release(conn, made, box.signer, at, totals) else None


# ----------------------------------------------------------------------------------------------------------------------


def _statement(
    box: Box,
    quarter: Quarter,
    node: str,
    at: datetime,
    rules: Rules,
    blocks: Mapping[Values, int],
    totals: Totals | None,
    alone: bool,
) -> statement.Statement:
    """alone  this gateway's records are in no other one's store, and all else is of several gateways: it is left out"""
    months = quarter.months
    since, until = (datetime.fromtimestamp(each, UTC) for each in (months[0].since_s, months[-1].until_s))
    with reading(box.records) as conn:
        csam = csam_cells(conn, months, node if alone else None)
    with reading(box.engine) as conn:
        gone_s = gone_before_s(conn)
        appeals = None if alone else appeal_cells(conn, months)
        orders = None if alone else statistics_of(conn, rules, since, until, at)
        before = None if totals is None else last_bypass(conn, quarter.before.name, node)
    name = quarter.name
    bypass = None if totals is None or before is None else bypass_cells(name, before, totals)
    return statement.Statement(
        format=statement.FORMAT,
        quarter=name,
        zone=str(rules.zone),
        node=node,
        made=time_text(int(at.timestamp() * 1000)),
        least=LEAST,
        is_whole=max(gone_s, at.timestamp() - box.kept_s) <= since.timestamp(),
        blocks=statement.protected_blocks(blocks),
        csam=statement.protected_csam(csam),
        appeals=None if appeals is None else statement.protected_appeals(appeals),
        bypass=None if bypass is None else statement.protected_bypass(name, bypass),
        orders=None if orders is None else [_orders(each) for each in orders],
    )


def _blocks(box: Box, quarter: Quarter) -> Counter[Values]:
    cells: Counter[Values] = Counter()
    with reading(box.records) as conn:
        if has_blocks(conn):
            raise OSError(
                "statistics: records of the database are in no file yet; nothing published; run filterd audit move"
            )
    for month in quarter.months:
        lines = asyncio.run(_counted(box.archive, month.wanted))
        cells += cells_of(month.name, groups_of_lines(lines))
    return cells


async def _counted(archive: ArchiveClient, wanted: RecordQuery) -> bytes:
    async with aclosing(archive.pull(wanted, "counts", ())) as pieces:
        return b"".join([piece async for piece in pieces])


def _totals(attempts: Attempts) -> Totals:
    return {f"{name} {channel}": count for name, counts in attempts.items() for channel, count in counts.items()}


def _orders(each: Statistics) -> statement.Orders:
    return statement.Orders(
        issuer=each.issuer,
        orders=each.orders,
        enforced=_took(each.enforced),
        confirmed=_took(each.confirmed),
        in_time=each.in_time,
        late=each.late,
        overdue=each.overdue,
        entries_in_force=each.in_force,
        entries_asked=each.asked,
        questions=each.questions,
        blocked_here=each.blocked,
    )


def _took(each: Durations) -> statement.DurationFigures:
    median_ms, p95_ms = (None if took_s is None else round(took_s * 1000) for took_s in (each.median_s, each.p95_s))
    return statement.DurationFigures(orders=each.n, median_ms=median_ms, p95_ms=p95_ms)
