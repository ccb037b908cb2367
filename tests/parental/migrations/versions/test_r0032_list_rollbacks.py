"""What the revision of lists' rollbacks keeps: approvals of orders, and that each approval is of one thing."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from parental.schema.orders import approval_signatures, approvals
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 7, '', '')"
)
COLUMNS = '"order", kind, digest, reason, reference, collateral, proposer, proposer_group, proposer_account, proposed_s'
BEFORE = f"INSERT INTO approvals (id, {COLUMNS}) VALUES (3, 1, 'emergency', '', 'r', 'r', 'c', 'a', 'legal', 'desk', 7)"
SIGNATURE = "INSERT INTO approval_signatures VALUES (3, 'proposed', 'c', 'a', 'd', 's', 7)"
ANY = (
    f"INSERT INTO approvals ({COLUMNS}, expires_s, list, list_from, list_to) "
    "VALUES ({order}, '{kind}', '', 'r', 'r', 'c', 'a', 'legal', 'desk', 7, 8, {names})"
)


def test_approvals_stay_and_one_of_a_list_names_no_order(empty_database: Where) -> None:
    upgrade(empty_database, "0031")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (ORDER, BEFORE, SIGNATURE):
            conn.execute(text(statement))
    upgrade(empty_database, "0032")

    with engine.begin() as conn:
        assert conn.execute(select(approvals.c.id, approvals.c.order, approvals.c.list)).all() == [(3, 1, None)]
        assert conn.execute(select(approval_signatures.c.approval)).all() == [(3,)]
        conn.execute(text(ANY.format(order="NULL", kind="rollback", names="'pta', 'b', 'a'")))
        for order, kind, names in (
            ("1", "rollback", "'pta', 'b', 'a'"),
            ("NULL", "rollback", "NULL, NULL, NULL"),
            ("NULL", "rollback", "'pta', 'b', NULL"),
            ("NULL", "held", "'pta', 'b', 'a'"),
            ("NULL", "emergency", "NULL, NULL, NULL"),
            ("1", "held", "'pta', 'b', 'a'"),
        ):
            with pytest.raises(IntegrityError), conn.begin_nested():
                conn.execute(text(ANY.format(order=order, kind=kind, names=names)))
    engine.dispose()
