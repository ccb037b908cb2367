from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection

from parental.people import children
from parental.people.reports import DAYS, Encounter, count, days_of, forget, keep_for, totals_of
from parental.policy import subscribers as store
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import open_database, writing
from parental.store.engines import Where, engine_of
from parental.store.errors import BadPerson
from parental.store.schema.privileges import LEDGER

NOON = int(datetime(2026, 8, 3, 12, tzinfo=UTC).timestamp())
TODAY = date(2026, 8, 3)


@pytest.fixture
def child(household: Connection) -> int:
    """A child's profile in account 7."""
    return children.add_child(household, 7, {"nickname": "Ayesha"}, Profile()).profile


def test_what_a_child_meets_is_counted_by_its_own_day_and_kind(household: Connection, child: int) -> None:
    late = NOON + 8 * 3600  # 01:00 of the next day in Karachi
    met = [
        Encounter(child, NOON, "games"),
        Encounter(child, NOON, "games"),
        Encounter(child, NOON, "schedule"),
        Encounter(child, late, "games"),
    ]
    count(household, met)
    count(household, [Encounter(child, NOON, "games")])

    assert totals_of(household, child, TODAY) == {
        TODAY: {"games": 3, "schedule": 1},
        TODAY + timedelta(days=1): {"games": 1},
    }
    assert totals_of(household, child, TODAY + timedelta(days=2)) == {}


def test_nothing_is_counted_of_adults_nor_of_what_is_no_profile(household: Connection) -> None:
    count(household, [Encounter(7, NOON, "games"), Encounter(999, NOON, "games")])

    assert totals_of(household, 7, TODAY) == {} == totals_of(household, 999, TODAY)


def test_a_household_that_keeps_nothing_has_nothing_and_gets_nothing(household: Connection, child: int) -> None:
    count(household, [Encounter(child, NOON, "games")])
    assert days_of(household, 7) == DAYS[0] == 30

    keep_for(household, 7, 0, TODAY)
    count(household, [Encounter(child, NOON, "games")])

    assert days_of(household, 7) == 0 and totals_of(household, child, date.min) == {}
    with pytest.raises(BadPerson):
        keep_for(household, 7, 8, TODAY)


def test_what_is_older_than_a_household_wants_is_deleted_and_no_other_ones(household: Connection, child: int) -> None:
    other = children.add_child(household, 8, {"nickname": "Bilal"}, Profile()).profile
    for age in (0, 6, 7, 29, 30):
        count(household, [Encounter(each, NOON - age * 86_400, "games") for each in (child, other)])

    keep_for(household, 7, 7, TODAY)
    assert sorted(totals_of(household, child, date.min)) == [TODAY - timedelta(days=6), TODAY]
    assert len(totals_of(household, other, date.min)) == 5

    assert forget(household, TODAY) == 1
    assert min(totals_of(household, other, date.min)) == TODAY - timedelta(days=29)


@pytest.fixture
def of_ledger(database: Where) -> Iterator[tuple[Connection, int]]:
    """A transaction of the role that keeps the records, and a child's profile."""
    engine = open_database(database)
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(7, "Home", (parse_prefix("192.0.2.7"),)))
        profile = children.add_child(conn, 7, {"nickname": "Ayesha"}, Profile()).profile
    engine.dispose()
    engine = engine_of(database, LEDGER)
    with writing(engine) as conn:
        yield conn, profile
    engine.dispose()


def test_the_role_of_records_counts_and_forgets(of_ledger: tuple[Connection, int]) -> None:
    conn, profile = of_ledger

    count(conn, [Encounter(profile, NOON, "games"), Encounter(profile, NOON - 40 * 86_400, "games")])

    assert forget(conn, TODAY) == 1
