"""/v1/order-refusals: what came in an issuer's name by mail or as a file, and was not taken, is written down."""

from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from mgmt.contract.shapes import Line
from mgmt.ledger.event import ORDERS, Event
from mgmt.ledger.store import append
from mgmt.web.api.orders import of_another
from mgmt.web.kit.app_context import CLOCK, json_response, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.requests import body_of


class Refusal(Struct, forbid_unknown_fields=True):
    """What was refused before it came here."""

    issuer: Annotated[Line, Meta(description="In whose name it came.")]
    channel: Literal["mail", "file"]
    reason: Line
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$(?!\\n)", description="Of what came.")]


class LedgerReceipt(Struct):
    """The ledger has it."""

    noted: bool = True


async def note_refusal(request: web.Request, principal: Principal) -> web.Response:
    """Note that something in an issuer's name was refused before it came here."""
    said = await body_of(request, Refusal)
    if not principal.may_order_for(said.issuer):
        raise of_another(principal, said.issuer)
    about = {"channel": said.channel, "reason": said.reason, "sha256": said.sha256}
    event = Event(ORDERS, f"{said.channel} refused", principal.actor, {"issuer": said.issuer}, {**about})
    await write(request, lambda conn: append(conn, event, request.app[CLOCK]()))
    return json_response(LedgerReceipt())


ROUTES = (
    Route(
        "POST",
        "/v1/order-refusals",
        note_refusal,
        "orders.push",
        Contract({200: LedgerReceipt}, body=Refusal, adds=True),
    ),
)
