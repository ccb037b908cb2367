"""Which deadline of the settings an order has."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mgmt.orders.base.deadline_rules import DEADLINES, EMERGENCY, ROUTINE, Deadline, Rules, deadline_for

KARACHI = ZoneInfo("Asia/Karachi")
RECEIVED = datetime(2026, 8, 3, 16, tzinfo=UTC)


def hours(n: int, issuer: str | None = None, kind: str | None = None, since: date | None = None) -> Deadline:
    return Deadline(timedelta(hours=n), issuer, kind, since)


def found(*deadlines: Deadline, emergency: bool = False, received: datetime = RECEIVED) -> float | None:
    chosen = deadline_for(Rules(deadlines, zone=KARACHI), "PTA", is_emergency=emergency, received=received)
    return None if chosen is None else chosen.within / timedelta(hours=1)


def test_two_days_are_the_rule_and_half_a_day_for_an_emergency() -> None:
    assert (found(*DEADLINES), found(*DEADLINES, emergency=True)) == (48, 12)


@pytest.mark.parametrize(
    ("deadlines", "expected"),
    [
        ((hours(1), hours(2, "PTA"), hours(3, "NCCIA")), 2),
        ((hours(1, kind=ROUTINE), hours(2)), 1),
        ((hours(1, kind=ROUTINE), hours(2, "PTA")), 2),
        ((hours(1, kind=EMERGENCY),), None),
        ((hours(1, "NCCIA"),), None),
        ((), None),
    ],
)
def test_an_issuers_own_deadline_outranks_that_of_all_and_that_of_a_kind_the_general_one(
    deadlines: tuple[Deadline, ...], expected: int | None
) -> None:
    assert found(*deadlines) == expected


def test_of_several_with_dates_the_newest_that_had_come_when_the_order_was_received_counts() -> None:
    dated = (hours(1), hours(2, since=date(2026, 8, 4)), hours(3, since=date(2026, 9, 1)))

    assert found(*dated, received=RECEIVED) == 1
    assert found(*dated, received=RECEIVED + timedelta(days=1)) == 2
    assert found(*dated, received=RECEIVED + timedelta(days=40)) == 3


def test_a_day_begins_at_the_operators_midnight() -> None:
    dated = (hours(1), hours(2, since=date(2026, 8, 4)))
    midnight = datetime(2026, 8, 3, 19, tzinfo=UTC)  # 00:00 on the fourth in Karachi

    assert found(*dated, received=midnight) == 2
    assert found(*dated, received=midnight - timedelta(seconds=1)) == 1
