"""/v1/audit: the auditor's pull.

The records stream, so that a month of them needs no more memory than a page.  CSAM blocks are counts; there is no
record of them to pull.  Blocks that a household has chosen (categories, schedules, pauses) are the household's: no
auditor gets them.  Each pull is an event of the ledger, written before the first record goes out.
"""

import csv
import io
import json
import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from aiohttp import web
from msgspec import Struct
from sqlalchemy import Row

from mgmt import block_ledger
from mgmt.app_context import CLOCK, json_response, read, write
from mgmt.auth import Principal, Route
from mgmt.fields import unfit
from mgmt.frame.contract import Contract, Text
from mgmt.frame.requests import query_of
from mgmt.frame.shapes import Instant
from mgmt.ledger.event import PULLS, Event, Value
from mgmt.ledger.store import append

log = logging.getLogger(__name__)

FIELDS = (
    "time",
    "channel",
    "action",
    "list",
    "rule",
    "order",
    "issuer",
    "category",
    "reason",
    "generation",
    "subscriber",
    "count",
)
# A spreadsheet takes a cell that begins so for a formula (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Span(Struct, forbid_unknown_fields=True):
    """since <= time < until; from the first record until now."""

    since: Instant | None = None
    until: Instant | None = None


class Pull(Span, forbid_unknown_fields=True):
    """What is pulled, and as what."""

    format: Literal["ndjson", "csv"] = "ndjson"


class CsamCount(Struct):
    """So many blocks of an hour."""

    hour: str
    node: str
    list: str
    channel: str
    count: int


class CsamCounts(Struct):
    """What confidential lists have blocked; there is no record of it."""

    counts: list[CsamCount]


async def pull_blocks(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Pull the records of what was blocked, as a stream."""
    said = query_of(request, Pull)
    (since_s, until_s), form = span_of(request, said), said.format
    content_type, head, write_page = _WRITERS[form]
    asked: dict[str, Value] = {"since": _iso(since_s), "until": _iso(until_s), "format": form}
    await note_pull(request, principal, "blocks pulled", asked)
    log.info("audit pull: token %d takes blocks of %d to %d as %s", principal.token, since_s, until_s, form)
    pages = partial(block_ledger.page_of_blocks, since_s=since_s, until_s=until_s, without=block_ledger.HOUSEHOLD)
    page = await read(request, partial(pages, after=(-1, 0)))
    response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-store"})
    await response.prepare(request)
    await response.write(head)
    while page:
        await response.write(write_page([record_of(row) for row in page]))
        last = page[-1].time_s, page[-1].id
        page = await read(request, partial(pages, after=last))
    await response.write_eof()
    return response


async def csam_counts(request: web.Request, principal: Principal) -> web.Response:
    """Count what confidential lists have blocked, by hour, node, list and channel."""
    since_s, until_s = span_of(request, query_of(request, Span))
    await note_pull(request, principal, "csam counts pulled", {"since": _iso(since_s), "until": _iso(until_s)})
    found = await read(request, lambda conn: list(block_ledger.iter_csam_counts(conn, since_s, until_s)))
    return json_response(
        CsamCounts([CsamCount(_iso(each.hour_s), each.node, each.list, each.channel, each.count) for each in found])
    )


def record_of(row: Row[Any]) -> dict[str, Any]:
    """A record as the auditor gets it; None where there is nothing to say."""
    return {
        "time": _iso(row.time_s),
        "channel": row.channel,
        "action": row.action,
        "list": row.list or None,
        "rule": row.rule or None,
        "order": row.order_ref,
        "issuer": row.order_issuer,
        "category": row.category or None,
        "reason": row.reason,
        "generation": row.generation,
        "subscriber": row.pseudonym or None,
        "count": row.count,
    }


async def note_pull(request: web.Request, principal: Principal, action: str, asked: dict[str, Value]) -> None:
    """Write down that an auditor takes something; nothing goes out where that fails."""
    event = Event(PULLS, action, principal.actor, said=asked)
    await write(request, lambda conn: append(conn, event, request.app[CLOCK]()))


def span_of(request: web.Request, said: Span) -> tuple[int, int]:
    """since <= time < until in unix seconds; from the beginning until now where they are absent."""
    since_s = 0 if said.since is None else _seconds("?since", said.since, math.floor)
    if said.until is not None:
        return since_s, _seconds("?until", said.until, math.ceil)
    return since_s, int(request.app[CLOCK]().timestamp()) + 1  # a record of this very second belongs to "until now"


def _seconds(where: str, at: datetime, rounded: Callable[[float], int]) -> int:
    try:
        return int(datetime.fromtimestamp(rounded(at.timestamp()), UTC).timestamp())
    except (OverflowError, ValueError) as reason:  # a year that UTC does not have: 0001-01-01T00:00:00+14:00
        raise unfit(where, "a time before the year 1 or after 9999", "write 2026-08-04T10:00:00+05:00") from reason


def _ndjson(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def _csv(records: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([_cell(record[field]) for field in FIELDS] for record in records)
    return out.getvalue().encode()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(FORMULA_STARTS) else text


def _iso(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")


_Writer = Callable[[list[dict[str, Any]]], bytes]
_WRITERS: dict[str, tuple[str, bytes, _Writer]] = {
    "ndjson": ("application/x-ndjson; charset=utf-8", b"", _ndjson),
    "csv": ("text/csv; charset=utf-8; header=present", (",".join(FIELDS) + "\r\n").encode(), _csv),
}
_RECORDS = Text(("application/x-ndjson", "text/csv"))
ROUTES = (
    Route("GET", "/v1/audit/blocks", pull_blocks, "audit.blocks", Contract({200: _RECORDS}, query=Pull)),
    Route("GET", "/v1/audit/csam-counts", csam_counts, "audit.counts", Contract({200: CsamCounts}, query=Span)),
)
