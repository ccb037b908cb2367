"""/v1/provisioning: lines in bulk, as the operator's systems know them; what parents wish is no field here.

Each request is one transaction; a row that cannot be taken is reported with its place, and the others are taken.
"""

from typing import Any

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from mgmt.contract.decoder import decode
from mgmt.contract.errors import BadRequest
from mgmt.ledger.event import PEOPLE, Event
from mgmt.ledger.store import append
from mgmt.web.api.account_shapes import ProvisioningReport, RefusedRow, Row, Rows
from mgmt.web.api.line_shapes import Wishes
from mgmt.web.api.subscribers import fit, live_receipt
from mgmt.web.kit.app_context import CLOCK, SETTINGS, json_response, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.requests import body_of
from parental.people.intake import LineSpec, Outcome, provision
from parental.policy.profile import Profile
from parental.policy.schedule import Schedule
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.errors import BadPerson

MAX_OCTETS = 2**20  # of MAX_ROWS rows, with a dozen prefixes each
WISHES = frozenset(field.encode_name for field in msgspec.structs.fields(Wishes))


async def put_lines(request: web.Request, principal: Principal) -> web.Response:
    """Create and change lines in bulk; what parents wish stays."""
    said = await body_of(request, Rows)
    good, bad = _read(said.rows, Profile(schedule=Schedule((), request.app[SETTINGS].zone)))
    now = request.app[CLOCK]()

    def store_it(conn: Connection) -> Outcome:
        found = provision(conn, good, now)
        for action, numbers in (("lines put", found.new), ("lines changed", found.changed)):
            if numbers:
                append(conn, Event(PEOPLE, action, principal.actor, {"lines": numbers}), now)
        return found

    found = await write(request, store_it)
    refused = [RefusedRow(place, why) for place, why in sorted(bad + found.refused)]
    counts = {"new": len(found.new), "changed": len(found.changed), "same": found.same}
    receipt = None if said.more else await live_receipt(request)
    return json_response(ProvisioningReport(**counts, refused=refused, receipt=receipt))


def _read(rows: list[Any], first: Profile) -> tuple[list[tuple[int, LineSpec]], list[tuple[int, str]]]:
    """Rows that can be understood, and why the others cannot; each with its place, from 0."""
    good, bad = [], []
    for place, said in enumerate(rows):
        try:
            good.append((place, _wanted(said, first)))
        except BadRequest as reason:
            bad.append((place, reason.detail))
    return good, bad


def _wanted(said: object, first: Profile) -> LineSpec:
    if isinstance(said, dict) and (wishes := sorted(WISHES & said.keys())):
        raise BadRequest("", f"{wishes[0]}: a parent's wish; not taken; leave it out of what is provisioned")
    row = decode(msgspec.json.encode(said), Row)
    prefixes = tuple(fit("", parse_prefix, text) for text in row.prefixes)
    line = fit("", Subscriber, row.id, row.label, prefixes, first)
    try:
        return LineSpec(line, row.province, row.account)
    except BadPerson as reason:
        raise BadRequest("", str(reason)) from reason


ROUTES = (
    Route(
        "POST",
        "/v1/provisioning",
        put_lines,
        "lines.provision",
        Contract({200: ProvisioningReport}, body=Rows, at_most=MAX_OCTETS),
    ),
)
