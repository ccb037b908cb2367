"""/v1/audit: the auditor's pull.

The records stream, so that a month of them needs no more memory than a page.  CSAM blocks are counts; there is no
record of them to pull.  Blocks that a household has chosen (categories, schedules, pauses) are the household's: no
auditor gets them.  Each pull is an event of the ledger, written before the first record goes out.
"""

import csv
import io
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy import Row

from mgmt import block_ledger
from mgmt.app_context import CLOCK, json_response, read, write
from mgmt.auth import AUDITOR, Principal, Route
from mgmt.fields import parse_instant, unfit
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


async def pull_blocks(request: web.Request, principal: Principal) -> web.StreamResponse:
    """GET /v1/audit/blocks?since=&until=&format=ndjson|csv"""
    since_s, until_s = span_of(request)
    form = request.query.get("format", "ndjson")
    if form not in _WRITERS:
        raise unfit("?format", f"{form[:20]!r} is unknown", f"write one of {', '.join(_WRITERS)}")
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
    """GET /v1/audit/csam-counts?since=&until="""
    since_s, until_s = span_of(request)
    await note_pull(request, principal, "csam counts pulled", {"since": _iso(since_s), "until": _iso(until_s)})
    found = await read(request, lambda conn: list(block_ledger.iter_csam_counts(conn, since_s, until_s)))
    return json_response(
        {
            "counts": [
                {"hour": _iso(c.hour_s), "node": c.node, "list": c.list, "channel": c.channel, "count": c.count}
                for c in found
            ]
        }
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


def span_of(request: web.Request) -> tuple[int, int]:
    """since <= time < until in unix seconds; from the beginning until now where they are absent."""
    query = request.query
    since = parse_instant("?since", query["since"]) if "since" in query else datetime.fromtimestamp(0, UTC)
    until = parse_instant("?until", query["until"]) if "until" in query else request.app[CLOCK]()
    # rounded up: a record of this very second belongs to "until now"
    return int(since.timestamp()), -int(-until.timestamp() // 1) + ("until" not in query)


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
_AUDITOR = frozenset({AUDITOR})
ROUTES = (
    Route("GET", "/v1/audit/blocks", pull_blocks, _AUDITOR),
    Route("GET", "/v1/audit/csam-counts", csam_counts, _AUDITOR),
)
