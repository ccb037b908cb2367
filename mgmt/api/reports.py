"""/v1/reports: what visitors say is blocked by mistake, for the desk to answer by the day that was promised."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from mgmt.app_context import CLOCK, SETTINGS, json_response, read, write
from mgmt.auth import OPERATOR, Principal, Route
from mgmt.body import read_fields
from mgmt.control_protocol import Report
from mgmt.fields import page_after, unfit
from mgmt.problems import Problem
from mgmt.wrong_blocks import OUTCOMES, PAGE, answer_report, iter_reports


async def list_reports(request: web.Request, _: Principal) -> web.Response:
    """GET /v1/reports?after=   the oldest first"""
    after = page_after(request.query.get("after", "0"))
    found = await read(request, lambda conn: list(iter_reports(conn, after)))
    return json_response(
        {
            "reports": [{**_json(request, report), "times": times} for _, times, report in found],
            "next": found[-1][0] if len(found) == PAGE else None,
        }
    )


async def answer(request: web.Request, _: Principal) -> web.Response:
    """POST /v1/reports/{reference}/answer   {"outcome": "opened" | "kept" | "passed"}"""
    fields = await read_fields(request, "outcome")
    outcome, reference = fields.text("outcome"), request.match_info["reference"]
    if outcome not in OUTCOMES:
        raise unfit("/outcome", f"{outcome!r:.40} is unknown", f"write one of {', '.join(OUTCOMES)}")
    now = request.app[CLOCK]()
    found = await write(request, lambda conn: answer_report(conn, reference, outcome, now))
    if found is None:
        raise Problem(404, f"no report {reference[:20]!r}; nothing noted; ask GET /v1/reports", "reference")
    return json_response(_json(request, found))


def _json(request: web.Request, report: Report) -> dict[str, Any]:
    zone = ZoneInfo(request.app[SETTINGS].zone)

    def local(at: datetime | None) -> str | None:
        return None if at is None else at.astimezone(zone).isoformat()

    return {
        "reference": report.reference,
        "reason": report.reason,
        "name": report.name,
        "reported": local(report.reported),
        "due": report.due.isoformat(),
        "outcome": report.outcome,
        "answered": local(report.answered),
    }


_OPERATOR = frozenset({OPERATOR})
ROUTES = (
    Route("GET", "/v1/reports", list_reports, _OPERATOR),
    Route("POST", "/v1/reports/{reference}/answer", answer, _OPERATOR),
)
