"""The ground that was made up for lists' letters goes with the fifth revision."""

from sqlalchemy import insert, select

from parental.schema.orders import orders
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_a_ground_that_was_made_up_goes_and_one_that_was_pushed_stays(empty_database: Where) -> None:
    upgrade(empty_database, "0004")
    engine = engine_of(empty_database)
    made_up, pushed = (
        {"issuer": "PTA", "ref": ref, "ground": "as the list says", "scope": "subtree", "is_emergency": False}
        | {"received_ms": 1, "sha256": b"", "original": original}
        for ref, original in (("1", b""), ("2", b"{}"))
    )
    with engine.begin() as conn:
        conn.execute(insert(orders), [made_up, pushed])

    upgrade(empty_database, "0005")

    with engine.begin() as conn:
        grounds = conn.execute(select(orders.c.ground).order_by(orders.c.ref)).scalars().all()
    assert grounds == ["", "as the list says"]
    engine.dispose()
