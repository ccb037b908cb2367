import json

import pytest
from sqlalchemy import Connection, select, text
from support.mgmt.orders import NOW

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.events import note_order
from parental.store.schema.ledger import events


@pytest.mark.parametrize("issuer", ["x'ff'", "CAST(x'ff' AS TEXT)", "12", "'an issuer'"])
@pytest.mark.parametrize("order", ["1", "'one'", "x'00'", "9223372036854775807"])
def test_what_control_refuses_is_noted_whatever_the_rows_hold(conn: Connection, issuer: str, order: str) -> None:
    if conn.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps nothing of another type")
    conn.execute(
        text(
            "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
            f"VALUES (1, {issuer}, 'r', 'g', 'subtree', 0, 0, x'', x'')"
        )
    )
    number = conn.execute(text(f"SELECT {order}")).scalar_one()

    note_order(conn, number, "entries refused", NOW, CONTROL, entries=1)

    said = json.loads(conn.execute(select(events.c.text)).scalars().all()[-1])
    assert (said["action"], said["said"]) == ("entries refused", {"entries": 1})
