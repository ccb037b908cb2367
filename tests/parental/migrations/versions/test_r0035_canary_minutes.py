"""What the revision of minutes leaves as it is: an order that is on trial meanwhile."""

from sqlalchemy import text

from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 7, '', '')"
)
CANARY = (
    'INSERT INTO order_canaries ("order", gateway, revision, n_entries, begun_s, n_blocks, minute, n_minute, peak) '
    "VALUES (1, 'first', 1, 1, 7, 12, 3, 5, 9)"
)


def test_what_an_order_on_trial_has_blocked_so_far_stays_and_its_minutes_begin(empty_database: Where) -> None:
    upgrade(empty_database, "0034")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (ORDER, CANARY):
            conn.execute(text(statement))
    upgrade(empty_database, "0035")

    with engine.begin() as conn:
        found = conn.execute(text("SELECT n_blocks, peak, baseline, outcome FROM order_canaries")).all()
        assert found == [(12, 9, None, None)]
        conn.execute(text("INSERT INTO canary_minutes (canary, minute, n) VALUES (1, 3, 5)"))
    engine.dispose()
