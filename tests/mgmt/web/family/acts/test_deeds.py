import asyncio

from sqlalchemy import Engine, select, update
from support.mgmt.desk import Clock, PlayedControl
from support.mgmt.phone import Phone, add_caregiver, add_child

from parental.calendar import exceptions, plans, tickets
from parental.policy.profiles import set_schedule
from parental.policy.schedule import Schedule, parse_interval
from parental.store.database import reading, writing
from parental.store.schema.access import family_pins, sessions

PIN = {"pin": "2468", "again": "2468"}


def held(engine: Engine, clock: Clock) -> int:
    """Exceptions of line 7."""
    with reading(engine) as conn:
        return len(exceptions.held(conn, 7, clock()))


async def test_the_pin_page_leads_back_to_the_page_that_asked_in_either_language(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    await phone.with_number()
    await phone.tap("pause", 7)

    _, text = await phone.send("resume", csrf=await phone.csrf(), profile="7")

    assert 'action="/family/resume?lang=en"' in text and '<a class="tap" href="/family?lang=en">' in text
    assert '<a href="/family?lang=ur"' in text


async def test_a_deed_that_is_stored_and_not_in_force_has_no_receipt_and_can_be_taken_back(
    phone: Phone, engine: Engine, control: PlayedControl
) -> None:
    add_caregiver(engine)
    await phone.with_number()
    control.refuses = "no"

    status, said = await phone.tap("pause", 7)
    assert status == 503 and "not in force yet" in said and "Undo" in said

    control.refuses = None
    status, said = await phone.tap("undo", 7)
    assert status == 200 and "taken back" in said


async def test_a_second_tap_gives_no_second_half_hour_and_shows_the_page(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    with writing(engine) as conn:
        set_schedule(conn, 7, Schedule((parse_interval("mon", "20:00", "06:30"),)))  # NOW is Monday, 21:00:03
    await parent.tap("plus", 7, **PIN)
    form = {"csrf": await parent.csrf(), "profile": "7"}

    said = [await parent.send("plus", **form) for _ in range(3)]

    assert [status for status, _ in said] == [200] * 3 and all("30 minutes given" in text for _, text in said)
    assert held(engine, clock) == 2


async def test_two_taps_at_the_same_moment_are_one(parent: Phone, engine: Engine) -> None:
    form = {"csrf": await parent.csrf(), "kind": "homework", "start": "960", "end": "1020", "day0": "1"}

    await asyncio.gather(*(parent.send("hours/7/save", **form, **{"set-school": "1"}) for _ in range(4)))

    with reading(engine) as conn:
        assert len(plans.cards_of(conn, [7])[7]) == 1


async def test_what_was_spent_on_one_page_spoils_no_other_and_no_other_choice(parent: Phone, engine: Engine) -> None:
    add_child(engine)
    one, other = await parent.csrf(), await parent.csrf()

    for csrf, count in ((one, "5"), (other, "5"), (one, "10")):
        await parent.send("tickets/make", csrf=csrf, count=count, minutes="15", **PIN)

    with reading(engine) as conn:
        assert len(tickets.tickets_of(conn, 7)) == 20


async def test_a_right_pin_is_not_right_again_by_a_reload_also_where_the_deed_was_refused(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    await parent.tap("pause", 7)
    await parent.tap("resume", 7, **PIN)
    clock.forward(minutes=6)
    form = {"csrf": await parent.csrf(), "profile": "7", "pin": "2468"}
    assert (await parent.send("resume", **form))[0] == 409  # it is not paused

    clock.forward(hours=5)
    status, text = await parent.send("resume", **form)

    assert status == 200 and "Pause" in text
    await parent.tap("pause", 7)
    assert "Your family PIN" in (await parent.tap("resume", 7))[1]
    with reading(engine) as conn:
        assert conn.execute(select(family_pins.c.wrong)).scalar_one() == 0


async def test_a_reload_takes_no_wrong_try_from_the_count(parent: Phone, engine: Engine, clock: Clock) -> None:
    await parent.tap("pause", 7)
    await parent.tap("resume", 7, **PIN)
    clock.forward(minutes=6)
    form = {"csrf": await parent.csrf(), "profile": "7", "pin": "2468"}
    await parent.send("resume", **form)
    clock.forward(minutes=6)
    await parent.tap("resume", 7, pin="9753")

    await parent.send("resume", **form)

    with reading(engine) as conn:
        assert conn.execute(select(family_pins.c.wrong)).scalar_one() == 1


async def test_the_pin_is_asked_again_on_the_same_form_after_a_wrong_one(parent: Phone, engine: Engine) -> None:
    await parent.tap("pause", 7)
    await parent.tap("resume", 7, **PIN)
    await parent.tap("pause", 7)
    with writing(engine) as conn:
        conn.execute(update(sessions).values(pin_until_s=0))
    form = {"csrf": await parent.csrf(), "profile": "7"}

    _, text = await parent.send("resume", **form, pin="9753")
    assert "This is not the PIN" in text and f'value="{form["csrf"]}"' in text
    status, text = await parent.send("resume", **form, pin="2468")

    assert status == 200 and "pause ended" in text
