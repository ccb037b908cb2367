from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from parental.people import caregivers
from parental.people.phones import Phones
from parental.people.request_messages import (
    TRIES,
    YOUNG,
    SpentCode,
    choose,
    due,
    has_chosen,
    put_code,
    spend,
)
from parental.people.requests import YES, ChildRequest, answer, ask
from parental.store.errors import NoPerson
from parental.store.schema.requests import request_messages

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
PHONES = Phones(bytes(32))
SANA, HINA = "+923001234567", "+923017654321"
TIME, PAGE = ChildRequest(30, None, "homework"), ChildRequest(None, "page.example", "play")


def caregiver(conn: Connection, number: str = SANA, account: int = 7, *, answers: bool = True) -> int:
    _, code = caregivers.invite(conn, account, "Sana", "parent", NOON, phone=PHONES.seal(number))
    found = caregivers.accept(conn, code, NOON).id
    choose(conn, account, found, answers)
    return found


def asked(conn: Connection, wanted: ChildRequest = TIME, profile: int = 7, at: datetime = NOON) -> int:
    return ask(conn, profile, profile, wanted, at)[0].id


def sent(conn: Connection, request: int, who: int) -> str:
    code = put_code(conn, PHONES, request, who)
    assert code is not None and len(code) == 4 and code.isdigit()
    return code


def came(conn: Connection, code: str, number: str = SANA) -> SpentCode:
    return spend(conn, PHONES, PHONES.digest(number), code)


def wrong(*codes: str) -> str:
    return next(each for each in ("0000", "1111", "2222", "3333") if each not in codes)


def test_a_request_is_due_once_for_each_who_has_chosen_to_answer(household: Connection) -> None:
    sana, hina = caregiver(household), caregiver(household, HINA)
    caregiver(household, "+923331111111", answers=False)
    number = asked(household)

    assert [(each.request, each.caregiver, each.minutes) for each in due(household, NOON)] == [
        (number, sana, 30),
        (number, hina, 30),
    ]
    sent(household, number, sana)
    assert [each.caregiver for each in due(household, NOON)] == [hina]
    assert put_code(household, PHONES, number, sana) is None  # another gateway of the same database


def test_what_is_answered_or_was_asked_long_ago_is_not_sent(household: Connection) -> None:
    caregiver(household)
    number = asked(household)

    assert due(household, NOON + YOUNG) == []
    answer(household, number, YES, NOON)
    assert due(household, NOON) == []


def test_a_code_names_its_request_and_its_caregiver_alone(household: Connection) -> None:
    sana, hina = caregiver(household), caregiver(household, HINA)
    first, second = asked(household), asked(household, PAGE)
    codes = {(who, of): sent(household, of, who) for who in (sana, hina) for of in (first, second)}

    by = came(household, codes[sana, second]).by
    assert by is not None and (by.request.id, by.caregiver, by.role) == (second, sana, "parent")
    foreign = codes[hina, first]
    if foreign not in (codes[sana, first], codes[sana, second]):  # one in 5,000
        assert came(household, foreign).by is None


def test_a_number_of_no_caregiver_and_of_one_who_has_ended_it_counts_for_nothing(household: Connection) -> None:
    who = caregiver(household)
    code = sent(household, asked(household), who)

    assert came(household, code, "+449001234567") == SpentCode(None, None)
    choose(household, 7, who, False)
    assert not has_chosen(household, who) and came(household, code) == SpentCode(None, None)
    choose(household, 7, who, True)
    caregiver(household, HINA)
    caregivers.change_role(household, 7, who, "owner")
    assert came(household, code).by is not None


def test_codes_are_dead_after_so_many_wrong_ones(household: Connection) -> None:
    who = caregiver(household)
    code = sent(household, asked(household), who)

    for _ in range(TRIES):
        assert came(household, wrong(code)) == SpentCode(7, None)

    assert came(household, code) == SpentCode(None, None)


def test_right_codes_are_no_tries_at_others(household: Connection) -> None:
    who = caregiver(household)
    codes = [sent(household, asked(household), who), sent(household, asked(household, PAGE), who)]

    for _ in range(TRIES):
        assert came(household, codes[0]).by is not None
    assert came(household, codes[1]).by is not None
    assert came(household, codes[0]).by is None  # come again and again: no more messages for it


def test_one_telephone_of_two_households_has_no_code_twice(household: Connection) -> None:
    here, there = caregiver(household), caregiver(household, account=8)

    codes = [sent(household, asked(household), here), sent(household, asked(household, profile=8), there)]

    assert len(set(codes)) == 2
    assert [came(household, code).account for code in codes] == [7, 8]


def test_a_telephone_with_many_codes_gets_no_more_and_is_not_looked_at_for_ever(
    household: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parental.people.request_messages.MOST_CODES", 1)
    who = caregiver(household)
    code = sent(household, asked(household), who)
    more = asked(household, PAGE)

    assert put_code(household, PHONES, more, who) is None and due(household, NOON) == []
    by = came(household, code).by
    assert by is not None and by.request.id != more


def test_who_has_no_telephone_or_is_of_another_household_cannot_choose(household: Connection) -> None:
    _, code = caregivers.invite(household, 7, "Nano", "helper", NOON)
    nano = caregivers.accept(household, code, NOON).id

    assert not choose(household, 7, nano, True) and not has_chosen(household, nano)
    with pytest.raises(NoPerson):
        choose(household, 8, nano, True)


def test_a_removed_caregiver_gets_no_more_and_codes_go_with_their_request(household: Connection) -> None:
    caregiver(household, HINA)
    who = caregiver(household)
    code, number = sent(household, asked(household), who), asked(household, PAGE)
    caregivers.remove_caregiver(household, 7, who)

    assert came(household, code) == SpentCode(None, None) and not has_chosen(household, who)
    assert who not in {each.caregiver for each in due(household, NOON)} and number
    household.exec_driver_sql("DELETE FROM requests")
    assert household.execute(request_messages.select()).all() == []


def test_the_code_is_not_in_its_row(household: Connection) -> None:
    code = sent(household, asked(household), caregiver(household))

    row = household.execute(request_messages.select()).one()
    assert code.encode() not in bytes(row.code) and len(row.code) == 32
