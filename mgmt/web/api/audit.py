"""/v1/audit: the auditor's pull.

The records stream, so that a month of them needs no more memory than a page.  CSAM blocks are counts; there is no
record of them to pull.  Blocks that a household has chosen (categories, schedules, pauses) are the household's: no
auditor gets them.  Each pull is an event of the ledger, written before the first record goes out.
"""

import logging
import math
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Annotated, Literal, Protocol

from aiohttp import web
from msgspec import Meta, Struct

from mgmt.contract.fields import unfit
from mgmt.contract.shapes import MAX_NUMBER, Instant, Line
from mgmt.ledger.event import PULLS, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.registers.records import block_ledger
from mgmt.registers.records.block_archive import ArchiveFailure, order_names
from mgmt.registers.records.block_forms import FORMS, Cell, Form, iso
from mgmt.registers.records.block_ledger import RecordQuery, StoredBlock
from mgmt.web.kit.app_context import ARCHIVE, CLOCK, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract, Text
from mgmt.web.kit.problems import RECORDS_AWAY, Problem
from mgmt.web.kit.requests import query_of
from parental.policy.subscriber import PROVINCE as CODE
from parental.store.schema.records import UNKNOWN_PROVINCE

log = logging.getLogger(__name__)

WHERE = "audit"
PROVINCE = f"^({CODE.pattern}|{UNKNOWN_PROVINCE})$(?!\\n)"
PARQUET, MEDIA_TYPE_OF_PARQUET = "parquet", "application/vnd.apache.parquet"


class Span(Struct, forbid_unknown_fields=True):
    """since <= time < until; from the first record until now."""

    since: Instant | None = None
    until: Instant | None = None


class Pull(Span, forbid_unknown_fields=True):
    """What is pulled, and as what."""

    format: Annotated[
        Literal["ndjson", "csv", "parquet"], Meta(description="parquet: where records are kept as files.")
    ] = "ndjson"
    order: Annotated[int, Meta(ge=1, le=MAX_NUMBER, description="Of this order alone, by its number.")] | None = None
    list: Annotated[Line, Meta(description="Of this list alone.")] | None = None
    category: Annotated[Line, Meta(description="Of this category alone.")] | None = None
    channel: Literal["dns", "sni", "http", "quic", "lock", "address"] | None = None
    province: Annotated[str, Meta(pattern=PROVINCE, description="Of lines there: PK-PB, or unknown.")] | None = None


class CsamCount(Struct):
    """So many blocks of an hour."""

    hour: str
    node: str
    list: str
    channel: str
    count: int


class CsamCounts(Struct):
    """What confidential lists have blocked; there is no record of it."""

    counts: list[CsamCount]


class Puller(Protocol):
    """Who takes something: a token, or a person of the desk."""

    @property
    def actor(self) -> Actor: ...


async def pull_blocks(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Pull the records of what was blocked, as a stream."""
    said = query_of(request, Pull)
    since_s, until_s = span_of(request, said)
    wanted = RecordQuery(since_s, until_s, said.order, said.list, said.category, said.channel, said.province)
    return await stream_blocks(request, principal, wanted, said.format)


async def stream_blocks(request: web.Request, by: Puller, wanted: RecordQuery, form: str) -> web.StreamResponse:
    """The records that are wanted, as a stream.   form  ndjson, csv or parquet"""
    if form == PARQUET and ARCHIVE not in request.app:
        raise unfit("?format", "records are rows of the database here", "write ndjson or csv")
    await note_blocks(request, by, wanted, form)
    if ARCHIVE in request.app:
        return await _stream_files(request, wanted, form, socket.gethostname())
    return await _stream_rows(request, wanted, FORMS[form])


async def note_blocks(request: web.Request, by: Puller, wanted: RecordQuery, form: str) -> None:
    """Write down that someone takes records of blocks."""
    since_s, until_s = wanted.since_s, wanted.until_s
    asked: dict[str, Value] = {"since": iso(since_s), "until": iso(until_s), "format": form, **wanted.equal()}
    of_node: dict[str, Value] = {"node": socket.gethostname()} if ARCHIVE in request.app else {}
    await note_pull(request, by, "blocks pulled", asked | of_node)
    log.info("audit pull: %s %s takes blocks of %d to %d as %s", by.actor.kind, by.actor.name, since_s, until_s, form)


async def _stream_rows(request: web.Request, wanted: RecordQuery, form: Form) -> web.StreamResponse:
    """The records of a database."""
    pages = partial(
        block_ledger.page_of_blocks,
        since_s=wanted.since_s,
        until_s=wanted.until_s,
        without=block_ledger.HOUSEHOLD,
        equal=wanted.equal(),
    )
    page = await read(request, partial(pages, after=(-1, 0)))
    response = await _begun(request, form.media_type)
    await response.write(form.head.encode())
    while page:
        await response.write(form.rows(record_of(row) for row in page).encode())
        last = page[-1].time_s, page[-1].id
        page = await read(request, partial(pages, after=last))
    await response.write_eof()
    return response


async def _stream_files(request: web.Request, wanted: RecordQuery, form: str, node: str) -> web.StreamResponse:
    """The records of this box's archive."""
    await refuse_moving(request)
    orders = await read(request, order_names)
    media_type = MEDIA_TYPE_OF_PARQUET if form == PARQUET else FORMS[form].media_type
    return await stream_of_archive(request, request.app[ARCHIVE].pull(wanted, form, orders), media_type, node)


async def refuse_moving(request: web.Request) -> None:
    """Raises Problem while a part of the records is not in files yet."""
    if await read(request, block_ledger.has_blocks):
        why = "records of the database are in no file yet; nothing was sent; ask again after filterd audit move"
        raise Problem(503, why, WHERE, RECORDS_AWAY, 60)


async def stream_of_archive(
    request: web.Request, found: AsyncGenerator[bytes], media_type: str, node: str
) -> web.StreamResponse:
    """What the archive of a node has found; a stream that cannot be ended well is cut off, so that it is seen."""
    async with aclosing(found) as pieces:
        try:
            first = await anext(pieces, b"")
        except ArchiveFailure as reason:
            raise Problem(503, f"{reason}; nothing was sent; ask again", WHERE, RECORDS_AWAY, 60) from reason
        response = await _begun(request, media_type, {"Filterd-Node": node})
        try:
            await response.write(first)
            async for piece in pieces:
                await response.write(piece)
            await response.write_eof()
        except ArchiveFailure as reason:
            log.error("audit pull: %s; its connection is closed before its end", reason)
            if request.transport is not None:
                request.transport.abort()
    return response


async def _begun(
    request: web.Request, media_type: str, more: Mapping[str, str] = MappingProxyType({})
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": media_type, "Cache-Control": "no-store", **more})
    await response.prepare(request)
    return response


async def csam_counts(request: web.Request, principal: Principal) -> web.Response:
    """Count what confidential lists have blocked, by hour, node, list and channel."""
    since_s, until_s = span_of(request, query_of(request, Span))
    await note_pull(request, principal, "csam counts pulled", {"since": iso(since_s), "until": iso(until_s)})
    found = await read(request, lambda conn: list(block_ledger.iter_csam_counts(conn, since_s, until_s)))
    return json_response(
        CsamCounts([CsamCount(iso(each.hour_s), each.node, each.list, each.channel, each.count) for each in found])
    )


def record_of(row: StoredBlock) -> dict[str, Cell]:
    """A record as the auditor gets it; None where there is nothing to say."""
    return {
        "time": iso(row.time_s),
        "channel": row.channel,
        "action": row.action,
        "list": row.list or None,
        "rule": row.rule or None,
        "order": row.order_ref,
        "issuer": row.order_issuer,
        "category": row.category or None,
        "reason": row.reason,
        "generation": row.generation,
        "subscriber": row.pseudonym or None,
        "count": row.count,
        "province": row.province,
    }


async def note_pull(request: web.Request, by: Puller, action: str, asked: dict[str, Value]) -> None:
    """Write down that an auditor takes something; nothing goes out where that fails."""
    event = Event(PULLS, action, by.actor, said=asked)
    await write(request, lambda conn: append(conn, event, request.app[CLOCK]()))


def span_of(request: web.Request, said: Span) -> tuple[int, int]:
    """since <= time < until in unix seconds; from the beginning until now where they are absent."""
    since_s = 0 if said.since is None else _seconds("?since", said.since, math.floor)
    if said.until is not None:
        return since_s, _seconds("?until", said.until, math.ceil)
    return since_s, int(request.app[CLOCK]().timestamp()) + 1  # a record of this very second belongs to "until now"


def _seconds(where: str, at: datetime, rounded: Callable[[float], int]) -> int:
    try:
        return int(datetime.fromtimestamp(rounded(at.timestamp()), UTC).timestamp())
    except (OverflowError, ValueError) as reason:  # a year that UTC does not have: 0001-01-01T00:00:00+14:00
        raise unfit(where, "a time before the year 1 or after 9999", "write 2026-08-04T10:00:00+05:00") from reason


_RECORDS = Text(("application/x-ndjson", "text/csv", MEDIA_TYPE_OF_PARQUET))
ROUTES = (
    Route(
        "GET", "/v1/audit/blocks", pull_blocks, "audit.blocks", Contract({200: _RECORDS}, query=Pull, refusals=(503,))
    ),
    Route("GET", "/v1/audit/csam-counts", csam_counts, "audit.counts", Contract({200: CsamCounts}, query=Span)),
)
