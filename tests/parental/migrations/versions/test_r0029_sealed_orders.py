"""What the revision of sealed orders keeps: approvals with their numbers and signatures, and what may not be one."""

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
APPROVAL = (
    'INSERT INTO approvals (id, "order", kind, digest, reason, reference, collateral, proposer, proposer_group, '
    "proposer_account, proposed_s, way) VALUES ({}, 1, '{}', '', 'r', 'r', 'c', 'a', 'legal', 'desk', 7, 'names')"
)
SIGNATURE = "INSERT INTO approval_signatures VALUES (3, 'proposed', 'c', 'a', 'd', 's', 7)"


def test_approvals_stay_as_they_are_and_one_of_a_sealed_order_needs_no_end(empty_database: Where) -> None:
    upgrade(empty_database, "0028")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (ORDER, APPROVAL.format(3, "emergency"), SIGNATURE):
            conn.execute(text(statement))
    upgrade(empty_database, "0029")

    with engine.begin() as conn:
        assert conn.execute(select(approvals.c.id, approvals.c.kind, approvals.c.way)).all() == [
            (3, "emergency", "names")
        ]
        assert conn.execute(select(approval_signatures.c.approval)).all() == [(3,)]
        conn.execute(text(APPROVAL.format(4, "sealed")))
        for kind in ("held", "other"):  # without an end; of no kind that there is
            with pytest.raises(IntegrityError), conn.begin_nested():
                conn.execute(text(APPROVAL.format(5, kind)))
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(text("UPDATE approvals SET approver = proposer, approver_group = 'x', approved_s = 8"))
    engine.dispose()
