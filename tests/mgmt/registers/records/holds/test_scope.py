"""Which records a hold names, in words, in days and in the database."""

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from mgmt.registers.records.holds.scope import DAY_S, Scope, day_text, is_held
from parental.store.schema.records import blocks

DAY = 20_668
SCOPE = Scope(DAY * DAY_S, (DAY + 2) * DAY_S, order=7, subscriber="ab" * 16)


def test_a_scope_says_its_records_and_not_whose_they_are() -> None:
    said = SCOPE.text()

    assert said == "records from 2026-08-03T00:00:00Z to 2026-08-05T00:00:00Z, order 7, of one pseudonym"
    assert Scope(0, 1).text() == "records from the first one to 1970-01-01T00:00:01Z"


def test_its_days_are_those_that_it_touches() -> None:
    assert SCOPE.days == (DAY, DAY + 1) and day_text(DAY) == "2026-08-03"
    assert Scope(-1, 1).days == (-1, 0)


def test_only_a_scope_of_time_alone_names_all_of_a_day() -> None:
    of_time = Scope(SCOPE.since_s, SCOPE.until_s)

    assert [of_time.names_all_of(day) for day in range(DAY - 1, DAY + 3)] == [False, True, True, False]
    assert not SCOPE.names_all_of(DAY) and not of_time._replace(since_s=of_time.since_s + 1).names_all_of(DAY)


def test_what_it_compares_is_bound_and_never_a_part_of_the_query() -> None:
    query = select(blocks.c.id).where(is_held([SCOPE._replace(list="x' OR 1=1"), Scope(0, 9)]))

    for dialect in (sqlite.dialect(), postgresql.dialect()):
        assert "OR 1=1" not in str(query.compile(dialect=dialect))


def test_no_hold_names_nothing() -> None:
    assert "false" in str(select(blocks.c.id).where(is_held([])).compile(dialect=postgresql.dialect()))
