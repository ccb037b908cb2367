import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine, update
from support.mgmt.desk import NOW, Clock
from support.mgmt.phone import Phone, add_caregiver, add_child

from mgmt.web.family.whose import about
from parental.calendar import screen_time
from parental.people.household import By, note
from parental.people.reports import Encounter, count, days_of, totals_of
from parental.people.requests import ChildRequest, ask
from parental.policy.profiles import pause, set_schedule
from parental.policy.schedule import Schedule, parse_interval
from parental.store.database import reading, writing
from parental.store.schema.people import children

TODAY = NOW.date()
PIN = {"pin": "2468", "again": "2468"}


def met(engine: Engine, profile: int, *kinds: str) -> None:
    with writing(engine) as conn:
        count(conn, [Encounter(profile, int(NOW.timestamp()), kind) for kind in kinds])


def born(engine: Engine, profile: int, year: int) -> None:
    with writing(engine) as conn:
        conn.execute(update(children).where(children.c.profile == profile).values(birth_year=year))


async def test_a_report_says_how_often_by_day_and_kind_and_never_what(parent: Phone, engine: Engine) -> None:
    child = add_child(engine)
    met(engine, child, "games", "games", "bypass", "schedule", "household")
    with writing(engine) as conn:
        screen_time.put_quota(conn, child, 90, NOW)

    _, _, text = await parent.get(f"/reports/{child}")
    said = await parent.words(f"/reports/{child}")

    assert "Closed 5 times" in said and "that were stopped: 1" in said and "0 of 90 minutes" in said
    assert "games 2" in said.lower() and "Closed hours 1" in said and "Monday 5" in said
    assert text.count('<svg class="bar"') == 7 + 4
    assert not re.search(r"https?://(?!127)", text.partition("<main>")[2].partition("</main>")[0])
    assert f"/reports/{child}" in (await parent.get())[2]


async def test_the_older_a_child_the_less_is_said(parent: Phone, engine: Engine) -> None:
    child = add_child(engine)
    met(engine, child, "games")

    born(engine, child, NOW.year - 13)
    said = await parent.words(f"/reports/{child}")
    assert "Closed 1 times" in said and "Monday" not in said and "games" not in said.lower()

    born(engine, child, NOW.year - 16)
    said = await parent.words(f"/reports/{child}")
    assert "Closed" not in said and "no counts are shown" in said


async def test_days_on_which_nothing_was_kept_are_not_called_quiet(parent: Phone, engine: Engine, clock: Clock) -> None:
    child = add_child(engine)
    await parent.fill_in(f"reports/{child}/keep", days="0", **PIN)
    clock.forward(days=2)

    _, said = await parent.fill_in(f"reports/{child}/keep", days="30", **PIN)

    assert "Counted since Wednesday, 5 August 2026. Before that, your family kept no counts." in said
    met(engine, child, "games")
    clock.forward(days=7)
    assert "Counted since" not in await parent.words(f"/reports/{child}")


async def test_what_another_household_or_an_adults_line_keeps_is_not_chosen_here(parent: Phone, engine: Engine) -> None:
    foreign = add_child(engine, account=8, prefix=None)

    for profile in (foreign, 7, 99999):
        assert (await parent.fill_in(f"reports/{profile}/keep", days="0", **PIN))[0] == 404

    with reading(engine) as conn:
        assert days_of(conn, 7) == days_of(conn, 8) == 30


async def test_there_is_no_report_of_adults_nor_of_another_household(parent: Phone, engine: Engine) -> None:
    foreign = add_child(engine, account=8, prefix=None)

    for profile in (7, 8, foreign, 999):
        assert (await parent.get(f"/reports/{profile}"))[0] == 404
    assert "/reports/7" not in (await parent.get())[2]


async def test_a_household_that_keeps_nothing_reads_so_and_has_nothing(parent: Phone, engine: Engine) -> None:
    child = add_child(engine)
    met(engine, child, "games")

    status, said = await parent.fill_in(f"reports/{child}/keep", days="0", **PIN)
    met(engine, child, "games")

    assert status == 200 and "No count is written down." in said
    with reading(engine) as conn:
        assert totals_of(conn, child, TODAY - timedelta(days=40)) == {} and days_of(conn, 7) == 0
    assert "How long counts are kept" in await parent.words("/changes")
    assert (await parent.fill_in(f"reports/{child}/keep", days="8"))[0] == 422


async def test_a_child_with_the_phone_but_without_the_pin_deletes_no_counts(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    child = add_child(engine)
    met(engine, child, "bypass")
    await parent.fill_in(f"reports/{child}/keep", days="7", **PIN)
    clock.forward(minutes=6)

    assert "Your family PIN" in (await parent.fill_in(f"reports/{child}/keep", days="0"))[1]
    assert (await parent.fill_in(f"reports/{child}/keep", days="0", pin="1357"))[0] == 403
    with reading(engine) as conn:
        assert days_of(conn, 7) == 7 and totals_of(conn, child, TODAY) == {TODAY: {"bypass": 1}}


async def test_a_helper_reads_the_report_and_changes_nothing(phone: Phone, engine: Engine) -> None:
    child = add_child(engine)
    met(engine, child, "games")
    add_caregiver(engine, "helper")
    await phone.with_number()

    assert "Closed 1 times" in await phone.words(f"/reports/{child}")
    assert (await phone.fill_in(f"reports/{child}/keep", days="0"))[0] == 403
    with reading(engine) as conn:
        assert days_of(conn, 7) == 30


async def test_it_says_how_often_the_child_has_asked_in_these_days_and_how_often_it_was_allowed(
    parent: Phone, engine: Engine
) -> None:
    child, other = add_child(engine), add_child(engine, "Bilal", prefix=None)
    with writing(engine) as conn:
        for profile, days, action in (
            (child, 0, "asked"), (child, 6, "asked"), (child, 7, "asked"), (other, 0, "asked"),
            (child, 0, "request answered yes"), (child, 1, "request answered yes by message"),
            (child, 0, "request answered no"), (other, 0, "request answered yes"),
        ):  # fmt: skip
            note(conn, 7, By("splash", ""), action, about(conn, profile), NOW - timedelta(days=days))

    assert "Requests: 2, of these allowed: 2" in await parent.words(f"/reports/{child}")


def asked(engine: Engine, child: int) -> str:
    """A request of a child in closed hours, as its splash writes it."""
    with writing(engine) as conn:
        set_schedule(conn, child, Schedule((parse_interval("mon", "20:00", "06:30"),)))  # NOW is Monday, 21:00:03
        note(conn, 7, By("splash", ""), "asked", about(conn, child), NOW)
        return str(ask(conn, 7, child, ChildRequest(30, None, "play"), NOW)[0].id)


@pytest.mark.parametrize(("at_last", "allowed"), [("answer-no", 0), ("answer-30", 1)])
async def test_a_yes_that_was_taken_back_does_not_count_as_allowed(
    parent: Phone, engine: Engine, at_last: str, allowed: int
) -> None:
    child = add_child(engine)
    number = asked(engine, child)
    for did in ("answer-no", "undo", "answer-30", "undo", at_last):
        status, _ = await parent.tap(did, child, request=number, **PIN)
        assert status == 200

    assert f"Requests: 1, of these allowed: {allowed}" in await parent.words(f"/reports/{child}")
    assert (await parent.words("/changes")).count("Request: yes taken back") == 1


async def test_what_waits_again_as_the_end_of_a_pause_was_taken_back_does_not_count_as_allowed(
    parent: Phone, engine: Engine
) -> None:
    child = add_child(engine)
    asked(engine, child)
    with writing(engine) as conn:
        set_schedule(conn, child, Schedule())
        pause(conn, child, None)
    await parent.tap("resume", child, **PIN)
    assert "Requests: 1, of these allowed: 1" in await parent.words(f"/reports/{child}")

    await parent.tap("undo", child)

    assert "Requests: 1, of these allowed: 0" in await parent.words(f"/reports/{child}")
