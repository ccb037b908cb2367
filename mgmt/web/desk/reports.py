"""/desk/reports: what visitors say is blocked by mistake, and the desk's answer, which they read at the splash.

Invariants: that it is open is said only where control says so; an answer is given to what the page showed: where a
colleague has answered meanwhile, nothing is noted; of an appeal the page has number, times and state, which is all that
this process can read of it.
"""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection, select

from mgmt.contract.control import LAW, Report
from mgmt.registers.appeals.store import AppealView, shown
from mgmt.registers.records.wrong_blocks import (
    OPENED,
    OUTCOMES,
    REASONS,
    answer_report,
    answered_reports,
    find_report,
    n_waiting,
    waiting_reports,
)
from mgmt.staff.session import Session
from mgmt.web.desk.access import done, viewed
from mgmt.web.desk.frame import PATH, SubmittedForm, moved, page
from mgmt.web.kit.app_context import CLOCK, CONTROL, SETTINGS, read, write
from mgmt.web.kit.open_check import refuse_closed
from mgmt.web.kit.problems import Problem
from parental.store.schema.reports import wrong_blocks

READ, ANSWER = "reports.read", "reports.answer"
WAITING, ANSWERED, APPEALS = 50, 20, 50  # on the page
APPEAL_WORDS = {
    "waiting": "waits for the mail server",
    "sent": "sent to who opens it",
    "changed": "the owner has changed the list",
    "unchanged": "the owner has not changed the list, or the address is on none",
    "passed": "passed on to another authority",
    "unreadable": "nothing could be made of it",
}
# The first is chosen where no one chooses.
WORDS = {"kept": "it stays blocked", "opened": "it is open now", "passed": "passed on to who ordered it"}


class ReportRefusal(Exception):
    """An answer is not noted; the message says why."""


class Queue(NamedTuple):
    """What the page shows.   waiting, answered  with how often each was reported"""

    waiting: list[tuple[int, Report]]
    n_waiting: int
    answered: list[tuple[int, Report]]
    appeals: list[AppealView]


def add_reports(app: web.Application) -> None:
    """Put the routes into an application that has a desk."""
    app.router.add_get(PATH + "/reports", viewed(show, READ))
    app.router.add_post(PATH + "/reports/{reference:[0-9A-Z]{1,20}}", done(answer, ANSWER))


async def show(request: web.Request, session: Session) -> web.Response:
    """GET /desk/reports"""
    return await _page(request, session)


async def answer(request: web.Request, form: SubmittedForm) -> web.Response:
    """POST /desk/reports/ABCD2345"""
    reference = request.match_info["reference"]
    try:
        if form.fields["outcome"] == OPENED:
            found = await read(request, lambda conn: find_report(conn, reference))
            name = None if found is None else found.name
            is_of_law = found is not None and found.reason == LAW
            await refuse_closed(request.app[CONTROL], name or form.fields["name"].strip() or None, is_of_law=is_of_law)
        await write(request, lambda conn: _answer(conn, request, form, reference))
    except ReportRefusal as reason:
        return await _page(request, form.session, 409, str(reason))
    except Problem as reason:
        return await _page(request, form.session, reason.status, reason.detail)
    return moved("/reports")


# ----------------------------------------------------------------------------------------------------------------------


def _answer(conn: Connection, request: web.Request, form: SubmittedForm, reference: str) -> None:
    """Raises ReportRefusal."""
    outcome = form.fields["outcome"]
    if outcome not in OUTCOMES:
        raise ReportRefusal(f"outcome {outcome!r:.40}: unknown; nothing noted; choose one of the form")
    chosen = select(wrong_blocks.c.outcome).where(wrong_blocks.c.reference == reference).with_for_update()
    found = conn.execute(chosen).one_or_none()
    if found is None:
        raise ReportRefusal(f"There is no report {reference}. Nothing was noted.")
    if (found.outcome or "") != form.fields["was"]:
        now = WORDS.get(found.outcome, "not at all")
        raise ReportRefusal(f"{reference} was answered by a colleague: {now}. Your answer is not noted. Look again.")
    answer_report(conn, reference, outcome, request.app[CLOCK](), form.session.person.actor)


async def _page(request: web.Request, session: Session, status: int = 200, alert: str = "") -> web.Response:
    def load(conn: Connection) -> Queue:
        n = sum(n_waiting(conn, reason) for reason in REASONS)
        return Queue(waiting_reports(conn, WAITING), n, answered_reports(conn, ANSWERED), shown(conn, APPEALS))

    queue = await read(request, load)
    return page(
        request,
        "reports.html",
        status,
        session=session,
        alert=alert,
        waiting=queue.waiting,
        answered=queue.answered,
        appeals=[(each, each.outcome or each.state) for each in queue.appeals],
        n_waiting=queue.n_waiting,
        today=request.app[CLOCK]().astimezone(ZoneInfo(request.app[SETTINGS].zone)).date(),
        may_answer=session.person.may(ANSWER),
        OUTCOMES=WORDS,
        APPEALS=APPEAL_WORDS,
    )
