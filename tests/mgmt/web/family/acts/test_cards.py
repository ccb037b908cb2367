from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine
from support.mgmt.desk import NOW
from support.mgmt.outline import text_of
from support.mgmt.phone import add_child

from mgmt.text.language import language
from mgmt.web.family.acts.cards import DRAWINGS, Card, drawing_of, home_of, receipt_words
from mgmt.web.family.frame import FOLDER
from mgmt.web.family.session import Session
from mgmt.web.kit.environment import environment
from parental.calendar import exceptions, screen_time
from parental.calendar.exceptions import add, more, until
from parental.people.children import Child
from parental.people.household import By
from parental.people.levels import Level
from parental.policy.profiles import get_profile, pause
from parental.policy.schedule import Schedule, parse_interval
from parental.policy.subscribers import set_schedule
from parental.store.database import writing

EN, UR = language("en"), language("ur")
CLOSABLE = frozenset({"adult", "education"})
AT = "2026-08-03T21:00:03.000+05:00"


def card(conn: Connection, session: Session, at: datetime = NOW) -> Card:
    return home_of(conn, session, CLOSABLE, EN, at).cards[-1]


def offered(found: Card) -> tuple[str | None, list[str]]:
    return None if found.big is None else found.big.did, [each.did for each in found.small]


def close_at(conn: Connection, start: str, end: str) -> None:
    set_schedule(conn, 7, Schedule((parse_interval("mon", start, end),)))


def test_what_is_open_is_paused_and_gets_more_where_something_will_close_it(conn: Connection, session: Session) -> None:
    assert offered(card(conn, session)) == ("pause", [])
    close_at(conn, "22:00", "23:00")

    found = card(conn, session)

    assert offered(found) == ("pause", ["plus", "tonight"])
    assert found.icon == "✅" and text_of(found.words) == "Open until 10:00 pm"


def test_what_is_closed_by_hours_gets_thirty_minutes(conn: Connection, session: Session) -> None:
    close_at(conn, "20:00", "06:30")

    found = card(conn, session)

    assert offered(found) == ("plus", ["tonight", "open"])
    assert found.icon == "🌙" and text_of(found.words) == "Closed until 6:30 am"
    helper = replace(session, permissions=frozenset({"account.pause"}))
    assert offered(card(conn, helper)) == ("plus", [])


def test_what_is_paused_is_resumed_and_nothing_else(conn: Connection, session: Session) -> None:
    pause(conn, 7, NOW + timedelta(minutes=30))

    found = card(conn, session)

    assert offered(found) == ("resume", []) and not found.can_be_paused
    assert text_of(found.words) == "Paused until 9:30 pm"


def test_what_was_opened_for_a_while_is_closed_again_by_a_small_button(conn: Connection, session: Session) -> None:
    close_at(conn, "20:00", "06:30")
    add(conn, 7, more(get_profile(conn, 7), "plus", 30, NOW), By("token", "1"), NOW)

    assert offered(card(conn, session)) == ("pause", ["close"])


def test_what_a_person_closed_until_a_time_is_opened(conn: Connection, session: Session) -> None:
    add(conn, 7, until(get_profile(conn, 7), "closed_until", NOW + timedelta(hours=1), NOW), By("token", "1"), NOW)

    assert offered(card(conn, session)) == ("reopen", ["pause"])


def test_before_screen_time_is_begun_the_child_that_could_begin_it_can_be_paused(
    conn: Connection, session: Session
) -> None:
    screen_time.put_quota(conn, 7, 60, NOW)

    assert "pause" in offered(card(conn, session))[1]


def test_screen_time_is_begun_where_some_is_left_and_gets_more_where_none_is(
    conn: Connection, session: Session
) -> None:
    screen_time.put_quota(conn, 7, 60, NOW)
    assert offered(card(conn, session)) == ("start", ["plus", "open", "pause"])
    assert text_of(card(conn, session).words) == "Screen time has not started: 1 hour left"

    screen_time.start(conn, 7, NOW)
    assert offered(card(conn, session)) == ("pause", ["stop", "plus"])
    later = NOW + timedelta(minutes=61)
    assert offered(card(conn, session, later)) == ("plus", ["open"])
    assert exceptions.held(conn, 7, later) == []


def test_at_bedtime_no_screen_time_is_offered_as_its_minutes_would_run_while_it_is_closed(
    conn: Connection, session: Session
) -> None:
    screen_time.put_quota(conn, 7, 60, NOW)
    close_at(conn, "20:00", "06:30")

    found = card(conn, session)

    assert offered(found) == ("plus", ["tonight", "open"])
    assert text_of(found.words) == "Closed until 6:30 am, Screen time has not started: 1 hour left"


def test_a_line_of_one_home_and_one_whose_devices_are_told_apart_are_called_so(
    engine: Engine, session: Session
) -> None:
    with writing(engine) as conn:
        assert home_of(conn, session, CLOSABLE, EN, NOW).level is Level.HOME
    add_child(engine)
    with writing(engine) as conn:
        found = home_of(conn, session, CLOSABLE, UR, NOW)
    assert found.level is Level.DEVICES and [each.drawing for each in found.cards] == ["kite", "home"]


def test_a_child_without_a_picture_has_one_that_stays() -> None:
    child = Child(3, 7, "Bilal", None, None, 9)

    assert drawing_of(child) == drawing_of(child) in DRAWINGS
    assert drawing_of(replace(child, drawing="of-another-release")) in DRAWINGS
    assert drawing_of(replace(child, drawing="cat")) == "cat"


@pytest.mark.parametrize(
    ("receipt", "said"),
    [
        ({"did": "pause", "at": AT, "connections_ended": 14}, "closed 9:00:03 pm, 14 live connections ended"),
        (
            {"did": "pause", "profiles": [7, 8], "at": AT, "connections_ended": 14},
            "closed 9:00:03 pm, of all cards together 14 live connections ended",
        ),
        (
            {"did": "pause", "profiles": [7], "at": AT, "connections_ended": 14, "cut": {"ended": 14, "still_open": 0}},
            "closed 9:00:03 pm, 14 live connections ended, 0 still open",
        ),
        (  # what runs over TCP is not known there
            {"did": "pause", "at": AT, "connections_ended": None, "cut": {"ended": 1, "still_open": 0, "by": "quic"}},
            "closed 9:00:03 pm",
        ),
        ({"did": "plus", "at": AT, "connections_ended": None}, "30 minutes given 9:00:03 pm"),
        ({"did": "resume", "at": AT, "connections_ended": 0}, "pause ended 9:00:03 pm"),
    ],
)
def test_a_receipt_says_what_was_done_when_and_to_how_many(receipt: dict[str, Any], said: str) -> None:
    assert text_of(receipt_words(receipt, EN)) == said
    assert "9:00:03" in text_of(receipt_words(receipt, UR))


def test_every_drawing_is_a_picture_of_its_own() -> None:
    made = environment(FOLDER).get_template("drawings.html").module
    pictures = {str(made.drawing(name)) for name in (*DRAWINGS, "home")}  # type: ignore[attr-defined]

    assert len(pictures) == len(DRAWINGS) + 1 and all(len(each) < 700 for each in pictures)
