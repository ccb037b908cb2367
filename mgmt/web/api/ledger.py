"""/v1/audit/ledger: the ledger of orders, people, staff, settings and pulls, for an auditor.

What is taken is itself an event, written before the first octet goes out.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy import Connection, select

from mgmt.contract.fields import MAX_DIGITS, number_of
from mgmt.ledger import bundle, store
from mgmt.ledger.event import time_text
from mgmt.web.api.audit import Puller, Span, note_pull, span_of
from mgmt.web.kit.app_context import json_response, read
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract, Text
from mgmt.web.kit.problems import NOT_SIGNED, Problem
from mgmt.web.kit.requests import query_of, shown
from parental.store.schema.ledger import events

T = TypeVar("T")
NDJSON = {"Content-Type": "application/x-ndjson; charset=utf-8", "Cache-Control": "no-store"}
END_OF_TIME_MS = 1 << 53
MONTH_CHARACTERS = len("2026-11")


class Checkpoint(Struct, forbid_unknown_fields=True):
    """Which tree the newest one is to be compared with."""

    earlier: Annotated[int, Meta(ge=0, le=10**MAX_DIGITS, description="The size of an earlier one.")] | None = None


class Consistency(Struct):
    """The newest checkpoint, and the proof that it continues the tree of `earlier` events (RFC 9162 §2.1.4)."""

    checkpoint: str
    earlier: int
    path: list[str]
    size: int


class EventCount(Struct):
    """So many events of a month; no person."""

    month: str
    kind: str
    action: Annotated[str | None, Meta(description="null: they were redacted.")]
    issuer: str | None
    count: int


class EventCounts(Struct):
    """Events by month, kind, action and issuer."""

    counts: list[EventCount]


async def export(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Export the ledger, as a stream."""
    return await stream_ledger(request, principal, *_span_ms(request, query_of(request, Span)))


async def stream_ledger(
    request: web.Request, by: Puller, since_ms: int = 0, until_ms: int = END_OF_TIME_MS
) -> web.StreamResponse:
    """The events of a span, or all of them, with their proof.   Raises Problem"""
    plan = await _planned(request, partial(bundle.plan_range, since_ms=since_ms, until_ms=until_ms))
    await note_pull(request, by, "ledger exported", {"first": plan.first, "until": plan.until})
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
    """Export one event with the proof that it is in the tree."""
    number = number_of(request.match_info["event"], "number")
    found = await _planned(request, partial(bundle.proof_of, number=number))
    await note_pull(request, principal, "event exported", {"event": number})
    return web.Response(body=found, headers=NDJSON)


async def show_checkpoint(request: web.Request, _: Principal) -> web.Response:
    """Show the newest checkpoint; as JSON with a consistency proof, where `earlier` is said."""
    earlier = query_of(request, Checkpoint).earlier
    if earlier is not None:
        return json_response(
            shown(await _planned(request, partial(bundle.consistency_of, earlier=earlier)), Consistency)
        )
    note = await read(request, lambda conn: store.signed_at(conn, store.signed_up_to(conn, store.size(conn))))
    if note is None:
        raise Problem(404, "no event is signed yet; nothing to show; try again in a minute", "checkpoint", NOT_SIGNED)
    return web.Response(text=note, headers={"Cache-Control": "no-store"})


async def stats(request: web.Request, principal: Principal) -> web.Response:
    """Count events by month, kind, action and issuer."""
    since_ms, until_ms = _span_ms(request, query_of(request, Span))
    counted = await read(request, partial(count_events, since_ms=since_ms, until_ms=until_ms))
    await note_pull(request, principal, "statistics pulled", {})
    rows = sorted(counted.items(), key=lambda row: tuple(map(str, row[0])))
    return json_response(EventCounts([EventCount(*key, count) for key, count in rows]))


def count_events(conn: Connection, since_ms: int, until_ms: int) -> Counter[tuple[str, str, str | None, str | None]]:
    """(month, kind, action, issuer or None) → how many.   Redacted events count by month and kind alone."""
    chosen = select(events.c.text, events.c.kind, events.c.time_ms).where(
        events.c.time_ms >= since_ms, events.c.time_ms < until_ms
    )
    counted: Counter[tuple[str, str, str | None, str | None]] = Counter()
    for row in conn.execute(chosen, execution_options={"yield_per": store.PAGE}):
        said = msgspec.json.decode(row.text) if row.text else {"action": None, "about": {}}
        month = time_text(row.time_ms)[:MONTH_CHARACTERS]
        counted[month, row.kind, said["action"], said["about"].get("issuer")] += 1
    return counted


async def _planned(request: web.Request, work: Callable[[Connection], T]) -> T:
    try:
        return await read(request, work)
    except bundle.NoCheckpoint as reason:
        raise Problem(404, str(reason), "ledger", NOT_SIGNED) from reason
    except LookupError as reason:
        raise Problem(404, str(reason), "ledger") from reason


def _span_ms(request: web.Request, said: Span) -> tuple[int, int]:
    """As span_of(), but without `until` to the last event: its time can be after now, where the clock went back."""
    since_s, until_s = span_of(request, said)
    return since_s * 1000, END_OF_TIME_MS if said.until is None else until_s * 1000


_LINES = Text(("application/x-ndjson",))
_NEWEST = Contract({200: Text(("text/plain",), Consistency)}, query=Checkpoint, refusals=(404,))
ROUTES = (
    Route("GET", "/v1/audit/ledger", export, "audit.ledger", Contract({200: _LINES}, query=Span, refusals=(404,))),
    Route("GET", "/v1/audit/ledger/{event}", export_event, "audit.ledger", Contract({200: _LINES})),
    Route("GET", "/v1/audit/checkpoint", show_checkpoint, "audit.ledger", _NEWEST),
    Route("GET", "/v1/audit/stats", stats, "audit.ledger", Contract({200: EventCounts}, query=Span)),
)
