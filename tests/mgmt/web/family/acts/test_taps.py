from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine
from support.mgmt.desk import NOW
from support.mgmt.phone import add_child
from support.present import present

from mgmt.staff.permissions import PERMISSIONS
from mgmt.web.family.acts.taps import TAPS, UNDO, can_undo, make, revision_of, take_back
from mgmt.web.family.session import Session
from parental.calendar import exceptions, screen_time
from parental.calendar.exceptions import add, until
from parental.people.household import By, history
from parental.policy.profiles import get_profile, pause
from parental.policy.schedule import Schedule, parse_interval
from parental.policy.subscribers import set_schedule
from parental.store.database import writing
from parental.store.errors import NoPerson, NotNow

LATER = NOW + timedelta(seconds=5)


def tap(conn: Connection, session: Session, did: str, profile: int = 7, at: datetime = NOW, **fields: str) -> object:
    """Tap; the receipt as the session keeps it."""
    undo = make(conn, session, did, profile, fields, at)
    return {"undo": [[profile, dict(undo), revision_of(conn, profile)]], "tapped_s": int(at.timestamp())}


def test_a_tap_of_pause_over_a_pause_with_an_end_is_taken_back_to_that_end(conn: Connection, session: Session) -> None:
    end = NOW + timedelta(hours=1)
    pause(conn, 7, end)

    take_back(conn, session, tap(conn, session, "pause"), LATER)  # type: ignore[arg-type]

    assert get_profile(conn, 7).paused_until_s == int(end.timestamp())


def test_each_grant_is_taken_back_alone(conn: Connection, session: Session) -> None:
    set_schedule(conn, 7, Schedule((parse_interval("mon", "20:00", "06:30"),)))
    tap(conn, session, "plus")

    take_back(conn, session, tap(conn, session, "open", hours="3"), LATER)  # type: ignore[arg-type]

    assert [row.kind for row in exceptions.held(conn, 7, LATER)] == ["plus"]


def test_a_tap_is_taken_back_within_a_minute_once_and_never_before_it_was(conn: Connection, session: Session) -> None:
    receipt = {"undo": [[7, {"paused": 0}, 1]], "tapped_s": int(NOW.timestamp())}

    assert can_undo(receipt, NOW) and not can_undo(receipt, NOW + UNDO)
    assert not can_undo(receipt, NOW - timedelta(minutes=1))
    assert not can_undo({"undo": [], "tapped_s": int(NOW.timestamp())}, NOW) and not can_undo({}, NOW)
    done = tap(conn, session, "pause")
    take_back(conn, session, done, LATER)  # type: ignore[arg-type]
    with pytest.raises(NotNow):
        take_back(conn, session, done, LATER)  # type: ignore[arg-type]


@pytest.mark.parametrize("did", ["resume", "plus", "tonight", "reopen", "close"])
def test_what_would_change_nothing_is_refused(conn: Connection, session: Session, did: str) -> None:
    with pytest.raises(NotNow):
        tap(conn, session, did)


def spans(conn: Connection) -> list[tuple[str, int, int, str]]:
    return [(row.kind, row.from_s, row.until_s, row.by_name) for row in exceptions.held(conn, 7, LATER)]


@pytest.mark.parametrize(("did", "kind"), [("close", "open_until"), ("reopen", "closed_until")])
def test_the_end_of_what_was_opened_or_closed_for_a_while_is_taken_back_exactly(
    conn: Connection, session: Session, did: str, kind: str
) -> None:
    rules, ada = get_profile(conn, 7), By("caregiver", "Ada")
    for hours in (2, 3):
        add(conn, 7, until(rules, kind, NOW + timedelta(hours=hours), NOW), ada, NOW)
    before = spans(conn)

    done = tap(conn, session, did)
    assert spans(conn) == []
    take_back(conn, session, done, LATER)  # type: ignore[arg-type]

    assert spans(conn) == before


def test_what_has_ended_meanwhile_does_not_come_back(conn: Connection, session: Session) -> None:
    for seconds in (3, 60):
        end = NOW + timedelta(seconds=seconds)
        add(conn, 7, until(get_profile(conn, 7), "open_until", end, NOW), By("token", "1"), NOW)

    take_back(conn, session, tap(conn, session, "close"), LATER)  # type: ignore[arg-type]

    assert len(spans(conn)) == 1


def test_screen_time_that_was_begun_by_mistake_ends_and_what_has_run_is_used(
    conn: Connection, session: Session
) -> None:
    screen_time.put_quota(conn, 7, 60, NOW)
    full = present(screen_time.quota_of(conn, 7))

    for turn in range(2):
        at = NOW + turn * timedelta(seconds=60)
        take_back(conn, session, tap(conn, session, "start", at=at), at + timedelta(seconds=58))  # type: ignore[arg-type]

    assert screen_time.quota_of(conn, 7) == replace(full, used_s=2 * 58)


def test_screen_time_that_was_ended_by_mistake_is_as_it_was(conn: Connection, session: Session) -> None:
    screen_time.put_quota(conn, 7, 60, NOW)
    tap(conn, session, "start")
    running = screen_time.quota_of(conn, 7)
    take_back(conn, session, tap(conn, session, "stop", at=LATER), LATER + timedelta(seconds=9))  # type: ignore[arg-type]
    assert screen_time.quota_of(conn, 7) == running


def test_what_a_person_has_closed_until_a_time_is_opened(conn: Connection, session: Session) -> None:
    span = until(get_profile(conn, 7), "closed_until", NOW + timedelta(hours=2), NOW)
    add(conn, 7, span, By("token", "1"), NOW)

    tap(conn, session, "reopen")

    assert exceptions.held(conn, 7, NOW) == []


def test_screen_time_is_begun_and_ended(conn: Connection, session: Session) -> None:
    screen_time.put_quota(conn, 7, 60, NOW)

    tap(conn, session, "start")
    assert present(screen_time.quota_of(conn, 7)).is_running(int(NOW.timestamp()))
    tap(conn, session, "stop", at=LATER)
    assert not present(screen_time.quota_of(conn, 7)).is_running(int(LATER.timestamp()))


def test_no_screen_time_begins_at_bedtime_and_in_a_pause(conn: Connection, session: Session) -> None:
    screen_time.put_quota(conn, 7, 60, NOW)
    set_schedule(conn, 7, Schedule((parse_interval("mon", "20:00", "06:30"),)))
    with pytest.raises(NotNow):
        tap(conn, session, "start")
    set_schedule(conn, 7, Schedule())
    pause(conn, 7, None)
    with pytest.raises(NotNow):
        tap(conn, session, "start")

    assert not present(screen_time.quota_of(conn, 7)).is_running(int(NOW.timestamp()))


def test_nothing_is_closed_for_a_child_of_whom_no_packet_comes(engine: Engine, session: Session) -> None:
    bare = add_child(engine, prefix=None)

    with writing(engine) as conn, pytest.raises(NotNow):
        tap(conn, session, "pause", bare)


def test_the_households_record_says_who_tapped_what(engine: Engine, session: Session) -> None:
    child = add_child(engine)
    with writing(engine) as conn:
        tap(conn, session, "pause", child)
        (row,) = history(conn, 7)

    assert (row.by_kind, row.by_name, row.action) == ("caregiver", session.actor.name, "paused")
    assert '"child"' in row.about


def test_no_tap_reaches_another_household_and_each_names_a_permission(conn: Connection, session: Session) -> None:
    for did, each in TAPS.items():
        assert each.permission in PERMISSIONS
        with pytest.raises(NoPerson):
            tap(conn, session, did, 8)


def test_everything_that_opens_asks_for_the_pin() -> None:
    assert {did for did, each in TAPS.items() if not each.loosens} == {"pause", "close", "start", "stop", "answer-no"}
