"""/v1/order-files: an order as the file that comes with a letter: a table of CSV, text or a workbook.

    form → issuer known, signed → file read (by a process of its own) → rows judged → stored as any order is

Each row is an entry, with its place; one that is malformed is `invalid`, with the reason.  A file in which no row is an
entry is refused, and so is what is no table; the ledger has its digest.  A file that says which letter it corrects, in
a column of its own, is a later version of that order, whichever way it came.
"""

import asyncio
import hashlib
from typing import Annotated, Literal
from urllib.parse import quote

from aiohttp import web
from msgspec import Meta, Struct

from mgmt.contract.errors import BadRequest
from mgmt.contract.shapes import MAX_ORDER_OCTETS, Instant, Line
from mgmt.ledger.event import ORDERS, Event
from mgmt.ledger.store import append
from mgmt.orders.base.judge import shadow_of
from mgmt.orders.base.letter_file import (
    File,
    Letters,
    UnreadLetter,
    corrected_named,
    entries_of,
    judge_rows,
    letter_named,
    octets_of_file,
)
from mgmt.orders.base.model import Order
from mgmt.orders.base.pushed import Corrects, Expires, Review, Scope, Shadow
from mgmt.orders.base.sealed import refuse_sealed
from mgmt.web.api.order_shapes import OrderWithEntries, Proposal, Wait
from mgmt.web.api.orders import AdmittedOrder, find_shown, signed_by, take_order, what_it_does
from mgmt.web.kit.app_context import CLOCK, PROTECTED, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.body import ORDER_S
from mgmt.web.kit.contract import Contract, Text
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.uploads import Upload, upload_of
from rules.base.errors import BadList
from rules.lists.letter import Letter

LETTERS: web.AppKey[Letters] = web.AppKey("letters", Letters)


class FileForm(Struct, forbid_unknown_fields=True):
    """What is said of a file."""

    issuer: Line
    ground: Annotated[Line, Meta(description="Of the law.")]
    ref: Annotated[Line | None, Meta(description="The issuer's own; left out: the letter that all rows name.")] = None
    scope: Scope | None = None
    deadline: Annotated[Instant | None, Meta(description="By when it is to be in force: within a year.")] = None
    emergency: bool | None = None
    corrects: Corrects = None
    review: Review = None
    expires: Expires = None
    shadow: Shadow = None
    category: Annotated[
        Literal["ordinary", "child-abuse"] | None,
        Meta(description="child-abuse: refused here; see /v1/sealed-orders."),
    ] = None
    encoding: Annotated[
        Literal["utf-8", "utf-16", "windows-1256"] | None,
        Meta(description="Of a text; left out: it is found, and addresses that are not ASCII need UTF-8 or UTF-16."),
    ] = None


async def push_file(request: web.Request, principal: Principal) -> web.Response:
    """Push an order as the file of its letter."""
    said, upload = await upload_of(request, FileForm)
    texts = {"ground": said.ground, "ref": said.ref or "", "corrects": said.corrects or "", "file": upload.name}
    refuse_sealed(said.category or "", **texts)
    signed = await signed_by(request, principal, said.issuer)
    try:
        found = await request.app[LETTERS].read(upload.octets, said.encoding)
        order = _order_of(said, found)
        refuse_sealed("", ref=order.ref, corrects=order.corrects or "")
        does, protected = what_it_does(request), request.app[PROTECTED]
        entries = await asyncio.to_thread(lambda: judge_rows(order, found, protected, **does))
    except BadList as reason:
        raise await _refused(request, principal, said.issuer, upload, str(reason)) from reason
    except UnreadLetter as reason:
        raise Problem(503, f"{str(reason)[:300]}; nothing stored; send it again later", "/file") from reason
    file = File(upload.name, upload.begin, upload.octets, found.encoding)
    return await take_order(request, principal, AdmittedOrder(order, entries, signed, file))


async def show_file(request: web.Request, principal: Principal) -> web.Response:
    """Give the file of an order as it came."""
    found = await read(request, lambda conn: octets_of_file(conn, find_shown(conn, request, principal).id))
    if found is None:
        raise Problem(404, "order: it came without a file; nothing shown; look at the order itself", "file")
    name, octets = found
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Cache-Control": "no-store",
    }
    return web.Response(body=octets, content_type="application/octet-stream", headers=headers)


def _order_of(said: FileForm, found: Letter) -> Order:
    scope, ref = said.scope or "subtree", said.ref or letter_named(found)
    about = said.issuer, ref, said.ground, scope, said.deadline, said.emergency or False
    is_shadow = shadow_of(said.shadow, is_emergency=said.emergency or False)
    corrects = corrected_named(found, said.corrects)
    return Order(*about, entries_of(found, scope), corrects, said.review, said.expires, is_shadow)


async def _refused(request: web.Request, principal: Principal, issuer: str, upload: Upload, reason: str) -> BadRequest:
    """Write down that a file was refused, and say why."""
    digest = hashlib.sha256(upload.octets).hexdigest()
    event = Event(ORDERS, "file refused", principal.actor, {"issuer": issuer}, {"reason": reason, "sha256": digest})
    await write(request, lambda conn: append(conn, event, request.app[CLOCK]()))
    return BadRequest("/file", reason)


_PUSH = Contract(
    {200: OrderWithEntries, 201: OrderWithEntries, 202: Proposal},
    query=Wait,
    form=FileForm,
    refusals=(409,),
    at_most=MAX_ORDER_OCTETS,
    within_s=ORDER_S,
)

ROUTES = (
    Route("POST", "/v1/order-files", push_file, "orders.push", _PUSH),
    Route(
        "GET",
        "/v1/orders/id/{id}/file",
        show_file,
        "orders.read",
        Contract({200: Text(("application/octet-stream",))}),
    ),
)
