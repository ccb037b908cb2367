"""What the revision of legal holds keeps: approvals as they were, and that each approval is of one thing."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from parental.schema.orders import approval_signatures, approvals
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

COLUMNS = (
    "kind, digest, reason, reference, collateral, proposer, proposer_group, proposer_account, proposed_s, expires_s"
)
ROLLBACK = (
    f"INSERT INTO approvals (id, {COLUMNS}, list, list_from, list_to) "
    "VALUES (3, 'rollback', '', 'r', 'r', 'c', 'a', 'legal', 'desk', 7, 8, 'pta', 'b', 'a')"
)
SIGNATURE = "INSERT INTO approval_signatures VALUES (3, 'proposed', 'c', 'a', 'd', 's', 7)"
HOLD = "INSERT INTO legal_holds (id, since_s, until_s, keeps_keys) VALUES (1, 0, 9, false)"
ANY = (
    f"INSERT INTO approvals ({COLUMNS}, list, list_from, list_to, hold) "
    "VALUES ('{kind}', '', 'r', 'r', 'c', 'a', 'legal', 'desk', 7, {ends}, {of})"
)
NO_LIST, OF_LIST = "NULL, NULL, NULL", "'pta', 'b', 'a'"
YEAR_S, MONTH_S = 31_622_400, 2_592_000


def test_approvals_stay_and_one_of_a_hold_names_nothing_else(empty_database: Where) -> None:
    upgrade(empty_database, "0033")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (ROLLBACK, SIGNATURE):
            conn.execute(text(statement))
    upgrade(empty_database, "0034")

    with engine.begin() as conn:
        assert conn.execute(select(approvals.c.id, approvals.c.list, approvals.c.hold)).all() == [(3, "pta", None)]
        assert conn.execute(select(approval_signatures.c.approval)).all() == [(3,)]
        conn.execute(text(HOLD))
        conn.execute(text(ANY.format(kind="legal-hold", ends=7 + YEAR_S, of=f"{NO_LIST}, 1")))
        conn.execute(text(ANY.format(kind="legal-hold-release", ends=8, of=f"{NO_LIST}, 1")))
        for kind, ends, of in (
            ("legal-hold", 8 + YEAR_S, f"{NO_LIST}, 1"),
            ("legal-hold-release", 8 + MONTH_S, f"{NO_LIST}, 1"),
            ("legal-hold", 8, f"{NO_LIST}, NULL"),
            ("legal-hold", 8, f"{OF_LIST}, 1"),
            ("rollback", 8, f"{OF_LIST}, 1"),
            ("held", 8, f"{NO_LIST}, 1"),
            ("hold", 8, f"{NO_LIST}, 1"),
        ):
            with pytest.raises(IntegrityError), conn.begin_nested():
                conn.execute(text(ANY.format(kind=kind, ends=ends, of=of)))
    engine.dispose()
