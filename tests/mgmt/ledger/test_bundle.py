import pytest
from sqlalchemy import Engine
from support.mgmt import ledgers
from support.mgmt.ledgers import NOON, line_put

from mgmt.ledger import store
from mgmt.ledger.bundle import NoCheckpoint, consistency_of, event_line, page_of, plan_range, proof_of
from mgmt.ledger.event import CONTROL
from parental.store.database import reading, writing

START_MS = int(NOON.timestamp() * 1000)


def test_a_bundle_leaves_out_what_is_not_signed_yet(engine: Engine) -> None:
    ledgers.write(engine, 3)
    with writing(engine) as conn:
        store.append(conn, line_put(4), NOON)

    assert ledgers.verified(ledgers.bundle(engine)).until == 4


def test_a_bundle_of_more_than_one_page_is_whole(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PAGE", 5)
    ledgers.write(engine, 23, signed={7, 14})

    assert ledgers.verified(ledgers.bundle(engine)).until == 24


def test_an_event_that_is_not_signed_or_does_not_exist_has_no_proof(engine: Engine) -> None:
    ledgers.write(engine, 2)
    with writing(engine) as conn:
        store.append(conn, line_put(4), NOON)

        with pytest.raises(NoCheckpoint, match="event 3 is not signed yet"):
            proof_of(conn, 3)
        with pytest.raises(LookupError, match="event 4: does not exist; the ledger has 4"):
            proof_of(conn, 4)
        with pytest.raises(NoCheckpoint, match="4 events are not signed; 3 are"):
            consistency_of(conn, 4)


def test_a_redaction_that_is_not_signed_yet_makes_an_export_wait(engine: Engine) -> None:
    ledgers.write(engine, 2)
    with writing(engine) as conn:
        plan = plan_range(conn, 0, START_MS * 2)
        store.redact(conn, 1, "a court", CONTROL, NOON)

        with pytest.raises(NoCheckpoint, match="event 3 is not signed yet; nothing exported"):
            plan_range(conn, 0, START_MS * 2)
        with pytest.raises(NoCheckpoint, match="event 1 was redacted meanwhile"):
            page_of(conn, plan, 0)
        [row] = store.read_events(conn, 1, 2)
        assert event_line(row).endswith(b'"number":1,"redacted_by":3}\n')


def test_a_range_before_the_first_event_is_empty(engine: Engine) -> None:
    ledgers.write(engine, 2)

    with reading(engine) as conn:
        plan = plan_range(conn, 0, 1)
    assert (plan.first, plan.until) == (0, 0) or plan.until == 3
