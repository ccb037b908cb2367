"""With the revision of requests a child can ask from a profile that was there before."""

from datetime import UTC, datetime

from sqlalchemy import text

from parental.migrations.versions import r0024_requests
from parental.people.requests import ChildRequest, ask, newest
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_a_household_of_before_can_be_asked(empty_database: Where) -> None:
    upgrade(empty_database, r0024_requests.down_revision)
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        conn.execute(text("INSERT INTO accounts (id, created_s) VALUES (7, 1)"))
        said = "INSERT INTO profiles (id, account, zone, paused_until_s, revision) VALUES (7, 7, 'UTC', 0, 1)"
        conn.execute(text(said))

    upgrade(empty_database)

    with engine.begin() as conn:
        request, is_new = ask(conn, 7, 7, ChildRequest(30, None, "play"), datetime(2026, 8, 3, tzinfo=UTC))
        assert is_new and newest(conn, 7) == request
    engine.dispose()
