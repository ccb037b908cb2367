"""What the revision of shadows leaves as it is: orders of before are enforced, and their steps and approvals stay."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 7, '', '')"
)
ENTRY = "INSERT INTO entries (\"order\", number, value, status, revision) VALUES (1, {n}, 'a.test', '{status}', 1)"
STEP = "INSERT INTO order_steps (\"order\", n, state, at_ms, \"by\") VALUES (1, {n}, '{state}', 7, 'control')"
COLUMNS = '"order", kind, digest, reason, reference, collateral, proposer, proposer_group, proposer_account, proposed_s'
APPROVAL = f"INSERT INTO approvals ({COLUMNS}) VALUES (1, '{{kind}}', '', 'r', 'r', 'c', 'a', 'legal', 'desk', 7)"
SIGNATURE = "INSERT INTO approval_signatures VALUES (1, 'proposed', 'c', 'a', 'd', 's', 7)"


def test_what_was_there_stays_and_control_alone_calls_an_entry_counted(empty_database: Where) -> None:
    upgrade(empty_database, "0035")
    engine = engine_of(empty_database)
    before = (ORDER, ENTRY.format(n=1, status="pending"), STEP.format(n=1, state="approved"))
    with engine.begin() as conn:
        for statement in (*before, APPROVAL.format(kind="emergency"), SIGNATURE):
            conn.execute(text(statement))
    upgrade(empty_database, "0036")

    with engine.begin() as conn:
        assert [bool(each) for each in conn.execute(text("SELECT is_shadow FROM orders")).scalars()] == [False]
        assert conn.execute(text("SELECT state FROM order_steps")).all() == [("approved",)]
        assert conn.execute(text("SELECT approval FROM approval_signatures")).all() == [(1,)]
        conn.execute(text(STEP.format(n=2, state="shadow")))
        conn.execute(text(APPROVAL.format(kind="enforce")))
        conn.execute(text(ENTRY.format(n=2, status="pending")))
        for refused in (STEP.format(n=3, state="other"), APPROVAL.format(kind="held")):
            with pytest.raises(IntegrityError), conn.begin_nested():
                conn.execute(text(refused))
        for status in ("shadow", "enforced"):
            with pytest.raises(DBAPIError, match="control alone says"), conn.begin_nested():
                conn.execute(text(ENTRY.format(n=3, status=status)))
    engine.dispose()
