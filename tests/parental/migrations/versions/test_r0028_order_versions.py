"""What the revision of versions does with orders of before: each is its own first version, and no date ends it."""

from sqlalchemy import insert, select, text

from parental.schema.deadlines import order_alarms
from parental.schema.orders import orders
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 7, '', '')"
)


def test_an_order_of_before_is_its_own_first_version_and_has_no_dates(empty_database: Where) -> None:
    upgrade(empty_database, "0027")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        conn.execute(text(ORDER))
        conn.execute(text("INSERT INTO order_alarms (\"order\", kind, at_ms) VALUES (1, '50', 8)"))
    upgrade(empty_database, "0028")
    with engine.begin() as conn:
        conn.execute(insert(order_alarms).values(order=1, kind="review", at_ms=9))
        assert conn.execute(select(order_alarms).order_by(order_alarms.c.at_ms)).all() == [
            (1, "50", 8),
            (1, "review", 9),
        ]
        dates = (orders.c.first, orders.c.version, orders.c.review_s, orders.c.expires_s, orders.c.expired_ms)
        assert conn.execute(select(*dates)).all() == [(None, 1, None, None, None)]
    engine.dispose()
