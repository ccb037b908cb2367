"""Requests at the splash: who asks from a line's address asks the family whose profile that address follows.

Invariants: the profile is that of the address in the images in force, no matter what a form says; only what a family
has closed, and can open, can be asked for, so that no name of an order and of a confidential list is written down; a
household's requests are counted here, too, before anything is read or written; a yes is shown while what it has opened
is open.
Cost: for a line that has asked for nothing lately, one look into a set.
"""

import threading
import time
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from filterd.control.pages.whose import HouseholdProfile, whose
from mgmt.contract.control import RequestStatus
from parental.calendar import exceptions
from parental.people import requests
from parental.people.household import By, note
from parental.people.household_names import ALLOWED, household_names
from parental.people.requests import KEPT, YES, ChildRequest, Request
from parental.policy.profiles import get_profile
from parental.store.database import reading, writing
from parental.store.errors import BadProfile, NotNow
from rules.base.budget import RequestBudget

N_TRIES, WINDOW_S = 20, 600.0  # of one profile: who is refused once knows it
# Minutes can be asked for; a pause is opened by its end alone, and a caregiver who is asked can end it.
OPENED_BY_TIME = ("schedule", "quota", "soft-lock", "pause")
OPENED_BY_NAME = ("category", "household")
MANY, NOTHING = RequestStatus("many"), RequestStatus("nothing")


class SplashRequests:
    """Writes down what visitors ask for, and knows what became of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tries = RequestBudget(N_TRIES, WINDOW_S)
        self._one_at_a_time = threading.Lock()  # two at once would each be the last one that is admitted
        self._with: set[int] | None = None  # profiles that may have a request; None: not read yet

    def may_have(self, profile: int | None) -> bool:
        """Whether newest() is worth a look into the database."""
        return profile is not None and (self._with is None or profile in self._with)

    def ask(self, profile: int | None, wanted: ChildRequest, at: datetime) -> RequestStatus:
        """Ask a profile's family.   Blocking.   Raises DatabaseFault; ValueError for what no form of ours says"""
        if self._tries.wait_s(str(profile), time.monotonic()):
            return MANY
        if wanted.name is not None and not _is_site(wanted.name):
            return NOTHING
        with reading(self._engine) as conn:
            asker = whose(conn, profile)
        if asker is None:
            return NOTHING
        try:
            request = self._write(asker, wanted, at)
        except BadProfile as fault:
            raise ValueError(str(fault)) from fault
        except NotNow:
            return MANY
        if self._with is not None:
            self._with.add(asker.profile)
        return _shown(request, at)

    def newest(self, profile: int | None, at: datetime) -> RequestStatus | None:
        """What became of the last request of a profile; None: none exists that a child still looks for.   Blocking"""
        with reading(self._engine) as conn:
            if self._with is None:
                self._with = requests.profiles_with_requests(conn)
            request = None if profile is None else requests.newest(conn, profile)
            is_told = request is not None and not _is_past(request, at) and _holds(conn, request, at)
        if request is None and profile is not None:
            self._with.discard(profile)
        return _shown(request, at) if request is not None and is_told else None

    def _write(self, asker: HouseholdProfile, wanted: ChildRequest, at: datetime) -> Request:
        with self._one_at_a_time, writing(self._engine) as conn:
            request, is_new = requests.ask(conn, asker.account, asker.profile, wanted, at)
            if is_new:
                note(conn, asker.account, By("splash", ""), "asked", asker.about(), at)
        return request


def _is_site(name: str) -> bool:
    """Whether a family may open a name: not one that an image has no room for, or that stands for many sites."""
    try:
        return bool(household_names(ALLOWED, [name]))
    except BadProfile:
        return False


def _is_past(request: Request, at: datetime) -> bool:
    """Whether it is long ago, or what it opened has closed again."""
    is_over = request.answer == YES and request.until_s is not None and request.until_s <= at.timestamp()
    return is_over or request.ends_s + KEPT.total_seconds() <= at.timestamp()


def _holds(conn: Connection, request: Request, at: datetime) -> bool:
    """Whether what a yes has opened is open: no caregiver has ended it since, or closed all."""
    if request.answer != YES:
        return True
    rules = get_profile(conn, request.profile)
    if request.until_s is None:  # a page; or minutes that the end of a pause has answered: that it is open says it
        return request.name in rules.allowed
    held = exceptions.held(conn, request.profile, at)
    is_closed = rules.paused_until_s > at.timestamp() or any(row.kind == "closed_until" for row in held)
    return not is_closed and any(row.until_s == request.until_s for row in held)


def _shown(request: Request, at: datetime) -> RequestStatus:
    state = request.state_at(at)
    until_s = request.until_s if state == YES else request.ends_s
    return RequestStatus(state, None if until_s is None else datetime.fromtimestamp(until_s, UTC))
