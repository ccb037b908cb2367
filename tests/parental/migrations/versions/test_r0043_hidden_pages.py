"""A page that HTTPS hides is in force by control's word alone."""

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DatabaseError

from parental.migrations.versions import r0043_hidden_pages
from parental.schema.orders import entries
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


@pytest.mark.parametrize("status", ["not_visible_over_https", "enforced_http_only", "shadow"])
def test_a_new_entry_is_never_in_force_for_plain_http_either(empty_database: Where, status: str) -> None:
    upgrade(empty_database, r0043_hidden_pages.revision)
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO orders (issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
                "VALUES ('PTA', '0', 'g', 'exact', true, 1, '', '')"
            )
        )
    row = {"order": 1, "number": 1, "value": "https://a.test/b", "revision": 1}
    with pytest.raises(DatabaseError, match="a new entry is not in force"), engine.begin() as conn:
        conn.execute(insert(entries).values(**row, status=status))
    with engine.begin() as conn:
        conn.execute(insert(entries).values(**row, status="pending"))
    engine.dispose()
