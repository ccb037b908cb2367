"""What holds now and until when, against a look at every minute."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.calendar import ZONES, calendars_around, card_lists

from fastpath.images.verdict import Reason
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar
from parental.calendar.resolution import week_of
from parental.calendar.state import Openness, next_change, preview, state_at
from parental.policy.profile import CLOSURES, OPENS, UNTIL_RESUMED, Profile, Span, allowed_at, lock_reason
from parental.policy.schedule import Schedule

KARACHI = "Asia/Karachi"
SLEEP = Card(Kind.SLEEP, 21 * 60 + 30, 9 * 60, id=1)
HOMEWORK = Card(Kind.HOMEWORK, 16 * 60, 120, allowed=frozenset({"social"}), id=2)
CARDS = SLEEP, HOMEWORK
MONDAY = date(2026, 8, 3)
START = datetime(2026, 3, 20, tzinfo=UTC)


def at(hour: int, minute: int = 0, day: int = 3) -> datetime:
    return datetime(2026, 8, day, hour, minute, tzinfo=ZoneInfo(KARACHI))


def planned(cards: tuple[Card, ...] = CARDS, **more: object) -> Profile:
    return Profile(schedule=Schedule(week_of(cards, Calendar(), MONDAY), KARACHI), **more)  # type: ignore[arg-type]


def span(kind: str, begin: datetime, end: datetime) -> Span:
    return Span(int(begin.timestamp()), int(end.timestamp()), kind)


def test_it_is_open_until_the_next_card() -> None:
    found = state_at(planned(), CARDS, Calendar(), at(12))

    assert (found.state, found.why, found.until) == (Openness.OPEN, "", at(16))


def test_a_soft_card_leaves_what_it_allows_until_its_end() -> None:
    found = state_at(planned(), CARDS, Calendar(), at(16, 30))

    assert (found.state, found.card, found.allowed, found.until) == (
        Openness.PARTLY,
        HOMEWORK,
        frozenset({"social"}),
        at(18),
    )


def test_a_full_card_is_named_after_midnight_too() -> None:
    found = state_at(planned(), CARDS, Calendar(), at(3, 0, 4))

    assert (found.state, found.why, found.card, found.until) == (Openness.CLOSED, "schedule", SLEEP, at(6, 30, 4))


def test_more_minutes_are_why_it_is_open_at_night() -> None:
    found = state_at(planned(grants=(span("plus", at(21, 30), at(22)),)), CARDS, Calendar(), at(21, 45))

    assert (found.state, found.why, found.until) == (Openness.OPEN, "plus", at(22))


@pytest.mark.parametrize("kind", ["pause", "closed_until", "quota"])
def test_a_closure_is_named(kind: str) -> None:
    found = state_at(planned(closures=(span(kind, at(11), at(13)),)), CARDS, Calendar(), at(12))

    assert (found.state, found.why, found.card, found.until) == (Openness.CLOSED, kind, None, at(13))


def test_a_quota_that_a_grant_opens_is_not_why_it_is_closed() -> None:
    closures = (Span(0, UNTIL_RESUMED, "quota"), span("closed_until", at(11), at(13)))
    found = state_at(planned(closures=closures, grants=(span("plus", at(11), at(14)),)), CARDS, Calendar(), at(12))

    assert found.why == "closed_until"


def test_the_coming_week_has_seven_dates_with_their_cards() -> None:
    found = preview(planned(), CARDS, Calendar(), MONDAY)

    assert [each.day for each in found] == [MONDAY + timedelta(days=n) for n in range(7)]
    assert [hours.card for hours in found[0].hours] == [HOMEWORK, SLEEP]


def test_a_week_that_was_set_directly_is_previewed_without_names() -> None:
    found = preview(planned(), (), Calendar(), MONDAY)

    assert all(hours.card is None for day in found for hours in day.hours)
    assert sum(hours.end - hours.start for day in found for hours in day.hours) == 7 * (9 * 60 + 120)


spans = st.tuples(st.sampled_from([*CLOSURES, *OPENS]), st.integers(0, 3000), st.integers(1, 600))


@settings(deadline=None, max_examples=40)
@given(cards=card_lists, data=st.data(), zone=st.sampled_from(ZONES), held=st.lists(spans, max_size=4))
def test_it_changes_next_at_the_first_minute_that_differs(
    cards: tuple[Card, ...], data: st.DataObject, zone: str, held: list[tuple[str, int, int]]
) -> None:
    now = START + timedelta(minutes=data.draw(st.integers(0, 14 * 1440)))  # with turns of clocks in two zones
    today = now.astimezone(ZoneInfo(zone)).date()
    made = [span(kind, now + timedelta(minutes=m), now + timedelta(minutes=m + n)) for kind, m, n in held]
    profile = Profile(
        schedule=Schedule(week_of(cards, data.draw(calendars_around(today)), today), zone),
        closures=tuple(each for each in made if each.kind in CLOSURES),
        grants=tuple(each for each in made if each.kind in OPENS),
    )

    def seen(when: datetime) -> tuple[bool, frozenset[str] | None]:
        return lock_reason(profile, when) != Reason.DEFAULT, allowed_at(profile, when)

    minutes = (now + timedelta(minutes=n) for n in range(1, 2 * 1440))
    first = next((minute for minute in minutes if seen(minute) != seen(now)), None)
    found = next_change(profile, now)

    if first is None:
        assert found is None or found >= now + timedelta(days=2) - timedelta(minutes=1)
    else:
        assert found == first
