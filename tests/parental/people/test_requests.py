from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from parental.people.requests import (
    DAY,
    LIFE,
    MAX_OPEN,
    NO,
    OF_DAY,
    OPEN,
    YES,
    ChildRequest,
    Request,
    answer,
    ask,
    forget,
    newest,
    open_requests,
    profiles_with_requests,
    reopen,
    waiting_request,
)
from parental.store.errors import BadProfile, NotNow

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
TIME = ChildRequest(30, None, "homework")


def page(n: int) -> ChildRequest:
    return ChildRequest(None, f"page-{n}.example", "other")


def asked(conn: Connection, wanted: ChildRequest = TIME, at: datetime = NOON, profile: int = 7) -> Request:
    return ask(conn, profile, profile, wanted, at)[0]


def test_a_request_waits_for_a_day_and_then_lapses(household: Connection) -> None:
    request = asked(household)

    assert request.state_at(NOON + LIFE - timedelta(seconds=1)) == OPEN
    assert request.state_at(NOON + LIFE) == "lapsed"
    assert open_requests(household, 7, LATER) == [request] and open_requests(household, 8, LATER) == []
    with pytest.raises(NotNow):
        answer(household, request.id, YES, NOON + LIFE)


def test_what_waits_already_is_not_asked_twice(household: Connection) -> None:
    first, second = ask(household, 7, 7, TIME, NOON), ask(household, 7, 7, TIME, LATER)

    assert (first[0], first[1], second[1]) == (second[0], True, False)


def test_of_one_profile_so_many_wait_and_so_many_are_asked_in_a_day(household: Connection) -> None:
    for n in range(MAX_OPEN):
        asked(household, page(n))
    with pytest.raises(NotNow):
        asked(household)
    asked(household, profile=8)  # another one's are its own

    for request in open_requests(household, 7, NOON):
        answer(household, request.id, NO, NOON)
    for n in range(MAX_OPEN, OF_DAY):
        answer(household, asked(household, page(n)).id, NO, NOON)
    with pytest.raises(NotNow):
        asked(household)
    assert asked(household, at=NOON + DAY).id


def test_of_two_answers_the_first_holds_until_it_is_taken_back(household: Connection) -> None:
    request = asked(household)
    answer(household, request.id, YES, LATER, until_s=1)

    with pytest.raises(NotNow):
        answer(household, request.id, NO, LATER)
    answered = newest(household, 7)
    assert answered is not None and (answered.state_at(LATER), answered.until_s) == (YES, 1)
    reopen(household, request.id)
    assert newest(household, 7) == request


def test_a_request_of_another_child_is_not_found(household: Connection) -> None:
    request = asked(household)

    assert waiting_request(household, 7, request.id, LATER) == request
    for profile, number in ((8, request.id), (7, request.id + 1), (7, 0)):
        with pytest.raises(NotNow):
            waiting_request(household, profile, number, LATER)


@pytest.mark.parametrize(
    "wanted",
    [
        ChildRequest(None, None, "other"),
        ChildRequest(30, "a.example", "other"),
        ChildRequest(31, None, "other"),
        ChildRequest(30, None, "x"),
    ],
)
def test_what_no_form_says_is_refused(household: Connection, wanted: ChildRequest) -> None:
    with pytest.raises(BadProfile):
        asked(household, wanted)


def test_requests_go_some_time_after_their_end(household: Connection) -> None:
    asked(household)
    asked(household, at=LATER, profile=8)

    assert forget(household, int((NOON + LIFE).timestamp()) + 1, 10) == 1
    assert profiles_with_requests(household) == {8} and newest(household, 7) is None
