"""What the revision of order steps says of orders that are there already: the state that they are in."""

import pytest
from sqlalchemy import text

from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original, receipt, "
    "withdrawn_ms) VALUES (1, 'PTA', '0', 'g', 'exact', true, 7, '', '', :receipt, :withdrawn)"
)
ENTRY = "INSERT INTO entries (\"order\", number, value, status, revision) VALUES (1, :number, 'a.test', 'invalid', 1)"
STATUS = "UPDATE entries SET status = :status WHERE number = :number"


@pytest.mark.parametrize(
    ("statuses", "withdrawn", "state"),
    [
        (["enforced", "duplicate"], None, "enforced"),
        (["enforced_http_only", "invalid"], None, "partially_enforced"),
        (["pending", "enforced"], None, "approved"),
        (["withdrawn"], 1, "withdrawn"),
        (["pending_review", "invalid"], None, "held_by_rail"),
        (["expired"], None, "expired"),
        (["refused_protected"], None, "rejected"),
        ([], None, None),
    ],
)
def test_an_order_of_before_is_said_to_be_what_its_entries_are(
    empty_database: Where, statuses: list[str], withdrawn: int | None, state: str | None
) -> None:
    upgrade(empty_database, "0017")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        conn.execute(text(ORDER), {"receipt": "{}", "withdrawn": withdrawn})
        for number, status in enumerate(statuses, 1):
            conn.execute(text(ENTRY), {"number": number})
            conn.execute(text(STATUS), {"number": number, "status": status})
    upgrade(empty_database, "0019")
    with engine.begin() as conn:
        found = conn.execute(text("SELECT state, at_ms FROM order_steps")).all()
    engine.dispose()

    assert found == ([] if state is None else [(state, 7)])
