"""Tickets: each opens once, in its own household alone, and by no guess."""

import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert
from sqlalchemy.exc import IntegrityError

from parental.calendar import tickets
from parental.calendar.tickets import plain_code
from parental.policy import profiles
from parental.policy import subscribers as store
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import open_database, reading, writing
from parental.store.engines import Where
from parental.store.errors import BadProfile, NoPerson, NotNow
from parental.store.schema.calendar import ticket_uses

NOW = datetime(2026, 8, 3, 22, tzinfo=ZoneInfo("Asia/Karachi"))
ALWAYS = Schedule((Interval(0, 0, 10080),))


@pytest.fixture
def closed(household: Connection) -> Connection:
    """Lines 7 and 8 are always closed."""
    for number in (7, 8):
        profiles.set_schedule(household, number, ALWAYS)
    return household


def test_a_ticket_opens_for_its_minutes_once(closed: Connection) -> None:
    (ticket,) = tickets.issue(closed, 7, 1, 30, NOW)

    assert tickets.use(closed, 7, 7, ticket.code, NOW) == 30
    (grant,) = profiles.get_profile(closed, 7).grants
    assert (grant.kind, grant.until_s - grant.from_s) == ("ticket", 1800)
    with pytest.raises(NoPerson, match="used already"):
        tickets.use(closed, 7, 7, ticket.code, NOW)
    (used,) = tickets.tickets_of(closed, 7)
    assert used.used_s == int(NOW.timestamp())


def test_a_ticket_is_worth_nothing_in_another_household(closed: Connection) -> None:
    (ticket,) = tickets.issue(closed, 7, 1, 30, NOW)
    tickets.issue(closed, 8, 1, 30, NOW)

    with pytest.raises(NoPerson, match="not good here"):
        tickets.use(closed, 8, 8, ticket.code, NOW)
    assert tickets.use(closed, 7, 7, ticket.code, NOW) == 30


@pytest.mark.parametrize("typed", ["{0} {1} {2}", "{0}-{1}-{2}", " {0}{1}{2} "])
def test_a_code_is_taken_as_it_is_written_down(closed: Connection, typed: str) -> None:
    (ticket,) = tickets.issue(closed, 7, 1, 30, NOW)
    parts = ticket.code[:3], ticket.code[3:6], ticket.code[6:]

    assert tickets.use(closed, 7, 7, typed.format(*parts), NOW) == 30


def test_a_code_in_urdu_figures_is_the_same() -> None:
    assert plain_code("۱۲۳ ۴۵۶ ۷۸۹") == "123456789"


@given(st.text(max_size=60))
def test_whatever_is_typed_is_nine_plain_digits_or_nothing(typed: str) -> None:
    code = plain_code(typed)

    assert code is None or (code.isascii() and code.isdigit() and len(code) == 9)


def test_one_wrong_digit_is_refused(closed: Connection) -> None:
    (ticket,) = tickets.issue(closed, 7, 1, 30, NOW)
    wrong = ticket.code[:-1] + str((int(ticket.code[-1]) + 1) % 10)

    for code in (wrong, "", "12", "999999999", "x" * 1000):
        with pytest.raises(NoPerson):
            tickets.use(closed, 7, 7, code, NOW)


def test_a_revoked_or_expired_ticket_is_worth_nothing(closed: Connection) -> None:
    first, second = tickets.issue(closed, 7, 2, 30, NOW)
    tickets.revoke(closed, 7, first.id, NOW)

    with pytest.raises(NoPerson):
        tickets.use(closed, 7, 7, first.code, NOW)
    with pytest.raises(NoPerson):
        tickets.use(closed, 7, 7, second.code, NOW + tickets.KEEPS)
    with pytest.raises(NoPerson):
        tickets.revoke(closed, 7, first.id, NOW)


def test_a_used_ticket_is_not_revoked_and_a_foreign_one_neither(closed: Connection) -> None:
    (ticket,) = tickets.issue(closed, 7, 1, 30, NOW)
    with pytest.raises(NoPerson):
        tickets.revoke(closed, 8, ticket.id, NOW)
    tickets.use(closed, 7, 7, ticket.code, NOW)
    with pytest.raises(NoPerson):
        tickets.revoke(closed, 7, ticket.id, NOW)


def test_a_ticket_that_would_open_nothing_is_kept(household: Connection) -> None:
    (ticket,) = tickets.issue(household, 7, 1, 30, NOW)
    with pytest.raises(NotNow):
        tickets.use(household, 7, 7, ticket.code, NOW)

    profiles.set_schedule(household, 7, ALWAYS)
    assert tickets.use(household, 7, 7, ticket.code, NOW) == 30


def test_numbers_come_free_when_tickets_expire_and_no_old_code_becomes_good(closed: Connection) -> None:
    (old,) = tickets.issue(closed, 7, 1, 30, NOW)
    later = NOW + tickets.KEEPS + timedelta(days=1)
    (new,) = tickets.issue(closed, 7, 1, 30, later)

    assert (new.code[:3], new.code != old.code) == (old.code[:3], True)
    with pytest.raises(NoPerson):
        tickets.use(closed, 7, 7, old.code, later)


def test_too_many_tickets_are_refused(household: Connection) -> None:
    with pytest.raises(BadProfile, match="1 to 50"):
        tickets.issue(household, 7, 51, 30, NOW)
    for _ in range(19):
        tickets.issue(household, 7, 50, 30, NOW)
    with pytest.raises(BadProfile, match="revoke some"):
        tickets.issue(household, 7, 50, 30, NOW)


def test_the_database_refuses_a_second_use(closed: Connection) -> None:
    (ticket,) = tickets.issue(closed, 7, 1, 30, NOW)
    row = {"ticket": ticket.id, "profile": 7, "used_s": 1}
    closed.execute(insert(ticket_uses).values(**row))

    with pytest.raises(IntegrityError), closed.begin_nested():
        closed.execute(insert(ticket_uses).values(**row))


def test_of_two_lines_that_use_one_ticket_at_once_one_wins(database: Where) -> None:
    engine = open_database(database)
    with writing(engine) as conn:
        for number in (7, 8):
            store.put_subscriber(conn, Subscriber(number, "Home", (parse_prefix(f"192.0.2.{number}"),)))
            profiles.set_schedule(conn, number, ALWAYS)
        (ticket,) = tickets.issue(conn, 7, 1, 30, NOW)
    begin, won = threading.Barrier(2), []

    def use(profile: int) -> None:
        begin.wait(30)
        try:
            with writing(engine) as conn:
                won.append((profile, tickets.use(conn, 7, profile, ticket.code, NOW)))
        except NoPerson:
            pass

    racers = [threading.Thread(target=use, args=(number,)) for number in (7, 8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)

    assert len(won) == 1
    assert granted(engine) == [profile for profile, _ in won]
    engine.dispose()


def granted(engine: Engine) -> list[int]:
    with reading(engine) as conn:
        return [number for number in (7, 8) if profiles.get_profile(conn, number).grants]
