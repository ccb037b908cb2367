"""/v1/provisioning: lines in bulk, as the operator's systems know them; what parents wish is no field here.

Each request is one transaction; a row that cannot be taken is told with its place, and the others are taken.
"""

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from mgmt.api.subscribers import WISHES, fit, live_receipt
from mgmt.app_context import CLOCK, SETTINGS, json_response, write
from mgmt.auth import Principal, Route
from mgmt.body import BODY_S, read_body
from mgmt.errors import BadRequest
from mgmt.fields import Fields, fields_of
from mgmt.ledger.event import PEOPLE, Event
from mgmt.ledger.store import append
from parental.errors import BadPerson
from parental.people.intake import Outcome, Wanted, provision
from parental.profile import Profile
from parental.schedule import Schedule
from parental.subscriber import MAX_ID, MAX_PREFIXES, Subscriber, parse_prefix

MAX_ROWS = 1000  # of one transaction: some 0.3 s of new lines
MAX_OCTETS = 2**20  # of MAX_ROWS rows; with a dozen prefixes each
KEYS = ("id", "label", "prefixes", "province", "account")


async def put_lines(request: web.Request, principal: Principal) -> web.Response:
    """POST /v1/provisioning {"rows": [{"id", "label", "prefixes", "province"?, "account"?}], "more": true | false}

    more  whether other rows follow at once: then nothing is published yet, and the receipt is null"""
    fields = fields_of(await read_body(request, MAX_OCTETS, BODY_S), "rows", "more")
    rows, more = fields.sequence("rows", MAX_ROWS), fields.truth("more")
    good, bad = _read(rows, Profile(schedule=Schedule((), request.app[SETTINGS].zone)))
    now = request.app[CLOCK]()

    def store_it(conn: Connection) -> Outcome:
        found = provision(conn, good, now)
        for action, numbers in (("lines put", found.new), ("lines changed", found.changed)):
            if numbers:
                append(conn, Event(PEOPLE, action, principal.actor, {"lines": numbers}), now)
        return found

    found = await write(request, store_it)
    refused = [{"row": place, "detail": why} for place, why in sorted(bad + found.refused)]
    told = {"new": len(found.new), "changed": len(found.changed), "same": found.same, "refused": refused}
    return json_response({**told, "receipt": None if more else await live_receipt(request)})


def _read(rows: list[Any], first: Profile) -> tuple[list[tuple[int, Wanted]], list[tuple[int, str]]]:
    """Rows that can be understood, and why the others cannot; each with its place, from 0."""
    good, bad = [], []
    for place, said in enumerate(rows):
        try:
            good.append((place, _wanted(said, first)))
        except BadRequest as reason:
            bad.append((place, reason.detail))
    return good, bad


def _wanted(said: object, first: Profile) -> Wanted:
    if isinstance(said, dict) and (wishes := [key for key in WISHES if key in said]):
        raise BadRequest("", f"{wishes[0]}: a parent's wish; not taken; leave it out of what is provisioned")
    row = Fields("", said, KEYS)
    prefixes = tuple(fit("", parse_prefix, text) for text in row.texts("prefixes", MAX_PREFIXES))
    line = fit("", Subscriber, row.whole_number("id", 1, MAX_ID), row.text("label"), prefixes, first)
    province = row.text("province") if row.has("province") else None
    account = row.whole_number("account", 1, MAX_ID) if row.has("account") else None
    try:
        return Wanted(line, province, account)
    except BadPerson as reason:
        raise BadRequest("", str(reason)) from reason


ROUTES = (Route("POST", "/v1/provisioning", put_lines, "lines.provision"),)
