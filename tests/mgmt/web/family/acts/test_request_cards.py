from sqlalchemy import Engine
from support.mgmt.desk import NOW, Clock
from support.mgmt.phone import Phone, add_caregiver, add_child

from parental.calendar import exceptions
from parental.people.requests import ChildRequest, ask, newest
from parental.policy.profiles import pause, set_schedule
from parental.policy.schedule import Schedule, parse_interval
from parental.store.database import reading, writing

PIN = {"pin": "2468", "again": "2468"}
SLEEP = Schedule((parse_interval("mon", "20:00", "06:30"),))  # NOW is Monday, 21:00:03


def request_of(engine: Engine, child: int, minutes: int | None = 30, name: str | None = None) -> str:
    with writing(engine) as conn:
        set_schedule(conn, child, SLEEP)
        return str(ask(conn, 7, child, ChildRequest(minutes, name, "homework"), NOW)[0].id)


def answer_of(engine: Engine, child: int) -> str | None:
    with reading(engine) as conn:
        found = newest(conn, child)
    return None if found is None else found.answer


async def test_a_mother_sees_what_was_asked_and_answers_in_one_tap_with_her_pin(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    child = add_child(engine)
    number = request_of(engine, child)
    said = await parent.words()
    assert "Ayesha" in said and "asks for 30 minutes" in said and "Homework · asked 9:00 pm" in said

    _, said = await parent.tap("answer-15", child, request=number)
    assert "Choose a family PIN" in said and answer_of(engine, child) is None
    status, said = await parent.tap("answer-15", child, request=number, **PIN)

    assert status == 200 and "15 minutes given 9:00:03 pm" in said and "asks for" not in said
    assert answer_of(engine, child) == "yes"
    with reading(engine) as conn:
        assert [row.kind for row in exceptions.held(conn, child, clock())] == ["plus"]
    assert "Request: yes" in await parent.words("/changes")

    status, said = await parent.tap("undo", child)
    assert status == 200 and "asks for 30 minutes" in said and answer_of(engine, child) is None


async def test_a_request_that_ends_tomorrow_says_so_also_a_moment_after_it_was_asked(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    request_of(engine, add_child(engine))

    clock.forward(seconds=30)
    assert "asked 9:00 pm, ends Tuesday 9:00 pm" in await parent.words()
    clock.forward(hours=12)
    assert "asked Monday 9:00 pm, ends 9:00 pm" in await parent.words()


async def test_no_takes_no_pin_and_the_second_answer_finds_it_answered(parent: Phone, engine: Engine) -> None:
    child = add_child(engine)
    number = request_of(engine, child)

    assert "answered 9:00:03 pm: not now" in (await parent.tap("answer-no", child, request=number))[1]
    status, said = await parent.tap("answer-15", child, request=number, **PIN)

    assert status == 409 and "would change nothing" in said
    assert answer_of(engine, child) == "no"


async def test_a_page_that_is_opened_in_a_pause_is_called_seen_once_the_internet_is_open(
    parent: Phone, engine: Engine
) -> None:
    child = add_child(engine)
    number = request_of(engine, child, None, "page.example")
    await parent.tap("pause", child)

    _, said = await parent.tap("answer-page", child, request=number, **PIN)

    assert "page opened 9:00:03 pm, it can be seen once the internet is open" in said
    assert "can be seen once" not in (await parent.tap("resume", child))[1]


async def test_a_page_is_shown_by_its_name_and_opened_by_a_parent_alone(
    parent: Phone, phone: Phone, engine: Engine
) -> None:
    child = add_child(engine)
    number = request_of(engine, child, None, "page.example")
    status, said = await parent.tap("answer-page", child, request=number, **PIN)
    assert status == 200 and "page opened 9:00:03 pm" in said
    add_caregiver(engine, "helper", number="+923009999999", name="Hina")
    other = request_of(engine, child, None, "other.example")
    await phone.with_number("0300 9999999")

    said = await phone.words()
    assert "asks for the page other.example" in said and "✔ Yes" not in said and "Not now" in said
    assert (await phone.tap("answer-page", child, request=other, **PIN))[0] == 403


async def test_a_page_whose_name_has_too_many_parts_is_refused_in_words_that_are_true_and_waits_on(
    parent: Phone, engine: Engine
) -> None:
    child = add_child(engine)
    number = request_of(engine, child, None, "a." * 15 + "page.example")

    status, said = await parent.tap("answer-page", child, request=number, **PIN)

    assert status == 409 and "it is too long, or it stands for many sites. Nothing was changed." in said
    assert answer_of(engine, child) is None


async def test_a_request_of_another_household_is_neither_shown_nor_answered(parent: Phone, engine: Engine) -> None:
    with writing(engine) as conn:
        set_schedule(conn, 8, SLEEP)
        number = str(ask(conn, 8, 8, ChildRequest(30, None, "play"), NOW)[0].id)

    assert "asks for" not in await parent.words()
    assert (await parent.tap("answer-no", 8, request=number))[0] == 404
    assert (await parent.tap("answer-no", 7, request=number))[0] == 409
    assert answer_of(engine, 8) is None


async def test_what_is_asked_in_a_pause_is_answered_by_its_end_and_undo_brings_both_back(
    parent: Phone, engine: Engine
) -> None:
    child = add_child(engine)
    with writing(engine) as conn:
        pause(conn, child, None)
        ask(conn, 7, child, ChildRequest(30, None, "family"), NOW)
    said = await parent.words()
    assert "asks for 30 minutes" in said and "It is paused: only ending the pause opens it." in said
    assert "Yes, 30 min" not in said and "✔ Resume" in said and "Not now" in said

    status, said = await parent.tap("resume", child, **PIN)
    assert status == 200 and "pause ended" in said and "asks for" not in said and answer_of(engine, child) == "yes"

    _, said = await parent.tap("undo", child)
    assert "asks for 30 minutes" in said and "only ending the pause" in said and answer_of(engine, child) is None
