"""/v1/status and /v1/explain: the operator's questions.

Explain never answers about a confidential list.  A name that such a list decides gets, octet for octet, the answer of a
name that nothing decides: what a lock says of the address alone, or that there is nothing visible.
"""

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy import func, select

from mgmt.contract.control import ControlFailure
from mgmt.contract.fields import unfit
from mgmt.registers.egress.store import is_untaken
from mgmt.registers.records.wrong_blocks import n_late
from mgmt.web.kit.app_context import CLOCK, CONTROL, SETTINGS, json_response, read
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import query_of
from parental.store.schema.orders import entries
from rules.base.canonical import canonical_name
from rules.base.errors import BadName
from rules.base.prefixes import canonical_address

Channel = Literal["dns", "sni", "http", "quic", "address"]
# What an answer may hold; anything else that control says stays inside.
SHOWN = (
    *(
        "reason",
        "tier",
        "sentences",
        "action",
        "list",
        "rule",
        "category",
        "order",
        "order_ref",
        "until",
        "generations",
    ),
    *("enforceability", "approved_until", "collateral"),
)
SILENT = ("csam", "default", "help")  # decided by what this role may not see, by nothing, or never logged
OWN = ("grant", "allowed")  # tiers by which a household opens: of reason default, and shown
EGRESS = "dns sources: changed since they were taken last; give the new ones to who lists them: filterd egress"


class BoxStatus(Struct):
    """How this box is."""

    control: Annotated[dict[str, Any], Meta(description="`ok`, and what `filterd status --json` says.")]
    entries: Annotated[dict[str, int], Meta(description="Of orders: status → so many.")]
    notices: Annotated[list[str], Meta(description="What is to be done.")]


class Question(Struct, forbid_unknown_fields=True):
    """What may be blocked, and for whom."""

    name: Annotated[str, Meta(min_length=1, max_length=500, description="Of a host, or an address.")]
    address: Annotated[str, Meta(max_length=60, description="Of the client.")] | None = None
    channel: Channel = "dns"


class Explanation(Struct):
    """What is decided."""

    name: str
    address: str | None
    channel: Channel
    decision: Annotated[dict[str, Any] | None, Meta(description="null: no rule that this role may see decides.")]
    shadow: Annotated[str | None, Meta(description="The list on trial that would block it.")]
    detail: str


async def status(request: web.Request, _: Principal) -> web.Response:
    """Say how this box is: what control says, entries by status, and what is to be done."""
    counts = await read(
        request, lambda conn: conn.execute(select(entries.c.status, func.count()).group_by(entries.c.status)).all()
    )
    try:
        control: dict[str, Any] = {"ok": True, **await request.app[CONTROL].status()}
    except (ControlFailure, OSError, TimeoutError) as exc:
        control = {
            "ok": False,
            "detail": f"control: {str(exc) or 'no answer'}; filtering goes on with what the workers have",
        }
    settings = request.app[SETTINGS]
    today = request.app[CLOCK]().astimezone(ZoneInfo(settings.zone)).date()
    late = await read(request, lambda conn: n_late(conn, today))
    late_words = [f"reports: {late} wait for an answer past its day; see GET /v1/reports"] if late else []
    if await read(request, is_untaken):
        late_words.append(EGRESS)
    return json_response(
        BoxStatus(control, {status: n for status, n in counts}, [*late_words, *settings.unverified(today)])
    )


async def explain(request: web.Request, _: Principal) -> web.Response:
    """Say what is decided for a name, or for an address that an answer leads to, and by which rule."""
    said = query_of(request, Question)
    channel, name, address = said.channel, _name(said.name), _address(said.address)
    control = request.app[CONTROL]
    try:
        found = await control.explain(name, address, channel)
        shadow = found.get("shadow")
        if _is_silent(found):
            found = await control.explain(None, address, channel)
    except (ControlFailure, OSError, TimeoutError) as exc:
        detail = f"control: {str(exc) or 'no answer'}; not explained; send the same request again"
        raise Problem(503, detail, "control") from exc
    is_seen = not _is_silent(found)
    return json_response(
        Explanation(
            name,
            address,
            channel,
            {key: found[key] for key in SHOWN if found.get(key) is not None} if is_seen else None,
            shadow,
            "decided as shown" if is_seen else "no rule that this role may see decides this",
        )
    )


def _is_silent(found: Mapping[str, Any]) -> bool:
    return found.get("reason", "default") in SILENT and found.get("tier") not in OWN


def _name(said: str) -> str:
    try:
        return canonical_address(said) or canonical_name(said)
    except BadName as exc:
        raise unfit("?name", f"{said[:80]!r} {exc.reason}", "write a host name, or an address") from exc


def _address(said: str | None) -> str | None:
    try:
        return None if said is None else str(ipaddress.ip_address(said))
    except ValueError as exc:
        raise unfit("?address", f"{said!r:.60} is not an address", "write 192.0.2.7 or 2001:db8::7") from exc


ROUTES = (
    Route("GET", "/v1/status", status, "status.read", Contract({200: BoxStatus})),
    Route("GET", "/v1/explain", explain, "decision.explain", Contract({200: Explanation}, query=Question)),
)
