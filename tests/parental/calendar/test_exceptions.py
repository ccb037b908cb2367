"""What families decide for now: it opens or closes between two instants, and is refused where it would do nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.calendar import OPEN, ZONES, card_lists, held_at, wall_of
from sqlalchemy import Connection
from support.present import present

from fastpath.images.verdict import Reason
from parental.calendar import exceptions, plans, screen_time, weeks
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar
from parental.calendar.exceptions import MAX_EXCEPTIONS
from parental.calendar.resolution import week_of
from parental.people.household import By
from parental.policy import profiles
from parental.policy.profile import OPENS, Profile, Span, is_open, lock_reason
from parental.policy.schedule import Interval, Schedule
from parental.store.errors import BadProfile, NoPerson, NotNow

KARACHI = ZoneInfo("Asia/Karachi")
SLEEP = Card(Kind.SLEEP, 21 * 60 + 30, 9 * 60)
HOMEWORK = Card(Kind.HOMEWORK, 16 * 60, 90, allowed=frozenset({"games"}))
BY = By("token", "1", "parent")


def at(hour: int, minute: int = 0, day: int = 3) -> datetime:
    return datetime(2026, 8, day, hour, minute, tzinfo=KARACHI)


@pytest.fixture
def sleeper(household: Connection) -> Connection:
    """Line 7 sleeps from 21:30 to 6:30."""
    plans.put_card(household, 7, SLEEP)
    weeks.renew(household, [7], at(12))
    return household


def profile(conn: Connection) -> Profile:
    return profiles.get_profile(conn, 7)


def give(conn: Connection, span: Span, now: datetime) -> int:
    return exceptions.add(conn, 7, span, BY, now)


def is_closed(conn: Connection, now: datetime) -> bool:
    return lock_reason(profile(conn), now) != Reason.DEFAULT


def test_thirty_minutes_more_hold_from_now_where_it_is_closed(sleeper: Connection) -> None:
    give(sleeper, exceptions.more(profile(sleeper), "plus", 30, at(22)), at(22))

    assert [is_closed(sleeper, at(22, minute)) for minute in (0, 29, 30)] == [False, False, True]


def test_thirty_minutes_more_come_after_the_hour_at_which_it_would_close(sleeper: Connection) -> None:
    for _ in range(2):
        give(sleeper, exceptions.more(profile(sleeper), "plus", 30, at(20)), at(20))

    assert [is_closed(sleeper, each) for each in (at(21, 30), at(22, 29), at(22, 30))] == [False, False, True]


def test_thirty_minutes_more_come_before_homework_that_leaves_something_open(sleeper: Connection) -> None:
    plans.put_card(sleeper, 7, HOMEWORK)
    weeks.renew(sleeper, [7], at(12))

    give(sleeper, exceptions.more(profile(sleeper), "plus", 30, at(15, 50)), at(15, 50))

    assert [is_open(profile(sleeper), at(16, minute)) for minute in (0, 29, 30)] == [True, True, False]
    assert is_closed(sleeper, at(21, 30))


def test_of_two_that_are_given_in_homework_the_second_comes_after_the_first(household: Connection) -> None:
    plans.put_card(household, 7, HOMEWORK)
    weeks.renew(household, [7], at(12))

    for minutes in (30, 10):
        give(household, exceptions.more(profile(household), "ticket", minutes, at(16, 10)), at(16, 10))

    assert [is_open(profile(household), at(16, minute)) for minute in (10, 49, 50)] == [True, True, False]


grants = st.tuples(st.sampled_from(list(OPENS)), st.integers(0, 1500), st.integers(1, 600))


@settings(deadline=None, max_examples=30)
@given(cards=card_lists, zone=st.sampled_from(ZONES), n=st.integers(0, 20000), held=st.lists(grants, max_size=4))
def test_minutes_begin_at_the_first_minute_that_is_not_open(
    cards: tuple[Card, ...], zone: str, n: int, held: list[tuple[str, int, int]]
) -> None:
    now = datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=n)  # with turns of clocks in two zones
    now_s = int(now.timestamp())
    week = week_of(cards, Calendar(), now.astimezone(ZoneInfo(zone)).date())
    spans = tuple(Span(now_s + 60 * begin, now_s + 60 * (begin + minutes), kind) for kind, begin, minutes in held)
    rules = Profile(schedule=Schedule(week, zone), grants=spans)

    minutes = (now + timedelta(minutes=m) for m in range(2 * 1440))
    first = next((minute for minute in minutes if not is_open(rules, minute)), None)
    try:
        found = exceptions.more(rules, "plus", 30, now).from_s
    except NotNow:
        assert not week
        return

    assert found >= (now + timedelta(days=2)).timestamp() if first is None else found == first.timestamp()


def test_minutes_are_refused_where_nothing_closes_or_a_person_has_closed(household: Connection) -> None:
    with pytest.raises(NotNow, match="nothing closes it"):
        exceptions.more(profile(household), "plus", 30, at(20))
    profiles.pause(household, 7, None)
    with pytest.raises(NotNow, match="resume"):
        exceptions.more(profile(household), "plus", 30, at(20))


def test_minutes_do_not_open_what_a_person_has_closed_until_a_time(sleeper: Connection) -> None:
    give(sleeper, exceptions.until(profile(sleeper), "closed_until", at(23), at(20)), at(20))
    with pytest.raises(NotNow, match="until a time"):
        exceptions.more(profile(sleeper), "ticket", 30, at(20))

    give(sleeper, exceptions.until(profile(sleeper), "open_until", at(22), at(20)), at(20))
    assert [is_closed(sleeper, each) for each in (at(20), at(22))] == [False, True]


@pytest.mark.parametrize("now", [at(12), at(23), at(3, 0, 4)])
def test_tonight_off_is_one_night(sleeper: Connection, now: datetime) -> None:
    night = exceptions.tonight_off(profile(sleeper), plans.cards_of(sleeper, [7])[7], Calendar(), now)
    give(sleeper, night, now)

    assert not any(is_closed(sleeper, each) for each in (max(now, at(21, 30)), at(6, 29, 4)))
    assert is_closed(sleeper, at(21, 30, 4))
    assert night.until_s == at(6, 30, 4).timestamp()


def test_tonight_off_of_a_plain_week_is_its_next_closed_time() -> None:
    plain = Profile(schedule=Schedule((Interval(0, 1260, 120),)))

    assert exceptions.tonight_off(plain, (), Calendar(), at(12)) == Span(
        int(at(21).timestamp()), int(at(23).timestamp()), "tonight_off"
    )
    with pytest.raises(NotNow, match="no bedtime"):
        exceptions.tonight_off(plain, (), Calendar(), at(12, day=5))


MIDNIGHT = Card(Kind.SLEEP, 30, 7 * 60)
BEFORE_SCHOOL = replace(SLEEP, days=frozenset({6, 0, 1, 2, 3}))
OF_THE_WEEKEND = Card(Kind.SLEEP, 30, 450, days=frozenset({5, 6}))


@pytest.mark.parametrize(
    ("cards", "now", "end"),
    [
        ((SLEEP,), at(12), at(21, 30)),
        ((SLEEP,), at(6, 30), at(21, 30)),
        ((MIDNIGHT,), at(22, 30), at(0, 30, 4)),
        ((MIDNIGHT,), at(0, 10), at(0, 30)),
        ((BEFORE_SCHOOL, OF_THE_WEEKEND), at(21, 45, 8), at(0, 30, 9)),
        ((BEFORE_SCHOOL, OF_THE_WEEKEND), at(9, 0, 9), at(21, 30, 9)),
    ],
)
def test_until_bedtime_ends_where_the_first_bedtime_begins(
    cards: tuple[Card, ...], now: datetime, end: datetime
) -> None:
    assert exceptions.until_bedtime(Profile(), cards, Calendar(), now).until_s == end.timestamp()


@pytest.mark.parametrize("now", [at(0, 30), at(7, 29)])
def test_until_bedtime_is_refused_at_bedtime(now: datetime) -> None:
    with pytest.raises(NotNow, match="it is bedtime"):
        exceptions.until_bedtime(Profile(), (MIDNIGHT, SLEEP), Calendar(), now)


def test_until_bedtime_is_refused_where_none_begins_within_a_day() -> None:
    with pytest.raises(NotNow, match="within a day"):
        exceptions.until_bedtime(Profile(), (OF_THE_WEEKEND,), Calendar(), at(0, 29, 7))


@settings(deadline=None, max_examples=40)
@given(found=card_lists, zone=st.sampled_from(ZONES), n=st.integers(0, 10 * 1440))
def test_until_bedtime_ends_at_the_first_minute_of_a_card_of_sleep(found: tuple[Card, ...], zone: str, n: int) -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=n)  # no zone turns its clocks then
    cards = tuple(replace(card, kind=Kind.SLEEP, allowed=None) for card in found)
    minutes = (wall_of(now + timedelta(minutes=m), zone) for m in range(1441))
    first = next((m for m, wall in enumerate(minutes) if held_at(cards, Calendar(), wall) is not OPEN), None)

    try:
        until_s = exceptions.until_bedtime(Profile(schedule=Schedule((), zone)), cards, Calendar(), now).until_s
    except NotNow:
        assert first in (0, None)
    else:
        assert until_s - now.timestamp() == 60 * present(first)


def test_an_exception_is_undone_once_and_by_its_own_profile(sleeper: Connection) -> None:
    number = give(sleeper, exceptions.until(profile(sleeper), "open_until", at(23), at(22)), at(22))
    with pytest.raises(NoPerson):
        exceptions.undo(sleeper, 8, number)

    assert exceptions.undo(sleeper, 7, number) == "open_until"
    assert is_closed(sleeper, at(22))
    with pytest.raises(NoPerson):
        exceptions.undo(sleeper, 7, number)


def test_what_has_ended_makes_room_and_no_more_are_kept_than_an_image_holds(sleeper: Connection) -> None:
    for n in range(MAX_EXCEPTIONS):
        give(sleeper, Span(int(at(12).timestamp()), int(at(13, n).timestamp()), "open_until"), at(12))
    with pytest.raises(BadProfile, match="undo some"):
        give(sleeper, exceptions.until(profile(sleeper), "open_until", at(14), at(12)), at(12))

    screen_time.put_quota(sleeper, 7, 60, at(12))
    give(sleeper, exceptions.until(profile(sleeper), "open_until", at(14), at(13)), at(13))
    assert len(exceptions.held(sleeper, 7, at(13))) == MAX_EXCEPTIONS


@pytest.mark.parametrize(
    ("kind", "end"), [("open_until", at(11)), ("open_until", at(12, day=11)), ("closed_until", at(12))]
)
def test_an_end_that_has_passed_or_is_too_far_is_refused(sleeper: Connection, kind: str, end: datetime) -> None:
    with pytest.raises(BadProfile, match="until"):
        exceptions.until(profile(sleeper), kind, end, at(12))


def test_a_clock_set_back_ends_what_is_open_as_much_earlier(sleeper: Connection) -> None:
    give(sleeper, exceptions.more(profile(sleeper), "plus", 30, at(22)), at(22))
    now = at(22, 10) - timedelta(hours=1)  # ten minutes on, the clock says 21:10

    assert exceptions.set_back(sleeper, 3600, now) == [7]
    assert [is_closed(sleeper, each) for each in (at(21, 30), at(22, 0))] == [True, True]


def test_a_clock_set_back_keeps_what_a_person_has_closed(sleeper: Connection) -> None:
    give(sleeper, exceptions.until(profile(sleeper), "closed_until", at(20), at(12)), at(12))

    assert exceptions.set_back(sleeper, 3600, at(12)) == []
    assert is_closed(sleeper, at(19))
