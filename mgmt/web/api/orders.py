"""/v1/orders: a regulator pushes orders and withdraws them.

A push is a proposal: it is stored, and the answer is 202 with its state.  With ?wait= it is 201 once every worker
serves the order, and still 202 where that takes longer.  Sending the same order again is always safe: equal content
gives the equal answer, other content under the same reference is refused with what is there.
An order is named by its issuer and its reference, or by its number under a path of its own: issuers choose references,
and one that looks like a number is still a reference.
"""

import asyncio
import hashlib
import hmac
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web
from msgspec import Struct
from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from mgmt.contract.control import ControlFailure, receipt_json, receive
from mgmt.contract.errors import NotInForce
from mgmt.contract.fields import unfit
from mgmt.contract.shapes import MAX_ORDER_OCTETS
from mgmt.ledger.event import ORDERS, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.orders import store as orders
from mgmt.orders.base.dates import check_dates
from mgmt.orders.base.events import note_order
from mgmt.orders.base.issuer_signatures import RawRequest, SignatureRefusal, check, spend
from mgmt.orders.base.judge import check_deadline, judge_entries, order_of, wire_of
from mgmt.orders.base.letter_file import File, keep_file
from mgmt.orders.base.model import Entry as JudgedEntry
from mgmt.orders.base.model import EntryMode, IssuerSignature, is_url, mode_of, name_text
from mgmt.orders.base.model import Order as JudgedOrder
from mgmt.orders.base.pushed import PushedOrder, Withdrawal
from mgmt.orders.base.sealed import CHILD_ABUSE, ORDINARY
from mgmt.orders.phases.shadow_places import N_PLACES
from mgmt.orders.sealed_messages import Message, is_message, put_message
from mgmt.orders.versions import VersionConflict, correctable, refuse_replaced
from mgmt.staff.issuers import find_issuer, refuse_like, refuse_unreadable
from mgmt.staff.permissions import Reach
from mgmt.web.api.order_shapes import (
    AfterEntry,
    Order,
    OrderCanary,
    OrderPage,
    OrderPart,
    OrderReference,
    OrderShadow,
    OrderWithEntries,
    Proposal,
    RemainingBlock,
    Wait,
    WhichOrders,
    WithdrawnOrder,
)
from mgmt.web.api.publications import PUBLICATIONS
from mgmt.web.kit.app_context import CLOCK, CONTROL, PROTECTED, SETTINGS, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.body import ORDER_S
from mgmt.web.kit.contract import Contract, NoQuery
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import body_of, octets_of, query_of, shown

PAGE = 1000  # entries of one answer: a few hundred kilobytes
ORDERS_PAGE = 100
MAX_NUMBER_DIGITS = 10
WITHDRAW = "orders.withdraw"


class AdmittedOrder(NamedTuple):
    """An order that may be stored.

    signed  by its issuer; None: it signs none;   file  that its entries came with;   message  that holds them"""

    order: JudgedOrder
    entries: list[JudgedEntry]
    signed: IssuerSignature | None
    file: File | None = None
    message: Message | None = None


class _Place(NamedTuple):
    """Where an entry stands in its order, and as what it blocks."""

    number: int
    mode: EntryMode | None


async def push_order(request: web.Request, principal: Principal) -> web.Response:
    """Push an order."""
    order = order_of(await body_of(request, PushedOrder))
    signed = await signed_by(request, principal, order.issuer)
    does = what_it_does(request)
    judged = await asyncio.to_thread(lambda: list(judge_entries(order, request.app[PROTECTED], **does)))
    return await take_order(request, principal, AdmittedOrder(order, judged, signed))


async def signed_by(request: web.Request, principal: Principal, issuer: str) -> IssuerSignature | None:
    """What the issuer's key has signed, if it has one.   Raises Problem where the holder may not order for it."""
    if not principal.may_order_for(issuer):
        raise of_another(principal, issuer)
    return await _signed(request, principal, issuer)


def what_it_does(request: web.Request) -> dict[str, bool]:
    """What this box can enforce: see judge_entries()."""
    return {"has_gate": request.app[SETTINGS].has_gate, "stops_names": request.app[SETTINGS].stops_names}


async def take_order(request: web.Request, principal: Principal, judged: AdmittedOrder) -> web.Response:
    """Store an order, once, and answer what has become of it.   Raises Problem"""
    order, signed, original = judged.order, judged.signed, await octets_of(request)
    if order.corrects is not None and WITHDRAW not in principal.permissions():
        detail = f"a correction may open names, and this token may not withdraw; not taken; it needs {WITHDRAW}, too"
        raise Problem(403, detail, "/corrects")

    def store(conn: Connection) -> tuple[int, bool]:
        if signed is not None:
            spend(conn, signed, request.app[CLOCK]())
        return store_order(conn, judged, original, principal.actor, request.app[CLOCK](), view_of(request))

    try:
        number, is_new = await write(request, store)
    except SignatureRefusal as reason:
        raise await _unsigned(request, principal, order.issuer, reason) from reason
    except IntegrityError as exc:
        raise Problem(
            409, f"{order.issuer} {order.ref}: pushed at the same moment; not taken; look at it", "/ref"
        ) from exc
    return await _answered(request, number, is_new=is_new)


def store_order(
    conn: Connection, judged: AdmittedOrder, original: bytes, by: Actor, now: datetime, view: orders.View
) -> tuple[int, bool]:
    """Store an order, once: its number, and whether it is new.   view  of one that is there

    Raises Problem, BadRequest; IntegrityError where it is pushed at the same moment."""
    order = judged.order
    found = orders.find_order(conn, order.issuer, order.ref)
    if found is None:
        _check_issuer(conn, judged)
        check_deadline(order, now)  # a new one's: an old one may be sent again when it is due
        check_dates(order, now, view.zone)
        before = None if order.corrects is None else corrected(conn, order)
        dated = view.rules._replace(zone=view.zone)
        number = orders.put_order(
            conn, order, judged.entries, original, now, by, judged.signed, corrected=before, rules=dated
        )
        if judged.file is not None:
            keep_file(conn, number, judged.file)
        if judged.message is not None:
            put_message(conn, number, judged.message)
        return number, True
    if not hmac.compare_digest(found.sha256, order.sha256) or found.withdrawn_ms is not None:
        raise _taken(conn, found, view)
    return found.id, False


def corrected(conn: Connection, order: JudgedOrder) -> Row[Any]:
    """The order that a correction replaces.   Raises BadRequest, Problem"""
    try:
        return correctable(conn, order.issuer, str(order.corrects), is_emergency=order.is_emergency)
    except VersionConflict as reason:
        raise Problem(409, str(reason), "/corrects") from reason


async def _signed(request: web.Request, principal: Principal, issuer: str) -> IssuerSignature | None:
    """What the issuer's key has signed; None: the issuer has none.   Raises Problem"""
    url = f"{request.scheme}://{request.host}{request.rel_url.raw_path_qs}"
    heard = RawRequest(request.method, url, request.headers, await octets_of(request))
    try:
        return await read(request, lambda conn: check(conn, issuer, heard, request.app[CLOCK]()))
    except SignatureRefusal as reason:
        raise await _unsigned(request, principal, issuer, reason) from reason


async def _unsigned(request: web.Request, principal: Principal, issuer: str, reason: SignatureRefusal) -> Problem:
    """Write down that a request in an issuer's name was refused, and tell its sender."""
    digest = hashlib.sha256(await octets_of(request)).hexdigest()
    said: dict[str, Value] = {"reason": str(reason), "request": request.path, "body_sha256": digest}
    event = Event(ORDERS, "signature refused", principal.actor, {"issuer": issuer}, said)
    await write(request, lambda conn: append(conn, event, request.app[CLOCK]()))
    return Problem(403, str(reason), "Signature")


async def _answered(request: web.Request, number: int, *, is_new: bool) -> web.Response:
    """201 or 200 where an order is in force within the time that the client waits; else 202."""
    headers = {"Location": f"/v1/orders/id/{number}"}
    found, reason = await read(request, lambda conn: _shown(conn, number, 0, view_of(request))), ""
    if found.receipt is None:
        reason = await _published(request, query_of(request, Wait).wait)
        found = await read(request, lambda conn: _shown(conn, number, 0, view_of(request)))
    if found.receipt is None or found.state == orders.OrderState.SHADOW:
        detail = _shadow_words(found.shadow) or _canary_words(found.canary) or reason
        return json_response(Proposal(**msgspec.structs.asdict(found), detail=detail), 202, headers)
    return json_response(found, 201 if is_new else 200, headers)


def _shadow_words(shadow: OrderShadow | None) -> str:
    """What an order in shadow waits for; '': it is not in shadow."""
    if shadow is None or shadow.ended is not None:
        return ""
    then = "two persons let it in (kind enforce), or it is withdrawn"
    if shadow.state == "waiting":
        return f"not enforced: shadow; {N_PLACES} orders are counted already, and it waits for a place; {then}"
    return f"not enforced: shadow; what it would block is counted; {then}"


def _canary_words(canary: OrderCanary | None) -> str:
    """What an order on trial waits for, which no longer wait of the client helps; '': it is not on trial."""
    if canary is None or canary.ended is not None:
        return ""
    then = "look at Location"
    if canary.left_s is None:
        return f"the order is tried on {canary.gateway} first, whose workers do not serve it yet; {then}"
    return f"the order is in force on {canary.gateway} alone, and everywhere in {canary.left_s} s; {then}"


async def _published(request: web.Request, wait_s: int) -> str:
    """Have orders published; what to say of those that are not in force after wait_s."""
    asked = request.app[PUBLICATIONS].ask()
    done, _ = await asyncio.wait([asked], timeout=wait_s)
    reason = asked.result() if done else None
    return reason or "the order is stored; control puts it in force; look at Location, or push it again with ?wait="


async def list_orders(request: web.Request, principal: Principal) -> web.Response:
    """List orders by rising number; a regulator's token lists those of its issuer."""
    said = query_of(request, WhichOrders)
    issuer = None if principal.reach is Reach.ALL else principal.issuer or ""
    due = request.app[CLOCK]() if said.review == "due" else None

    def load(conn: Connection) -> OrderPage:
        found = orders.page_of_orders(conn, said.after, ORDERS_PAGE, issuer, due)
        return OrderPage(
            shown(orders.orders_json(conn, found, view_of(request)), list[Order]),
            found[-1].id if len(found) == ORDERS_PAGE else None,
        )

    return json_response(await read(request, load))


async def show_order(request: web.Request, principal: Principal) -> web.Response:
    """Show an order with a page of its entries."""
    after = (query_of(request, AfterEntry) if "id" in request.match_info else query_of(request, OrderPart)).after
    return json_response(
        await read(request, lambda conn: _shown(conn, find_shown(conn, request, principal).id, after, view_of(request)))
    )


async def withdraw_order(request: web.Request, principal: Principal) -> web.Response:
    """Withdraw an order, or some of its entries."""
    said = await body_of(request, Withdrawal)
    reason, values = said.reason, said.entries
    signed = None
    if principal.issuer is not None:  # the desk withdraws what its issuer cannot: a court opens a name
        signed = await _signed(request, principal, principal.issuer)

    def store(conn: Connection) -> tuple[int, int]:
        order, at, by = find_shown(conn, request), request.app[CLOCK](), principal.actor
        if not principal.may_order_for(order.issuer):
            raise of_another(principal, order.issuer)
        if signed is not None:
            spend(conn, signed, at)
            proof: dict[str, Value] = {"key": signed.key.hex(), "signature": signed.signature.hex()}
            note_order(conn, order.id, "withdrawal signed", at, by, **proof)
        if orders.is_of_lists(conn, order.id):
            raise of_lists(conn, order, view_of(request))
        refuse_superseded(conn, order)
        if values and is_message(conn, order.id):
            raise unfit("/entries", "an order that came encrypted has none here", "withdraw it whole")
        if values:
            return order.id, orders.withdraw_entries(conn, order.id, _numbers(conn, order, values), reason, at, by)
        if order.withdrawn_ms is not None and order.withdrawal_receipt is not None:
            return order.id, 0
        return order.id, orders.withdraw_order(conn, order.id, reason, at, by)

    try:
        number, n_withdrawn = await write(request, store)
    except SignatureRefusal as exc:
        raise await _unsigned(request, principal, principal.issuer or "", exc) from exc
    receipt = receipt_json(await receive(request.app[CONTROL].orders_changed()), request.app[SETTINGS].zone)

    def look(conn: Connection) -> tuple[list[str], WithdrawnOrder]:
        _refuse_unconfirmed(conn, number)
        found = {
            **msgspec.to_builtins(_shown(conn, number, 0, view_of(request))),
            "withdrawn_now": n_withdrawn,
            "withdrawal_receipt": receipt,
            "still_blocked": orders.held_elsewhere(conn, number),
        }
        return orders.withdrawn_names(conn, number), shown(found, WithdrawnOrder)

    names, answer = await read(request, look)
    answer.still_blocked += await _held_by_lists(request, names, {each.name for each in answer.still_blocked})
    return json_response(answer)


async def _held_by_lists(request: web.Request, names: list[str], known: set[str]) -> list[RemainingBlock]:
    """What, of names that were withdrawn, a list or a wider entry blocks for all clients, as the workers have it now.

    Raises NotInForce where control does not say: no one then knows that they are open."""
    found = []
    for name in names:
        if name in known:
            continue
        try:
            said = await request.app[CONTROL].explain(name, None, "http")
        except (ControlFailure, OSError, TimeoutError) as exc:
            raise NotInForce(f"control: {str(exc) or 'no answer'}; what still blocks the names is not known") from exc
        if said["reason"] in ("order", "security"):
            by = (said.get(key) for key in ("list", "order", "issuer", "order_ref"))
            found.append(RemainingBlock(name, *by))
    return found


def _refuse_unconfirmed(conn: Connection, number: int) -> None:
    """What control has not written down is not in force, no matter what it has answered.   Raises NotInForce."""
    order = orders.get_order(conn, number)
    if (order.receipt if order.withdrawn_ms is None else order.withdrawal_receipt) is None:
        raise NotInForce(f"order {number}: published, and control has not confirmed it; it does within a minute")


def view_of(request: web.Request) -> orders.View:
    """The times of orders, entries and receipts, and the clocks as they are now."""
    settings = request.app[SETTINGS]
    return orders.View(ZoneInfo(settings.zone), settings.clocks, request.app[CLOCK]())


def _shown(conn: Connection, number: int, after: int, view: orders.View) -> OrderWithEntries:
    """An order with a page of its entries."""
    page = orders.page_of_entries(conn, number, after, PAGE)
    found = {
        **orders.order_json(conn, orders.get_order(conn, number), view),
        "entries": [orders.entry_json(entry, view.zone) for entry in page],
        "next": page[-1].number if len(page) == PAGE else None,
    }
    return shown(found, OrderWithEntries)


def _taken(conn: Connection, found: Row[Any], view: orders.View) -> Problem:
    there = orders.order_json(conn, found, view)
    said = "that was withdrawn" if found.withdrawn_ms is not None else "of other content"
    detail = f"{found.issuer} {found.ref}: an order {said} has this reference; not taken; write a new one" + (
        ", and to correct that order its reference as corrects" if found.withdrawn_ms is None else ""
    )
    return Problem(409, detail, "/ref", order=there)


def of_another(principal: Principal, issuer: str) -> Problem:
    """Why a regulator's token neither pushes nor withdraws an order of this issuer."""
    whose = "no issuer" if principal.issuer is None else principal.issuer
    detail = (
        f"this token speaks for {whose}, and the order is of {issuer[:80]}; nothing done; "
        "ask the operator for a token of that issuer (filterd token regulator --issuer)"
    )
    return Problem(403, detail, "/issuer")


def _check_issuer(conn: Connection, judged: AdmittedOrder) -> None:
    """Whether what is known of the issuer admits a new order of it.   Raises Problem."""
    order = judged.order
    issuer = find_issuer(conn, order.issuer)
    if issuer is None:
        _check_unknown(conn, order.issuer)
        return
    beyond = [] if issuer.is_active else ["anything: it is disabled"]
    if judged.message is None:
        beyond += issuer.beyond(ORDINARY, {order.scope, *(scope for _, scope in order.entries)})
    else:  # no one here reads the scopes of its entries
        beyond += issuer.beyond(CHILD_ABUSE, ())
    if beyond:
        detail = f"{order.issuer} may not order {', '.join(beyond)}; not taken; see: filterd staff issuer"
        raise Problem(403, detail, "/issuer")


def _check_unknown(conn: Connection, name: str) -> None:
    """An issuer that is not known has neither limits nor a key: so its name is no known one's, spelled otherwise."""
    try:
        refuse_like(conn, name)
        refuse_unreadable(name)
    except ValueError as reason:
        raise Problem(403, str(reason), "/issuer") from reason


def of_lists(conn: Connection, order: Row[Any], view: orders.View) -> Problem:
    """Why an order whose entries a list file brings is not withdrawn here, and who can."""
    there = orders.order_json(conn, order, view)
    lists = [each["list"] for each in there["lists"]]
    said = f"list {', '.join(lists)} holds entries of it" if lists else "it came with a list file, not by a push"
    detail = (
        f"{order.issuer} {order.ref}: {said}; nothing withdrawn; "
        "who keeps the list takes the letter's rows out of its file, and the names open with the next version"
    )
    return Problem(409, detail, "order", order=there)


def refuse_superseded(conn: Connection, order: Row[Any]) -> None:
    """Raises Problem where a correction speaks for an order that is to be withdrawn."""
    try:
        refuse_replaced(conn, order)
    except VersionConflict as reason:
        raise Problem(409, str(reason), "order") from reason


def find_shown(conn: Connection, request: web.Request, reader: Principal | None = None) -> Row[Any]:
    """The order that path and query name.   Raises BadRequest, Problem 404.

    reader  for whom an order of another issuer does not exist; None: the caller asks"""
    if "id" in request.match_info:
        number = request.match_info["id"]
        said = f"number {number[:80]}"
        is_number = number.isascii() and number.isdigit() and len(number) < MAX_NUMBER_DIGITS
        found = orders.find_order_by_id(conn, int(number)) if is_number else None
    else:
        ref, issuer = request.match_info["ref"], request.query["issuer"]
        said = f"{issuer[:80]} {ref[:80]}"
        found = orders.find_order(conn, issuer, ref)
    if found is None or (reader is not None and not reader.may_order_for(found.issuer)):
        raise Problem(404, f"order {said}: not found; nothing done; look at GET /v1/orders", "order")
    return found


def _numbers(conn: Connection, order: Row[Any], values: list[str]) -> list[int]:
    """The entries of an order that `values` name, as pushed or by name.   Raises BadRequest for another."""
    by_value, by_wire = _entries_of(conn, order.id)
    numbers: set[int] = set()
    for at, value in enumerate(values):
        wire = wire_of(value, order.scope) or b""
        found = _meant(value, wire, by_value.get(value, []), by_wire.get(wire, []))
        if not found:
            raise unfit(f"/entries/{at}", f"{value[:80]!r} is not in this order", "write an entry as it was pushed")
        numbers.update(found)
    return sorted(numbers)


def _entries_of(conn: Connection, order: int) -> tuple[dict[str, list[_Place]], dict[bytes, list[_Place]]]:
    """The entries of an order by their spelling, and by what they hold in `wire`."""
    by_value: dict[str, list[_Place]] = {}
    by_wire: dict[bytes, list[_Place]] = {}
    after = 0
    while page := orders.page_of_entries(conn, order, after, PAGE):
        for entry in page:
            place = _Place(entry.number, mode_of(entry.mode))
            by_value.setdefault(entry.value, []).append(place)
            if entry.wire is not None:
                by_wire.setdefault(entry.wire, []).append(place)
        after = page[-1].number
    return by_value, by_wire


def _meant(value: str, wire: bytes, spelled: list[_Place], alike: list[_Place]) -> set[int]:
    """The entries that a value means: those that are spelled so with what repeats them, or all that it names.

    spelled  that have this value;   alike  that hold the same `wire`"""
    is_name = wire != b"" and not is_url(wire) and name_text(wire) == value
    modes = {each.mode for each in spelled}
    same = [each for each in alike if is_name or not modes or each.mode in modes]
    return {each.number for each in (*spelled, *same)}


_PUSH = Contract(
    {200: OrderWithEntries, 201: OrderWithEntries, 202: Proposal},
    query=Wait,
    body=PushedOrder,
    refusals=(409,),
    at_most=MAX_ORDER_OCTETS,
    within_s=ORDER_S,
)


def _withdrawal(query: type[Struct]) -> Contract:
    """It may name every entry."""
    return Contract(
        {200: WithdrawnOrder},
        query=query,
        body=Withdrawal,
        refusals=(409,),
        at_most=MAX_ORDER_OCTETS,
        within_s=ORDER_S,
    )


ROUTES = (
    Route("POST", "/v1/orders", push_order, "orders.push", _PUSH),
    Route("GET", "/v1/orders", list_orders, "orders.read", Contract({200: OrderPage}, query=WhichOrders)),
    Route("GET", "/v1/orders/{ref}", show_order, "orders.read", Contract({200: OrderWithEntries}, query=OrderPart)),
    Route("POST", "/v1/orders/{ref}/withdraw", withdraw_order, "orders.withdraw", _withdrawal(OrderReference)),
    Route("GET", "/v1/orders/id/{id}", show_order, "orders.read", Contract({200: OrderWithEntries}, query=AfterEntry)),
    Route("POST", "/v1/orders/id/{id}/withdraw", withdraw_order, "orders.withdraw", _withdrawal(NoQuery)),
)
