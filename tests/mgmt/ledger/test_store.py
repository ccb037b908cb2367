import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from support.mgmt import ledgers
from support.mgmt.ledgers import NOON, line_put

from mgmt.ledger import store
from mgmt.ledger.event import CONTROL, Event
from parental.store.database import reading, writing
from parental.store.schema.ledger import events, salts


def texts(engine: Engine) -> list[Any]:
    with reading(engine) as conn:
        return [json.loads(each) for each in conn.execute(select(events.c.text).order_by(events.c.number)).scalars()]


def test_an_event_is_there_with_its_change_or_not_at_all(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(engine) as conn:
        store.append(conn, line_put(1), NOON)
        raise ZeroDivisionError
    with writing(engine) as conn:
        assert store.append(conn, line_put(2), NOON) == 0

    assert [each["about"] for each in texts(engine)] == [{"line": 2}]


def test_events_of_one_transaction_follow_each_other(engine: Engine) -> None:
    with writing(engine) as conn:
        assert store.append_all(conn, [line_put(1), line_put(2)], NOON) == 0
        assert store.append(conn, line_put(3), NOON) == 2
        assert store.append_all(conn, [], NOON) == 3

    assert [each["number"] for each in texts(engine)] == [0, 1, 2]


def test_writers_at_the_same_moment_give_no_number_twice_and_leave_none_out(engine: Engine) -> None:
    def put(line: int) -> None:
        for _ in range(10):
            with writing(engine) as conn:
                store.append_all(conn, [line_put(line), line_put(line)], NOON)

    with ThreadPoolExecutor(4) as writers:
        for done in [writers.submit(put, line) for line in range(4)]:
            done.result()

    assert [each["number"] for each in texts(engine)] == list(range(80))


def test_one_unfit_event_keeps_all_of_them_out(engine: Engine) -> None:
    with pytest.raises(ValueError, match="not written"), writing(engine) as conn:
        store.append_all(conn, [line_put(1), Event("people", "x", CONTROL, said={"x": 0.5})], NOON)  # type: ignore[dict-item]

    assert texts(engine) == []


def test_time_in_the_ledger_never_goes_back_and_says_by_how_much_the_clock_did(engine: Engine) -> None:
    with writing(engine) as conn:
        store.append(conn, line_put(1), NOON)
        store.append(conn, line_put(2), NOON - timedelta(days=365))
        store.append(conn, line_put(3), NOON + timedelta(seconds=1))
    ledgers.sign(engine)

    said = texts(engine)
    assert [each["time"][:19] for each in said[:3]] == ["2026-08-03T12:00:00"] * 2 + ["2026-08-03T12:00:01"]
    assert [each.get("clock_behind_ms") for each in said[:3]] == [None, 365 * 86_400_000, None]
    ledgers.verified(ledgers.bundle(engine))


def test_every_event_has_a_salt_of_its_own(engine: Engine) -> None:
    ledgers.write(engine, 20)

    with reading(engine) as conn:
        found = conn.execute(select(salts.c.salt)).scalars().all()
    assert len(set(found)) == len(found) == 21
    assert {len(each) for each in found} == {16}


def test_a_redacted_event_has_neither_text_nor_salt_and_can_be_redacted_once(engine: Engine) -> None:
    ledgers.write(engine, 3)

    with writing(engine) as conn:
        by = store.redact(conn, 1, "a court", CONTROL, NOON)
        [row] = store.read_events(conn, 1, 2)
        with pytest.raises(LookupError, match="event 1: does not exist, or is redacted already"):
            store.redact(conn, 1, "again", CONTROL, NOON)

    assert (row.text, row.salt, row.by_number) == (None, None, by)
    with reading(engine) as conn:
        [said] = store.read_events(conn, by, by + 1)
    assert json.loads(said.text)["about"] == {"event": 1}
    assert json.loads(said.text)["said"] == {"reason": "a court"}


def test_what_says_that_an_event_was_redacted_is_never_redacted_itself(engine: Engine) -> None:
    ledgers.write(engine, 3)

    with writing(engine) as conn:
        by = store.redact(conn, 1, "of Amna, who asked for it", CONTROL, NOON)
        with pytest.raises(ValueError, match=f"event {by}: says who redacted another event"):
            store.redact(conn, by, "a name is in it", CONTROL, NOON)
        size = store.size(conn)

    with reading(engine) as conn:
        assert [row.by_number for row in store.read_events(conn, 0, size)].count(by) == 1
        assert store.read_events(conn, by, size)[0].text is not None


def test_a_key_is_made_known_once_by_an_event(engine: Engine) -> None:
    with writing(engine) as conn:
        store.put_key(conn, ledgers.SIGNER.vkey, NOON, CONTROL)
        store.put_key(conn, ledgers.SIGNER.vkey, NOON, CONTROL)
        assert store.known_keys(conn) == [ledgers.SIGNER.vkey]

    assert [each["action"] for each in texts(engine)] == ["ledger key put"]


def test_checkpoints_are_found_by_size_from_both_sides(engine: Engine) -> None:
    with writing(engine) as conn:
        for size in (2, 5):
            store.put_checkpoint(conn, size, f"note {size}", NOON)
        store.put_checkpoint(conn, 5, "other", NOON)

        assert [store.signed_up_to(conn, n) for n in (0, 2, 4, 9)] == [0, 2, 2, 5]
        assert [store.signed_from(conn, n) for n in (0, 3, 6)] == [2, 5, None]
        assert store.checkpoints_between(conn, 2, 5) == {5: "note 5"}


def test_events_are_found_by_their_time(engine: Engine) -> None:
    ledgers.write(engine, 3)
    start_ms = int(NOON.timestamp() * 1000)

    with reading(engine) as conn:
        assert [store.first_since(conn, start_ms + ms) for ms in (0, 1000, 1001, 9000)] == [0, 0, 1, 4]
        assert store.last_time_ms(conn) == start_ms + 3000


def test_reading_leaves_in_pages_leaves_the_connection_as_it_was(engine: Engine) -> None:
    ledgers.write(engine, 2)

    with reading(engine) as conn:
        assert len(list(store.iter_leaves(conn, 0, 3))) == 3
        assert "yield_per" not in conn.get_execution_options()
