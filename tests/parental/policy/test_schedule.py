import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle import schedule as oracle

from parental.policy.schedule import (
    Interval,
    Schedule,
    closed_minutes,
    minute_text,
    next_turn,
    parse_interval,
    parse_minute,
    sentence,
    soft_minutes,
)
from parental.store.errors import BadSchedule

KARACHI = ZoneInfo("Asia/Karachi")
BERLIN = "Europe/Berlin"
SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)  # Berlin: 02:00 becomes 03:00
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)  # Berlin: 03:00 becomes 02:00


triples = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 10080) | st.integers(1, 600)), max_size=5
)
zones = st.sampled_from(["Asia/Karachi", BERLIN, "America/St_Johns", "Africa/Casablanca", "UTC"])
WINTER_S = int(datetime(2025, 12, 1, tzinfo=UTC).timestamp())
WINTER_S = int(datetime(2025, 12, 1, tzinfo=UTC).timestamp())
instants = st.one_of(
    st.integers(WINTER_S, WINTER_S + 420 * 86400).map(lambda at_s: datetime.fromtimestamp(at_s, UTC)),
    st.builds(
        lambda turn, s: turn + timedelta(seconds=s), st.sampled_from([SPRING, AUTUMN]), st.integers(-90000, 90000)
    ),
)


def schedule_of(found: list[tuple[int, int, int]], zone: str) -> Schedule:
    return Schedule(tuple(Interval(*triple) for triple in found), zone)


@given(triples, zones, instants)
def test_closed_is_what_the_wall_clock_says_in_every_zone(
    found: list[tuple[int, int, int]], zone: str, at: datetime
) -> None:
    assert schedule_of(found, zone).is_closed(at) == oracle.is_closed(found, zone, at)


@settings(deadline=None, max_examples=60)
@given(triples, zones, instants)
@example([(6, 150, 10)], BERLIN, SPRING - timedelta(hours=3))  # an interval that the turned clock leaves out
@example([(6, 150, 10)], BERLIN, AUTUMN - timedelta(minutes=29))  # and one that it has twice
def test_the_next_change_is_the_first_minute_at_which_the_oracle_changes(
    found: list[tuple[int, int, int]], zone: str, after: datetime
) -> None:
    expected = oracle.next_change(found, zone, after, timedelta(days=2))

    got = schedule_of(found, zone).next_change(after)

    if expected is not None:
        assert got == expected
    else:
        assert got is None or got > after + timedelta(days=2) - timedelta(minutes=1)


@given(triples)
def test_the_union_is_sorted_apart_and_inside_the_week_and_holds_the_same_minutes(
    found: list[tuple[int, int, int]],
) -> None:
    ranges = closed_minutes(tuple(Interval(*triple) for triple in found))

    assert all(start >= 0 and minutes > 0 and start + minutes <= 10080 for start, minutes in ranges)
    assert all(left[0] + left[1] < right[0] for left, right in itertools.pairwise(ranges))
    minutes = {(day * 1440 + start + i) % 10080 for day, start, length in found for i in range(length)}
    assert {start + i for start, length in ranges for i in range(length)} == minutes


def test_an_interval_of_sunday_night_closes_monday_morning() -> None:
    schedule = Schedule((Interval(6, 1380, 480),))

    assert closed_minutes(schedule.intervals) == ((0, 420), (10020, 60))
    assert schedule.is_closed(datetime(2026, 8, 3, 6, 59, 59, tzinfo=KARACHI))
    assert not schedule.is_closed(datetime(2026, 8, 3, 7, 0, 0, tzinfo=KARACHI))


def test_the_minute_begins_at_second_zero() -> None:
    schedule = Schedule((parse_interval("mon", "21:30", "22:00"),))

    assert not schedule.is_closed(datetime(2026, 8, 3, 21, 29, 59, 999999, tzinfo=KARACHI))
    assert schedule.is_closed(datetime(2026, 8, 3, 21, 30, tzinfo=KARACHI))
    assert schedule.next_change(datetime(2026, 8, 3, 21, 29, 59, 999999, tzinfo=KARACHI)) == datetime(
        2026, 8, 3, 16, 30, tzinfo=UTC
    )


def test_the_end_of_the_week_is_no_change_where_monday_goes_on_closed() -> None:
    schedule = Schedule((Interval(6, 1380, 480),))

    change = schedule.next_change(datetime(2026, 8, 2, 23, 30, tzinfo=KARACHI))

    assert change == datetime(2026, 8, 3, 7, 0, tzinfo=KARACHI)


@pytest.mark.parametrize("intervals", [(), (Interval(3, 100, 10080),)])
def test_never_and_always_closed_never_change(intervals: tuple[Interval, ...]) -> None:
    assert Schedule(intervals).next_change(datetime(2026, 8, 3, tzinfo=UTC)) is None


def test_the_default_zone_is_karachi_and_turns_no_clock() -> None:
    assert Schedule().zone == "Asia/Karachi"
    assert next_turn("Asia/Karachi", int(SPRING.timestamp())) is None


def test_the_turn_of_a_zone_is_found_to_the_second() -> None:
    assert next_turn(BERLIN, int(SPRING.timestamp()) - 1) == (int(SPRING.timestamp()), 7200)
    assert next_turn(BERLIN, int(SPRING.timestamp())) == (int(AUTUMN.timestamp()), 3600)


@pytest.mark.parametrize("text", ["24:30", "7:00", "12:60", "-1:00", "", "12.30", "١٢:٣٠", "12:3a", "24:01", "+1:00"])
def test_what_is_no_time_of_day_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(BadSchedule, match=r"not a time of day; not accepted; write HH:MM, 00:00 to 24:00"):
        parse_minute(text)


@given(st.integers(0, 1440))
def test_a_minute_survives_its_text(minute: int) -> None:
    assert parse_minute(minute_text(minute)) == minute


@pytest.mark.parametrize(
    ("day", "start", "end", "minutes"),
    [
        ("mon", "21:30", "06:30", 540),
        ("fri", "00:00", "24:00", 1440),
        ("sun", "13:00", "14:00", 60),
        ("sat", "12:00", "24:00", 720),
    ],
)
def test_an_end_before_the_start_is_on_the_next_day(day: str, start: str, end: str, minutes: int) -> None:
    assert parse_interval(day, start, end).minutes == minutes


@pytest.mark.parametrize("words", [("mon", "12:00", "12:00"), ("monday", "12:00", "13:00"), ("mon", "24:00", "13:00")])
def test_what_could_mean_two_things_is_refused(words: tuple[str, str, str]) -> None:
    with pytest.raises(BadSchedule):
        parse_interval(*words)


@pytest.mark.parametrize("fields", [(7, 0, 1), (-1, 0, 1), (0, 1440, 1), (0, 0, 0), (0, 0, 10081)])
def test_an_interval_outside_the_week_is_refused(fields: tuple[int, int, int]) -> None:
    with pytest.raises(BadSchedule):
        Interval(*fields)


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(BadSchedule, match="'Mars/Base' is unknown"):
        Schedule((), "Mars/Base")


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(BadSchedule, match="has no zone"):
        Schedule().is_closed(datetime(2026, 8, 3))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "never closed"),
        ([(day, 1290, 540) for day in range(7)], "closed from 21:30 to 06:30 every day"),
        ([(0, 1290, 540), (4, 780, 60)], "closed from 21:30 to 06:30 on Monday; closed from 13:00 to 14:00 on Friday"),
        ([(4, 0, 1440)], "closed from 00:00 to 24:00 on Friday"),
        ([(4, 1200, 2940)], "closed from 20:00 to 21:00 2 days later on Friday"),
    ],
)
def test_the_schedule_is_said_with_one_verb(words: list[tuple[int, int, int]], said: str) -> None:
    assert sentence([Interval(*triple) for triple in words]) == said


def test_a_full_interval_covers_a_soft_one_and_two_soft_ones_leave_open_what_both_do() -> None:
    study, games = frozenset({"education", "zoom"}), frozenset({"games", "zoom"})
    hours = Interval(0, 60, 60, study), Interval(0, 90, 60, games), Interval(0, 100, 10)

    assert closed_minutes(hours) == ((100, 10),)
    assert soft_minutes(hours) == (
        (60, 30, study),
        (90, 10, frozenset({"zoom"})),
        (110, 10, frozenset({"zoom"})),
        (120, 30, games),
    )


def test_what_stays_open_is_known_and_the_same_hours_stand_once() -> None:
    with pytest.raises(BadSchedule, match="allowed: 'homework' is not known"):
        Interval(0, 0, 5, frozenset({"homework"}))
    with pytest.raises(BadSchedule, match="the same hours are written twice"):
        Schedule((Interval(0, 0, 5), Interval(0, 0, 5, frozenset())))


def test_the_sentence_tells_what_stays_open() -> None:
    hours = [Interval(0, 960, 120, frozenset({"zoom", "education"})), Interval(1, 0, 60)]

    assert sentence(hours) == (
        "closed from 16:00 to 18:00 on Monday for all but education, zoom; closed from 00:00 to 01:00 on Tuesday"
    )
