"""With the nineteenth revision cards may go by the sun; those that are there keep their own hours."""

from sqlalchemy import text

from parental.calendar.plans import calendar_of, cards_of
from parental.migrations.versions import r0018_suhoor_iftar as suhoor
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_cards_and_dates_that_are_there_go_by_the_clock(empty_database: Where) -> None:
    upgrade(empty_database, suhoor.down_revision)
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (
            "INSERT INTO accounts (id, created_s) VALUES (7, 1)",
            "INSERT INTO profiles (id, account, zone, paused_until_s, revision) VALUES (7, 7, 'UTC', 0, 1)",
            "INSERT INTO household_calendars VALUES (7, 31, true, 1)",
            "INSERT INTO cards (profile, kind, label, days, start_minute, minutes, day_sets, is_on) "
            "VALUES (7, 'sleep', '', 127, 1380, 360, 'ramadan', true)",
        ):
            conn.execute(text(statement))

    upgrade(empty_database)

    with engine.begin() as conn:
        [card] = cards_of(conn, [7])[7]
        assert (card.start_minute, card.begins, card.ends) == (1380, None, None)
        assert (calendar_of(conn, 7).shift_days, calendar_of(conn, 7).city) == (1, None)
    engine.dispose()
