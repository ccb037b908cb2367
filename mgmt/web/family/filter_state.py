"""Whether the filter works: what the family pages say of it, as control said it last, and when.

    each minute: control ─status→ every worker answers and has the newest images, the kernel has the locks, and lists
    close their self-test entries

Invariants: a page asks no one: it shows the last look, with its time; what gives no answer, and what was not looked at
for minutes, is not called working; a look that fails in a way that no one foresaw is logged with its number, not called
working either, and the next one comes all the same; it is said of this network's filter alone, and the page says so; no
page calls a kind of sites closed that no list in force holds, once control has said which are.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup

from mgmt.contract.control import ControlFailure
from mgmt.text.language import Language
from mgmt.web.kit.app_context import CLOCK, CONTROL, SETTINGS
from parental.people.levels import PACKETS

LOOK_S = 60.0  # a status costs control some reads of the database and a question to each worker
LOOK_AGAIN_S = 10.0  # where the last one found a fault: what is fixed is not called broken for a minute
STALE = timedelta(minutes=5)
# Control's faults: the kernel could not be given the locks; what a flowtable takes passes neither them nor the gate.
OPEN = frozenset({"locks", "box: offload"})

log = logging.getLogger(__name__)


class FilterCondition(Enum):
    """What the last look has found; the values end the messages' names."""

    ON = "on"
    PART = "part"
    SILENT = "silent"
    UNKNOWN = "unknown"


class Look(NamedTuple):
    """at     None: there was none yet
    kinds  categories and services that a list in force holds; None: control has not said it yet"""

    found: FilterCondition = FilterCondition.UNKNOWN
    at: datetime | None = None
    kinds: frozenset[str] | None = None


class FilterNotice(NamedTuple):
    """What a page shows of it.   found  a value of FilterCondition"""

    found: str
    words: Markup


class FilterState:
    """The last look.   n_failed  looks that ended in a fault of this program, since it began"""

    def __init__(self) -> None:
        self.last, self.n_failed = Look(), 0


FILTER: web.AppKey[FilterState] = web.AppKey("filter_state", FilterState)


def add_filter_state(app: web.Application) -> None:
    """Have it looked at while the web role's application runs."""
    app[FILTER] = FilterState()
    app.cleanup_ctx.append(_looking)


def found_in(status: Mapping[str, Any]) -> FilterCondition:
    """What control's status says.   status  as `filterd status --json` has it"""
    workers = status.get("workers", [])
    serve = bool(workers) and all(each.get("ok") is True and each.get("refused") is None for each in workers)
    is_locked, tested = OPEN.isdisjoint(status.get("faults", {})), status.get("self_tests", {})
    return FilterCondition.ON if serve and is_locked and all(tested.values()) else FilterCondition.PART


def _kinds_in(status: Mapping[str, Any], last: frozenset[str] | None) -> frozenset[str] | None:
    said = status.get("kinds")  # a control of an earlier version says nothing of them
    return last if said is None else frozenset(said)


async def look(app: web.Application) -> None:
    """Ask control once."""
    kinds = app[FILTER].last.kinds
    try:
        status = await app[CONTROL].status()
        found, kinds = found_in(status), _kinds_in(status, kinds)
    except (ControlFailure, OSError, TimeoutError):
        found = FilterCondition.SILENT
    app[FILTER].last = Look(found, app[CLOCK](), kinds)


def closable_of(app: web.Application) -> frozenset[str]:
    """Categories and services that close what they are named after: by a list in force, or by the gate.

    Before control has said which lists are: those that lists of the configuration are for."""
    offered, kinds = app[SETTINGS].closable, app[FILTER].last.kinds
    return offered if kinds is None else offered.intersection((*kinds, *PACKETS))


def filter_words(request: web.Request, t: Language) -> FilterNotice:
    """The state in words, with the time of the last look."""
    last, now, settings = request.app[FILTER].last, request.app[CLOCK](), request.app[SETTINGS]
    if last.at is None or not timedelta(0) <= now - last.at < STALE:
        return FilterNotice(FilterCondition.UNKNOWN.value, t.say(f"family.filter.{FilterCondition.UNKNOWN.value}"))
    time, isp = t.clock(last.at.astimezone(ZoneInfo(settings.zone))), t.pick(settings.isp_name, settings.isp_name_ur)
    return FilterNotice(last.found.value, t.say(f"family.filter.{last.found.value}", time=time, isp=isp))


async def _looking(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(_look_on(app))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _look_on(app: web.Application) -> None:
    state = app[FILTER]
    while True:
        try:
            await look(app)
        except Exception:  # the edge: one fault must not end all looks, nor leave an old one standing
            state.last, state.n_failed = Look(kinds=state.last.kinds), state.n_failed + 1
            log.exception("family pages: look %d at the filter that failed; called not checked", state.n_failed)
        await asyncio.sleep(
            LOOK_AGAIN_S if state.last.found in (FilterCondition.PART, FilterCondition.SILENT) else LOOK_S
        )
