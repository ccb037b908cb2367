"""/v1/orders/…/confirmation: what control has answered about an order, signed, in the form that is asked for."""

import asyncio
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from mgmt.ledger.event import PULLS, Actor, Event
from mgmt.ledger.signed_statement import digest_of, document_of
from mgmt.ledger.store import append
from mgmt.orders.confirmation.forms import csv_of, workbook_of
from mgmt.orders.confirmation.replies import last_confirmation, superseded
from mgmt.web.api.order_shapes import Issuer
from mgmt.web.api.orders import find_shown
from mgmt.web.kit.app_context import CLOCK, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract, Text
from mgmt.web.kit.documents.confirmation import page_of
from mgmt.web.kit.documents.pdf import NoPdf, pdf_of
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import query_of

Form = Literal["json", "csv", "xlsx", "pdf"]
Digest = Annotated[
    str, Meta(pattern="^[0-9a-f]{64}$", description="Of a statement: given only while no other supersedes it.")
]
MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


class InForm(Struct, forbid_unknown_fields=True):
    """As what it is given."""

    format: Form = "json"
    sha256: Digest | None = None


class OfIssuer(Struct, kw_only=True, forbid_unknown_fields=True):
    """The same of an order by the reference that its issuer gave."""

    issuer: Issuer
    format: Form = "json"
    sha256: Digest | None = None


async def show_confirmation(request: web.Request, principal: Principal) -> web.Response:
    """Give the signed confirmation of an order: its newest one, as long as it is of what is in force."""
    asked = query_of(request, InForm) if "id" in request.match_info else query_of(request, OfIssuer)
    order = await read(request, lambda conn: find_shown(conn, request, principal))
    return await pulled(request, order.id, asked.format, principal.actor, asked.sha256)


async def pulled(request: web.Request, order: int, form: str, by: Actor, sha256: str | None = None) -> web.Response:
    """The newest confirmation of an order, in a form of MEDIA_TYPES; the ledger says who has pulled it.

    sha256  of the one that is asked for; None: the newest
    Raises Problem: none exists yet, it was superseded, or this box cannot make the form."""
    found, why = await read(request, lambda conn: (last_confirmation(conn, order), superseded(conn, order, sha256)))
    if why is not None:
        raise Problem(409, why, "order" if sha256 is None else "?sha256")
    if found is None:
        until = "it is once the traffic has verified it, and control can sign it: filterd status"
        detail = f"order {order}: not confirmed; nothing given; {until}"
        raise Problem(409, detail, "order")
    octets = await _in_form(form, found.text, found.note)
    digest = digest_of(found.text)
    event = Event(PULLS, "confirmation pulled", by, {"order": order}, {"format": form, "sha256": digest})
    await write(request, lambda conn: append(conn, event, request.app[CLOCK]()))
    name = f"confirmation-{order}-{digest[:12]}.{form}"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=octets, content_type=MEDIA_TYPES[form], headers=headers)


async def _in_form(form: str, text: str, note: str) -> bytes:
    """Raises Problem where this box cannot make it."""
    match form:
        case "json":
            return document_of(text, note)
        case "csv":
            return await asyncio.to_thread(csv_of, text, note)
        case "xlsx":
            return await asyncio.to_thread(workbook_of, text, note)
        case _:
            try:
                return await pdf_of(await asyncio.to_thread(page_of, text, note))
            except NoPdf as reason:
                raise Problem(503, str(reason), "?format") from reason


def _contract(query: type[Struct]) -> Contract:
    return Contract({200: Text(tuple(MEDIA_TYPES.values()))}, query=query, refusals=(409, 503))


ROUTES = (
    Route("GET", "/v1/orders/{ref}/confirmation", show_confirmation, "orders.read", _contract(OfIssuer)),
    Route("GET", "/v1/orders/id/{id}/confirmation", show_confirmation, "orders.read", _contract(InForm)),
)
