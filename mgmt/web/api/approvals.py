"""/v1/approvals: what two persons of the desk sign with their passkeys.

A token only carries what is proposed and signed; who agrees, the signature says.  Control checks it again and gives the
approval.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy import Connection, Row
from webauthn.helpers import bytes_to_base64url

from mgmt.contract.shapes import MAX_NUMBER, After, Instant, Line, Next
from mgmt.orders.approvals import WHOLE, Proposal, page_of_approvals, propose_at_desk
from mgmt.orders.base.pushed import MAX_ENTRIES
from mgmt.orders.store import find_order_by_id
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.rules import ApprovalRefusal
from mgmt.staff.approvals.signatures import document_of, part_due, sign
from mgmt.staff.approvals.store import approval_of
from mgmt.staff.assertion import challenge_of
from mgmt.staff.passkeys import MAX_RESPONSE_CHARACTERS, Party
from mgmt.web.api.publications import PUBLICATIONS
from mgmt.web.kit.app_context import CLOCK, SETTINGS, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import body_of, query_of

PAGE = 100
MAX_NUMBER_DIGITS = 10
MAX_SIGNED_OCTETS = 6 * MAX_RESPONSE_CHARACTERS + 4096  # each may be written as \uXXXX
Kind = Annotated[
    Literal["broader", "held", "emergency", "sealed", "enforce"],
    Meta(
        description="broader: a URL's host is blocked; held: what is pending_review is enforced; emergency: no lapse; "
        "sealed: an order that came encrypted is put in force; enforce: an order in shadow is."
    ),
]


class NewApproval(Struct, forbid_unknown_fields=True):
    """What is proposed."""

    order: Annotated[int, Meta(ge=1, le=MAX_NUMBER, description="Its number.")]
    kind: Kind
    proposer: Annotated[Line, Meta(description="The mail address of the person of the desk who proposes and signs it.")]
    reason: Line
    reference: Annotated[Line, Meta(description="The letter that accepts it.")]
    collateral: Annotated[Line, Meta(description="What else is closed by it.")]
    entry: Annotated[int, Meta(ge=1, le=MAX_ENTRIES)] | None = None
    until: Annotated[Instant | None, Meta(description="At most 30 days ahead; of an order as a whole: none.")] = None
    owner_consent: Line | None = None


class NewSignature(Struct, forbid_unknown_fields=True):
    """What a person's authenticator has answered."""

    response: Annotated[
        str,
        Meta(max_length=MAX_RESPONSE_CHARACTERS, description="PublicKeyCredential.toJSON() of the challenge, as text."),
    ]


class Approval(Struct, kw_only=True):
    """A proposal, or an approval."""

    id: int
    order: Annotated[int | None, Meta(description="null: it is of a list, a legal hold or settings.")]
    entry: int | None
    kind: str
    list: Annotated[str | None, Meta(description="Which list goes back to an earlier version; null: of an order.")]
    list_from: Annotated[str | None, Meta(description="From this version alone: SHA-256, in hex.")]
    list_to: str | None
    hold: Annotated[int | None, Meta(description="Which legal hold begins, or is released: /v1/audit/holds.")]
    settings: Annotated[
        str | None, Meta(description="What pages show, before and after, and what the desk says then: JSON, as signed.")
    ]
    reason: str
    reference: str
    collateral: str
    owner_consent: str | None
    until: str | None
    way: Annotated[str, Meta(description="desk: signed with passkeys; names: said on the box.")]
    proposer: str
    proposer_group: str
    proposed: str
    approver: str | None
    approver_group: str | None
    approved: Annotated[str | None, Meta(description="When control gave it; null: it has not.")]
    ended: Annotated[str | None, Meta(description="When control saw that it had ended, or refused it.")]
    digest: Annotated[
        str, Meta(description="Of the words, and of order and entry, list and versions, hold or settings.")
    ]
    due: Annotated[str | None, Meta(description="Whose signature is due: proposed, or approved; null: none.")]
    challenge: Annotated[str | None, Meta(description="What that person's passkey signs; base64url.")]


class ApprovalPage(Struct):
    """Proposals and approvals by rising number, also those that have ended."""

    approvals: list[Approval]
    next: Next


class ApprovalsOf(After, forbid_unknown_fields=True):
    """Of which order, and where the page begins."""

    order: Annotated[int, Meta(ge=1, le=MAX_NUMBER)] | None = None


async def list_approvals(request: web.Request, _: Principal) -> web.Response:
    """List proposals and approvals."""
    asked, zone = query_of(request, ApprovalsOf), ZoneInfo(request.app[SETTINGS].zone)

    def load(conn: Connection) -> ApprovalPage:
        found = page_of_approvals(conn, asked.order, asked.after, PAGE)
        return ApprovalPage([shown(conn, row, zone) for row in found], found[-1].id if len(found) == PAGE else None)

    return json_response(await read(request, load))


async def show_approval(request: web.Request, _: Principal) -> web.Response:
    """Show a proposal or an approval, and what is to be signed."""
    zone = ZoneInfo(request.app[SETTINGS].zone)
    return json_response(await read(request, lambda conn: shown(conn, _one(conn, request), zone)))


async def propose(request: web.Request, principal: Principal) -> web.Response:
    """Propose an approval, which its proposer is to sign next."""
    said = await body_of(request, NewApproval)

    def work(conn: Connection) -> Row[Any]:
        order = find_order_by_id(conn, said.order)
        if order is None:
            raise Problem(404, f"order {said.order}: not found; nothing proposed; look at GET /v1/orders", "/order")
        through = f"token {principal.token}"
        return propose_at_desk(conn, order, _proposal(said), said.proposer, through, request.app[CLOCK]())

    return await write_proposal(request, work)


async def write_proposal(request: web.Request, work: Callable[[Connection], Row[Any]]) -> web.Response:
    """The answer to a proposal, which its proposer is to sign next.   work  writes it down

    Raises Problem where it is refused."""
    zone = ZoneInfo(request.app[SETTINGS].zone)
    try:
        return json_response(await write(request, lambda conn: shown(conn, work(conn), zone)), 201)
    except ApprovalRefusal as reason:
        raise Problem(422, str(reason), "/") from reason


async def put_signature(request: web.Request, _: Principal) -> web.Response:
    """Sign a proposal: first who has proposed it, then another person of another group."""
    said = await body_of(request, NewSignature)
    settings, number = request.app[SETTINGS], _number(request)
    if settings.desk_origin is None:
        raise Problem(422, "no origin of the desk is configured; not signed; set /api/desk_origin", "/response")
    party = Party(settings.desk_origin, settings.isp_name)

    def work(conn: Connection) -> str | None:
        _one(conn, request)
        return sign(conn, SUBJECTS, party, number, said.response, request.app[CLOCK]())

    try:
        why = await write(request, work)
    except ApprovalRefusal as reason:
        raise Problem(409, str(reason), "approval") from reason
    if why is not None:
        raise Problem(422, why, "/response")
    request.app[PUBLICATIONS].ask()
    return json_response(await read(request, lambda conn: shown(conn, _one(conn, request), ZoneInfo(settings.zone))))


def shown(conn: Connection, row: Row[Any], zone: ZoneInfo) -> Approval:
    """A proposal or an approval as the API shows it."""
    due = part_due(conn, row)
    challenge = None if due is None else bytes_to_base64url(challenge_of(document_of(row, due)))
    same = {name: getattr(row, name) for name in Approval.__struct_fields__ if name in row._mapping}
    said = {
        "entry": row.number,
        "digest": row.digest.hex(),
        "due": due,
        "challenge": challenge,
        "until": _iso(row.expires_s, zone),
        "proposed": _iso(row.proposed_s, zone),
        "approved": _iso(row.approved_s, zone),
        "ended": _iso(None if row.lapsed_ms is None else row.lapsed_ms // 1000, zone),
    }
    return Approval(**(same | said))


# ----------------------------------------------------------------------------------------------------------------------


def _proposal(said: NewApproval) -> Proposal:
    return Proposal(
        kind=said.kind,
        number=None if said.kind in WHOLE else said.entry,
        reason=said.reason,
        reference=said.reference,
        collateral=said.collateral,
        owner_consent=said.owner_consent,
        expires=said.until,
    )


def _one(conn: Connection, request: web.Request) -> Row[Any]:
    number = _number(request)
    found = approval_of(conn, number)
    if found is None:
        raise Problem(404, f"approval {number}: not found; nothing done; look at GET /v1/approvals", "approval")
    return found


def _number(request: web.Request) -> int:
    said = request.match_info["id"]
    if said.isascii() and said.isdigit() and len(said) <= MAX_NUMBER_DIGITS:
        return int(said)
    raise Problem(404, f"approval {said[:20]}: not found; nothing done; look at GET /v1/approvals", "approval")


def _iso(seconds: int | None, zone: ZoneInfo) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, zone).isoformat()


ROUTES = (
    Route("GET", "/v1/approvals", list_approvals, "orders.approve", Contract({200: ApprovalPage}, query=ApprovalsOf)),
    Route(
        "POST", "/v1/approvals", propose, "orders.approve", Contract({201: Approval}, body=NewApproval, refusals=(404,))
    ),
    Route("GET", "/v1/approvals/{id}", show_approval, "orders.approve", Contract({200: Approval})),
    Route(
        "POST",
        "/v1/approvals/{id}/signatures",
        put_signature,
        "orders.approve",
        Contract({200: Approval}, body=NewSignature, refusals=(409,), at_most=MAX_SIGNED_OCTETS),
    ),
)
