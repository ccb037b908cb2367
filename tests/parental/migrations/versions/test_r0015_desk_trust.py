import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from parental.schema.access import client_certificates, push_nonces
from parental.schema.orders import orders
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 1, '', '')"
)


def test_orders_of_before_are_unsigned_and_a_nonce_of_a_key_counts_once(empty_database: Where) -> None:
    upgrade(empty_database, "0014")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        conn.execute(text(ORDER))
    upgrade(empty_database, "0015")
    nonce = {"key": b"k", "nonce": "n", "until_s": 1}
    with engine.begin() as conn:
        assert conn.execute(select(orders.c.signed_base, orders.c.signature, orders.c.signing_key)).one() == (None,) * 3
        conn.execute(insert(push_nonces).values(nonce))
        conn.execute(insert(push_nonces).values(nonce | {"key": b"other"}))
    with pytest.raises(IntegrityError), engine.begin() as conn:
        conn.execute(insert(push_nonces).values(nonce))
    for lie in ({}, {"issuer": "PTA", "staff": 1}):
        with pytest.raises(IntegrityError), engine.begin() as conn:
            conn.execute(insert(client_certificates).values({"sha256": b"", "put_s": 1} | lie))
    engine.dispose()
