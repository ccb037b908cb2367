"""Families sign in by telephone with the seventeenth revision; who is signed in stays so."""

import time

from sqlalchemy import inspect, text

from parental.migrations.versions import r0017_family_sign_in as seventeenth
from parental.store.database import reading, writing
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_the_seventeenth_revision_adds_codes_and_pins_and_keeps_who_is_signed_in(empty_database: Where) -> None:
    upgrade(empty_database, seventeenth.down_revision)
    engine = engine_of(empty_database)
    before = set(inspect(engine).get_table_names())
    with writing(engine) as conn:
        conn.execute(
            text(
                "INSERT INTO tokens (id, sha256, roles, label, created_s, expires_s, made_by) "
                "VALUES (1, :octets, 'parent', '', 1, :ends, '')"
            ),
            {"octets": b"t", "ends": int(time.time()) + 1000},
        )
        signed_in = text("INSERT INTO sessions (sha256, token, expires_s, receipt) VALUES (:octets, 1, 9, '{}')")
        conn.execute(signed_in, {"octets": b"s"})

    upgrade(empty_database, seventeenth.revision)

    assert set(inspect(engine).get_table_names()) - before == {"login_codes", "family_pins"}
    with reading(engine) as conn:
        (row,) = conn.execute(text("SELECT token, caregiver, pin_until_s, receipt FROM sessions")).all()
    assert tuple(row) == (1, None, 0, None)
    engine.dispose()
