"""With the revision of ends the accounts that are there have none."""

from sqlalchemy import select, text

from parental.migrations.versions import r0040_staff_ends
from parental.schema.staff import staff
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

PERSON = (
    'INSERT INTO staff (id, name, mail, role, "group", state, created_s) '
    "VALUES (7, 'Amna', 'amna@isp.example', 'auditor', 'audit', 'active', 1)"
)


def test_an_account_of_before_has_no_end(empty_database: Where) -> None:
    upgrade(empty_database, r0040_staff_ends.down_revision)
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        conn.execute(text(PERSON))

    upgrade(empty_database)

    with engine.begin() as conn:
        assert conn.execute(select(staff.c.id, staff.c.state, staff.c.ends_s)).all() == [(7, "active", None)]
    engine.dispose()
