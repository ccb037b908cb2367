"""/v1/profiles: what each line closes for its devices, the operator's side.

A profile has the number of its line.  A change says only what it changes; what is not said stays as it is.
"""

from dataclasses import replace
from functools import cache

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from mgmt.contract.shapes import After
from mgmt.ledger.store import append
from mgmt.web.api.line_shapes import ChangedProfile, Profile, ProfilePage, Wishes
from mgmt.web.api.subscribers import (
    PAGE,
    fit,
    line_number,
    live_receipt,
    put_event,
    read_there,
    wishes_in,
    wishes_shown,
)
from mgmt.web.kit.app_context import CLOCK, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.conditions import require_unchanged, tagged_response
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.requests import body_of, query_of
from parental.policy import subscribers as store
from parental.policy.subscriber import Subscriber


async def list_profiles(request: web.Request, _: Principal) -> web.Response:
    """List profiles by the rising number of their lines."""
    after = query_of(request, After).after
    found = await read(request, lambda conn: store.page_of_profiles(conn, after, PAGE))
    wishes = cache(wishes_shown)  # of all that are alike at once
    page = [Profile(id=line, label=label, **wishes(profile)) for line, label, profile in found]
    return json_response(ProfilePage(page, page[-1].id if len(page) == PAGE else None))


async def get_profile(request: web.Request, _: Principal) -> web.Response:
    """Show a profile."""
    number = line_number(request)
    return tagged_response(request, profile_shown(await read(request, lambda conn: read_there(conn, number))))


async def change_profile(request: web.Request, principal: Principal) -> web.Response:
    """Change a profile; what is not said stays as it is."""
    number = line_number(request)
    change = wishes_in(await body_of(request, Wishes))

    def store_it(conn: Connection) -> Subscriber:
        line = read_there(conn, number)
        require_unchanged(request, profile_shown(line))
        changed = replace(line, profile=change(line.profile))
        fit("/", store.put_subscriber, conn, changed)
        append(conn, put_event(line, changed, principal), request.app[CLOCK]())
        return changed

    changed = await write(request, store_it)
    receipt = await live_receipt(request)
    return json_response(ChangedProfile(**msgspec.structs.asdict(profile_shown(changed)), receipt=receipt))


def profile_shown(line: Subscriber) -> Profile:
    """A profile as the API gives it."""
    return Profile(id=line.id, label=line.label, **wishes_shown(line.profile))


ROUTES = (
    Route("GET", "/v1/profiles", list_profiles, "profiles.read", Contract({200: ProfilePage}, query=After)),
    Route("GET", "/v1/profiles/{id}", get_profile, "profiles.read", Contract({200: Profile}, is_tagged=True)),
    Route(
        "PATCH",
        "/v1/profiles/{id}",
        change_profile,
        "profiles.change",
        Contract({200: ChangedProfile}, body=Wishes, is_tagged=True),
    ),
)
