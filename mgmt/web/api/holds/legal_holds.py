"""/v1/audit/holds: which block records stay although they are old, and proposing that, or its end.

Two persons of the desk sign it with their passkeys (/v1/approvals); control checks it and does it.
"""

from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy import Connection, Row

from mgmt.contract.fields import number_of
from mgmt.contract.shapes import MAX_NUMBER, Instant, Line
from mgmt.registers.records.holds.proposals import (
    PSEUDONYM_DIGITS,
    NewHold,
    propose_hold,
    propose_release,
    rounded_span,
    shown_holds,
)
from mgmt.registers.records.holds.scope import Scope
from mgmt.registers.records.holds.shapes import LegalHold
from mgmt.web.api.approvals import Approval, write_proposal
from mgmt.web.kit.app_context import CLOCK, json_response, read
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.requests import body_of

MOST = 500  # those that have not ended first: they are a hundred at most
Proposer = Annotated[Line, Meta(description="The mail address of the person of the desk who proposes and signs it.")]
Reference = Annotated[Line, Meta(description="The letter that asks for it.")]


class LegalHolds(Struct):
    """Those that have not ended, the newest first, and then those that have."""

    holds: list[LegalHold]


class NewLegalHold(Struct, forbid_unknown_fields=True):
    """What is to be kept, and until when."""

    until: Annotated[Instant, Meta(description="Of records of before.")]
    ends: Annotated[Instant, Meta(description="When it ends by itself; at most 366 days ahead.")]
    proposer: Proposer
    reason: Line
    reference: Reference
    since: Annotated[Instant | None, Meta(description="Of records; left out: from the first one.")] = None
    order: Annotated[int, Meta(ge=1, le=MAX_NUMBER, description="Of this order alone.")] | None = None
    list: Annotated[Line, Meta(description="Of this list alone.")] | None = None
    category: Annotated[Line, Meta(description="Of this category alone.")] | None = None
    subscriber: (
        Annotated[
            str,
            Meta(
                min_length=PSEUDONYM_DIGITS,
                max_length=PSEUDONYM_DIGITS,
                description="Of this pseudonym of a day alone.",
            ),
        ]
        | None
    ) = None
    keeps_keys: Annotated[
        bool,
        Meta(description="Keep the keys of its days, too: only where pseudonyms are to be matched to subscribers."),
    ] = False


class NewRelease(Struct, forbid_unknown_fields=True):
    """Why it is not needed any more."""

    proposer: Proposer
    reason: Line
    reference: Reference


async def list_holds(request: web.Request, _: Principal) -> web.Response:
    """List legal holds: which records stay although they are old, by which letter, and until when."""
    return json_response(LegalHolds(await read(request, lambda conn: shown_holds(conn, MOST))))


async def propose(request: web.Request, principal: Principal) -> web.Response:
    """Propose a legal hold, which its proposer is to sign next."""
    said, through = await body_of(request, NewLegalHold), f"token {principal.token}"

    def work(conn: Connection) -> Row[Any]:
        span = rounded_span(said.since, said.until)
        scope = Scope(*span, said.order, said.list, said.category, said.subscriber, said.keeps_keys)
        wanted = NewHold(scope, said.reason, said.reference, said.ends)
        return propose_hold(conn, wanted, said.proposer, through, request.app[CLOCK]())

    return await write_proposal(request, work)


async def propose_end(request: web.Request, principal: Principal) -> web.Response:
    """Propose that a legal hold ends before its day, which its proposer is to sign next."""
    said, through = await body_of(request, NewRelease), f"token {principal.token}"
    hold, now = number_of(request.match_info["hold"], "hold"), request.app[CLOCK]()

    return await write_proposal(
        request, lambda conn: propose_release(conn, hold, said.reason, said.reference, said.proposer, through, now)
    )


ROUTES = (
    Route("GET", "/v1/audit/holds", list_holds, "holds.read", Contract({200: LegalHolds})),
    Route("POST", "/v1/audit/holds", propose, "orders.approve", Contract({201: Approval}, body=NewLegalHold)),
    Route(
        "POST",
        "/v1/audit/holds/{hold}/release",
        propose_end,
        "orders.approve",
        Contract({201: Approval}, body=NewRelease),
    ),
)
