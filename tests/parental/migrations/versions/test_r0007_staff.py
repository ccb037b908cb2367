"""Tokens get roles, an end and a label, and issuers become rows, with the seventh revision."""

import time

from sqlalchemy import text

from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

YEAR_S = 365 * 86400


def test_tokens_of_before_go_on_with_the_roles_that_theirs_became_and_end_in_a_year(empty_database: Where) -> None:
    upgrade(empty_database, "0006")
    engine = engine_of(empty_database)
    before = [(b"1" * 32, "operator", None), (b"2" * 32, "auditor", None), (b"3" * 32, "regulator", "PTA")]
    before += [(b"4" * 32, "regulator", "PTA"), (b"5" * 32, "regulator", None)]
    with engine.begin() as conn:
        for sha256, role, issuer in before:
            made = text("INSERT INTO tokens (sha256, role, created_s, issuer) VALUES (:sha256, :role, 1, :issuer)")
            conn.execute(made, {"sha256": sha256, "role": role, "issuer": issuer})
        conn.execute(text("INSERT INTO sessions (sha256, token, expires_s) SELECT sha256, id, 9 FROM tokens"))

    earliest = int(time.time()) + YEAR_S
    upgrade(empty_database, "0007")

    with engine.begin() as conn:
        rows = conn.execute(text("SELECT sha256, roles, issuer, scopes, expires_s FROM tokens ORDER BY id")).all()
        assert [(bytes(row.sha256), row.roles, row.issuer) for row in rows] == [
            (b"1" * 32, "compliance engineer", None),
            *before[1:],
        ]
        assert all(row.scopes is None and earliest <= row.expires_s <= time.time() + YEAR_S for row in rows)
        assert conn.execute(text("SELECT name, contact, is_active FROM issuers")).one() == ("PTA", "", True)
        assert conn.execute(text("SELECT count(*) FROM sessions")).scalar_one() == len(before)
    engine.dispose()


def test_a_number_that_was_a_tokens_is_given_to_no_other(empty_database: Where) -> None:
    upgrade(empty_database, "0007")
    engine = engine_of(empty_database)
    numbers = []
    for octet in (b"1", b"2"):
        with engine.begin() as conn:
            made = text(
                "INSERT INTO tokens (sha256, roles, label, created_s, expires_s, made_by) "
                "VALUES (:sha256, 'auditor', '', 1, 2, '') RETURNING id"
            )
            numbers.append(conn.execute(made, {"sha256": octet * 32}).scalar_one())
            conn.execute(text("DELETE FROM tokens"))

    assert numbers[1] > numbers[0]
    engine.dispose()
