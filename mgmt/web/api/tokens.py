"""/v1/tokens: tokens of the API, without their texts.

No one gives what he does not have: a token makes no other one that may do more than itself.
"""

from datetime import timedelta
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from mgmt.contract.errors import BadRequest
from mgmt.contract.fields import unfit
from mgmt.contract.shapes import After, Line, Next
from mgmt.staff.permissions import PERMISSIONS
from mgmt.staff.tokens import (
    LIFE,
    LONGEST_LIFE,
    MAX_LABEL_CHARACTERS,
    MintedToken,
    TokenRequest,
    iter_tokens,
    make_token,
    roles_of,
    token_json,
)
from mgmt.staff.tokens import revoke_token as revoke
from mgmt.web.kit.app_context import CLOCK, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import body_of, query_of, shown
from parental.policy.subscriber import MAX_ID

PAGE = 200
MAX_NUMBER_DIGITS = 15
Role = Literal[
    "operator",
    "regulator",
    "compliance",
    "approver",
    "engineer",
    "support",
    "auditor",
    "owner",
    "parent",
    "helper",
    "school",
]
Scopes = Annotated[list[str], Meta(max_length=len(PERMISSIONS), description="Permissions, as GET /v1/tokens has them.")]


class NewToken(Struct, forbid_unknown_fields=True):
    """A token to be made."""

    role: Annotated[Role, Meta(description="operator: of the roles engineer and compliance.")]
    subscriber: Annotated[int, Meta(ge=1, le=MAX_ID, description="The line of a household's token.")] | None = None
    issuer: Line | None = None
    scopes: Scopes | None = None
    label: Annotated[str, Meta(max_length=MAX_LABEL_CHARACTERS, description="What it is for, one line.")] = ""
    days: Annotated[int, Meta(ge=1, le=LONGEST_LIFE.days, description="Until it ends.")] = LIFE.days


class MadeToken(Struct):
    """A token that was made; its text is shown this once."""

    id: int
    token: str
    expires: str


class Token(Struct):
    """A token without its text.   scopes  null: all permissions of its roles"""

    id: int
    roles: list[str]
    scopes: list[str] | None
    subscriber: int | None
    issuer: str | None
    label: str
    made_by: str
    created: str
    expires: str
    last_used: Annotated[str | None, Meta(description="To the hour; null: never.")]


class TokenPage(Struct):
    """Tokens by rising number, also those that have ended."""

    tokens: list[Token]
    next: Next


class RevokedToken(Struct):
    """A token that has ended."""

    id: int
    revoked: bool


async def list_tokens(request: web.Request, _: Principal) -> web.Response:
    """List tokens, without their texts."""
    after = query_of(request, After).after
    found = await read(request, lambda conn: list(iter_tokens(conn, after, PAGE)))
    following = found[-1].number if len(found) == PAGE else None
    return json_response(TokenPage([shown(token_json(token), Token) for token in found], following))


async def make(request: web.Request, principal: Principal) -> web.Response:
    """Make a token that may do no more than the one that makes it."""
    said = await body_of(request, NewToken)
    scopes = None if said.scopes is None else frozenset(said.scopes)
    wanted = TokenRequest(
        roles_of(said.role), said.subscriber, said.issuer, scopes, said.label, timedelta(days=said.days)
    )
    if beyond := wanted.beyond(principal.permissions()):
        detail = f"this token cannot give what it does not have: {', '.join(beyond)}; no token created; ask for less"
        raise Problem(403, detail, "/role")

    def work(conn: Connection) -> MintedToken:
        try:
            return make_token(conn, wanted, principal.actor, request.app[CLOCK]())
        except ValueError as reason:
            raise BadRequest("/", str(reason)) from reason

    try:
        made = await write(request, work)
    except IntegrityError as reason:
        raise unfit("/subscriber", "does not exist", "create the subscriber first") from reason
    return json_response(MadeToken(made.number, made.secret, made.expires.isoformat()), 201)


async def revoke_one(request: web.Request, principal: Principal) -> web.Response:
    """End a token, and the sessions that began with it."""
    said = request.match_info["id"]
    is_number = said.isascii() and said.isdigit() and len(said) <= MAX_NUMBER_DIGITS
    if not (
        is_number and await write(request, lambda conn: revoke(conn, int(said), principal.actor, request.app[CLOCK]))
    ):
        raise Problem(404, f"token {said[:20]}: does not exist; nothing revoked; look at GET /v1/tokens", "token")
    return json_response(RevokedToken(int(said), True))


ROUTES = (
    Route("GET", "/v1/tokens", list_tokens, "tokens.read", Contract({200: TokenPage}, query=After)),
    Route("POST", "/v1/tokens", make, "tokens.make", Contract({201: MadeToken}, body=NewToken)),
    Route("DELETE", "/v1/tokens/{id}", revoke_one, "tokens.revoke", Contract({200: RevokedToken})),
)
