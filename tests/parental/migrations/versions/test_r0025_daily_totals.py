"""With the revision of daily totals households that are there keep them for the usual time."""

from sqlalchemy import text

from parental.migrations.versions import r0025_daily_totals
from parental.people.reports import DAYS, days_of
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_a_household_of_before_keeps_counts_for_the_usual_time(empty_database: Where) -> None:
    upgrade(empty_database, r0025_daily_totals.down_revision)
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        conn.execute(text("INSERT INTO accounts (id, created_s) VALUES (7, 1)"))

    upgrade(empty_database)

    with engine.begin() as conn:
        assert days_of(conn, 7) == DAYS[0]
    engine.dispose()
