"""Messages about alarms: tried until they are delivered, by one process at a time, and not for ever."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection
from support.mgmt.orders import NOW, push, said

from mgmt.orders.deadlines.clock import Alarm
from mgmt.orders.deadlines.notices import (
    DROPPED,
    FIRST_WAIT_S,
    GIVE_UP_AFTER,
    GIVEN_UP,
    LONGEST_WAIT_S,
    SENT,
    Contact,
    claim,
    counts,
    due,
    end,
    failing,
    find_notice,
    note_fault,
    put_notices,
)

DESK = Contact("mail desk@isp.example", Alarm.HALF)


def put(conn: Connection, *contacts: Contact, alarm: Alarm = Alarm.HALF) -> int:
    return put_notices(conn, push(conn, "a.test", ref=str(len(said(conn)))), alarm, contacts, "{}", NOW)


def seconds(n: float) -> datetime:
    return NOW + timedelta(seconds=n)


@pytest.mark.parametrize(("alarm", "n"), [(Alarm.HALF, 1), (Alarm.NEARLY, 2), (Alarm.OVERDUE, 3)])
def test_a_contact_gets_what_is_urgent_enough_and_an_address_that_is_there_twice_gets_one(
    conn: Connection, alarm: Alarm, n: int
) -> None:
    others = (Contact("mail noc@isp.example", Alarm.NEARLY), Contact("mail head@isp.example", Alarm.OVERDUE))

    assert put(conn, DESK, DESK, *others, alarm=alarm) == n


def test_the_time_between_two_tries_doubles_up_to_an_hour(conn: Connection) -> None:
    put(conn, DESK)
    at, waits = 0, []
    for _ in range(10):
        (notice,) = due(conn, seconds(at), 9)
        assert claim(conn, notice, seconds(at))
        assert due(conn, seconds(at), 9) == []
        waits.append(notice_due_s(conn, notice.id) - int(seconds(at).timestamp()))
        at += waits[-1]

    assert waits[:3] == [FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]
    assert waits[-2:] == [LONGEST_WAIT_S, LONGEST_WAIT_S]


def notice_due_s(conn: Connection, number: int) -> int:
    found = find_notice(conn, number)
    assert found is not None
    return int(found.due_s)


def test_of_two_that_have_seen_the_same_message_one_takes_it_on(conn: Connection) -> None:
    put(conn, DESK)
    (seen,) = due(conn, NOW, 9)

    assert [claim(conn, seen, NOW), claim(conn, seen, NOW)] == [True, False]


def test_what_two_days_have_not_delivered_is_given_up_and_an_event_says_so(conn: Connection) -> None:
    put(conn, DESK)
    (notice,) = due(conn, NOW, 9)
    late = NOW + GIVE_UP_AFTER + timedelta(seconds=1)

    assert not claim(conn, notice, late)
    assert counts(conn)[GIVEN_UP] == 1
    assert due(conn, late, 9) == []
    assert said(conn)[-1]["action"] == "alarm not delivered"


def test_a_receiver_fails_until_it_takes_what_waits(conn: Connection) -> None:
    put(conn, DESK)
    put(conn, DESK, Contact("webhook https://h.example/", Alarm.HALF))
    first, second, third = due(conn, NOW, 9)
    assert failing(conn) == []
    for each in (first, second):
        note_fault(conn, each, "it answered 500")

    assert failing(conn) == [("mail desk@isp.example", 2, "it answered 500")]
    end(conn, first, SENT, NOW)
    end(conn, second, DROPPED, NOW)
    assert failing(conn) == []
    assert counts(conn) == {"waiting": 1, "sent": 1, "dropped": 1, "given_up": 0}
    assert find_notice(conn, first.id) is None
    assert find_notice(conn, third.id) is not None


def test_what_was_sent_meanwhile_is_neither_dropped_nor_given_up(conn: Connection) -> None:
    put(conn, DESK)
    (found,) = due(conn, NOW, 9)
    assert end(conn, found, SENT, NOW)

    assert not end(conn, found, DROPPED, NOW)
    assert not claim(conn, found, NOW + GIVE_UP_AFTER + timedelta(seconds=1))
    assert (counts(conn)[SENT], [each["action"] for each in said(conn)].count("alarm not delivered")) == (1, 0)
