"""What the eleventh revision keeps: approvals of before were by names, and nobody has vouched for a passkey."""

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from parental.schema.orders import approval_signatures, approvals
from parental.schema.staff import passkeys
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 1, '', '')"
)
APPROVAL = (
    'INSERT INTO approvals ("order", kind, digest, reason, reference, collateral, proposer, proposer_group, '
    "proposer_account, proposed_s) VALUES (1, 'emergency', '', 'r', 'r', 'c', 'a', 'compliance', 'root', 1)"
)
STAFF = (
    'INSERT INTO staff (id, name, mail, role, "group", state, created_s) '
    "VALUES (1, 'a', 'a', 'approver', 'g', 'active', 1)"
)
PASSKEY = "INSERT INTO passkeys (staff, credential, public_key, sign_count, label, set_s) VALUES (1, '', '', 0, 'x', 1)"
SIGNATURE = {"approval": 1, "part": "proposed", "credential": b"1", "signed_s": 1} | {
    "authenticator_data": b"",
    "client_data": b"",
    "signature": b"",
}


def test_what_was_approved_before_was_by_names_and_what_comes_is_of_the_desk(empty_database: Where) -> None:
    upgrade(empty_database, "0010")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (ORDER, APPROVAL, STAFF, PASSKEY):
            conn.execute(text(statement))
    upgrade(empty_database, "0011")
    with engine.begin() as conn:
        conn.execute(text(APPROVAL))

        assert list(conn.execute(select(approvals.c.way).order_by(approvals.c.id)).scalars()) == ["names", "desk"]
        assert list(conn.execute(select(passkeys.c.vouched_s)).scalars()) == [None]
        conn.execute(insert(approval_signatures).values(SIGNATURE))
    for lie in ({"part": "approved"}, {"credential": b"2"}, {"part": "other", "credential": b"2"}):
        with pytest.raises(IntegrityError), engine.begin() as conn:
            conn.execute(insert(approval_signatures).values(SIGNATURE | lie))
    engine.dispose()
