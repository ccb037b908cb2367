"""With the revision of answers by message no caregiver of before gets any, and each can choose so."""

from sqlalchemy import text

from parental.migrations.versions import r0027_request_messages
from parental.people.request_messages import choose, has_chosen
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_a_caregiver_of_before_has_not_chosen_and_can(empty_database: Where) -> None:
    upgrade(empty_database, r0027_request_messages.down_revision)
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        conn.execute(text("INSERT INTO accounts (id, created_s) VALUES (7, 1)"))
        row = "INSERT INTO caregivers (id, account, nickname, role, state, phone, invited_s) "
        conn.execute(text(row + "VALUES (1, 7, 'Sana', 'owner', 'active', :phone, 1)"), {"phone": b"sealed"})

    upgrade(empty_database)

    with engine.begin() as conn:
        assert not has_chosen(conn, 1)
        assert choose(conn, 7, 1, True) and has_chosen(conn, 1)
    engine.dispose()
