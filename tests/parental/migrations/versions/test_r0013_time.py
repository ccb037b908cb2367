"""Time comes with the thirteenth revision."""

from sqlalchemy import inspect

from parental.migrations.versions import r0013_time as thirteenth
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ADDED = {
    "household_calendars",
    "day_ranges",
    "cards",
    "time_spans",
    "quotas",
    "ticket_keys",
    "tickets",
    "ticket_uses",
}


def test_the_thirteenth_revision_adds_the_tables_of_time_alone(empty_database: Where) -> None:
    upgrade(empty_database, thirteenth.down_revision)
    engine = engine_of(empty_database)
    before = set(inspect(engine).get_table_names())

    upgrade(empty_database, thirteenth.revision)

    assert set(inspect(engine).get_table_names()) - before == ADDED
    engine.dispose()
