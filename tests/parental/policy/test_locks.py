from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpath.images.verdict import Reason
from parental.policy import locks
from parental.policy.held import Held
from parental.policy.locks import LockTable
from parental.policy.profile import UNTIL_RESUMED, Profile, Span, allowed_at, lock_reason
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Network

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def prefixes(number: int) -> tuple[Network, Network]:
    return ip_network(f"192.0.2.{number}"), ip_network(f"2001:db8:{number}::/48")


def put(table: LockTable, lines: dict[int, Profile]) -> None:
    held: list[Held] = [
        (prefix.version, prefix.network_address.packed, prefix.prefixlen, number)
        for number in lines
        for prefix in prefixes(number)
    ]
    table.change(sorted(lines.items()), held)


def table_of(lines: dict[int, Profile]) -> LockTable:
    table = LockTable()
    put(table, lines)
    return table


def locked(table: LockTable) -> set[Network]:
    return set(_networks(table.held.columns(table.locked)))


def _networks(columns: dict[tuple[int, int], bytes]) -> Iterator[Network]:
    for (version, length), octets in columns.items():
        width = 4 if version == 4 else 16
        for at in range(0, len(octets), width):
            yield ip_network((octets[at : at + width], length))


def test_a_paused_line_is_locked_in_both_families_and_its_neighbour_is_not() -> None:
    table = table_of({1: Profile(paused_until_s=UNTIL_RESUMED), 2: Profile()})

    table.advance(NOON)

    assert locked(table) == {*prefixes(1)}
    assert table.next_change is None


def test_the_next_change_is_the_earliest_of_all_lines() -> None:
    evening = Profile(schedule=Schedule((Interval(0, 20 * 60, 60),), "UTC"))
    paused = Profile(paused_until_s=int((NOON + timedelta(hours=1)).timestamp()))
    table = table_of({1: evening, 2: paused})

    table.advance(NOON)
    assert table.next_change == NOON + timedelta(hours=1)
    table.advance(NOON + timedelta(hours=1))
    assert locked(table) == set()
    assert table.next_change == NOON + timedelta(hours=8)


def test_lines_with_the_same_schedule_are_one_entry_of_the_clock() -> None:
    evening = Schedule((Interval(0, 20 * 60, 60),), "UTC")
    table = table_of({number: Profile(frozenset(["adult"][: number % 2]), evening) for number in range(1, 200)})

    table.advance(NOON)

    assert len(table._clock) == 1
    table.advance(NOON + timedelta(hours=8))
    assert len(locked(table)) == 2 * 199
    assert len(table._clock) == 1


def test_a_change_that_was_called_off_is_no_change() -> None:
    paused = Profile(paused_until_s=int((NOON + timedelta(hours=1)).timestamp()))
    table = table_of({1: paused})
    table.advance(NOON)
    put(table, {1: Profile()})

    table.advance(NOON + MINUTE)

    assert locked(table) == set()
    put(table, {2: paused})
    assert table.end_of_lock(1, NOON) is None
    assert table.end_of_lock(2, NOON) == NOON + timedelta(hours=1)


def test_a_line_that_is_gone_is_not_locked() -> None:
    table = table_of(dict.fromkeys((1, 2), Profile(paused_until_s=UNTIL_RESUMED)))
    table.advance(NOON)

    assert table.change((), (), prefixes(1))
    table.advance(NOON)

    assert locked(table) == {*prefixes(2)}
    assert table.end_of_lock(1, NOON) is None


def test_groups_that_nobody_is_in_any_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "FEW_GROUPS", 4)
    table = LockTable()
    for minutes in range(1, 100):  # a pause until another minute each time
        until = int((NOON + minutes * MINUTE).timestamp())
        put(table, {1: Profile(paused_until_s=until), 2: Profile(paused_until_s=UNTIL_RESUMED)})
        table.advance(NOON)
        assert locked(table) == {*prefixes(1), *prefixes(2)}
        assert table.end_of_lock(1, NOON) == NOON + minutes * MINUTE

    assert len(table.locked) < 12


def test_a_clock_that_goes_back_locks_again_what_was_locked_then() -> None:
    paused = Profile(paused_until_s=int((NOON + timedelta(hours=1)).timestamp()))
    table = table_of({1: paused})
    table.advance(NOON + timedelta(hours=2))
    assert locked(table) == set()

    table.advance(NOON)

    assert locked(table) == {*prefixes(1)}
    assert table.next_change == NOON + timedelta(hours=1)


triples = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 300)), max_size=3)


@settings(deadline=None, max_examples=40)
@given(triples, st.integers(-60, 600), st.integers(0, 10080))
def test_nothing_changes_before_the_next_change_and_something_does_at_it(
    triples: list[tuple[int, int, int]], paused_minutes: int, start: int
) -> None:
    at = NOON + start * MINUTE
    paused_until = int((at + paused_minutes * MINUTE).timestamp())
    profile = Profile(schedule=Schedule(tuple(Interval(*t) for t in triples), "UTC"), paused_until_s=paused_until)

    def is_locked(when: datetime) -> bool:
        return lock_reason(profile, when) != Reason.DEFAULT

    table = table_of({1: profile})
    table.advance(at)
    change = table.next_change

    assert bool(locked(table)) == is_locked(at)
    for minutes in range(1, 1500, 7):
        later = at + minutes * MINUTE
        if change is None or later < change:
            assert is_locked(later) == is_locked(at)
    if change is not None:
        assert is_locked(change) != is_locked(at)
        assert is_locked(change - timedelta(seconds=1)) == is_locked(at)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(1, 5), triples, st.integers(-60, 600), st.integers(-3, 300)), min_size=1, max_size=12
    )
)
def test_after_any_turns_of_lines_and_clock_those_are_locked_whose_profile_says_so(
    turns: list[tuple[int, list[tuple[int, int, int]], int, int]],
) -> None:
    table, lines, at = LockTable(), dict[int, Profile](), NOON
    for number, triples, paused_minutes, passed in turns:
        at += passed * MINUTE
        schedule = Schedule(tuple(Interval(*t) for t in triples), "UTC")
        until = int((at + paused_minutes * MINUTE).timestamp())
        lines[number] = Profile(schedule=schedule, paused_until_s=until)
        put(table, {number: lines[number]})
        table.advance(at)

        assert locked(table) == {
            prefix
            for number, profile in lines.items()
            if lock_reason(profile, at) != Reason.DEFAULT
            for prefix in prefixes(number)
        }


def test_soft_hours_are_no_lock_of_the_kernel() -> None:
    study = Interval(0, 0, 1440, frozenset({"education"}))
    table = table_of({1: Profile(schedule=Schedule((study,), "UTC"))})

    table.advance(NOON)

    assert (locked(table), table.next_change) == (set(), NOON + timedelta(hours=12))


def tightenings(profile: Profile, hours: int) -> list[int]:
    """The minutes from NOON at which a table that looks when it has to says that soft hours close more."""
    table, found, at = table_of({1: profile}), [], NOON
    table.advance(at)
    while (change := table.next_change) is not None and change <= NOON + timedelta(hours=hours):
        at = change
        table.advance(at)
        if table.is_tighter:
            found.append((at - NOON) // MINUTE)
    return found


def test_soft_hours_are_tighter_when_they_begin_and_when_they_leave_less_and_at_no_other_minute() -> None:
    study, chat = frozenset({"education"}), frozenset({"education", "messaging"})
    hours = (Interval(0, 13 * 60, 60, chat), Interval(0, 14 * 60, 60, study), Interval(0, 15 * 60, 60, chat))

    assert tightenings(Profile(schedule=Schedule(hours, "UTC")), 5) == [60, 120]


def test_the_end_of_a_grant_over_soft_hours_and_of_no_full_lock_is_a_tightening() -> None:
    now_s, study = int(NOON.timestamp()), frozenset({"education"})
    always, full = Interval(0, 0, 10080, study), Interval(0, 14 * 60, 60)
    profile = Profile(schedule=Schedule((always, full), "UTC"), grants=(Span(now_s - 60, now_s + 1800, "tonight_off"),))

    assert tightenings(profile, 4) == [30]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1439), st.integers(1, 900), st.booleans()), max_size=4))
def test_no_tightening_of_soft_hours_is_missed(parts: list[tuple[int, int, int, bool]]) -> None:
    sets = (frozenset({"education"}), frozenset({"education", "messaging"}))
    unique = {part[:3]: part for part in parts}
    hours = tuple(Interval(day, start, n, sets[is_more]) for day, start, n, is_more in unique.values())
    profile, day = Profile(schedule=Schedule(hours, "UTC")), 24 * 60

    expected, before = [], allowed_at(profile, NOON)
    for minute in range(1, day + 1):
        left = allowed_at(profile, NOON + minute * MINUTE)
        if left is not None and (before is None or before - left):
            expected.append(minute)
        before = left

    assert tightenings(profile, 24) == expected


def test_a_clock_that_was_set_back_unlocks_nothing_until_it_is_believed() -> None:
    evening = Interval(0, 13 * 60, 60)  # from an hour behind NOON
    table = table_of({1: Profile(schedule=Schedule((evening,), "UTC"))})
    later = NOON + timedelta(hours=1, minutes=30)
    table.advance(later)
    assert locked(table)

    seen = []
    for at, behind_s in ((NOON, 5400), (NOON + 29 * MINUTE, 5400), (NOON + 30 * MINUTE, 5400), (NOON, 0)):
        table.advance(at, behind_s)
        seen.append((bool(locked(table)), table.next_change))
    assert seen == [
        (True, NOON + 30 * MINUTE),
        (True, NOON + 30 * MINUTE),
        (False, NOON + timedelta(hours=1)),
        (False, NOON + timedelta(hours=1)),
    ]


def test_a_grant_opens_the_kernels_lock_and_its_end_closes_it_again() -> None:
    now_s = int(NOON.timestamp())
    evening = Schedule((Interval(0, 12 * 60, 120),), "UTC")
    table = table_of({1: Profile(schedule=evening, grants=(Span(now_s + 60, now_s + 120, "plus"),))})

    seen = []
    for at in (NOON, NOON + MINUTE, NOON + 2 * MINUTE):
        table.advance(at)
        seen.append((bool(locked(table)), table.next_change))

    assert seen == [(True, NOON + MINUTE), (False, NOON + 2 * MINUTE), (True, NOON + timedelta(hours=2))]
