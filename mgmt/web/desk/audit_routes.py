"""/desk/audit: records of blocks for an auditor: found, taken away, verified; and the statistics of quarters.

Invariants: each page of records, and all else that is taken, is an event of the ledger, written before anything is
shown; of households there is nothing, and of CSAM blocks there are counts alone.
"""

import asyncio
import socket
from collections import defaultdict
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from mgmt.contract.shapes import MAX_NUMBER
from mgmt.ledger.bundle import NoCheckpoint
from mgmt.ledger.event import time_text
from mgmt.registers.records.block_archive import ArchiveFailure
from mgmt.registers.records.holds.proposals import shown_holds
from mgmt.registers.records.holds.shapes import IN_FORCE
from mgmt.registers.records.statistics.releases import SignedRelease, releases
from mgmt.staff.session import Session
from mgmt.web.api.audit import note_blocks, note_pull, stream_blocks
from mgmt.web.api.ledger import stream_ledger
from mgmt.web.api.proof.block_proof import stream_bundle
from mgmt.web.api.statistics import MEDIA_TYPES, QUARTER, file_of, note_release, release_of
from mgmt.web.desk.access import done, viewed
from mgmt.web.desk.audit_asked import CHANNELS, FIELDS, AuditQuery, BadForm, asked_of, cursor_of, utc_day
from mgmt.web.desk.audit_records import page_of
from mgmt.web.desk.audit_verification import MOST_DAYS, Result, verify_blocks, verify_ledger
from mgmt.web.desk.frame import PATH, SubmittedForm, page
from mgmt.web.kit.app_context import ARCHIVE, CLOCK, SETTINGS, read
from mgmt.web.kit.documents.statistics import charts_in_english
from mgmt.web.kit.problems import Problem

BLOCKS, LEDGER, STATISTICS = "audit.blocks", "audit.ledger", "audit.statistics"
AT = PATH + "/audit"
N_HOLDS = 100
VERIFYING: web.AppKey[asyncio.Lock] = web.AppKey("verifying", asyncio.Lock)


def add_audit(app: web.Application) -> None:
    """Put the routes into an application that has a desk."""
    app[VERIFYING] = asyncio.Lock()
    app.router.add_get(AT, viewed(show, BLOCKS))
    app.router.add_get(AT + "/blocks", viewed(show_records, BLOCKS))
    app.router.add_get(AT + "/blocks.{form:csv|ndjson|parquet}", viewed(take_records, BLOCKS))
    app.router.add_get(AT + "/bundle.ndjson", viewed(take_bundle, BLOCKS))
    app.router.add_get(AT + "/ledger.ndjson", viewed(take_ledger, LEDGER))
    app.router.add_post(AT + "/verify", done(verify, LEDGER))
    app.router.add_get(AT + "/statistics/{quarter}", viewed(show_quarter, STATISTICS))
    app.router.add_get(AT + "/statistics/{quarter}/{form:json|csv|svg|pdf}", viewed(take_quarter, STATISTICS))


async def show(request: web.Request, session: Session) -> web.Response:
    """GET /desk/audit"""
    return await _start(request, session)


async def show_records(request: web.Request, session: Session) -> web.Response:
    """GET /desk/audit/blocks?since=2026-11-01&until=2026-11-02&list=pta"""
    try:
        asked, at = _asked(request), cursor_of(request.query.get("at", ""))
    except BadForm as reason:
        return await _start(request, session, 422, alert=str(reason))
    begins = asked.wanted if at is None else asked.wanted._replace(since_s=max(at.time_s, asked.wanted.since_s))
    await note_blocks(request, session.person, begins, "page")
    try:
        found = await page_of(request, asked.wanted, at)
    except (ArchiveFailure, Problem) as reason:
        return await _start(request, session, 503, alert=_why(reason))
    query = asked.query
    after = None if found.next is None else urlencode(query | {"at": found.next.text()})
    return page(
        request,
        "audit_records.html",
        session=session,
        rows=found.rows,
        after=after,
        query=urlencode(query),
        form=_form(query),
        **_known(request),
    )


async def take_records(request: web.Request, session: Session) -> web.StreamResponse:
    """GET /desk/audit/blocks.csv?…"""
    try:
        asked = _asked(request)
    except BadForm as reason:
        return await _start(request, session, 422, alert=str(reason))
    return await _taken(
        request, session, stream_blocks(request, session.person, asked.wanted, request.match_info["form"])
    )


async def take_bundle(request: web.Request, session: Session) -> web.StreamResponse:
    """GET /desk/audit/bundle.ndjson?since=2026-11-01&until=2026-11-02: all records of these days, with their proof."""
    try:
        wanted = _asked(request).wanted
    except BadForm as reason:
        return await _start(request, session, 422, alert=str(reason))
    days = utc_day(wanted.since_s), utc_day(wanted.until_s - 1)
    return await _taken(request, session, stream_bundle(request, session.person, *days))


async def take_ledger(request: web.Request, session: Session) -> web.StreamResponse:
    """GET /desk/audit/ledger.ndjson"""
    return await _taken(request, session, stream_ledger(request, session.person))


async def verify(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/audit/verify"""
    lock = request.app[VERIFYING]
    if lock.locked():
        alert = "Another verification runs. Nothing was verified. Try again in a minute."
        return await _start(request, form.session, 503, alert=alert)
    async with lock:
        try:
            found = await _verified(request, form)
        except (BadForm, NoCheckpoint) as reason:
            return await _start(request, form.session, 422, alert=str(reason))
        except (ArchiveFailure, Problem) as reason:
            return await _start(request, form.session, 503, alert=_why(reason))
    what = "ledger" if form.fields["what"] == "ledger" else "blocks"
    return page(
        request,
        "audit_verified.html",
        session=form.session,
        found=found,
        what=what,
        node=socket.gethostname(),
        form=form.fields,
        **_known(request),
    )


async def show_quarter(request: web.Request, session: Session) -> web.Response:
    """GET /desk/audit/statistics/2026-Q3?node=gw1"""
    try:
        release = await _release(request)
    except Problem as reason:
        return await _start(request, session, 404, alert=_why(reason))
    await note_release(request, session.person.actor, release, "page")
    said, charts = await asyncio.to_thread(charts_in_english, release.text)
    node = urlencode({"node": release.node}) if release.node else ""
    forms = tuple(MEDIA_TYPES)
    return page(request, "audit_quarter.html", session=session, said=said, charts=charts, node=node, forms=forms)


async def take_quarter(request: web.Request, session: Session) -> web.StreamResponse:
    """GET /desk/audit/statistics/2026-Q3/pdf?node=gw1"""

    async def taken() -> web.StreamResponse:
        return await file_of(request, session.person.actor, await _release(request), request.match_info["form"])

    return await _taken(request, session, taken())


# ----------------------------------------------------------------------------------------------------------------------


async def _start(request: web.Request, session: Session, status: int = 200, *, alert: str = "") -> web.Response:
    """The first page: what there is, what there is not, and the forms."""
    may_statistics = session.person.may(STATISTICS)
    quarters = await read(request, releases) if may_statistics else []
    holds = await read(request, lambda conn: shown_holds(conn, N_HOLDS))
    return page(
        request,
        "audit.html",
        status,
        session=session,
        alert=alert,
        form=_form({name: request.query.get(name, "")[:200] for name in FIELDS}),
        quarters=[(each.quarter, each.node, time_text(each.at_ms)) for each in quarters],
        holds=[each for each in holds if each.state == IN_FORCE],
        may_ledger=session.person.may(LEDGER),
        **_known(request),
    )


async def _taken(request: web.Request, session: Session, taking: Awaitable[web.StreamResponse]) -> web.StreamResponse:
    """What is taken away; a page where it cannot be."""
    try:
        return await taking
    except Problem as reason:
        return await _start(request, session, reason.status, alert=_why(reason))


async def _verified(request: web.Request, form: SubmittedForm) -> Result:
    by = form.session.person
    if form.fields["what"] == "ledger":
        await note_pull(request, by, "ledger verified", {})
        return await read(request, verify_ledger)
    if ARCHIVE not in request.app:
        raise BadForm(
            "records are rows of the database here, which have no proof; nothing verified; see /records/store"
        )
    asked = asked_of(form.fields, request.app[SETTINGS].zone, request.app[CLOCK]())
    if asked.last - asked.first >= timedelta(days=MOST_DAYS):
        raise BadForm(f"more than {MOST_DAYS} days; nothing was verified; choose fewer, or verify a bundle yourself")
    first, last = utc_day(asked.wanted.since_s), utc_day(asked.wanted.until_s - 1)
    node = socket.gethostname()
    await note_pull(request, by, "blocks verified", {"first": str(first), "last": str(last), "node": node})
    return await verify_blocks(request.app[ARCHIVE], first, last)


async def _release(request: web.Request) -> SignedRelease:
    quarter = request.match_info["quarter"]
    if not QUARTER.fullmatch(quarter):
        raise Problem(404, f"{quarter[:20]!r} is no quarter; nothing given; choose one of the list", "quarter")
    return await release_of(request, quarter, request.query.get("node", "")[:200])


def _asked(request: web.Request) -> AuditQuery:
    return asked_of(request.query, request.app[SETTINGS].zone, request.app[CLOCK]())


def _known(request: web.Request) -> dict[str, Any]:
    """What the forms are made of."""
    return {"channels": CHANNELS, "has_files": ARCHIVE in request.app, "most": MAX_NUMBER}


def _form(said: dict[str, str]) -> defaultdict[str, str]:
    return defaultdict(str, said)


def _why(reason: Exception) -> str:
    return reason.detail if isinstance(reason, Problem) else f"{reason}; nothing was shown; ask again"
