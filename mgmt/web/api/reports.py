"""/v1/reports: what visitors say is blocked by mistake, for the desk to answer by the day that was promised."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from mgmt.contract.control import LAW, Report
from mgmt.contract.shapes import After, Line, Next
from mgmt.registers.records.wrong_blocks import OPENED, PAGE, answer_report, find_report, iter_reports
from mgmt.web.kit.app_context import CLOCK, CONTROL, SETTINGS, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.open_check import refuse_closed
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import body_of, query_of

Outcome = Literal["opened", "kept", "passed"]


class ReportAnswer(Struct, forbid_unknown_fields=True):
    """What the desk has decided."""

    outcome: Outcome
    name: Annotated[
        Line | None,
        Meta(description="Of what is open now, where the report keeps no name: control is asked, it is not kept."),
    ] = None


class MistakeReport(Struct, kw_only=True):
    """A report, without a word of who it is from."""

    reference: str
    reason: str
    name: Annotated[str | None, Meta(description="null: the reason is the law, and names of it are not kept.")]
    reported: str
    due: Annotated[str, Meta(description="The day by which an answer is promised.")]
    outcome: Annotated[str | None, Meta(description="null: not answered.")]
    answered: str | None


class CountedReport(MistakeReport, kw_only=True):
    """A report, and how often it came."""

    times: int


class ReportPage(Struct):
    """Reports, the oldest first."""

    reports: list[CountedReport]
    next: Next


async def list_reports(request: web.Request, _: Principal) -> web.Response:
    """List reports, the oldest first."""
    after = query_of(request, After).after
    found = await read(request, lambda conn: list(iter_reports(conn, after)))
    reports = [
        CountedReport(**msgspec.structs.asdict(_shown(request, report)), times=times) for _, times, report in found
    ]
    return json_response(ReportPage(reports, found[-1][0] if len(found) == PAGE else None))


async def answer(request: web.Request, principal: Principal) -> web.Response:
    """Answer a report; that it is open now is taken only where control says so."""
    said, reference = await body_of(request, ReportAnswer), request.match_info["reference"]
    now, report = request.app[CLOCK](), await read(request, lambda conn: find_report(conn, reference))
    if report is not None and said.outcome == OPENED:
        await refuse_closed(request.app[CONTROL], report.name or said.name, is_of_law=report.reason == LAW)
    found = await write(request, lambda conn: answer_report(conn, reference, said.outcome, now, principal.actor))
    if found is None:
        raise Problem(404, f"no report {reference[:20]!r}; nothing noted; ask GET /v1/reports", "reference")
    return json_response(_shown(request, found))


def _shown(request: web.Request, report: Report) -> MistakeReport:
    zone = ZoneInfo(request.app[SETTINGS].zone)

    def local(at: datetime) -> str:
        return at.astimezone(zone).isoformat()

    return MistakeReport(
        reference=report.reference,
        reason=report.reason,
        name=report.name,
        reported=local(report.reported),
        due=report.due.isoformat(),
        outcome=report.outcome,
        answered=None if report.answered is None else local(report.answered),
    )


ROUTES = (
    Route("GET", "/v1/reports", list_reports, "reports.read", Contract({200: ReportPage}, query=After)),
    Route(
        "POST",
        "/v1/reports/{reference}/answer",
        answer,
        "reports.answer",
        Contract({200: MistakeReport}, body=ReportAnswer, refusals=(409, 503)),
    ),
)
