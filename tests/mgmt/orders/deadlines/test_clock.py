"""The clock of an order: when it is due, what stops it, and which alarms lie between two moments."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgmt.orders.base.deadline_rules import Deadline, Rules
from mgmt.orders.deadlines.clock import Alarm, Clock, alarms_between, clock_of
from mgmt.orders.phases.states import State, Step

BEGUN = datetime(2026, 8, 3, 16, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = Rules((Deadline(DAY),))


def order(deadline: datetime | None = None, original: bytes = b"{}", ground: str = "a law") -> Any:
    """A row of orders, as far as a clock looks at it."""
    deadline_s = None if deadline is None else int(deadline.timestamp())
    received_ms = int(BEGUN.timestamp() * 1000)
    said = {"issuer": "PTA", "ref": "WA/1", "ground": ground, "is_emergency": False}
    return SimpleNamespace(received_ms=received_ms, deadline_s=deadline_s, original=original, **said)


def after(hours: float, state: State) -> Step:
    return Step(state, int((BEGUN + timedelta(hours=hours)).timestamp() * 1000), "control")


def test_an_order_without_a_deadline_of_its_own_has_that_of_the_settings() -> None:
    assert clock_of(order(), (), RULES) == Clock(BEGUN, BEGUN + DAY, "setting")
    assert clock_of(order(BEGUN + 3 * DAY), (), RULES) == Clock(BEGUN, BEGUN + 3 * DAY, "letter")
    assert clock_of(order(), (), Rules(())) is None


@pytest.mark.parametrize("state", [State.ENFORCED, State.PARTIALLY_ENFORCED])
def test_an_order_that_came_sealed_is_met_once_every_worker_serves_it_and_another_is_not(state: State) -> None:
    steps = [after(0, State.APPROVED), after(2, state)]

    sealed, other = (clock_of(order(ground=each), steps, RULES) for each in ("child-abuse: PECA 22", "PECA 37"))

    assert sealed is not None and (sealed.is_met, sealed.stopped) == (True, BEGUN + timedelta(hours=2))
    assert other is not None and other.stopped is None


def test_a_letter_that_only_a_list_names_has_no_clock() -> None:
    assert clock_of(order(original=b""), (), RULES) is None


@pytest.mark.parametrize(
    ("steps", "at_hours", "state"),
    [
        ((), 1, "running"),
        ((), 24, "overdue"),
        ((after(1, State.ENFORCED),), 2, "running"),
        ((after(1, State.VERIFIED), after(2, State.CONFIRMED)), 50, "in_time"),
        ((after(25, State.CONFIRMED),), 26, "late"),
        ((after(1, State.CONFIRMED), after(30, State.ENFORCED)), 50, "in_time"),
        ((after(1, State.WITHDRAWN),), 50, "ended"),
        ((after(1, State.EXPIRED),), 50, "ended"),
        ((after(1, State.REJECTED),), 50, "ended"),
        ((after(1, State.REJECTED), after(2, State.APPROVED)), 50, "overdue"),
    ],
)
def test_a_confirmation_stops_the_clock_for_good_and_so_does_an_order_that_cannot_come_in_force(
    steps: tuple[Step, ...], at_hours: int, state: str
) -> None:
    clock = clock_of(order(), steps, RULES)

    assert clock is not None
    assert clock.state(BEGUN + timedelta(hours=at_hours)) == state


def test_the_alarms_are_at_half_three_quarters_and_nine_tenths_of_the_time_and_when_it_is_over() -> None:
    found = list(alarms_between(Clock(BEGUN, BEGUN + DAY, "letter"), BEGUN, BEGUN + 2 * DAY))

    assert [(alarm.value, (at - BEGUN) / timedelta(hours=1)) for alarm, at in found] == [
        ("50", 12),
        ("75", 18),
        ("90", 21.6),
        ("overdue", 24),
    ]


def test_an_order_that_was_confirmed_in_between_gives_no_alarm() -> None:
    clock = Clock(BEGUN, BEGUN + DAY, "letter", BEGUN + timedelta(hours=18), True)

    assert [alarm for alarm, _ in alarms_between(clock, BEGUN, BEGUN + 2 * DAY)] == [Alarm.HALF]


def test_a_deadline_that_was_over_when_the_order_came_is_overdue_at_once() -> None:
    clock = Clock(BEGUN, BEGUN, "letter")

    assert [alarm for alarm, _ in alarms_between(clock, BEGUN - DAY, BEGUN)][-1] is Alarm.OVERDUE


@given(
    minutes=st.integers(1, 20_000),
    looks=st.lists(st.integers(0, 30_000), max_size=12).map(sorted),
    stopped=st.none() | st.integers(0, 30_000),
)
def test_however_often_one_looks_each_alarm_is_found_once(minutes: int, looks: list[int], stopped: int | None) -> None:
    def at(minute: int) -> datetime:
        return BEGUN + timedelta(minutes=minute)

    clock = Clock(BEGUN, at(minutes), "letter", None if stopped is None else at(stopped), stopped is not None)
    moments = [BEGUN, *map(at, looks)]

    parts = [found for one, other in pairwise(moments) for found in alarms_between(clock, one, other)]

    assert parts == list(alarms_between(clock, BEGUN, moments[-1]))


@pytest.mark.parametrize("deadline_s", [2**62, -(2**62), 0, int((BEGUN + timedelta(days=367)).timestamp()), "soon"])
def test_a_deadline_that_no_letter_can_state_is_none_and_the_settings_count(deadline_s: Any) -> None:
    row = order()
    row.deadline_s = deadline_s

    assert clock_of(row, (), RULES) == Clock(BEGUN, BEGUN + DAY, "setting")


@pytest.mark.parametrize("received_ms", [2**62, -(2**62), "now", None])
def test_an_order_of_a_time_that_is_none_has_no_clock(received_ms: Any) -> None:
    row = order()
    row.received_ms = received_ms

    assert clock_of(row, (), RULES) is None
