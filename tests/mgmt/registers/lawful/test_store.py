"""The register of lawful requests."""

from datetime import date

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError
from support.mgmt.desk import NOW
from support.mgmt.events import events_of

from mgmt.ledger.event import Actor
from mgmt.registers.lawful.store import (
    AuthorityLetter,
    Conflict,
    Signer,
    agree,
    answer,
    find,
    is_answered,
    iter_requests,
    newest,
    record,
    sha256_of,
)
from parental.store.schema.registers import lawful_requests

TODAY = date(2026, 8, 4)
AMNA = Signer(Actor("staff", "3", "compliance"), "legal")
BILAL = Signer(Actor("staff", "4", "approver"), "approval")
TOKEN = Signer(Actor("token", "5", "compliance"))


def asked(n: int = 17, kind: str = "preservation") -> AuthorityLetter:
    return AuthorityLetter("NCCIA", f"NCCIA/2026/{n}", "PECA 2016, section 31", kind, "2026-08-01")


@pytest.fixture
def number(conn: Connection) -> int:
    return int(record(conn, asked(), AMNA, NOW, TODAY).id)


def test_each_step_is_an_event_with_a_digest_and_no_text_of_the_letter(conn: Connection, number: int) -> None:
    answer(conn, number, "hold", AMNA, NOW)
    agree(conn, number, "hold", BILAL, NOW)

    events = [each for each in events_of(conn, "orders") if each["action"].startswith("lawful")]
    assert [each["action"].split()[-1] for each in events] == ["recorded", "answered", "agreed"]
    assert "NCCIA" not in str(events) and "31" not in str([each["said"] | {"sha256": ""} for each in events])
    assert events[-1]["said"]["sha256"] == sha256_of(find(conn, number))


def test_a_row_that_was_changed_is_another_than_the_ledger_has(conn: Connection, number: int) -> None:
    said = events_of(conn, "orders")[-1]["said"]["sha256"]
    conn.execute(update(lawful_requests).values(authority="Another"))

    assert sha256_of(find(conn, number)) != said


def test_a_letter_is_written_down_once(conn: Connection, number: int) -> None:
    with pytest.raises(Conflict, match="is in the register"):
        record(conn, asked(), BILAL, NOW, TODAY)
    assert [row.id for row in iter_requests(conn)] == [number]


@pytest.mark.parametrize("said", ["outside", "nothing", "refused"])
def test_an_answer_without_an_effect_counts_at_once_and_stays(conn: Connection, number: int, said: str) -> None:
    assert is_answered(answer(conn, number, said, TOKEN, NOW))

    with pytest.raises(Conflict, match="has its answer"):
        answer(conn, number, "hold", AMNA, NOW)
    with pytest.raises(Conflict):
        agree(conn, number, said, BILAL, NOW)


@pytest.mark.parametrize("said", ["hold", "records"])
def test_an_answer_with_an_effect_counts_once_another_group_agrees(conn: Connection, number: int, said: str) -> None:
    assert not is_answered(answer(conn, number, said, AMNA, NOW))
    for by in (AMNA, Signer(Actor("staff", "9", "compliance"), "legal"), TOKEN):
        with pytest.raises(Conflict, match="second person of another group"):
            agree(conn, number, said, by, NOW)

    assert is_answered(agree(conn, number, said, BILAL, NOW))
    with pytest.raises(Conflict, match="has its answer"):
        answer(conn, number, "nothing", AMNA, NOW)


def test_a_token_gives_no_answer_that_takes_two(conn: Connection, number: int) -> None:
    with pytest.raises(Conflict, match="takes two persons"):
        answer(conn, number, "hold", TOKEN, NOW)


def test_who_agrees_agrees_to_what_was_shown(conn: Connection, number: int) -> None:
    answer(conn, number, "hold", AMNA, NOW)
    answer(conn, number, "records", AMNA, NOW)

    with pytest.raises(Conflict, match="waits for no such agreement"):
        agree(conn, number, "hold", BILAL, NOW)


def test_the_table_itself_holds_that_two_persons_agree(conn: Connection, number: int) -> None:
    answer(conn, number, "hold", AMNA, NOW)
    one = {"agreed_s": 1, "agreed_by": AMNA.name, "agreed_group": "approval"}
    same = {"agreed_s": 1, "agreed_by": BILAL.name, "agreed_group": "legal"}
    for values in (one, same, {"agreed_s": 1}):
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(update(lawful_requests).values(values))


def test_what_waits_comes_first(conn: Connection) -> None:
    first, second, third = (int(record(conn, asked(n), AMNA, NOW, TODAY).id) for n in (1, 2, 3))
    answer(conn, third, "nothing", AMNA, NOW)
    answer(conn, second, "hold", AMNA, NOW)

    assert [row.id for row in newest(conn, 10)] == [second, first, third]


def test_what_is_not_there_is_named(conn: Connection) -> None:
    for work in (lambda: answer(conn, 99, "nothing", AMNA, NOW), lambda: agree(conn, 99, "hold", BILAL, NOW)):
        with pytest.raises(LookupError, match="99: is not in the register"):
            work()
