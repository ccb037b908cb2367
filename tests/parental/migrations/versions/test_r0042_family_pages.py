"""With the revision of spent forms the sessions that are there have spent none, and stay."""

from sqlalchemy import insert, select, text

from parental.migrations.versions import r0042_family_pages
from parental.schema.access import sessions
from parental.schema.base import metadata
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_a_session_of_before_has_spent_no_form(empty_database: Where) -> None:
    upgrade(empty_database, r0042_family_pages.down_revision)
    engine = engine_of(empty_database)
    token = {"sha256": b"t", "roles": "parent", "label": "", "created_s": 1, "expires_s": 2, "made_by": "test"}
    with engine.begin() as conn:
        number = conn.execute(insert(metadata.tables["tokens"]).values(token)).inserted_primary_key
        assert number is not None
        session = {"sha": b"s", "token": number[0]}
        conn.execute(text("INSERT INTO sessions (sha256, token, expires_s) VALUES (:sha, :token, 2)"), session)

    upgrade(empty_database)

    with engine.begin() as conn:
        assert conn.execute(select(sessions.c.forms, sessions.c.spent)).all() == [(0, None)]
    engine.dispose()
