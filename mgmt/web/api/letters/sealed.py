"""/v1/sealed-orders: an order of child abuse material, whose entries the reader of sealed lists alone can read.

    issuer known, signed → message stored as it came → its reader counts → two persons agree → in force

From then on it is an order as any other: /v1/orders shows it with counts and no entry, and withdraws it whole.
Invariants: what is not encrypted is refused; nothing of it is stored or quoted.
Source: RFC 9580 §4.2, §10.3 (what an encrypted message is), RFC 4648 §4.
"""

import asyncio
import base64
import contextlib
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct
from pysequoia.packet import PacketPile, Tag

from mgmt.contract.fields import unfit
from mgmt.contract.shapes import MAX_ORDER_OCTETS, Instant, Line
from mgmt.orders.sealed_messages import Message, sealed_order
from mgmt.web.api.order_shapes import OrderWithEntries, Proposal, Wait
from mgmt.web.api.orders import AdmittedOrder, signed_by, take_order
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.body import ORDER_S
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.requests import body_of

# The key, encrypted for each reader, and the data under it: nothing is in clear.
_KEY, _DATA = Tag.PKESK, Tag.SEIP


class PushedSealedOrder(Struct, forbid_unknown_fields=True):
    """What an issuer directs, its entries encrypted."""

    issuer: Line
    ref: Annotated[Line, Meta(description="The issuer's own; it holds no entry, as people read it.")]
    ground: Annotated[Line, Meta(description="Of the law; as the reference.")]
    message: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_ORDER_OCTETS,
            description="The entries, encrypted with the certificate of this box (OpenPGP, without armour), in base64.",
        ),
    ]
    format: Annotated[
        Literal["plain", "csv", "hosts", "native", "cncpo", "xlsx"], Meta(description="Of what is encrypted.")
    ] = "plain"
    deadline: Annotated[Instant | None, Meta(description="By when it is to be in force: within a year.")] = None


async def push_sealed(request: web.Request, principal: Principal) -> web.Response:
    """Push an order of child abuse material, encrypted."""
    said = await body_of(request, PushedSealedOrder)
    signed = await signed_by(request, principal, said.issuer)
    message = Message(await asyncio.to_thread(_encrypted, said.message), said.format)
    order = sealed_order(said.issuer, said.ref, said.ground, said.deadline, message)
    return await take_order(request, principal, AdmittedOrder(order, [], signed, message=message))


def _encrypted(text: str) -> bytes:
    """The octets of a message that is encrypted whole.   Raises BadRequest, which quotes nothing

    Headers of an armour could hold text in clear; that is why none exists."""
    octets, keys, data = b"", list[Tag](), None
    with contextlib.suppress(ValueError, RuntimeError):  # Sequoia has one kind for all that may be wrong
        octets = base64.b64decode(text, validate=True)
        *keys, data = (packet.tag for packet in PacketPile.from_bytes(octets))
    is_binary = octets[:1] >= b"\x80"  # RFC 9580 §4.2: bit 7 of a packet's first octet is set
    if not is_binary or data != _DATA or not keys or any(key != _KEY for key in keys):
        raise unfit(
            "/message",
            "no OpenPGP message that is encrypted whole, in base64",
            "encrypt it (docs/desk/sealed-lists.md)",
        )
    return octets


ROUTES = (
    Route(
        "POST",
        "/v1/sealed-orders",
        push_sealed,
        "orders.push",
        Contract(
            {200: OrderWithEntries, 201: OrderWithEntries, 202: Proposal},
            query=Wait,
            body=PushedSealedOrder,
            refusals=(409,),
            at_most=MAX_ORDER_OCTETS,
            within_s=ORDER_S,
        ),
    ),
)
