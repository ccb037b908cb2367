"""/v1/dns-sources: the addresses from which this operator's gateways ask DNS, as control has signed them."""

from typing import Literal

from aiohttp import web
from msgspec import Struct
from sqlalchemy import Connection

from mgmt.ledger.event import PULLS, Event, Value
from mgmt.ledger.signed_statement import digest_of, document_of
from mgmt.ledger.store import append
from mgmt.registers.egress.statement import csv_of
from mgmt.registers.egress.store import newest, note_export
from mgmt.web.kit.app_context import CLOCK, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract, Text
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import query_of

MEDIA_TYPES = {"json": "application/json", "csv": "text/csv"}


class SourcesFormat(Struct, forbid_unknown_fields=True):
    """As what."""

    format: Literal["json", "csv"] = "json"


async def give(request: web.Request, principal: Principal) -> web.Response:
    """Give the addresses from which gateways ask DNS, signed."""
    form, now = query_of(request, SourcesFormat).format, request.app[CLOCK]()
    found = await read(request, newest)
    if found is None:
        detail = "no gateway has reported its addresses yet; nothing given; see filterd status on each, and ask again"
        raise Problem(404, detail, "dns-sources")
    said: dict[str, Value] = {"format": form, "sha256": digest_of(found.text)}
    event = Event(PULLS, "dns sources pulled", principal.actor, {}, said)

    def note(conn: Connection) -> None:
        note_export(conn, found.id, now)
        append(conn, event, now)

    await write(request, note)
    octets = document_of(found.text, found.note) if form == "json" else csv_of(found.text, found.note)
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="dns-sources.{form}"'}
    return web.Response(body=octets, content_type=MEDIA_TYPES[form], headers=headers)


_FORMS = Contract({200: Text(tuple(MEDIA_TYPES.values()))}, query=SourcesFormat, refusals=(404,))
ROUTES = (Route("GET", "/v1/dns-sources", give, "dns.sources", _FORMS),)
