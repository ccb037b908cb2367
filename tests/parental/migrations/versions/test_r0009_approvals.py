"""What the ninth revision lets no role write: a new entry that is in force, an approval by one person or one group."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import DatabaseError

from parental.schema.orders import approvals, entries, orders
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = {"issuer": "PTA", "ref": "1", "ground": "g", "scope": "exact", "is_emergency": False} | {
    "received_ms": 1,
    "sha256": b"",
    "original": b"{}",
}
AGREED = {
    "order": 1,
    "number": 1,
    "kind": "broader",
    "digest": b"",
    "reason": "r",
    "reference": "r",
    "collateral": "c",
    "proposer": "a",
    "proposer_group": "compliance",
    "proposer_account": "root",
    "proposed_s": 1000,
    "approver": "b",
    "approver_group": "approver",
    "approver_account": "root",
    "approved_s": 1001,
    "expires_s": 1000 + 30 * 86400,
}


@pytest.fixture
def engine(empty_database: Where) -> Iterator[Engine]:
    upgrade(empty_database, "0006")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO orders (issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
                "VALUES ('PTA', '0', 'g', 'exact', true, 1, '', '')"
            )
        )
    upgrade(empty_database, "0009")
    yield engine
    engine.dispose()


def test_an_emergency_order_of_before_does_not_lapse(engine: Engine) -> None:
    with engine.begin() as conn:
        assert conn.execute(select(orders.c.confirm_by_s)).one().confirm_by_s is None


@pytest.mark.parametrize("status", ["enforced", "enforced_http_only", "enforced_broader"])
def test_a_new_entry_is_never_in_force(engine: Engine, status: str) -> None:
    row = {"order": 1, "number": 1, "value": "a.test", "revision": 1}
    with pytest.raises(DatabaseError, match="a new entry is not in force"), engine.begin() as conn:
        conn.execute(insert(entries).values(**row, status=status))
    with engine.begin() as conn:
        conn.execute(insert(entries).values(**row, status="pending"))


@pytest.mark.parametrize(
    "lie",
    [
        {"approver": "a"},
        {"approver_group": "compliance"},
        {"approver_group": None},
        {"approved_s": None},
        {"expires_s": 1001 + 30 * 86400},
        {"expires_s": None},
        {"kind": "other"},
    ],
)
def test_an_approval_is_by_two_persons_of_two_groups_for_thirty_days_at_most(
    engine: Engine, lie: dict[str, object]
) -> None:
    with pytest.raises(DatabaseError), engine.begin() as conn:
        conn.execute(insert(approvals).values(AGREED | lie))
    with engine.begin() as conn:
        conn.execute(insert(approvals).values(AGREED))
