"""/v1/audit/ledger: the ledger of orders, people, staff, settings and pulls, for an auditor.

What is taken is itself an event, written before the first octet goes out.
"""

from collections import Counter
from functools import partial
from typing import Any

import msgspec
from aiohttp import web
from sqlalchemy import Connection, select

from mgmt.api.audit import note_pull, span_of
from mgmt.app_context import json_response, read
from mgmt.auth import AUDITOR, Principal, Route
from mgmt.fields import unfit
from mgmt.ledger import bundle, store
from mgmt.ledger.event import time_text
from mgmt.problems import Problem
from parental.schema.ledger import events

NDJSON = {"Content-Type": "application/x-ndjson; charset=utf-8", "Cache-Control": "no-store"}
MAX_DIGITS = 15
END_OF_TIME_MS = 1 << 53
MONTH_CHARACTERS = len("2026-11")


async def export(request: web.Request, principal: Principal) -> web.StreamResponse:
    """GET /v1/audit/ledger?since=&until=, streamed"""
    since_ms, until_ms = _span_ms(request)
    plan = await _planned(request, partial(bundle.plan_range, since_ms=since_ms, until_ms=until_ms))
    await note_pull(request, principal, "ledger exported", {"first": plan.first, "until": plan.until})
    response = web.StreamResponse(headers=NDJSON)
    await response.prepare(request)
    await response.write(plan.head)
    at = plan.first
    while at < plan.until:
        lines, at = await read(request, partial(bundle.page_of, plan=plan, at=at))
        await response.write(lines)
    await response.write_eof()
    return response


async def export_event(request: web.Request, principal: Principal) -> web.Response:
    """GET /v1/audit/ledger/{id}: one event with the proof that it is in the tree"""
    number = _number("number", request.match_info["id"])
    found = await _planned(request, partial(bundle.proof_of, number=number))
    await note_pull(request, principal, "event exported", {"event": number})
    return web.Response(body=found, headers=NDJSON)


async def show_checkpoint(request: web.Request, _: Principal) -> web.Response:
    """GET /v1/audit/checkpoint?earlier=: the newest one; as JSON with a consistency proof, where `earlier` is said"""
    if "earlier" in request.query:
        earlier = _number("?earlier", request.query["earlier"])
        return json_response(await _planned(request, partial(bundle.consistency_of, earlier=earlier)))
    note = await read(request, lambda conn: store.signed_at(conn, store.signed_up_to(conn, store.size(conn))))
    if note is None:
        raise Problem(503, "no event is signed yet; nothing to show; try again in a minute", "checkpoint")
    return web.Response(text=note, headers={"Cache-Control": "no-store"})


async def stats(request: web.Request, principal: Principal) -> web.Response:
    """GET /v1/audit/stats?since=&until=: counts of events by month, kind, action and issuer; no person"""
    since_ms, until_ms = _span_ms(request)
    counted = await read(request, partial(count_events, since_ms=since_ms, until_ms=until_ms))
    await note_pull(request, principal, "statistics pulled", {})
    names = ("month", "kind", "action", "issuer")
    rows = sorted(counted.items(), key=lambda row: tuple(map(str, row[0])))
    return json_response({"counts": [{**dict(zip(names, key, strict=True)), "count": n} for key, n in rows]})


def count_events(conn: Connection, since_ms: int, until_ms: int) -> Counter[tuple[str | None, ...]]:
    """(month, kind, action, issuer or None) → how many.   Redacted events count by month and kind alone."""
    chosen = select(events.c.text, events.c.kind, events.c.time_ms).where(
        events.c.time_ms >= since_ms, events.c.time_ms < until_ms
    )
    counted: Counter[tuple[str | None, ...]] = Counter()
    for row in conn.execute(chosen, execution_options={"yield_per": store.PAGE}):
        said = msgspec.json.decode(row.text) if row.text else {"action": None, "about": {}}
        month = time_text(row.time_ms)[:MONTH_CHARACTERS]
        counted[month, row.kind, said["action"], said["about"].get("issuer")] += 1
    return counted


async def _planned(request: web.Request, work: Any) -> Any:
    try:
        return await read(request, work)
    except bundle.NotSigned as reason:
        raise Problem(503, str(reason), "ledger") from reason
    except LookupError as reason:
        raise Problem(404, str(reason), "ledger") from reason


def _span_ms(request: web.Request) -> tuple[int, int]:
    """As span_of(), but without `until` to the last event: its time can be after now, where the clock went back."""
    since_s, until_s = span_of(request)
    return since_s * 1000, until_s * 1000 if "until" in request.query else END_OF_TIME_MS


def _number(where: str, said: str) -> int:
    if not (said.isascii() and said.isdigit() and len(said) <= MAX_DIGITS):
        raise unfit(where, f"{said[:20]!r} is not a number", "write the number of an event")
    return int(said)


_AUDITOR = frozenset({AUDITOR})
ROUTES = (
    Route("GET", "/v1/audit/ledger", export, _AUDITOR),
    Route("GET", "/v1/audit/ledger/{id}", export_event, _AUDITOR),
    Route("GET", "/v1/audit/checkpoint", show_checkpoint, _AUDITOR),
    Route("GET", "/v1/audit/stats", stats, _AUDITOR),
)
