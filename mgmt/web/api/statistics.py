"""/v1/audit/statistics: the statistics of quarters, as control has signed them, in the form that is asked for."""

import asyncio
import re
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from mgmt.contract.fields import unfit
from mgmt.contract.shapes import Line
from mgmt.ledger.event import PULLS, Actor, Event, time_text
from mgmt.ledger.signed_statement import digest_of, document_of
from mgmt.ledger.store import append
from mgmt.registers.records.statistics.forms import csv_of
from mgmt.registers.records.statistics.releases import SignedRelease, find_release, releases
from mgmt.web.kit.app_context import CLOCK, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract, Text
from mgmt.web.kit.documents.pdf import NoPdf, pdf_of
from mgmt.web.kit.documents.statistics import page_of, svg_of
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import query_of

MEDIA_TYPES = {"json": "application/json", "csv": "text/csv", "svg": "image/svg+xml", "pdf": "application/pdf"}
QUARTER = re.compile(r"[0-9]{4}-Q[1-4]")


class Release(Struct):
    """Statistics that were published."""

    quarter: str
    node: Annotated[str, Meta(description="Of which gateway; empty: of all that share the database.")]
    made: str
    sha256: Annotated[str, Meta(description="Of the statement.")]


class Releases(Struct):
    """All that were published, the newest first."""

    releases: list[Release]


class InForm(Struct, forbid_unknown_fields=True):
    """As what it is given."""

    format: Annotated[
        Literal["json", "csv", "svg", "pdf"], Meta(description="json: signed, docs/statistics.schema.json.")
    ] = "json"
    node: Annotated[Line | None, Meta(description="Of which gateway; left out: of all that share the database.")] = None


async def list_releases(request: web.Request, _: Principal) -> web.Response:
    """List the statistics that were published."""
    found = await read(request, releases)
    return json_response(
        Releases([Release(each.quarter, each.node, time_text(each.at_ms), digest_of(each.text)) for each in found])
    )


async def show_release(request: web.Request, principal: Principal) -> web.Response:
    """Give the signed statistics of a quarter."""
    said, quarter = query_of(request, InForm), request.match_info["quarter"]
    if not QUARTER.fullmatch(quarter):
        raise unfit("quarter", f"{quarter[:20]!r} is no quarter", "write 2026-Q4")
    return await file_of(request, principal.actor, await release_of(request, quarter, said.node or ""), said.format)


async def release_of(request: web.Request, quarter: str, node: str) -> SignedRelease:
    """Raises Problem: it was not published."""
    found = await read(request, lambda conn: find_release(conn, quarter, node))
    if found is None:
        detail = (
            f"{quarter}: not published; nothing given; see GET /v1/audit/statistics for what was, and by which node"
        )
        raise Problem(404, detail, "quarter")
    return found


async def file_of(request: web.Request, by: Actor, release: SignedRelease, form: str) -> web.Response:
    """Published statistics as a file, once it is written down who takes it.   Raises Problem"""
    octets = await _in_form(form, release.text, release.note)
    await note_release(request, by, release, form)
    name = f"statistics-{release.quarter}-{digest_of(release.text)[:12]}.{form}"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=octets, content_type=MEDIA_TYPES[form], headers=headers)


async def note_release(request: web.Request, by: Actor, release: SignedRelease, form: str) -> None:
    """Write down that someone takes published statistics."""
    about = {"quarter": release.quarter, "node": release.node}
    said = {"format": form, "sha256": digest_of(release.text)}
    event = Event(PULLS, "statistics of a quarter pulled", by, about, said)
    await write(request, lambda conn: append(conn, event, request.app[CLOCK]()))


async def _in_form(form: str, text: str, note: str) -> bytes:
    """Raises Problem where this box cannot make it."""
    match form:
        case "json":
            return document_of(text, note)
        case "csv":
            return await asyncio.to_thread(csv_of, text, note)
        case "svg":
            return await asyncio.to_thread(svg_of, text)
        case _:
            try:
                return await pdf_of(await asyncio.to_thread(page_of, text, note))
            except NoPdf as reason:
                raise Problem(503, str(reason), "?format") from reason


_FORMS = Contract({200: Text(tuple(MEDIA_TYPES.values()))}, query=InForm, refusals=(404, 503))
ROUTES = (
    Route("GET", "/v1/audit/statistics", list_releases, "audit.statistics", Contract({200: Releases})),
    Route("GET", "/v1/audit/statistics/{quarter}", show_release, "audit.statistics", _FORMS),
)
