"""/v1/settings: what pages name: the operator, helplines, addresses, the owner of a list, languages and colours."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy import Connection

from mgmt.contract.control import show
from mgmt.contract.shapes import Line
from mgmt.registers.settings.agreement import newest_changes
from mgmt.registers.settings.page_settings import Complaint, Helpline, Settings, StopPage, Theme
from mgmt.registers.settings.precedence import desk_over_file, values_of
from mgmt.registers.settings.proposals import Words, propose_settings
from mgmt.registers.settings.shapes import DeskSettings, Isp, Languages
from mgmt.registers.settings.store import NotAlone, change, said_by_desk
from mgmt.staff.approvals.rules import ApprovalRefusal
from mgmt.web.api.approvals import Approval, shown
from mgmt.web.kit.app_context import CLOCK, CONTROL, OF_FILE, SETTINGS, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.conditions import require_unchanged, tagged_response
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import Problem
from mgmt.web.kit.requests import body_of
from mgmt.web.splash.canned import check_pages

NO_PASSKEYS = "two persons change this, and no origin of the desk is configured; not proposed; "
NO_PASSKEYS += "set /api/desk_origin, or change it in the configuration file"


class SetByDesk(Struct):
    """Who has said the value of a setting, and when.   event  its number in the ledger"""

    name: str
    set: str
    by: str
    event: int


class PageSettings(Struct, kw_only=True):
    """What pages show: the desk's word, else that of the configuration."""

    isp: Isp
    languages: Languages
    helplines: tuple[Helpline, ...]
    report_url: str | None
    complaints: tuple[Complaint, ...]
    stop_page: StopPage
    theme: Theme
    of_desk: Annotated[list[SetByDesk], Meta(description="The others are as the configuration has them.")]
    unverified: Annotated[list[str], Meta(description="What no one has found to be right for half a year.")]


class SettingsChange(DeskSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is said of the pages.

    What two persons change (isp, helplines, report_url, complaints, stop_page) is proposed, and all that stands with
    it: then it has a proposer, a reason and a reference."""

    proposer: Annotated[
        Line | None, Meta(description="The mail address of the person of the desk who proposes and signs it.")
    ] = None
    reason: Line | None = None
    reference: Annotated[Line | None, Meta(description="The ticket or letter that asks for it.")] = None


async def show_settings(request: web.Request, _: Principal) -> web.Response:
    """Show what pages name, and which of it the desk has said."""
    of_file, now = request.app[OF_FILE], request.app[CLOCK]()
    return tagged_response(request, await read(request, lambda conn: _shown(conn, of_file, now)))


async def change_settings(request: web.Request, principal: Principal) -> web.Response:
    """Change what pages name; what is left out stays, and null is what the configuration has.

    Where people find help, two persons change it: 202, and all that was sent waits until both have signed
    (/v1/approvals)."""
    said = await body_of(request, SettingsChange)
    of_file, now = request.app[OF_FILE], request.app[CLOCK]()

    def work(conn: Connection) -> PageSettings | Approval:
        require_unchanged(request, _shown(conn, of_file, now))
        try:
            change(conn, of_file, said, principal.actor, now, check_pages)
        except NotAlone as reason:
            words, settings = _words(said, reason.names), request.app[SETTINGS]
            if settings.desk_origin is None:
                raise Problem(409, NO_PASSKEYS, f"/{reason.names[0]}") from reason
            made = propose_settings(conn, of_file, said, words, f"token {principal.token}", now, check_pages)
            return shown(conn, made, ZoneInfo(settings.zone))
        return _shown(conn, of_file, now)

    try:
        stored = await write(request, work)
    except ApprovalRefusal as reason:
        raise Problem(422, str(reason), "/") from reason
    if isinstance(stored, Approval):
        return json_response(stored, 202)
    await show(request.app[CONTROL].settings_changed())
    return json_response(stored)


def _words(said: SettingsChange, names: list[str]) -> Words:
    """Raises Problem where one is missing."""
    if said.proposer is None or said.reason is None or said.reference is None:
        field = next(name for name in ("proposer", "reason", "reference") if getattr(said, name) is None)
        what = f"two persons change {', '.join(names)}, and there is no {field}; not proposed; "
        raise Problem(422, what + "name proposer, reason and reference; both sign it at /v1/approvals", f"/{field}")
    return Words(said.proposer, said.reason, said.reference)


def _shown(conn: Connection, of_file: Settings, now: datetime) -> PageSettings:
    settings, zone = desk_over_file(of_file, said_by_desk(conn)), ZoneInfo(of_file.zone)
    values = values_of(settings)
    of_desk = [
        SetByDesk(name, datetime.fromtimestamp(row.set_s, UTC).astimezone(zone).isoformat(), row.by_name, row.event)
        for name, row in newest_changes(conn).items()
        if row.value is not None
    ]
    late = list(settings.unverified(now.astimezone(zone).date()))
    return PageSettings(**values, of_desk=of_desk, unverified=late)


ROUTES = (
    Route("GET", "/v1/settings", show_settings, "settings.read", Contract({200: PageSettings}, is_tagged=True)),
    Route(
        "PUT",
        "/v1/settings",
        change_settings,
        "settings.change",
        Contract({200: PageSettings, 202: Approval}, body=SettingsChange, is_tagged=True, refusals=(409,)),
    ),
)
