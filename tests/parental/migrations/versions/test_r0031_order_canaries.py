"""What the revision of canaries leaves as it is, and what its table refuses."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 7, '', '')"
)
ENTRY = "INSERT INTO entries (\"order\", number, value, status, revision) VALUES (1, 1, 'a.test', 'pending', 1)"
CANARY = (
    'INSERT INTO order_canaries ("order", gateway, revision, n_entries, begun_s, outcome) '
    "VALUES (1, 'first', 1, 1, 7, {})"
)


def test_entries_of_before_are_tried_nowhere_and_an_order_has_one_open_canary(empty_database: Where) -> None:
    upgrade(empty_database, "0030")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (ORDER, ENTRY):
            conn.execute(text(statement))
    upgrade(empty_database, "0031")

    with engine.begin() as conn:
        assert conn.execute(text("SELECT canary FROM entries")).all() == [(None,)]
        for outcome in ("'passed'", "'rolled_back'", "NULL"):
            conn.execute(text(CANARY.format(outcome)))
        for outcome in ("NULL", "'other'"):
            with pytest.raises(IntegrityError), conn.begin_nested():
                conn.execute(text(CANARY.format(outcome)))
    engine.dispose()
