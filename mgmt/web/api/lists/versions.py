"""/v1/lists: the versions that this box keeps of each list, what going back to one would change, and proposing that.

Two persons of the desk sign it with their passkeys (/v1/approvals); control of each box checks it and does it.
"""

from collections.abc import Awaitable
from typing import Annotated, TypeVar

from aiohttp import web
from msgspec import Meta, Struct

from mgmt.contract.control import ControlFailure
from mgmt.contract.shapes import Line
from mgmt.registers.lists.rollbacks import propose_rollback
from mgmt.registers.lists.versions import (
    KeptList,
    ListDifference,
    compared,
    earlier_of,
    find_list,
    kept_lists,
    rollback_of,
)
from mgmt.staff.approvals.rules import ApprovalRefusal
from mgmt.web.api.approvals import Approval, write_proposal
from mgmt.web.kit.app_context import CLOCK, CONTROL, json_response
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import body_of

T = TypeVar("T")
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$(?!\\n)", description="SHA-256 of a version, in hex.")]


class KeptLists(Struct):
    """Every list of this box."""

    lists: list[KeptList]


class NewRollback(Struct, forbid_unknown_fields=True):
    """Which version shall be in force again."""

    version: Digest
    before: Annotated[Digest, Meta(description="The version in force, as it was looked at; of another one: 422.")]
    proposer: Annotated[Line, Meta(description="The mail address of the person of the desk who proposes and signs it.")]
    reason: Line
    reference: Annotated[Line, Meta(description="The ticket or letter that asks for it.")]


async def list_kept(request: web.Request, _: Principal) -> web.Response:
    """List the versions that this box keeps of each list."""
    return json_response(KeptLists(await asked(kept_lists(request.app[CONTROL]))))


async def show_difference(request: web.Request, _: Principal) -> web.Response:
    """Show what going back to an earlier version would change, protected names first; of a confidential list counts."""
    kept = await _list_of(request)
    version = earlier_of(kept, request.match_info["version"])
    if version is None:
        raise Problem(404, f"list {kept.id}: no such version is kept; nothing compared; see GET /v1/lists", "version")
    difference = await asked(compared(request.app[CONTROL], kept, version))
    if difference is None:
        raise Problem(409, f"list {kept.id}: sealed; not compared; GET /v1/lists has its counts", "list")
    return json_response(difference)


async def propose(request: web.Request, principal: Principal) -> web.Response:
    """Propose that an earlier version is in force again, which its proposer is to sign next."""
    kept, said = await _list_of(request), await body_of(request, NewRollback)
    control, now = request.app[CONTROL], request.app[CLOCK]()
    through = f"token {principal.token}"
    try:
        wanted = await asked(rollback_of(control, kept, said.before, said.version, said.reason, said.reference))
    except ApprovalRefusal as reason:
        raise Problem(422, str(reason), "/") from reason
    return await write_proposal(request, lambda conn: propose_rollback(conn, wanted, said.proposer, through, now))


async def asked(of_control: Awaitable[T]) -> T:
    """What control says.   Raises Problem where it gives no answer."""
    try:
        return await of_control
    except (ControlFailure, OSError, TimeoutError) as reason:
        detail = f"control: {str(reason) or 'no answer'}; nothing done; send the same request again"
        raise Problem(503, detail, "control") from reason


async def _list_of(request: web.Request) -> KeptList:
    name = request.match_info["list"]
    kept = await asked(find_list(request.app[CONTROL], name))
    if kept is None:
        raise Problem(404, f"list {name!r:.80}: not in the configuration; nothing done; see GET /v1/lists", "list")
    return kept


ROUTES = (
    Route("GET", "/v1/lists", list_kept, "status.read", Contract({200: KeptLists})),
    Route(
        "GET",
        "/v1/lists/{list}/versions/{version}/difference",
        show_difference,
        "lists.read",
        Contract({200: ListDifference}, refusals=(409,)),
    ),
    Route(
        "POST",
        "/v1/lists/{list}/rollbacks",
        propose,
        "orders.approve",
        Contract({201: Approval}, body=NewRollback),
    ),
)
