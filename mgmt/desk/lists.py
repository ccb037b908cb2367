"""/desk/lists: what each list has in force, how old it is, and what is wrong with it; as control says it.

Invariants: of a confidential list there are counts alone (filterd.lists.status holds it).
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from aiohttp import web
from markupsafe import Markup

from mgmt.app_context import CLOCK, CONTROL
from mgmt.control_protocol import ControlFailed
from mgmt.desk.access import viewed
from mgmt.desk.frame import PATH, local, page
from mgmt.staff.session import Session
from mgmt.text.language import language

OF_LIST = "list "  # begins the place of a fault


class Listed(NamedTuple):
    """A list.   confirmed  when its source last said that this is its newest;   age  since then"""

    id: str
    rules: int
    skipped: int
    confirmed: str | None
    age: Markup | None
    fault: str | None


def add_lists(app: web.Application) -> None:
    """Put the route into an application that has a desk."""
    app.router.add_get(PATH + "/lists", viewed(show, "status.read"))


async def show(request: web.Request, session: Session) -> web.Response:
    """GET /desk/lists"""
    try:
        said = await request.app[CONTROL].status()
    except (ControlFailed, OSError, TimeoutError) as exc:
        alert = f"control: {str(exc) or 'no answer'}; filtering goes on with what the workers have; load this again"
        return page(request, "lists.html", 503, session=session, alert=alert, lists=(), faults={})
    faults: dict[str, str] = said.get("faults", {})
    ids = {each["id"] for each in said.get("lists", ())} | {
        where.removeprefix(OF_LIST) for where in faults if where.startswith(OF_LIST)
    }
    others = {where: fault for where, fault in faults.items() if not where.startswith(OF_LIST)}
    lists = [_listed(request, each, said) for each in sorted(ids)]
    return page(request, "lists.html", session=session, lists=lists, faults=others)


def _listed(request: web.Request, name: str, said: dict[str, Any]) -> Listed:
    held = next((each for each in said.get("lists", ()) if each["id"] == name), {"rules": 0, "skipped": 0})
    fault = said.get("faults", {}).get(OF_LIST + name)
    confirmed_s = said.get("confirmed_s", {}).get(name)
    if confirmed_s is None:
        return Listed(name, held["rules"], held["skipped"], None, None, fault)
    at = datetime.fromtimestamp(confirmed_s, UTC)
    age = language("en").span(max(request.app[CLOCK]() - at, timedelta()))
    return Listed(name, held["rules"], held["skipped"], local(request, at.isoformat()), age, fault)
