from collections.abc import Iterable

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import NOW
from support.mgmt.phone import Phone, add_caregiver, add_child

from mgmt.web.family.household.school import SHOWN
from parental.calendar import screen_time
from parental.people.accounts import move_line
from parental.people.household import history
from parental.people.school import Contact, contact_of
from parental.policy import subscribers as store
from parental.policy.profiles import pause
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import reading, writing

PIN = {"pin": "2468", "again": "2468"}
KHAN = {"name": " Ms  Khan ", "number": "0300 1234567"}


@pytest.fixture
async def school(phone: Phone, engine: Engine) -> Phone:
    """A school's telephone, signed in."""
    add_caregiver(engine, "school", name="Head")
    await phone.with_number()
    return phone


def add_lines(engine: Engine, numbers: Iterable[int]) -> None:
    with writing(engine) as conn:
        for number in numbers:
            store.put_subscriber(conn, Subscriber(number, f"Room {number}", (parse_prefix(f"203.0.113.{number}"),)))
            move_line(conn, number, 7)


def contact(engine: Engine) -> Contact | None:
    with reading(engine) as conn:
        return contact_of(conn, 7)


async def test_a_school_sees_its_lines_classes_and_how_many_are_open(school: Phone, engine: Engine) -> None:
    add_lines(engine, (11, 12))
    add_child(engine, "Class 7", prefix=None)
    with writing(engine) as conn:
        pause(conn, 12, None)

    assert 'href="/family/school?lang=en"' in (await school.get())[2]
    said = await school.words("/school")

    assert "Lines: 3, classes: 1" in said and "Open: 2" in said and "Closed: 1" in said
    assert "Room 11" in said and "Paused" in said
    assert "لائنیں" in await school.words("/school", "lang=ur")


async def test_a_school_reads_how_much_of_a_class_s_screen_time_is_left(school: Phone, engine: Engine) -> None:
    with writing(engine) as conn:
        screen_time.put_quota(conn, 7, 60, NOW)
    assert "Screen time has not started: 1 hour left" in await school.words("/school")

    with writing(engine) as conn:
        screen_time.start(conn, 7, NOW)
    assert "Screen time: 1 hour left" in await school.words("/school")


async def test_a_school_of_many_lines_has_them_a_page_at_a_time(school: Phone, engine: Engine) -> None:
    add_lines(engine, range(100, 100 + SHOWN + 2))

    first, second = await school.words("/school"), await school.words("/school", f"lang=en&after={98 + SHOWN}")

    assert f"Lines: {SHOWN + 3}" in first and "More lines" in first and f"Room {98 + SHOWN}" in first
    assert len((await school.get("/school", "lang=ur"))[2].encode()) <= 20_000
    assert f"Room {99 + SHOWN}" not in first and f"Room {99 + SHOWN}" in second and "More lines" not in second


async def test_the_safeguarding_contact_is_named_with_the_pin_and_all_read_it(school: Phone, engine: Engine) -> None:
    assert "Choose a family PIN" in (await school.fill_in("school/contact", **KHAN))[1] and contact(engine) is None

    status, said = await school.fill_in("school/contact", **KHAN, **PIN)

    assert status == 200 and "Ms Khan 03001234567" in said
    assert contact(engine) == Contact("Ms Khan", "03001234567")
    with reading(engine) as conn:
        assert history(conn, 7)[0].action == "contact named"
    assert "Contact of the school named" in await school.words("/changes")


async def test_a_child_at_the_school_reads_the_contact_and_can_call(school: Phone, engine: Engine) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(9, "Library", (parse_prefix("127.0.0.1"),)))
        move_line(conn, 9, 7)
    await school.fill_in("school/contact", **KHAN, **PIN)
    school.client.session.cookie_jar.clear()

    text = (await school.get("/mine"))[2]

    assert "Ms Khan" in text and 'href="tel:03001234567"' in text


@pytest.mark.parametrize("wrong", [{"name": " "}, {"number": "javascript:1"}, {"number": ""}, {"number": "9" * 40}])
async def test_what_is_no_name_or_number_is_refused(school: Phone, engine: Engine, wrong: dict[str, str]) -> None:
    assert (await school.fill_in("school/contact", **{**KHAN, **wrong}, **PIN))[0] == 422
    assert contact(engine) is None


async def test_a_contact_that_was_refused_stays_in_the_form(school: Phone) -> None:
    _, text = await school.send("school/contact", csrf=await school.csrf(), name="Ms Khan", number="x", **PIN)

    assert 'value="Ms Khan"' in text and 'value="x"' in text


async def test_a_household_that_is_no_school_has_no_such_page(parent: Phone, engine: Engine) -> None:
    assert (await parent.get("/school"))[0] == 404 and "/family/school" not in (await parent.get())[2]
    assert (await parent.fill_in("school/contact", **KHAN, **PIN))[0] == 404 and contact(engine) is None


async def test_a_helper_of_a_school_reads_the_page_and_names_no_one(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine, "school", number="+923017654321", name="Head")
    add_caregiver(engine, "helper")
    await phone.with_number()

    assert "Save" not in await phone.words("/school")
    assert (await phone.fill_in("school/contact", **KHAN, **PIN))[0] == 403 and contact(engine) is None
