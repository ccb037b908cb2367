"""What the revision of order files keeps: orders of before came without a file, and their entries have no place."""

from sqlalchemy import select, text

from parental.schema.orders import entries, order_files
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 7, '', '')"
)
ENTRY = "INSERT INTO entries (\"order\", number, value, status, revision) VALUES (1, 1, 'a.test', 'invalid', 1)"


def test_entries_of_before_have_no_place_and_their_orders_no_file(empty_database: Where) -> None:
    upgrade(empty_database, "0020")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (ORDER, ENTRY):
            conn.execute(text(statement))
    upgrade(empty_database, "0021")
    with engine.begin() as conn:
        assert conn.execute(select(entries.c.value, entries.c.place)).all() == [("a.test", None)]
        assert conn.execute(select(order_files)).all() == []
    engine.dispose()
