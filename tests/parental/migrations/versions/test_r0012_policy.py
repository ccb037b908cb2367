"""With the twelfth revision YouTube has a setting of its own, and closed hours may leave something open."""

from sqlalchemy import text

from parental.policy.profiles import get_profile
from parental.policy.schedule import Interval
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_who_wished_safe_search_has_it_for_youtube_too_and_hours_stay_full(empty_database: Where) -> None:
    upgrade(empty_database, "0010")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (
            "INSERT INTO accounts (id, created_s) VALUES (7, 1)",
            "INSERT INTO profiles (id, account, zone, paused_until_s, revision) VALUES (7, 7, 'UTC', 0, 1)",
            "INSERT INTO dns_wishes (profile, safe_search, canaries) VALUES (7, 'strict', false)",
            "INSERT INTO closed_intervals (profile, weekday, start_minute, minutes) VALUES (7, 1, 60, 30)",
        ):
            conn.execute(text(statement))

    upgrade(empty_database)

    with engine.begin() as conn:
        found = get_profile(conn, 7)
    assert (found.safe_search, found.youtube) == ("strict", "strict")
    assert found.schedule.intervals == (Interval(1, 60, 30),)
    engine.dispose()
