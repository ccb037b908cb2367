"""Screen time in the database: the lock that a quota makes, and that nobody has to take off at its end."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection

from fastpath.images.verdict import Reason
from parental.calendar import screen_time
from parental.policy import profiles
from parental.policy.profile import lock_reason
from parental.policy.schedule import Schedule, parse_interval
from parental.store.errors import NoPerson, NotNow

KARACHI = ZoneInfo("Asia/Karachi")


def at(hour: int, minute: int = 0, day: int = 3) -> datetime:
    return datetime(2026, 8, day, hour, minute, tzinfo=KARACHI)


def is_closed(conn: Connection, now: datetime) -> bool:
    return lock_reason(profiles.get_profile(conn, 7), now) != Reason.DEFAULT


def test_it_is_closed_until_it_is_started_and_when_the_minutes_are_used(household: Connection) -> None:
    screen_time.put_quota(household, 7, 60, at(8))
    assert is_closed(household, at(9))

    screen_time.start(household, 7, at(10))

    assert [is_closed(household, each) for each in (at(10), at(10, 59), at(11), at(12, 0, 5))] == [
        False,
        False,
        True,
        True,
    ]


def test_it_ends_by_midnight_and_where_something_else_closes(household: Connection) -> None:
    screen_time.put_quota(household, 7, 60, at(8))
    assert screen_time.ends_by(profiles.get_profile(household, 7), at(23, 50)) == at(0, day=4)

    profiles.set_schedule(household, 7, Schedule((parse_interval("mon", "21:30", "06:30"),)))
    assert screen_time.ends_by(profiles.get_profile(household, 7), at(21)) == at(21, 30)


def test_what_is_left_after_a_stop_is_there_later_and_no_more(household: Connection) -> None:
    screen_time.put_quota(household, 7, 60, at(8))
    screen_time.start(household, 7, at(10))
    stopped = screen_time.stop(household, 7, at(10, 20))
    assert screen_time.left_s(household, 7, stopped, at(15)) == 40 * 60
    assert is_closed(household, at(10, 21))

    again = screen_time.start(household, 7, at(15))
    assert again.ends_s == at(15, 40).timestamp()
    with pytest.raises(NotNow, match="runs already"):
        screen_time.start(household, 7, at(15, 10))
    with pytest.raises(NotNow, match="used up"):
        screen_time.start(household, 7, at(16))


def test_a_new_day_has_its_minutes_and_screen_time_ends_at_midnight(household: Connection) -> None:
    screen_time.put_quota(household, 7, 60, at(8))
    begun = screen_time.start(household, 7, at(23, 30))
    assert begun.ends_s is not None
    assert abs(begun.ends_s - at(0, 0, 4).timestamp()) <= 1

    assert screen_time.left_s(household, 7, begun, at(9, 0, 4)) == 3600
    assert screen_time.start(household, 7, at(9, 0, 4)).ends_s == at(10, 0, 4).timestamp()


def test_more_or_less_minutes_keep_what_is_used(household: Connection) -> None:
    screen_time.put_quota(household, 7, 60, at(8))
    screen_time.start(household, 7, at(10))
    screen_time.put_quota(household, 7, 90, at(10, 30))

    quota = screen_time.quota_of(household, 7)
    assert quota is not None
    assert not quota.is_running(int(at(10, 31).timestamp()))
    assert screen_time.left_s(household, 7, quota, at(11)) == 60 * 60


@pytest.mark.parametrize(("minutes", "left"), [(30, 0), (60, 0), (90, 30)])
def test_other_minutes_keep_what_is_used_by_screen_time_that_ended_by_itself(
    household: Connection, minutes: int, left: int
) -> None:
    screen_time.put_quota(household, 7, 60, at(8))
    screen_time.start(household, 7, at(16))

    screen_time.put_quota(household, 7, minutes, at(18))

    quota = screen_time.quota_of(household, 7)
    assert quota is not None
    assert screen_time.left_s(household, 7, quota, at(18)) == 60 * left
    assert is_closed(household, at(18))


def test_other_minutes_on_the_next_day_have_all_of_it(household: Connection) -> None:
    screen_time.put_quota(household, 7, 60, at(8))
    screen_time.start(household, 7, at(16))

    screen_time.put_quota(household, 7, 90, at(9, day=4))

    assert screen_time.start(household, 7, at(10, day=4)).ends_s == at(11, 30, day=4).timestamp()


def test_without_a_quota_nothing_is_closed_and_nothing_starts(household: Connection) -> None:
    screen_time.put_quota(household, 7, 60, at(8))
    screen_time.put_quota(household, 7, None, at(9))

    assert not is_closed(household, at(10))
    with pytest.raises(NoPerson, match="set them first"):
        screen_time.start(household, 7, at(10))


def test_a_clock_set_back_ends_what_runs_as_much_earlier(household: Connection) -> None:
    screen_time.put_quota(household, 7, 60, at(8))
    screen_time.start(household, 7, at(10))

    assert screen_time.set_back(household, 7200, at(8, 30)) == [7]  # half an hour on, the clock says 8:30
    assert [is_closed(household, each) for each in (at(8, 59), at(9))] == [False, True]
    quota = screen_time.quota_of(household, 7)
    assert quota is not None
    assert screen_time.left_s(household, 7, quota, at(8, 30)) == 30 * 60
