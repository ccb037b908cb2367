"""/v1/status and /v1/explain: the operator's questions.

Explain never answers about a confidential list.  A name that such a list decides gets, octet for octet, the answer of a
name that nothing decides: what a lock says of the address alone, or that there is nothing to be seen.
"""

import ipaddress
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import func, select

from mgmt.app_context import CLOCK, CONTROL, SETTINGS, json_response, read
from mgmt.auth import OPERATOR, Principal, Route
from mgmt.control_protocol import ControlFailed
from mgmt.fields import unfit
from mgmt.problems import Problem
from mgmt.wrong_blocks import n_late
from parental.schema.orders import entries
from rules.errors import BadName
from rules.names.canonical import canonical_name
from rules.names.prefixes import canonical_address

CHANNELS = ("dns", "sni", "http", "quic", "address")
# What an answer may hold; anything else that control says stays inside.
SHOWN = ("reason", "action", "list", "rule", "category", "order", "order_ref", "until", "generations")
SILENT = ("csam", "default", "help")  # decided by what this role may not see, by nothing, or never logged


async def status(request: web.Request, _: Principal) -> web.Response:
    """GET /v1/status"""
    counts = await read(
        request, lambda conn: conn.execute(select(entries.c.status, func.count()).group_by(entries.c.status)).all()
    )
    try:
        control: dict[str, Any] = {"ok": True, **await request.app[CONTROL].status()}
    except (ControlFailed, OSError, TimeoutError) as exc:
        control = {
            "ok": False,
            "detail": f"control: {str(exc) or 'no answer'}; filtering goes on with what the workers have",
        }
    settings = request.app[SETTINGS]
    today = request.app[CLOCK]().astimezone(ZoneInfo(settings.zone)).date()
    late = await read(request, lambda conn: n_late(conn, today))
    late_words = [f"reports: {late} wait for an answer past its day; see GET /v1/reports"] if late else []
    return json_response(
        {
            "control": control,
            "entries": {status: n for status, n in counts},
            "notices": [*late_words, *settings.unverified()],
        }
    )


async def explain(request: web.Request, _: Principal) -> web.Response:
    """GET /v1/explain?name=&address=&channel=   name: of a host, or an address that an answer leads to"""
    query = request.query
    channel = query.get("channel", "dns")
    if channel not in CHANNELS:
        raise unfit("?channel", f"{channel[:20]!r} is unknown", f"write one of {', '.join(CHANNELS)}")
    name, address = _name(query.get("name", "")), _address(query.get("address"))
    control = request.app[CONTROL]
    try:
        found = await control.explain(name, address, channel)
        shadow = found.get("shadow")
        if found.get("reason") in SILENT:
            found = await control.explain(None, address, channel)
    except (ControlFailed, OSError, TimeoutError) as exc:
        detail = f"control: {str(exc) or 'no answer'}; not explained; send the same request again"
        raise Problem(503, detail, "control") from exc
    is_seen = found.get("reason", "default") not in SILENT
    return json_response(
        {
            "name": name,
            "address": address,
            "channel": channel,
            "decision": {key: found[key] for key in SHOWN if found.get(key) is not None} if is_seen else None,
            "shadow": shadow,
            "detail": "decided as shown" if is_seen else "no rule that this role may see decides this",
        }
    )


def _name(said: str) -> str:
    try:
        return canonical_address(said) or canonical_name(said[:2048])
    except BadName as exc:
        raise unfit("?name", f"{said[:80]!r} {exc.reason}", "write a host name, or an address") from exc


def _address(said: str | None) -> str | None:
    try:
        return None if said is None else str(ipaddress.ip_address(said))
    except ValueError as exc:
        raise unfit("?address", f"{said!r:.60} is not an address", "write 192.0.2.7 or 2001:db8::7") from exc


_OPERATOR = frozenset({OPERATOR})
ROUTES = (
    Route("GET", "/v1/status", status, _OPERATOR),
    Route("GET", "/v1/explain", explain, _OPERATOR),
)
