"""What the revision of refusals keeps: proposals of before are as they were, and none of them is refused."""

from sqlalchemy import select, text

from parental.schema.orders import approval_refusals, approvals
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 7, '', '')"
)
APPROVAL = (
    'INSERT INTO approvals (id, "order", kind, digest, reason, reference, collateral, proposer, proposer_group, '
    "proposer_account, proposed_s) VALUES (1, 1, 'emergency', '', 'r', 'r', 'c', 'a', 'legal', 'desk', 7)"
)


def test_no_proposal_of_before_is_refused(empty_database: Where) -> None:
    upgrade(empty_database, "0022")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (ORDER, APPROVAL):
            conn.execute(text(statement))
    upgrade(empty_database, "0023")
    with engine.begin() as conn:
        assert conn.execute(select(approvals.c.id, approvals.c.lapsed_ms)).all() == [(1, None)]
        assert conn.execute(select(approval_refusals)).all() == []
    engine.dispose()
