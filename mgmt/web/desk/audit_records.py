"""A page of block records, out of the database or the archive, whichever has them.

Invariants: pages follow each other without a gap, and say the same each time; households' records are in none.
"""

from functools import partial
from typing import NamedTuple

from aiohttp import web

from mgmt.registers.records import block_ledger
from mgmt.registers.records.block_archive import FoundRecord, OrderName, order_names
from mgmt.registers.records.block_forms import Cell, iso
from mgmt.registers.records.block_ledger import RecordQuery
from mgmt.web.api.audit import record_of, refuse_moving
from mgmt.web.desk.audit_asked import Cursor
from mgmt.web.kit.app_context import ARCHIVE, read

N_SHOWN = 50  # of a page: some 40 kB


class Records(NamedTuple):
    """Records as the API has them, and where the next page begins; None: this is the last one."""

    rows: list[dict[str, Cell]]
    next: Cursor | None


async def page_of(request: web.Request, wanted: RecordQuery, at: Cursor | None) -> Records:
    """The page that begins at a place.   Raises ArchiveFailure, Problem"""
    if ARCHIVE not in request.app:
        return await _of_database(request, wanted, at)
    await refuse_moving(request)
    begins = wanted if at is None else wanted._replace(since_s=max(at.time_s, wanted.since_s))
    skip = 0 if at is None else at.after
    found = await request.app[ARCHIVE].page(begins, skip, N_SHOWN + 1)
    names = {each.number: each for each in await read(request, order_names)}
    return Records([_record(each, names.get(each.order)) for each in found[:N_SHOWN]], _next(found, begins, skip))


async def _of_database(request: web.Request, wanted: RecordQuery, at: Cursor | None) -> Records:
    look = partial(
        block_ledger.page_of_blocks,
        since_s=wanted.since_s,
        until_s=wanted.until_s,
        after=(-1, 0) if at is None else (at.time_s, at.after),
        without=block_ledger.HOUSEHOLD,
        equal=wanted.equal(),
        limit=N_SHOWN + 1,
    )
    found = await read(request, look)
    last = found[N_SHOWN - 1] if len(found) > N_SHOWN else None
    rows = [record_of(row) for row in found[:N_SHOWN]]
    return Records(rows, None if last is None else Cursor(last.time_s, last.id))


def _next(found: list[FoundRecord], begins: RecordQuery, skip: int) -> Cursor | None:
    """After the last record that is shown: how many of its second have been shown by now."""
    if len(found) <= N_SHOWN:
        return None
    last_s = found[N_SHOWN - 1].time_s
    of_it = sum(each.time_s == last_s for each in found[:N_SHOWN])
    return Cursor(last_s, of_it + (skip if last_s == begins.since_s else 0))


def _record(found: FoundRecord, order: OrderName | None) -> dict[str, Cell]:
    return {
        "time": iso(found.time_s),
        "channel": found.channel,
        "action": found.action,
        "list": found.list or None,
        "rule": found.rule or None,
        "order": None if order is None else order.ref,
        "issuer": None if order is None else order.issuer,
        "category": found.category or None,
        "reason": found.reason,
        "subscriber": found.subscriber,
        "count": found.count,
        "province": found.province,
    }
