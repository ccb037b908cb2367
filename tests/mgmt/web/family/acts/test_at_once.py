from datetime import timedelta

from sqlalchemy import Connection, Engine
from support.mgmt.desk import NOW, Clock
from support.mgmt.phone import Phone, add_child

from mgmt.web.family.acts.at_once import state_now, wait_for_the_next
from mgmt.web.family.session import Session
from parental.calendar import exceptions, plans, screen_time, weeks
from parental.calendar.card import Card, Kind
from parental.calendar.state import Openness
from parental.policy.profiles import pause
from parental.store.database import reading


def closed_from_eight(conn: Connection) -> None:
    plans.put_card(conn, 7, Card(Kind.OTHER, 20 * 60, 120, label="Chores"))  # NOW is 21:00:03
    weeks.renew(conn, [7], NOW)


def test_what_was_open_stays_open_until_what_closes_it_now_has_ended(conn: Connection, session: Session) -> None:
    before = state_now(conn, 7, 7, NOW)
    closed_from_eight(conn)

    undo = wait_for_the_next(conn, session, 7, before, NOW)

    assert state_now(conn, 7, 7, NOW).state is Openness.OPEN
    (kept,) = exceptions.held(conn, 7, NOW)
    assert undo == {"exception": kept.id} and kept.kind == "open_until" and kept.by_name == session.actor.name
    assert state_now(conn, 7, 7, NOW + timedelta(days=1)).state is Openness.CLOSED


def test_what_was_closed_before_is_not_kept_open(conn: Connection, session: Session) -> None:
    pause(conn, 7, None)
    before = state_now(conn, 7, 7, NOW)
    closed_from_eight(conn)

    assert wait_for_the_next(conn, session, 7, before, NOW) == {}
    assert exceptions.held(conn, 7, NOW) == []


def test_nothing_is_kept_open_beyond_what_would_have_closed_it_anyway(conn: Connection, session: Session) -> None:
    pause(conn, 7, None)
    plans.put_card(conn, 7, Card(Kind.SLEEP, 21 * 60 + 30, 540))  # in half an hour
    weeks.renew(conn, [7], NOW)
    pause(conn, 7, NOW - timedelta(minutes=1))
    before = state_now(conn, 7, 7, NOW)
    closed_from_eight(conn)

    assert before.state is Openness.OPEN
    assert wait_for_the_next(conn, session, 7, before, NOW) == {}


async def test_a_limit_closes_until_its_time_is_begun_and_asks_so_before(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    child = add_child(engine)

    status, said = await parent.fill_in(f"hours/{child}/quota", minutes="60")

    assert status == 200 and "This closes the internet now, for you, too" in said and "From the next time" not in said
    with reading(engine) as conn:
        assert screen_time.quota_of(conn, child) is None
    await parent.fill_in(f"hours/{child}/quota", minutes="60", sure="now")
    with reading(engine) as conn:
        assert state_now(conn, 7, child, clock()).why == "quota"


async def test_hours_that_leave_something_open_are_said_to(parent: Phone) -> None:
    homework = {"kind": "homework", "start": "1200", "end": "1320", "on": "1", "card": "0", "soft": "1"}
    fields = {**homework, **{f"day{n}": "1" for n in range(7)}, "set-school": "1"}
    seen = await parent.seen("/hours/7/card/0")

    _, said = await parent.fill_in("hours/7/save", seen=seen, **fields)

    assert "This closes all but learning sites now, until 10:00 pm" in said
