"""/desk/orders: what was ordered, how far it is, what it does, and taking it back.

Invariants: what is withdrawn is what the page showed: where the order has changed since, nothing is done; control alone
says what is in force (mgmt.orders.decisions).
"""

from typing import Any

import msgspec
from aiohttp import web
from sqlalchemy import Connection, Row, select

from mgmt.contract.decoder import decode
from mgmt.contract.errors import BadRequest
from mgmt.orders.approvals import approvals_of
from mgmt.orders.base.effect import LOOK_FIRST, Group, effect_of, lines_of
from mgmt.orders.base.model import EntryStatus
from mgmt.orders.base.pushed import Withdrawal
from mgmt.orders.base.sealed import is_sealed
from mgmt.orders.confirmation.replies import last_confirmation
from mgmt.orders.sealed_messages import reading_of
from mgmt.orders.store import (
    View,
    find_order,
    find_order_by_id,
    is_of_lists,
    newest_orders,
    time_of,
    withdraw_entries,
    withdraw_order,
)
from mgmt.orders.versions import changes_of, speaks, versions_of
from mgmt.staff.approvals.store import PERMISSION as APPROVE
from mgmt.staff.session import Session
from mgmt.web.api.confirmations import MEDIA_TYPES, pulled
from mgmt.web.api.orders import of_lists, refuse_superseded, view_of
from mgmt.web.api.publications import PUBLICATIONS
from mgmt.web.desk.access import done, viewed
from mgmt.web.desk.frame import PATH, SubmittedForm, moved, number_of, page
from mgmt.web.desk.order_view import named, seen
from mgmt.web.kit.app_context import CLOCK, read, write
from mgmt.web.kit.problems import Problem
from parental.store.schema.orders import orders

READ, PUSH, WITHDRAW = "orders.read", "orders.push", "orders.withdraw"
PAGE = 25
DIGEST_CHARACTERS = 16  # of a digest that is only distinguished from others
FIRST_LINES = 20  # of each status; all of them are a tap away
ENTRIES = 200  # of one page
MAX_FORM_OCTETS = 64 * 2**10  # with every entry of a page ticked


def add_orders(app: web.Application) -> None:
    """Put the routes into an application that has a desk."""
    at = PATH + "/orders"
    app.router.add_get(at, viewed(show_newest, READ))
    app.router.add_get(at + "/find", viewed(find, READ))
    app.router.add_get(at + "/{id:[0-9]{1,10}}", viewed(show_one, READ))
    app.router.add_get(at + "/{id:[0-9]{1,10}}/confirmation", viewed(confirmation, READ))
    app.router.add_post(at + "/{id:[0-9]{1,10}}/withdraw", done(withdraw, WITHDRAW, MAX_FORM_OCTETS))


async def show_newest(request: web.Request, session: Session) -> web.Response:
    """GET /desk/orders"""
    return await _newest(request, session)


async def find(request: web.Request, session: Session) -> web.Response:
    """GET /desk/orders/find?issuer=PTA&ref=WA-1"""
    issuer, ref = (request.query.get(name, "") for name in ("issuer", "ref"))
    found = await read(request, lambda conn: find_order(conn, issuer, ref))
    if found is None:
        return await _newest(request, session, 404, f"There is no order {issuer[:80]} {ref[:80]}.")
    return moved(f"/orders/{found.id}")


async def show_one(request: web.Request, session: Session) -> web.Response:
    """GET /desk/orders/7"""
    return await _one(request, session)


async def confirmation(request: web.Request, session: Session) -> web.Response:
    """GET /desk/orders/7/confirmation?format=pdf"""
    form = request.query.get("format", "json")
    number = number_of(request.match_info["id"])
    try:
        if form not in MEDIA_TYPES:
            raise Problem(422, f"format {form[:20]!r}: unknown; write one of {', '.join(MEDIA_TYPES)}", "?format")
        await read(request, lambda conn: _refuse_sealed(conn, number))
        return await pulled(request, number, form, session.person.actor)
    except Problem as reason:
        return await _one(request, session, reason.status, alert=reason.detail)


async def withdraw(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/orders/7/withdraw"""
    number = number_of(request.match_info["id"])
    try:
        said = decode(msgspec.json.encode({"reason": form.fields["reason"].strip()}), Withdrawal)
        await write(request, lambda conn: _withdraw(conn, request, form, number, said.reason))
    except BadRequest as reason:
        return await _one(request, form.session, 422, alert=reason.detail, reason=form.fields["reason"])
    except Problem as reason:
        return await _one(request, form.session, reason.status, alert=reason.detail, reason=form.fields["reason"])
    request.app[PUBLICATIONS].ask()
    return moved(f"/orders/{number}")


# ----------------------------------------------------------------------------------------------------------------------


def _refuse_sealed(conn: Connection, number: int) -> None:
    """Raises Problem: a confirmation names the entries."""
    order = find_order_by_id(conn, number)
    if order is not None and is_sealed(order):
        raise Problem(403, f"order {number}: is sealed; its confirmation is not given here; its issuer has it", "order")


def _withdraw(conn: Connection, request: web.Request, form: SubmittedForm, number: int, reason: str) -> None:
    """Raises Problem where the page is not of what is there now."""
    order = conn.execute(select(orders).where(orders.c.id == number).with_for_update()).one_or_none()
    if order is None:
        raise Problem(404, f"order {number}: not found; nothing done", "order")
    now, view, by = request.app[CLOCK](), view_of(request), form.session.person.actor
    if seen(conn, [order], view)[0].tag != form.fields["tag"]:
        detail = f"order {number}: it has changed since you loaded the page; nothing done; look again, and decide then"
        raise Problem(409, detail, "tag")
    if is_of_lists(conn, number):
        raise of_lists(conn, order, view)
    refuse_superseded(conn, order)
    if form.fields["what"] == "whole":
        if order.withdrawn_ms is not None:
            raise Problem(409, f"order {number}: was asked back before; nothing done", "order")
        withdraw_order(conn, number, reason, now, by)
        return
    ticked = sorted(number_of(name.removeprefix("entry-")) for name in form.fields if name.startswith("entry-"))
    if not ticked:
        raise Problem(422, "no entry is ticked; nothing done; tick some, or withdraw the whole order", "entry")
    withdraw_entries(conn, number, ticked, reason, now, by)


async def _newest(request: web.Request, session: Session, status: int = 200, alert: str = "") -> web.Response:
    before = number_of(request.query.get("before", "")) or None
    view, is_due = view_of(request), request.query.get("review") == "due"

    def load(conn: Connection) -> dict[str, Any]:
        found = newest_orders(conn, before, PAGE, view.at if is_due else None)
        return {"rows": seen(conn, found, view), "before": found[-1].id if len(found) == PAGE else None}

    found = await read(request, load) | {"is_due": is_due}
    return page(request, "orders.html", status, session=session, alert=alert, **found)


async def _one(
    request: web.Request, session: Session, status: int = 200, *, alert: str = "", reason: str = ""
) -> web.Response:
    number, view = number_of(request.match_info["id"]), view_of(request)
    wanted, after = request.query.get("status", ""), number_of(request.query.get("after", ""))

    def load(conn: Connection) -> dict[str, Any] | None:
        order = find_order_by_id(conn, number)
        if order is None:
            return None
        (row,) = seen(conn, [order], view)
        chosen = next((each for each in LOOK_FIRST if each == wanted and row.counts.get(each)), None)
        return {
            "row": row,
            "chosen": chosen or "",
            "groups": [] if row.is_sealed else _groups(conn, number, row.counts, chosen, after),
            "agreed": approvals_of(conn, number),
            "reading": reading_of(conn, number) if row.is_sealed else None,
            "is_confirmed": not row.is_sealed and last_confirmation(conn, number) is not None,
            "may_withdraw": session.person.may(WITHDRAW) and _is_withdrawable(conn, order),
            **_versions(conn, order, view, is_sealed=row.is_sealed),
        }

    found = await read(request, load)
    if found is None:
        return await _newest(request, session, 404, f"There is no order {number}. Nothing was done.")
    may_correct = found["may_withdraw"] and session.person.may(PUSH) and not found["row"].is_sealed
    found |= {"forms": MEDIA_TYPES, "reason": reason, "may_approve": session.person.may(APPROVE)}
    found |= {"may_correct": may_correct}
    return page(request, "order.html", status, session=session, alert=alert, **found)


def _groups(
    conn: Connection, order: int, counts: dict[str, int], status: EntryStatus | None, after: int
) -> list[Group]:
    """The first entries of each status, or a page of those of one."""
    if status is None:
        return effect_of(conn, order, counts, FIRST_LINES)
    return [Group(status, counts[status], lines_of(conn, order, status, after, ENTRIES))]


def _versions(conn: Connection, order: Row[Any], view: View, *, is_sealed: bool) -> dict[str, Any]:
    """The versions of an order, and what this one has changed: of a correction that may be shown."""
    versions = versions_of(conn, order)
    is_correction = versions[0].id != order.id and not is_sealed
    return {
        "versions": [
            {"id": each.id, "named": named(each), "received": time_of(each.received_ms, view.zone)}
            | {"by": each.pushed_by, "digest": each.sha256.hex()[:DIGEST_CHARACTERS]}
            for each in versions
            if len(versions) > 1
        ],
        "changes": changes_of(conn, order) if is_correction else None,
        "most": FIRST_LINES,
        "is_newest": speaks(conn, order),
    }


def _is_withdrawable(conn: Connection, order: Row[Any]) -> bool:
    return order.withdrawn_ms is None and speaks(conn, order) and not is_of_lists(conn, order.id)
