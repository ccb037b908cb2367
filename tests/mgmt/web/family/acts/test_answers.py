from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from support.mgmt.desk import NOW
from support.present import present

from mgmt.web.family.acts.answers import (
    NotOneSite,
    end_pause,
    ended_by,
    give,
    give_until_bedtime,
    open_page,
    refuse,
    take_back,
)
from mgmt.web.family.acts.taps import TAPS
from parental.calendar import exceptions, plans
from parental.calendar.card import Card, Kind
from parental.people.household import By, history
from parental.people.requests import ChildRequest, ask, newest, open_requests
from parental.policy.profiles import get_profile, pause, put_profile, set_schedule
from parental.policy.schedule import Schedule, parse_interval
from parental.store.errors import NotNow

BY = By("caregiver", "1", "owner")
SLEEP = Schedule((parse_interval("mon", "20:00", "06:30"),))  # NOW is Monday, 21:00:03


def asked(conn: Connection, minutes: int | None = 30, name: str | None = None) -> int:
    return ask(conn, 7, 7, ChildRequest(minutes, name, "play"), NOW)[0].id


def test_a_yes_gives_minutes_once(conn: Connection) -> None:
    set_schedule(conn, 7, SLEEP)
    number = asked(conn)

    undo = give(conn, 7, number, 15, BY, NOW)

    until_s = int((NOW + timedelta(minutes=15)).timestamp())
    assert [row.until_s for row in exceptions.held(conn, 7, NOW)] == [until_s]
    assert present(newest(conn, 7)).until_s == until_s
    with pytest.raises(NotNow):
        give(conn, 7, number, 15, BY, NOW)
    assert undo["request"] == number
    take_back(conn, 7, number, NOW)
    assert present(newest(conn, 7)).answer is None


def test_a_yes_that_would_open_nothing_is_no_answer(conn: Connection) -> None:
    number = asked(conn)

    with pytest.raises(NotNow):
        give(conn, 7, number, 15, BY, NOW)
    with pytest.raises(NotNow):
        give_until_bedtime(conn, 7, number, BY, NOW)

    assert present(newest(conn, 7)).answer is None


def test_until_bedtime_ends_where_the_card_of_sleep_begins(conn: Connection) -> None:
    cards = (
        Card(Kind.HOMEWORK, start_minute=20 * 60, minutes=120),
        Card(Kind.SLEEP, start_minute=22 * 60, minutes=480),
    )
    for card in cards:
        plans.put_card(conn, 7, card)

    give_until_bedtime(conn, 7, asked(conn), BY, NOW)

    assert present(newest(conn, 7)).until_s == int(NOW.replace(hour=17, minute=0, second=0).timestamp())


def test_no_yes_opens_what_another_caregiver_has_closed_until_a_time(conn: Connection) -> None:
    plans.put_card(conn, 7, Card(Kind.SLEEP, start_minute=22 * 60, minutes=480))
    end = NOW + timedelta(minutes=30)
    exceptions.add(conn, 7, exceptions.until(get_profile(conn, 7), "closed_until", end, NOW), BY, NOW)
    number = asked(conn)

    for said in (lambda: give(conn, 7, number, 15, BY, NOW), lambda: give_until_bedtime(conn, 7, number, BY, NOW)):
        with pytest.raises(NotNow):
            said()

    assert present(newest(conn, 7)).answer is None
    assert [row.kind for row in exceptions.held(conn, 7, NOW)] == ["closed_until"]


def test_a_page_is_opened_for_good(conn: Connection) -> None:
    put_profile(conn, 7, replace(get_profile(conn, 7), denied=frozenset({"page.example"})))
    number = asked(conn, None, "page.example")

    undo = open_page(conn, 7, number, NOW)

    rules = get_profile(conn, 7)
    assert rules.allowed == frozenset({"page.example"}) and not rules.denied
    assert undo["rules"]["denied"] == ["page.example"] and present(newest(conn, 7)).until_s is None


@pytest.mark.parametrize("name", ["a." * 15 + "page.example", "com.pk"])
def test_a_page_that_no_household_may_have_among_its_names_is_not_opened(conn: Connection, name: str) -> None:
    number = asked(conn, None, name)

    with pytest.raises(NotOneSite):
        open_page(conn, 7, number, NOW)

    assert get_profile(conn, 7).allowed == frozenset() and present(newest(conn, 7)).answer is None


def test_a_page_is_not_opened_by_a_request_for_minutes_nor_for_another_child(conn: Connection) -> None:
    number = asked(conn)

    for profile in (7, 8):
        with pytest.raises(NotNow):
            open_page(conn, profile, number, NOW)
    with pytest.raises(NotNow):
        refuse(conn, 8, number, NOW)
    assert get_profile(conn, 7).allowed == frozenset()


def test_a_no_opens_nothing_and_every_yes_takes_the_pin(conn: Connection) -> None:
    assert refuse(conn, 7, asked(conn), NOW)
    assert exceptions.held(conn, 7, NOW) == []
    answers = {did: tap.loosens for did, tap in TAPS.items() if did.startswith("answer-")}
    assert answers == {did: did != "answer-no" for did in answers} and len(answers) == 5


def test_the_end_of_a_pause_answers_what_waits_for_minutes_and_nothing_that_something_else_closes(
    conn: Connection,
) -> None:
    pause(conn, 7, None)
    number, page = asked(conn), asked(conn, None, "page.example")
    assert ended_by(get_profile(conn, 7), NOW) == "resume"
    with pytest.raises(NotNow):
        give(conn, 7, number, 30, BY, NOW)

    end_pause(conn, 7, number, BY, NOW)

    assert ended_by(get_profile(conn, 7), NOW) is None
    assert [each.id for each in open_requests(conn, 7, NOW)] == [page]
    yes = history(conn, 7)[0]  # as reports count it
    assert (yes.action, yes.by_kind, yes.about) == ("request answered yes", "caregiver", '{"line": 7}')
    with pytest.raises(NotNow):
        end_pause(conn, 7, page, BY, NOW)


def test_in_closed_hours_a_request_waits_for_minutes_when_the_pause_has_ended(conn: Connection) -> None:
    set_schedule(conn, 7, SLEEP)
    pause(conn, 7, None)
    number = asked(conn)

    end_pause(conn, 7, number, BY, NOW)

    assert [each.id for each in open_requests(conn, 7, NOW)] == [number]
    assert give(conn, 7, number, 30, BY, NOW)["request"] == number


def test_what_a_person_has_closed_until_a_time_is_ended_as_well(conn: Connection) -> None:
    span = exceptions.until(get_profile(conn, 7), "closed_until", NOW + timedelta(hours=2), NOW)
    exceptions.add(conn, 7, span, BY, NOW)
    number = asked(conn)
    assert ended_by(get_profile(conn, 7), NOW) == "reopen"

    end_pause(conn, 7, number, BY, NOW)

    assert exceptions.held(conn, 7, NOW) == [] and open_requests(conn, 7, NOW) == []
