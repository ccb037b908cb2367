"""/desk/orders/new: a letter on paper is typed in, shown with all that it would do, and stored then.

Invariants: nothing is stored that was not shown: what is sent again is compared with what the page was made of; an
order passes the same rules as one that is pushed over the API, and control decides what is in force; of an issuer that
signs its orders nothing is typed in.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web
from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import IntegrityError

from mgmt.contract.decoder import decode
from mgmt.contract.errors import BadRequest
from mgmt.contract.fields import unfit
from mgmt.orders.base.dates import check_dates, day_of
from mgmt.orders.base.effect import Group, preview
from mgmt.orders.base.issuer_signatures import is_demanded
from mgmt.orders.base.judge import check_deadline, judge_entries, judge_entry, order_of
from mgmt.orders.base.pushed import PushedOrder
from mgmt.orders.base.sealed import is_sealed
from mgmt.orders.store import find_order_by_id
from mgmt.orders.versions import Changes, changes_between
from mgmt.staff.issuers import list_issuers
from mgmt.staff.session import Session
from mgmt.web.api.orders import AdmittedOrder, corrected, store_order, view_of, what_it_does
from mgmt.web.api.publications import PUBLICATIONS
from mgmt.web.desk.access import done, viewed
from mgmt.web.desk.frame import PATH, SubmittedForm, moved, number_of, page
from mgmt.web.kit.app_context import CLOCK, PROTECTED, SETTINGS, read, write
from mgmt.web.kit.problems import Problem
from parental.store.schema.orders import entries
from rules.base.protected import ProtectedNames

PUSH = "orders.push"
MAX_LETTER_OCTETS = 512 * 2**10  # some 10,000 names; what is longer comes as a file, over the API
MAX_ENTRIES_OCTETS = MAX_LETTER_OCTETS - 16 * 2**10  # as a form sends them, with the other fields
LINES = 50  # of each status
DATES = ("deadline", "review", "expires")
FIELDS = ("issuer", "ref", "ground", "corrects", "scope", *DATES, "emergency", "shadow", "entries")
_NO_NAMES = ProtectedNames()


def add_letters(app: web.Application) -> None:
    """Put the routes into an application that has a desk."""
    app.router.add_get(PATH + "/orders/new", viewed(show, PUSH))
    app.router.add_post(PATH + "/orders/new", done(take, PUSH, MAX_LETTER_OCTETS, MAX_LETTER_OCTETS))


async def show(request: web.Request, session: Session) -> web.Response:
    """GET /desk/orders/new, or /desk/orders/new?corrects=7: with what order 7 says, to be changed"""
    number = number_of(request.query.get("corrects", ""))
    try:
        form = await read(request, lambda conn: _form_of(conn, number, view_of(request).zone)) if number else None
    except Problem as reason:
        return await _page(request, session, reason.status, alert=reason.detail)
    return await _page(request, session, form=form)


async def take(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/orders/new: what it would do; with `seen` of that page, it is stored."""
    try:
        octets, judged = await _judged(request, form.fields)
        is_shown = form.fields["seen"] == _digest(judged)
        if not is_shown:
            return await _shown(request, form, judged)
        number = await _stored(request, form, octets, judged)
    except BadRequest as reason:
        return await _page(request, form.session, 422, alert=reason.detail, form=form.fields)
    except Problem as reason:
        return await _page(request, form.session, reason.status, alert=reason.detail, form=form.fields)
    request.app[PUBLICATIONS].ask()
    return moved(f"/orders/{number}")


# ----------------------------------------------------------------------------------------------------------------------


async def _judged(request: web.Request, fields: dict[str, str]) -> tuple[bytes, AdmittedOrder]:
    """The order as it is kept, and its entries.   Raises BadRequest, Problem"""
    octets = msgspec.json.encode(_pushed(fields, request.app[SETTINGS].zone))
    order = order_of(decode(octets, PushedOrder))
    check_deadline(order, request.app[CLOCK]())
    check_dates(order, request.app[CLOCK](), view_of(request).zone)
    if await read(request, lambda conn: is_demanded(conn, order.issuer)):
        detail = f"{order.issuer} signs its orders; not taken; ask it to push this one, or to sign a file"
        raise Problem(403, detail, "/issuer")
    does = what_it_does(request)
    judged = await asyncio.to_thread(lambda: list(judge_entries(order, request.app[PROTECTED], **does)))
    return octets, AdmittedOrder(order, judged, None)


async def _shown(request: web.Request, form: SubmittedForm, judged: AdmittedOrder) -> web.Response:
    def load(conn: Connection) -> tuple[list[Group], Changes | None]:
        order = judged.order
        before = None if order.corrects is None else corrected(conn, order)
        changes = None if before is None else changes_between(conn, before.id, judged.entries)
        return preview(conn, judged.entries, LINES), changes

    groups, changes = await read(request, load)
    more = {"groups": groups, "changes": changes, "most": LINES, "seen": _digest(judged)}
    was_other = form.fields["seen"] != ""
    alert = "It was changed after it was shown. Nothing is stored. Look at it again." if was_other else ""
    return await _page(request, form.session, 409 if was_other else 200, alert=alert, form=form.fields, **more)


async def _stored(request: web.Request, form: SubmittedForm, octets: bytes, judged: AdmittedOrder) -> int:
    """The order's number.   Raises BadRequest, Problem"""
    now, view = request.app[CLOCK](), view_of(request)

    def store(conn: Connection) -> int:
        return store_order(conn, judged, octets, form.session.person.actor, now, view)[0]

    try:
        return await write(request, store)
    except IntegrityError as exc:
        detail = f"{judged.order.issuer} {judged.order.ref}: taken in at the same moment; not taken; look at the orders"
        raise Problem(409, detail, "/ref") from exc


def _pushed(fields: dict[str, str], zone: str) -> dict[str, Any]:
    """What a push over the API would say.   Raises BadRequest"""
    said: dict[str, Any] = {name: fields[name].strip() for name in ("issuer", "ref", "ground")}
    said["scope"] = fields["scope"] or "subtree"
    said["entries"] = [line.strip() for line in fields["entries"].splitlines() if line.strip()]
    if fields["deadline"]:
        try:
            due = datetime.fromisoformat(fields["deadline"]).replace(tzinfo=ZoneInfo(zone))
        except ValueError as reason:
            raise unfit("/deadline", f"{fields['deadline'][:40]!r} is no time", "write 2026-12-20T18:00") from reason
        said["deadline"] = due.isoformat()
    if fields["emergency"]:
        said["emergency"] = True
    if fields["shadow"]:
        said["shadow"] = True
    if fields["corrects"].strip():
        said["corrects"] = fields["corrects"].strip()
    said |= {name: fields[name] for name in ("review", "expires") if fields[name]}
    return said


def _form_of(conn: Connection, number: int, zone: tzinfo) -> defaultdict[str, str] | None:
    """What the page of a correction begins with; None: there is no order of which a page shows the entries.

    Raises Problem where the page could not say all of it: what it leaves out would open, or be wider."""
    order = find_order_by_id(conn, number)
    if order is None or is_sealed(order):
        return None
    chosen = select(entries).where(entries.c.order == number, entries.c.withdrawn_ms.is_(None))
    rows = conn.execute(chosen.order_by(entries.c.number)).all()
    if not _can_be_typed(order.scope, rows):
        detail = (
            f"order {number}: is longer than this page takes, or an entry has a scope of its own; nothing filled in; "
            f"push the correction over the API, or as a file: filterd orders import --corrects {order.ref!r}"
        )
        raise Problem(409, detail, "corrects")
    last_day = day_of(order.expires_s, zone, is_end=True)
    said = {"issuer": order.issuer, "corrects": order.ref, "ground": order.ground, "scope": order.scope}
    return defaultdict(str, said | {"expires": last_day or "", "entries": _typed(rows)})


def _typed(rows: Sequence[Row[Any]]) -> str:
    return "\n".join(row.value for row in rows)


def _can_be_typed(scope: str, rows: Sequence[Row[Any]]) -> bool:
    """Whether the page takes entries, one a line, and reads each as it stands.   scope  of the order"""
    text = _typed(rows)
    if len(urlencode({"entries": text.replace("\n", "\r\n")})) > MAX_ENTRIES_OCTETS:
        return False
    again = (judge_entry(row.number, row.value, scope, _NO_NAMES, has_gate=True) for row in rows)
    alike = (
        row.wire is None or (read.wire, read.mode) == (row.wire, row.mode)
        for row, read in zip(rows, again, strict=True)
    )
    return len(text.splitlines()) == len(rows) and all(alike)


def _digest(judged: AdmittedOrder) -> str:
    """Of all that the page shows: the order, and what the rules say of its entries."""
    told = [(entry.status.value, entry.reason) for entry in judged.entries]
    return hashlib.sha256(judged.order.sha256 + repr(told).encode()).hexdigest()


async def _page(
    request: web.Request,
    session: Session,
    status: int = 200,
    *,
    form: dict[str, str] | None = None,
    **more: Any,
) -> web.Response:
    issuers = [each.name for each in await read(request, list_issuers) if each.is_active]
    known: dict[str, Any] = {
        "groups": [],
        "changes": None,
        "seen": "",
        "fields": FIELDS,
        "zone": request.app[SETTINGS].zone,
    }
    known |= {"form": defaultdict(str) if form is None else form, "issuers": issuers}
    return page(request, "letter.html", status, session=session, **(known | more))
