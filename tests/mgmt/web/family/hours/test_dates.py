from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import Clock
from support.mgmt.phone import Phone, add_caregiver, add_child

from mgmt.web.family.acts import calendars
from parental.calendar import plans
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import MAX_RANGES, Calendar, DaySet, Range
from parental.calendar.sun import Turn
from parental.store.database import reading, writing

PIN = {"pin": "2468", "again": "2468"}
WEEK = {f"school{day}": "1" for day in range(6)}
AUGUST = {"kind": "holidays", "first": "2026-08-10", "last": "2026-08-14"}


def calendar(engine: Engine) -> Calendar:
    with reading(engine) as conn:
        return plans.calendar_of(conn, 7)


def add_homework(engine: Engine) -> None:
    with writing(engine) as conn:
        for kind, sets in ((Kind.HOMEWORK, {DaySet.SCHOOL}), (Kind.PRAYER, {DaySet.HOLIDAYS})):
            plans.put_card(conn, 7, Card(kind, 1000, 60, day_sets=frozenset(sets)))


async def send(phone: Phone, did: str, **fields: Any) -> tuple[int, str]:
    return await phone.fill_in(f"days/{did}", **{"seen": await phone.seen("/days"), **fields})


async def test_dates_of_before_anothers_change_take_nothing_back(parent: Phone, engine: Engine) -> None:
    seen = await parent.seen("/days")
    await send(parent, "save", shift="1", **WEEK)

    status, said = await send(parent, "save", follows="1", seen=seen)

    assert status == 409 and "Someone has changed this since" in said
    assert calendar(engine).school_days == frozenset(range(6)) and calendar(engine).shift_days == 1


async def test_a_family_says_which_days_have_school_and_whose_ramadan_it_follows(parent: Phone, engine: Engine) -> None:
    assert "Today is: School days" in await parent.words("/days")

    status, said = await send(parent, "save", shift="1", **WEEK)

    assert status == 200 and "saved" in said
    found = calendar(engine)
    assert found.school_days == frozenset(range(6)) and found.shift_days == 1
    with reading(engine) as conn:
        assert not plans.follows_announced(conn, 7)


RAMADAN = {"kind": "ramadan", "first": "2026-08-10", "last": "2026-08-14"}


async def test_a_family_says_its_city_and_takes_it_back(parent: Phone, engine: Engine) -> None:
    assert "not said" in await parent.words("/days")

    status, said = await send(parent, "save", follows="1", city="quetta", **WEEK)
    assert status == 200 and "saved" in said and calendar(engine).city == "quetta"
    assert 'value="quetta" selected' in (await parent.get("/days"))[2]
    assert (await send(parent, "undo"))[0] == 200
    assert calendar(engine).city is None


async def test_a_city_that_is_not_known_is_refused(parent: Phone, engine: Engine) -> None:
    assert (await send(parent, "save", city="atlantis", **WEEK))[0] == 422
    assert calendar(engine) == Calendar()


async def test_another_city_in_which_less_is_closed_takes_the_pin_and_one_in_which_more_is_does_not(
    parent: Phone, engine: Engine
) -> None:
    with writing(engine) as conn:
        sets = frozenset({DaySet.RAMADAN})
        plans.put_card(conn, 7, Card(Kind.PRAYER, 1080, 60, day_sets=sets, begins=Turn.IFTAR))  # until 7:00 pm
    await send(parent, "add", **RAMADAN)
    week = {f"school{day}": "1" for day in range(5)}

    _, said = await send(parent, "save", follows="1", city="karachi", **week)  # its sun sets after 7:00 pm
    assert "Choose a family PIN" in said and calendar(engine).city is None
    await send(parent, "save", follows="1", city="karachi", **week, **PIN)
    assert calendar(engine).city == "karachi"


async def test_holidays_are_added_and_removed_and_taken_back(parent: Phone, engine: Engine) -> None:
    _, said = await send(parent, "add", **AUGUST)
    assert "Holiday: Monday, 10 August 2026 – Friday, 14 August 2026" in said
    (held,) = calendar(engine).ranges

    _, said = await send(parent, "remove", range=f"holidays {held.first} {held.last}")
    assert "10 August" not in said and calendar(engine).ranges == ()
    _, said = await send(parent, "undo")
    assert "taken back" in said and calendar(engine).ranges == (held,)


async def test_dates_that_change_the_weeks_of_several_are_taken_back_for_all(parent: Phone, engine: Engine) -> None:
    profiles = [7, add_child(engine), add_child(engine, "Bilal", prefix=None)]
    with writing(engine) as conn:
        for profile in profiles:
            plans.put_card(conn, profile, Card(Kind.SLEEP, 1290, 540, day_sets=frozenset({DaySet.SCHOOL})))
            plans.put_card(conn, profile, Card(Kind.SLEEP, 1260, 600, day_sets=frozenset({DaySet.HOLIDAYS})))
    today = {"kind": "holidays", "first": "2026-08-03", "last": "2026-08-07"}
    await send(parent, "add", **today, **PIN)

    status, said = await send(parent, "undo")

    assert status == 200 and "taken back" in said and calendar(engine).ranges == ()


@pytest.mark.parametrize("did", ["add", "remove"])
async def test_dates_of_another_caregiver_far_ahead_are_not_lost_by_an_undo(
    parent: Phone, engine: Engine, did: str
) -> None:
    far = {"kind": "holidays", "first": "2026-09-12", "last": "2026-09-13"}
    if did == "remove":
        await send(parent, "add", **far)
    await send(parent, did, **far, range="holidays 2026-09-12 2026-09-13")
    exams = Range(DaySet.EXAMS, date(2026, 9, 15), date(2026, 9, 21))
    with writing(engine) as conn:
        plans.put_calendar(conn, 7, calendars.with_range(plans.calendar_of(conn, 7), exams), follows_announced=True)

    status, said = await send(parent, "undo")

    assert status == 409 and "someone has changed it since" in said and exams in calendar(engine).ranges


async def test_dates_on_which_less_is_closed_take_the_pin_and_others_do_not(parent: Phone, engine: Engine) -> None:
    add_homework(engine)
    with writing(engine) as conn:
        plans.put_card(conn, 7, Card(Kind.SLEEP, 1290, 540, day_sets=frozenset({DaySet.SCHOOL})))

    _, said = await send(parent, "add", **AUGUST)
    assert "Choose a family PIN" in said and calendar(engine).ranges == ()
    await send(parent, "add", **AUGUST, **PIN)
    assert len(calendar(engine).ranges) == 1


async def test_more_school_days_take_no_pin(parent: Phone, engine: Engine, clock: Clock) -> None:
    with writing(engine) as conn:
        plans.put_card(conn, 7, Card(Kind.SLEEP, 1290, 540, day_sets=frozenset({DaySet.SCHOOL})))

    assert "PIN" not in (await send(parent, "save", follows="1", **WEEK))[1]
    assert calendar(engine).school_days == frozenset(range(6))


@pytest.mark.parametrize(
    "wrong",
    [
        {"last": "2026-08-01"},
        {"last": "2028-08-01"},
        {"first": "x"},
        {"kind": "school"},
        {"kind": "x"},
        {"first": ""},
        {"first": "9999-12-31", "last": "9999-12-31"},
        {"first": "0001-01-01", "last": "0001-01-01"},
    ],
)
async def test_dates_that_do_not_fit_are_refused_in_a_sentence(
    parent: Phone, engine: Engine, wrong: dict[str, str]
) -> None:
    status, said = await send(parent, "add", **{**AUGUST, **wrong})

    assert status == 422 and "These dates do not fit" in said and calendar(engine).ranges == ()


async def test_dates_that_were_refused_stay_in_the_form(parent: Phone) -> None:
    said = {"kind": "exams", "first": "2026-08-20", "last": "2026-08-01"}
    _, text = await parent.send("days/add", csrf=await parent.csrf(), **said)

    assert 'value="exams" selected' in text and 'value="2026-08-20"' in text and 'value="2026-08-01"' in text


async def test_a_helper_sees_the_dates_and_changes_none(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine, "helper")
    await phone.with_number()

    assert "Today is" in await phone.words("/days") and "Save" not in await phone.words("/days")
    for did in ("save", "add", "remove"):
        assert (await send(phone, did, **AUGUST))[0] == 403
    assert calendar(engine) == Calendar()


async def test_from_another_site_or_without_a_session_nothing_is_changed(parent: Phone, engine: Engine) -> None:
    csrf = await parent.csrf()
    for did in ("save", "add", "remove", "undo"):
        assert (await parent.send(f"days/{did}", csrf=csrf, origin="https://evil.example", **AUGUST))[0] == 403
    parent.client.session.cookie_jar.clear()
    assert "Your mobile number" in await parent.words("/days")
    assert calendar(engine) == Calendar()


async def test_dates_that_are_one_too_many_are_refused_as_such(parent: Phone, engine: Engine) -> None:
    first = date(2027, 1, 1)
    with writing(engine) as conn:
        many = [first + timedelta(days=2 * n) for n in range(MAX_RANGES)]
        held = Calendar(ranges=tuple(Range(DaySet.EXAMS, day, day) for day in many))
        plans.put_calendar(conn, 7, held, True)

    status, said = await send(parent, "add", **AUGUST)

    assert status == 409 and "no room for more dates. Nothing was saved." in said and "do not fit" not in said
