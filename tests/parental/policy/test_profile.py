from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fastpath.images.verdict import Reason
from parental.policy.profile import UNTIL_RESUMED, Profile, Span, lock_reason, next_lock_change
from parental.policy.schedule import Interval, Schedule
from parental.store.errors import BadProfile

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)  # a Monday
EVENING = Schedule((Interval(0, 20 * 60, 60),), "UTC")


def at_hour(hour: int, minute: int = 0) -> datetime:
    return NOON.replace(hour=hour, minute=minute)


def test_a_category_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(BadProfile, match="'adlt' is not known"):
        Profile(frozenset({"adlt"}))


def test_a_safe_search_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(BadProfile, match="'on' is not known; not accepted; write one of off, moderate, strict"):
        Profile(safe_search="on")


def test_more_intervals_than_anybody_plans_are_refused() -> None:
    with pytest.raises(BadProfile, match="101 intervals"):
        Profile(schedule=Schedule(tuple(Interval(0, i, 1) for i in range(101))))


def test_a_pause_locks_until_its_instant_and_outranks_the_schedule_as_a_reason() -> None:
    profile = Profile(schedule=EVENING, paused_until_s=int(at_hour(20, 30).timestamp()))

    assert lock_reason(profile, at_hour(20, 29)) == Reason.PAUSE
    assert lock_reason(profile, at_hour(20, 30)) == Reason.SCHEDULE
    assert lock_reason(profile, at_hour(21)) == Reason.DEFAULT


def test_a_pause_that_runs_into_closed_hours_changes_nothing_until_they_end() -> None:
    profile = Profile(schedule=EVENING, paused_until_s=int(at_hour(20, 30).timestamp()))

    assert next_lock_change(profile, NOON) == at_hour(21)
    assert next_lock_change(profile, at_hour(21)) == at_hour(20) + timedelta(days=7)


def test_a_pause_that_ends_in_open_hours_changes_at_its_end() -> None:
    profile = Profile(schedule=EVENING, paused_until_s=int(at_hour(13).timestamp()))

    assert next_lock_change(profile, NOON) == at_hour(13)


def test_a_pause_until_resumed_never_ends_by_itself() -> None:
    profile = Profile(schedule=EVENING, paused_until_s=UNTIL_RESUMED)

    assert lock_reason(profile, NOON + timedelta(days=36500)) == Reason.PAUSE
    assert next_lock_change(profile, NOON) is None


def span(begins: datetime, ends: datetime, kind: str) -> Span:
    return Span(int(begins.timestamp()), int(ends.timestamp()), kind)


def test_a_quota_that_is_used_up_is_a_reason_of_its_own_and_a_pause_goes_before_it() -> None:
    spent = span(NOON, at_hour(14), "quota")
    paused = span(NOON, at_hour(13), "pause")

    assert lock_reason(Profile(closures=(spent, paused)), NOON) == Reason.PAUSE
    assert lock_reason(Profile(closures=(spent, paused)), at_hour(13)) == Reason.QUOTA
    assert lock_reason(Profile(closures=(spent, paused)), at_hour(14)) == Reason.DEFAULT


def test_the_next_change_is_past_what_a_grant_opens_and_a_closure_covers() -> None:
    tonight = span(at_hour(19), at_hour(23), "tonight_off")
    profile = Profile(schedule=EVENING, grants=(tonight,))
    assert next_lock_change(profile, NOON) == at_hour(20) + timedelta(days=7)

    closed = span(at_hour(19), at_hour(22), "closed_until")
    profile = Profile(schedule=EVENING, closures=(closed,))
    assert (next_lock_change(profile, NOON), next_lock_change(profile, at_hour(20))) == (at_hour(19), at_hour(22))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"closures": (Span(1, 2, "plus"),)}, "closures: 'plus' is not known"),
        ({"grants": (Span(1, 2, "quota"),)}, "grants: 'quota' is not known"),
        ({"grants": (Span(1, UNTIL_RESUMED, "plus"),)}, "grants: one has no end"),
        ({"closures": tuple(Span(n, n + 1, "quota") for n in range(256))}, "256 spans; not accepted; write at most"),
        ({"youtube": "on"}, "youtube: 'on' is not known"),
    ],
)
def test_what_cannot_be_of_a_profile_is_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(BadProfile, match=why):
        Profile(**wrong)


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(BadProfile, match="quota: ends before it begins"):
        Span(2, 2, "quota")
