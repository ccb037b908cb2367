"""/v1/settings: what pages name: the operator, helplines, addresses, the owner of a list, languages and colours."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy import Connection

from mgmt.app_context import CLOCK, CONTROL, OF_FILE, json_response, read, write
from mgmt.auth import Principal, Route
from mgmt.control_protocol import show
from mgmt.desk_settings.precedence import desk_over_file, values_of
from mgmt.desk_settings.shapes import DeskSettings, Isp, Languages
from mgmt.desk_settings.store import change, newest_rows, said_by_desk
from mgmt.frame.conditions import require_unchanged, tagged_response
from mgmt.frame.contract import Contract
from mgmt.frame.requests import body_of
from mgmt.settings import Complaint, Helpline, Settings, StopPage, Theme


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


async def show_settings(request: web.Request, _: Principal) -> web.Response:
    """Show what pages name, and which of it the desk has said."""
    of_file, now = request.app[OF_FILE], request.app[CLOCK]()
    return tagged_response(request, await read(request, lambda conn: _shown(conn, of_file, now)))


async def change_settings(request: web.Request, principal: Principal) -> web.Response:
    """Change what pages name; what is left out stays, and null is what the configuration has."""
    said = await body_of(request, DeskSettings)
    of_file, now = request.app[OF_FILE], request.app[CLOCK]()

    def work(conn: Connection) -> PageSettings:
        require_unchanged(request, _shown(conn, of_file, now))
        change(conn, of_file, said, principal.actor, now)
        return _shown(conn, of_file, now)

    stored = await write(request, work)
    await show(request.app[CONTROL].settings_changed())
    return json_response(stored)


def _shown(conn: Connection, of_file: Settings, now: datetime) -> PageSettings:
    settings, zone = desk_over_file(of_file, said_by_desk(conn)), ZoneInfo(of_file.zone)
    values = values_of(settings)
    of_desk = [
        SetByDesk(name, datetime.fromtimestamp(row.set_s, UTC).astimezone(zone).isoformat(), row.by_name, row.event)
        for name, row in newest_rows(conn).items()
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
        Contract({200: PageSettings}, body=DeskSettings, is_tagged=True),
    ),
)
