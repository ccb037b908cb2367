"""/captive: whether the network is closed for the line that asks, for phones and computers.

A device that knows this address (DHCP option 114, or a router's advertisement) asks it instead of guessing from failed
probes, and stays on the Wi-Fi while a pause or a schedule closes the line.
Invariant: only of the asker's own line, and nothing but open or closed.
Source: RFC 8908 (the API), RFC 8910 (how its address is announced).
"""

import json
from datetime import datetime
from ipaddress import ip_address

from aiohttp import web

from mgmt.web.kit.app_context import CLOCK, SETTINGS, read
from parental.policy.by_address import find_subscriber
from parental.policy.profile import lock_reason, next_lock_change
from parental.policy.subscriber import Subscriber
from rules.base.clients import client_address

PATH = "/captive"


def add_captive(app: web.Application, portal_path: str) -> None:
    """Put the route into the web role's application.   portal_path  where a person can do something about it"""

    async def show(request: web.Request) -> web.Response:
        state = await _state(request)
        if request.app[SETTINGS].has_tls:  # RFC 8908 §5: a portal is reached over TLS
            state["user-portal-url"] = f"https://{request.host}{portal_path}"
        return web.Response(
            body=json.dumps(state).encode(),
            content_type="application/captive+json",
            headers={"Cache-Control": "private, no-store"},
        )

    app.router.add_get(PATH, show)


async def _state(request: web.Request) -> dict[str, bool | int | str]:
    address = client_address(request.remote)
    if address is None:
        return {"captive": False}
    found = await read(request, lambda conn: find_subscriber(conn, ip_address(address)))
    return {"captive": False} if found is None else state_of_line(found, request.app[CLOCK]())


def state_of_line(subscriber: Subscriber, now: datetime) -> dict[str, bool | int | str]:
    """captive; and, while the line is open, the seconds until it closes."""
    if lock_reason(subscriber.profile, now).name != "DEFAULT":
        return {"captive": True}
    closes = next_lock_change(subscriber.profile, now)
    if closes is None:
        return {"captive": False}
    return {"captive": False, "seconds-remaining": max(int((closes - now).total_seconds()), 0)}
