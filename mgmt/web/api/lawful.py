"""/v1/lawful-requests: the register of lawful requests, for a ticket system; answers of two persons are given at the
desk.

Invariants: a token is no person: it gives no answer that takes two; each export is an event of the ledger.
"""

import asyncio
import csv
import hashlib
import io
from collections.abc import Callable
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy import Connection

from mgmt.contract.fields import number_of
from mgmt.contract.shapes import After, Line, Next
from mgmt.ledger.event import PULLS, Event, Value, time_text
from mgmt.ledger.store import append
from mgmt.registers.lawful.shapes import ANSWERS, KINDS, Answer, Kind, RegisteredRequest
from mgmt.registers.lawful.store import (
    PAGE,
    AuthorityLetter,
    Conflict,
    Signer,
    answer,
    is_answered,
    iter_requests,
    record,
    requests,
    sha256_of,
)
from mgmt.text.cells import plain_cell
from mgmt.web.kit.app_context import CLOCK, SETTINGS, json_octets, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract, Text
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import body_of, query_of


class NewLawfulRequest(Struct, forbid_unknown_fields=True):
    """What an authority's letter says; never whom or what it is about."""

    authority: Line
    reference: Line
    basis: Annotated[Line, Meta(description="The law, as the authority cites it.")]
    kind: Kind
    issued: Annotated[str, Meta(max_length=10, description="The day of the letter.")]


class LawfulAnswer(Struct, forbid_unknown_fields=True):
    """What it was answered.   hold and records take two persons, and are given at the desk"""

    answer: Answer


class LawfulRequest(Struct):
    """A request of the register."""

    id: int
    authority: str
    reference: str
    basis: str
    kind: Kind
    issued: str
    recorded: str
    recorded_by: Annotated[str, Meta(description="Kind and number, as the ledger names actors.")]
    answer: Answer | None
    answered: str | None
    answered_by: str | None
    agreed: str | None
    agreed_by: Annotated[str | None, Meta(description="The second person.")]
    is_answered: Annotated[bool, Meta(description="Whether the answer counts: some take a second person.")]
    sha256: Annotated[str, Meta(description="Of the row, as the last event of the ledger about it has it.")]


class LawfulRequestPage(Struct):
    """Requests by rising number."""

    requests: list[LawfulRequest]
    next: Next


class AsFile(Struct, forbid_unknown_fields=True):
    """As what."""

    format: Literal["csv", "ndjson"] = "csv"


async def list_requests(request: web.Request, _: Principal) -> web.Response:
    """List lawful requests by rising number."""
    after = query_of(request, After).after
    found = await read(request, lambda conn: requests(conn, after))
    return json_response(LawfulRequestPage(list(map(_shown, found)), found[-1].id if len(found) == PAGE else None))


async def add(request: web.Request, principal: Principal) -> web.Response:
    """Write a lawful request down."""
    said, now = await body_of(request, NewLawfulRequest), request.app[CLOCK]()
    today = now.astimezone(ZoneInfo(request.app[SETTINGS].zone)).date()
    asked = AuthorityLetter(**msgspec.structs.asdict(said))
    found = await _written(request, lambda conn: record(conn, asked, Signer(principal.actor), now, today))
    return json_response(_shown(found), 201)


async def give_answer(request: web.Request, principal: Principal) -> web.Response:
    """Note what a lawful request was answered."""
    number, said = number_of(request.match_info["id"], "id"), (await body_of(request, LawfulAnswer)).answer
    by, now = Signer(principal.actor), request.app[CLOCK]()
    return json_response(_shown(await _written(request, lambda conn: answer(conn, number, said, by, now))))


async def export(request: web.Request, principal: Principal) -> web.Response:
    """Give the whole register as a file."""
    form = query_of(request, AsFile).format
    rows = [_shown(row) for row in await read(request, lambda conn: list(iter_requests(conn)))]
    octets = await asyncio.to_thread(_csv if form == "csv" else _ndjson, rows)
    said: dict[str, Value] = {"requests": len(rows), "format": form, "sha256": hashlib.sha256(octets).hexdigest()}
    event = Event(PULLS, "lawful requests exported", principal.actor, {}, said)
    await write(request, lambda conn: append(conn, event, request.app[CLOCK]()))
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="lawful-requests.{form}"'}
    kind = "text/csv" if form == "csv" else "application/x-ndjson"
    return web.Response(body=octets, content_type=kind, charset="utf-8", headers=headers)


# ----------------------------------------------------------------------------------------------------------------------


async def _written(request: web.Request, work: Callable[[Connection], RegisteredRequest]) -> RegisteredRequest:
    try:
        return await write(request, work)
    except Conflict as reason:
        raise Problem(409, str(reason), "reference") from reason
    except LookupError as reason:
        raise Problem(404, str(reason), "id") from reason


def _shown(found: RegisteredRequest) -> LawfulRequest:
    def time(seconds: int | None) -> str | None:
        return None if seconds is None else time_text(seconds * 1000)

    return LawfulRequest(
        id=found.id,
        authority=found.authority,
        reference=found.reference,
        basis=found.basis,
        kind=found.kind,
        issued=found.issued,
        recorded=time_text(found.recorded_s * 1000),
        recorded_by=found.recorded_by,
        answer=found.answer,
        answered=time(found.answered_s),
        answered_by=found.answered_by,
        agreed=time(found.agreed_s),
        agreed_by=found.agreed_by,
        is_answered=is_answered(found),
        sha256=sha256_of(found),
    )


def _csv(rows: list[LawfulRequest]) -> bytes:
    """With what kind and answer mean.   UTF-8 with a mark, as Excel wants it"""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow([*LawfulRequest.__struct_fields__, "asked_for", "says"])
    for row in rows:
        said = ["" if value is None else str(value) for value in msgspec.structs.astuple(row)]
        table.writerow(map(plain_cell, [*said, KINDS[row.kind], ANSWERS.get(row.answer or "", "")]))
    return ("\ufeff" + out.getvalue()).encode()


def _ndjson(rows: list[LawfulRequest]) -> bytes:
    return b"".join(json_octets(row) + b"\n" for row in rows)


_ONE = Contract({200: LawfulRequest}, body=LawfulAnswer, refusals=(404, 409))
ROUTES = (
    Route("GET", "/v1/lawful-requests", list_requests, "lawful.read", Contract({200: LawfulRequestPage}, query=After)),
    Route(
        "GET",
        "/v1/lawful-requests/file",
        export,
        "lawful.read",
        Contract({200: Text(("text/csv", "application/x-ndjson"))}, query=AsFile),
    ),
    Route(
        "POST",
        "/v1/lawful-requests",
        add,
        "lawful.record",
        Contract({201: LawfulRequest}, body=NewLawfulRequest, adds=True, refusals=(409,)),
    ),
    Route("POST", "/v1/lawful-requests/{id}/answer", give_answer, "lawful.record", _ONE),
)
