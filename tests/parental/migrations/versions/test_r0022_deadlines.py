"""What the revision of deadlines does with orders of before: they give no alarm."""

from sqlalchemy import select, text

from parental.schema.deadlines import order_alarms, order_notices
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 7, '', '')"
)


def test_an_order_of_before_counts_as_one_whose_alarms_were_given(empty_database: Where) -> None:
    upgrade(empty_database, "0021")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        conn.execute(text(ORDER))
    upgrade(empty_database, "0022")
    with engine.begin() as conn:
        assert conn.execute(select(order_alarms)).all() == [(1, "before", 7)]
        assert conn.execute(select(order_notices)).all() == []
    engine.dispose()
