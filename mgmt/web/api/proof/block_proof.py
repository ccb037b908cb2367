"""/v1/audit/blocks/…: records of blocks with the proof that they are whole, where they are files.

What is taken is an event of the ledger, written before the first octet goes out, as with a pull.
"""

import socket
from datetime import UTC, date, datetime

from aiohttp import web

from mgmt.contract.fields import number_of
from mgmt.ledger.bundle import NoCheckpoint
from mgmt.registers.records.block_archive import Archive, ArchiveFailure
from mgmt.web.api.audit import Puller, Span, note_pull, span_of, stream_of_archive
from mgmt.web.api.ledger import Checkpoint, Consistency
from mgmt.web.kit.app_context import ARCHIVE, json_response
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract, Text
from mgmt.web.kit.problems import NOT_SIGNED, RECORDS_AWAY, Problem
from mgmt.web.kit.requests import query_of

WHERE = "audit"
NDJSON = "application/x-ndjson; charset=utf-8"
RETRY_S = 60


async def bundle(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Export the records of all days (UTC) of a span with their proof, as a stream."""
    since_s, until_s = span_of(request, query_of(request, Span))
    first, last = (datetime.fromtimestamp(at, UTC).date() for at in (since_s, max(until_s - 1, 0)))
    return await stream_bundle(request, principal, first, last)


async def stream_bundle(request: web.Request, by: Puller, first: date, last: date) -> web.StreamResponse:
    """The records of these days (UTC) with their proof.   Raises Problem"""
    archive, node = _archive(request), socket.gethostname()
    await note_pull(request, by, "blocks exported", {"first": str(first), "last": str(last), "node": node})
    return await stream_of_archive(request, archive.bundle(first, last), NDJSON, node)


async def record(request: web.Request, principal: Principal) -> web.Response:
    """Export one record with the proof that it is in the tree."""
    number, index = (number_of(request.match_info[name], name) for name in ("batch", "record"))
    archive = _archive(request)
    await note_pull(request, principal, "block exported", {"batch": number, "record": index})
    try:
        found = await archive.record(number, index)
    except LookupError as reason:
        raise Problem(404, str(reason), WHERE, NOT_SIGNED) from reason
    except ArchiveFailure as reason:
        raise _away(reason) from reason
    return web.Response(body=found, headers={"Content-Type": NDJSON, "Cache-Control": "no-store"})


async def show_checkpoint(request: web.Request, _: Principal) -> web.Response:
    """Show the newest checkpoint of block records; as JSON with a consistency proof, where `earlier` is said."""
    earlier, archive = query_of(request, Checkpoint).earlier, _archive(request)
    try:
        found = await archive.checkpoint(earlier)
    except NoCheckpoint as reason:
        raise Problem(404, str(reason), WHERE, NOT_SIGNED) from reason
    except ArchiveFailure as reason:
        raise _away(reason) from reason
    if earlier is None:
        return web.Response(text=found.note, headers={"Cache-Control": "no-store"})
    return json_response(Consistency(found.note, earlier, [each.hex() for each in found.path], found.size))


# ----------------------------------------------------------------------------------------------------------------------


def _archive(request: web.Request) -> Archive:
    """Raises Problem."""
    if ARCHIVE not in request.app:
        why = "records are rows of the database here, which have no proof; nothing sent; set /records/store: files"
        raise Problem(404, why, WHERE, NOT_SIGNED)
    return request.app[ARCHIVE]


def _away(reason: ArchiveFailure) -> Problem:
    return Problem(503, f"{reason}; nothing was sent; ask again", WHERE, RECORDS_AWAY, RETRY_S)


_LINES = Text(("application/x-ndjson",))
_NEWEST = Contract({200: Text(("text/plain",), Consistency)}, query=Checkpoint, refusals=(404, 503))
ROUTES = (
    Route(
        "GET",
        "/v1/audit/blocks/bundle",
        bundle,
        "audit.blocks",
        Contract({200: _LINES}, query=Span, refusals=(404, 503)),
    ),
    Route(
        "GET",
        "/v1/audit/blocks/bundle/{batch}/{record}",
        record,
        "audit.blocks",
        Contract({200: _LINES}, refusals=(404, 503)),
    ),
    Route("GET", "/v1/audit/blocks/checkpoint", show_checkpoint, "audit.blocks", _NEWEST),
)
