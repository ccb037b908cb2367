"""What a change closes at once: it is asked before, as anyone who changes hours at night may be on the line that
closes.

    a form ─→ the change is tried and taken back ─→ nothing closes: done
                                                 ─→ until when it would be closed: now, or from the next time on?

Invariants: nothing is stored before the answer; *from the next time on* opens nothing that was closed before.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from aiohttp import web
from sqlalchemy import Connection

from mgmt.web.family.frame import SubmittedForm
from mgmt.web.family.session import Session
from mgmt.web.kit.app_context import CLOCK, write
from parental.calendar import exceptions, plans
from parental.calendar.state import Openness, State, state_at
from parental.people.household import By
from parental.policy.profile import Span
from parental.policy.profiles import get_profile
from parental.store.errors import BadProfile, NotNow

NOW, NEXT_TIME = "now", "next"  # what a form answers
Change = Callable[[Connection], int]


class AtOnce(NamedTuple):
    """What would be closed.   until  None: by no clock

    is_partly  something stays open;   can_wait  it can begin with the next time"""

    until: datetime | None
    is_partly: bool
    can_wait: bool


class _Rollback(Exception):
    """Takes the change back.   found  what it would close"""

    def __init__(self, found: AtOnce | None) -> None:
        super().__init__(found)
        self.found = found


async def closes_at_once(request: web.Request, form: SubmittedForm, profile: int, change: Change) -> AtOnce | None:
    """What a change would close now that is open; None: nothing.   Raises what the change raises

    profile  that answers before;   change  makes it; the number of the profile that answers then"""
    now, account = request.app[CLOCK](), form.session.account

    def try_it(conn: Connection) -> None:
        before = state_now(conn, account, profile, now)
        after = change(conn)
        then = state_now(conn, account, after, now)
        if before.state is not Openness.OPEN or then.state is Openness.OPEN:
            raise _Rollback(None)
        raise _Rollback(
            AtOnce(then.until, then.state is Openness.PARTLY, _waiting(conn, after, before, then, now) is not None)
        )

    try:
        await write(request, try_it)
    except _Rollback as tried:
        return tried.found
    return None


def wait_for_the_next(
    conn: Connection, session: Session, profile: int, before: State, now: datetime
) -> Mapping[str, int]:
    """Keep open what was open until what a change has closed now ends; how that is undone.   before  the change"""
    span = _waiting(conn, profile, before, state_now(conn, session.account, profile, now), now)
    if span is None:
        return {}
    actor = session.actor
    return {"exception": exceptions.add(conn, profile, span, By(actor.kind, actor.name, actor.role), now)}


def _waiting(conn: Connection, profile: int, before: State, then: State, now: datetime) -> Span | None:
    """What keeps it open; None where that opened what closes later anyway, or where no clock closes it."""
    is_longer = then.until is not None and (before.until is None or before.until >= then.until)
    if before.state is not Openness.OPEN or then.why != "schedule" or then.until is None or not is_longer:
        return None
    try:
        return exceptions.until(get_profile(conn, profile), "open_until", then.until, now)
    except (BadProfile, NotNow):
        return None


def state_now(conn: Connection, account: int, profile: int, now: datetime) -> State:
    """What holds for a profile."""
    cards = plans.cards_of(conn, [profile]).get(profile, ())
    return state_at(get_profile(conn, profile), cards, plans.calendar_of(conn, account), now)
