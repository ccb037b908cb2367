"""What the revision of schools keeps: sessions of before hold, and no account has named a contact."""

from sqlalchemy import select, text

from parental.schema.access import sessions
from parental.schema.people import safeguarding_contacts
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ROWS = (
    "INSERT INTO accounts (id) VALUES (7)",
    "INSERT INTO caregivers (id, account, nickname, role, state, invited_s) VALUES (1, 7, 'S', 'owner', 'active', 1)",
    "INSERT INTO sessions (sha256, caregiver, expires_s, pin_until_s) VALUES ('', 1, 9, 5)",
)


def test_sessions_of_before_keep_their_pin_and_no_account_has_a_contact(empty_database: Where) -> None:
    upgrade(empty_database, "0025")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in ROWS:
            conn.execute(text(statement))
    upgrade(empty_database, "0026")
    with engine.begin() as conn:
        assert conn.execute(select(sessions.c.pin_from_s, sessions.c.pin_until_s)).all() == [(0, 5)]
        assert conn.execute(select(safeguarding_contacts)).all() == []
    engine.dispose()
