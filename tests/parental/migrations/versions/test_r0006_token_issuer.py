"""The issuer of a regulator's token comes with the sixth revision."""

from sqlalchemy import text

from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_a_token_of_before_speaks_for_no_issuer(empty_database: Where) -> None:
    upgrade(empty_database, "0005")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        row = {"sha256": b"1" * 32, "role": "regulator"}
        conn.execute(text("INSERT INTO tokens (sha256, role, created_s) VALUES (:sha256, :role, 1)"), row)

    upgrade(empty_database, "0006")

    with engine.begin() as conn:
        assert conn.execute(text("SELECT role, issuer FROM tokens")).one() == ("regulator", None)
    engine.dispose()
