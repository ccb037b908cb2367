from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from support.mgmt.desk import NOW

from mgmt.web.family.acts import hour_edits as edits
from mgmt.web.family.acts.hour_edits import NeedsPin, Undo
from mgmt.web.family.session import Session
from parental.calendar import plans
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import DaySet
from parental.calendar.sun import Turn
from parental.policy.profiles import get_profile, set_schedule
from parental.policy.schedule import Schedule, parse_interval
from parental.store.errors import NoPerson, NotNow

SLEEP = Card(Kind.SLEEP, 21 * 60 + 30, 540)
LATER = NOW + timedelta(seconds=5)


def cards(conn: Connection) -> tuple[Card, ...]:
    return plans.cards_of(conn, [7]).get(7, ())


def make(conn: Connection, session: Session, edit: edits.Edit, *, is_proven: bool = False) -> Undo:
    undo: Undo = edits.make(conn, session, 7, edit, NOW, is_proven=is_proven)["card"]
    return undo


def test_every_edit_is_taken_back_exactly(conn: Connection, session: Session) -> None:
    undo = make(conn, session, edits.put(SLEEP))
    edits.restore(conn, 7, undo, LATER)
    assert cards(conn) == () and get_profile(conn, 7).schedule.intervals == ()

    make(conn, session, edits.put(SLEEP))
    (kept,) = cards(conn)
    for edit in (
        edits.put(replace(kept, minutes=60), edits.mark_of_card(kept)),
        edits.switch(kept.id, is_on=False),
        edits.remove(kept.id),
    ):
        edits.restore(conn, 7, make(conn, session, edit, is_proven=True), LATER)
        assert [replace(card, id=kept.id) for card in cards(conn)] == [kept]
        (kept,) = cards(conn)
        assert len(get_profile(conn, 7).schedule.intervals) == 7
        edit = edits.remove(kept.id)


def test_what_opens_is_refused_without_the_pin_and_nothing_is_changed(conn: Connection, session: Session) -> None:
    make(conn, session, edits.put(SLEEP))
    (kept,) = cards(conn)

    for edit in (
        edits.put(replace(kept, minutes=60), edits.mark_of_card(kept)),
        edits.switch(kept.id, is_on=False),
        edits.remove(kept.id),
    ):
        with pytest.raises(NeedsPin):
            make(conn, session, edit)
    assert cards(conn) == (kept,)


def test_hours_that_were_there_without_cards_come_back_with_the_undo(conn: Connection, session: Session) -> None:
    week = Schedule((parse_interval("mon", "20:00", "06:30"),))
    set_schedule(conn, 7, week)

    with pytest.raises(NeedsPin):
        make(conn, session, edits.put(SLEEP))
    undo = make(conn, session, edits.put(SLEEP), is_proven=True)
    edits.restore(conn, 7, undo, LATER)

    assert get_profile(conn, 7).schedule.intervals == week.intervals


def test_a_card_by_the_sun_comes_back_as_it_was(conn: Connection, session: Session) -> None:
    iftar = Card(Kind.PRAYER, 1080, 60, day_sets=frozenset({DaySet.RAMADAN}), begins=Turn.IFTAR)
    make(conn, session, edits.put(iftar))
    (kept,) = cards(conn)

    edits.restore(conn, 7, make(conn, session, edits.remove(kept.id), is_proven=True), LATER)

    assert [replace(card, id=kept.id) for card in cards(conn)] == [kept]


def test_a_card_that_someone_has_changed_since_is_left_as_it_is(conn: Connection, session: Session) -> None:
    undo = make(conn, session, edits.put(SLEEP))
    (kept,) = cards(conn)
    plans.put_card(conn, 7, replace(kept, minutes=600))

    with pytest.raises(NotNow):
        edits.restore(conn, 7, undo, LATER)


def test_an_edit_because_of_which_another_card_was_opened_since_is_not_taken_back(
    conn: Connection, session: Session
) -> None:
    make(conn, session, edits.put(SLEEP))
    (old,) = cards(conn)
    undo = make(conn, session, edits.put(SLEEP))
    make(conn, session, edits.remove(old.id))  # the new one closes the same

    with pytest.raises(NotNow):
        edits.restore(conn, 7, undo, LATER)


def test_a_card_of_another_profile_is_not_found(conn: Connection, session: Session) -> None:
    other = plans.put_card(conn, 8, SLEEP)

    for edit in (edits.put(other), edits.switch(other.id, is_on=False), edits.remove(other.id)):
        with pytest.raises(NoPerson):
            make(conn, session, edit, is_proven=True)
    with pytest.raises(NoPerson):
        edits.make(conn, session, 8, edits.remove(other.id), NOW, is_proven=True)
    assert plans.cards_of(conn, [8])[8] == (other,)
