"""What the database has of appeals: what was sealed until it is answered, and never what it says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select, text, update

from mgmt.ledger.event import Actor
from mgmt.registers.appeals import store
from mgmt.registers.appeals.sealed import MAGIC, SEALED_OCTETS
from mgmt.registers.appeals.store import (
    AppealView,
    answer,
    claim,
    due,
    find_waiting,
    n_of,
    note_fault,
    note_sent,
    put_appeal,
    shown,
)
from parental.store.database import reading, writing
from parental.store.schema.ledger import events as ledger_events
from parental.store.schema.reports import appeals

pytestmark = pytest.mark.services

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SEALED = MAGIC.ljust(SEALED_OCTETS, b"x")
LIAISON = Actor("account", "amna")


def put(engine: Engine, at: datetime = NOW) -> str:
    with writing(engine) as conn:
        number = put_appeal(conn, SEALED, at)
    assert number is not None
    return number


def send(engine: Engine, row: int = 1) -> None:
    with writing(engine) as conn:
        waiting = find_waiting(conn, row)
        assert waiting is not None
        note_sent(conn, waiting, NOW + timedelta(minutes=1))


def events(engine: Engine) -> list[dict[str, Any]]:
    with reading(engine) as conn:
        texts = conn.execute(select(ledger_events.c.text).order_by(ledger_events.c.number)).scalars()
        return [msgspec.json.decode(each) for each in texts]


def test_an_appeal_is_received_sent_and_answered_and_the_ledger_has_its_number_alone(engine: Engine) -> None:
    number = put(engine)
    send(engine)
    with writing(engine) as conn:
        answer(conn, number, "unchanged", NOW + timedelta(days=1), LIAISON)

    with reading(engine) as conn:
        (row,) = conn.execute(select(appeals)).all()
        assert shown(conn, 9) == [
            AppealView(number, "answered", NOW, NOW + timedelta(minutes=1), "unchanged", NOW + timedelta(days=1))
        ]
    assert row.sealed is None
    told = [(each["action"], each["about"], each.get("said", {})) for each in events(engine)]
    about = {"appeal": number}
    assert told == [
        ("appeal received", about, {}),
        ("appeal sent", about, {}),
        ("appeal answered", about, {"outcome": "unchanged"}),
    ]


def test_what_is_not_sealed_is_not_kept(engine: Engine) -> None:
    with writing(engine) as conn, pytest.raises(ValueError, match="not sealed"):
        put_appeal(conn, b"http://page.example/", NOW)
    with reading(engine) as conn:
        assert n_of(conn, *store.STATES) == 0


def test_so_many_wait_and_so_many_are_unanswered_and_no_more_are_taken(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_WAITING", 2)
    monkeypatch.setattr(store, "MAX_UNANSWERED", 3)
    put(engine), put(engine)
    with writing(engine) as conn:
        assert put_appeal(conn, SEALED, NOW) is None
    for row in (1, 2):
        send(engine, row)
    number = put(engine)
    with writing(engine) as conn:
        assert put_appeal(conn, SEALED, NOW) is None

    send(engine, 3)
    with writing(engine) as conn:
        answer(conn, number, "passed", NOW, LIAISON)
    put(engine)


def test_one_that_was_not_taken_is_tried_later_and_later_and_never_given_up(engine: Engine) -> None:
    put(engine)
    at, waits = NOW, []
    for _ in range(9):
        with writing(engine) as conn:
            assert due(conn, at, 9) == [1] and claim(conn, 1, at)
            note_fault(conn, [1], "no route")
            waits.append(conn.execute(select(appeals.c.due_s)).scalar_one() - int(at.timestamp()))
            assert due(conn, at, 9) == []
        at += timedelta(seconds=waits[-1])

    assert waits == [90, 180, 360, 720, 1440, 2880, 3600, 3600, 3600]
    with reading(engine) as conn:
        assert due(conn, NOW + timedelta(days=30), 9) == [1]
        assert store.fault_of_waiting(conn) == (1, "no route")
    send(engine)
    with reading(engine) as conn:
        assert store.fault_of_waiting(conn) is None


def test_a_clock_that_is_set_back_by_years_keeps_no_appeal_back(engine: Engine) -> None:
    put(engine)

    with reading(engine) as conn:
        assert due(conn, NOW - timedelta(days=3650), 9) == [1]


def test_two_gateways_do_not_mail_the_same_one(engine: Engine) -> None:
    put(engine)
    with writing(engine) as conn:
        assert claim(conn, 1, NOW)
        assert due(conn, NOW, 9) == []
        conn.execute(update(appeals).values(state="sent"))
        assert not claim(conn, 1, NOW) and not claim(conn, 99, NOW)


def test_an_answer_needs_an_appeal_that_was_sent_and_a_known_word(engine: Engine) -> None:
    number = put(engine)
    for wanted, outcome, why in ((number, "passed", "not sent yet"), ("NONE", "passed", "not found")):
        with writing(engine) as conn, pytest.raises(LookupError, match=why):
            answer(conn, wanted, outcome, NOW, LIAISON)
    with writing(engine) as conn, pytest.raises(ValueError, match="unknown; nothing noted"):
        answer(conn, number, "listed", NOW, LIAISON)


def test_an_answer_is_corrected_and_the_ledger_says_what_it_was_before(engine: Engine) -> None:
    number = put(engine)
    send(engine)
    with writing(engine) as conn:
        answer(conn, number, "unchanged", NOW, LIAISON)
        answer(conn, number, "changed", NOW, LIAISON)

    assert events(engine)[-1]["said"] == {"outcome": "changed", "outcome before": "unchanged"}


def test_answers_of_a_year_ago_are_forgotten(engine: Engine) -> None:
    old, new = put(engine), put(engine)
    for row in (1, 2):
        send(engine, row)
    with writing(engine) as conn:
        answer(conn, old, "passed", NOW, LIAISON)
        answer(conn, new, "passed", NOW + timedelta(days=366), LIAISON)

        assert [each.number for each in shown(conn, 9)] == [new]


def test_what_waits_for_somebody_is_shown_first(engine: Engine) -> None:
    first, second = put(engine), put(engine, NOW + timedelta(hours=1))
    send(engine, 1)
    with writing(engine) as conn:
        answer(conn, first, "passed", NOW, LIAISON)

        assert [each.number for each in shown(conn, 9)] == [second, first]


def test_no_other_state_is_kept(engine: Engine) -> None:
    put(engine)
    with pytest.raises(Exception, match="appeals_states"), writing(engine) as conn:
        conn.execute(text("UPDATE appeals SET state = 'lost'"))
