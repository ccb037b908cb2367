"""/v1/profiles: what each line closes for its devices, the operator's side.

A profile has the number of its line.  A change says only what it changes; what is not said stays as it is.
"""

from dataclasses import replace
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from mgmt.api.subscribers import (
    WISHES,
    fit,
    line_number,
    live_receipt,
    page_of,
    put_event,
    read_there,
    wishes_in,
    wishes_json,
)
from mgmt.app_context import CLOCK, json_response, read, write
from mgmt.auth import OPERATOR, Principal, Route
from mgmt.body import read_fields
from mgmt.ledger.store import append
from parental import store
from parental.subscriber import Subscriber


async def list_profiles(request: web.Request, _: Principal) -> web.Response:
    """GET /v1/profiles?after="""
    return json_response(await read(request, page_of(request, "profiles", profile_json)))


async def get_profile(request: web.Request, _: Principal) -> web.Response:
    """GET /v1/profiles/{id}"""
    number = line_number(request)
    return json_response(profile_json(await read(request, lambda conn: read_there(conn, number))))


async def change_profile(request: web.Request, principal: Principal) -> web.Response:
    """PATCH /v1/profiles/{id} {"categories": […], "safe_search": …, "canaries": …, "closed": […], "zone": …}"""
    number = line_number(request)
    change = wishes_in(await read_fields(request, *WISHES))

    def store_it(conn: Connection) -> Subscriber:
        line = read_there(conn, number)
        changed = replace(line, profile=change(line.profile))
        fit("/", store.put_subscriber, conn, changed)
        append(conn, put_event(line, changed, principal), request.app[CLOCK]())
        return changed

    changed = await write(request, store_it)
    return json_response({**profile_json(changed), "receipt": await live_receipt(request)})


def profile_json(line: Subscriber) -> dict[str, Any]:
    """A profile as the API gives it."""
    return {"id": line.id, "label": line.label, **wishes_json(line.profile)}


_OPERATOR = frozenset({OPERATOR})
ROUTES = (
    Route("GET", "/v1/profiles", list_profiles, _OPERATOR),
    Route("GET", "/v1/profiles/{id}", get_profile, _OPERATOR),
    Route("PATCH", "/v1/profiles/{id}", change_profile, _OPERATOR),
)
