"""Screen time at the splash: a child begins its own minutes of the day, from the address of its line.

Invariants: the profile is that of the address in the images in force, no matter what a form says; only what would be
open then begins, so that no minute runs while it is closed all the same; it opens no more than the day's minutes that
the family has given, which a splash that is taken over could begin as well; tries are counted here, too.
"""

import time
from datetime import datetime

from sqlalchemy import Connection, Engine

from filterd.control.pages.whose import whose
from mgmt.contract.control import ScreenTimeStart
from parental.calendar import screen_time
from parental.calendar.quota import LEAST_S
from parental.people.household import By, note
from parental.policy.profile import is_closed_by_quota_alone
from parental.policy.profiles import get_profile
from parental.store.database import reading, writing
from parental.store.errors import DatabaseFault, NoPerson, NotNow
from rules.base.budget import RequestBudget

N_TRIES, WINDOW_S = 20, 600.0  # of one profile
NOTHING = ScreenTimeStart(0)


class SplashScreenTime:
    """Begins the screen time that visitors ask for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tries = RequestBudget(N_TRIES, WINDOW_S)

    def left_s(self, profile: int | None, at: datetime) -> int | None:
        """What can begin now of a profile; as in Closing: not known while the database is away.   Blocking"""
        if profile is None:
            return None
        try:
            with reading(self._engine) as conn:
                return _left_s(conn, profile, at)
        except (DatabaseFault, NoPerson):
            return None

    def begin(self, profile: int | None, at: datetime) -> ScreenTimeStart:
        """Begin it.   Blocking.   Raises DatabaseFault"""
        if profile is None or self._tries.wait_s(str(profile), time.monotonic()):
            return NOTHING
        try:
            with writing(self._engine) as conn:
                return _begin(conn, profile, at)
        except (NoPerson, NotNow):
            return NOTHING


def _begin(conn: Connection, profile: int, at: datetime) -> ScreenTimeStart:
    asker, left_s = whose(conn, profile), _left_s(conn, profile, at)
    if asker is None or not left_s:
        return NOTHING
    started = screen_time.start(conn, profile, at)
    assert started.ends_s is not None
    note(conn, asker.account, By("splash", ""), "screen time started", asker.about(), at)
    return ScreenTimeStart(max(1, (started.ends_s - int(at.timestamp())) // 60))  # midnight ends it, too


def _left_s(conn: Connection, profile: int, at: datetime) -> int | None:
    bucket = screen_time.quota_of(conn, profile)
    if bucket is None or bucket.is_running(int(at.timestamp())):
        return None
    left_s, rules = screen_time.left_s(conn, profile, bucket, at), get_profile(conn, profile)
    if left_s < LEAST_S:
        return 0
    if not is_closed_by_quota_alone(rules, at):
        return None
    until_s = int((screen_time.ends_by(rules, at) - at).total_seconds())
    return min(left_s, max(LEAST_S, until_s))  # what else ends it, midnight too, leaves the rest unused
