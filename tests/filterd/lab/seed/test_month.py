from datetime import datetime, timedelta

from sqlalchemy import Connection

from filterd.lab.seed.month import N_DAYS, Change, Month, play
from parental.store.database import opened
from parental.store.engines import Where


def test_the_last_day_is_today_where_the_provider_is(month: Month) -> None:
    assert [month.day(number).isoformat() for number in (0, N_DAYS)] == ["2026-07-15", "2026-08-14"]


def test_a_moment_lies_in_its_day_and_never_after_the_end(month: Month) -> None:
    for day in range(N_DAYS + 1):
        moments = [month.at(day, hour) for hour in range(24)]
        assert {moment.astimezone(month.zone).date() for moment in moments} == {month.day(day)}
        assert month.begin <= min(moments) <= max(moments) <= month.close_of(day) <= month.end


def test_hours_of_today_that_have_not_come_are_spread_over_the_day_so_far(month: Month) -> None:
    assert len({month.at(N_DAYS, 22) for _ in range(50)}) > 40


def test_changes_are_made_in_the_order_of_their_times_with_those(month: Month, database: Where) -> None:
    made: list[tuple[str, datetime]] = []

    def change(name: str, at: datetime) -> Change:
        def make(conn: Connection, when: datetime) -> None:
            assert conn.in_transaction()
            made.append((name, when))

        return Change(at, make)

    before = month.end - timedelta(days=1)
    with opened(database) as engine:
        assert play(engine, [change("second", month.end), change("first", before)]) == 2

    assert made == [("first", before), ("second", month.end)]
