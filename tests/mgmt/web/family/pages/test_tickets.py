import re

from sqlalchemy import Engine
from support.mgmt.desk import NOW, Clock
from support.mgmt.outline import text_of
from support.mgmt.phone import Phone, add_caregiver

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.family.pages.tickets import COUNTS
from parental.calendar import tickets
from parental.calendar.tickets import Ticket, plain_code
from parental.policy.profiles import set_schedule
from parental.policy.schedule import Interval, Schedule
from parental.store.database import reading, writing

PIN = {"pin": "2468", "again": "2468"}


def made(engine: Engine, account: int = 7) -> list[Ticket]:
    with reading(engine) as conn:
        return tickets.tickets_of(conn, account)


async def test_tickets_are_made_and_shown_to_be_printed_after_the_pin_alone(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    status, said = await parent.fill_in("tickets/make", count="5", minutes="15")
    assert "Choose a family PIN" in said and made(engine) == []
    status, said = await parent.fill_in("tickets/make", count="5", minutes="15", **PIN)
    assert status == 200 and "5 unused tickets" in said
    listed = made(engine)
    assert [each.minutes for each in listed] == [15] * 5
    assert not any(each.code[3:] in said for each in listed)

    status, text = await parent.send("tickets/sheet", csrf=await parent.csrf())  # which leads to it
    shown = re.findall(r"[0-9]{3} [0-9]{3} [0-9]{3}", text_of(text))
    assert [plain_code(each) for each in shown] == [each.code for each in listed]
    assert text.count('class="qr"') == 5 and "style=" not in text

    clock.forward(minutes=6)
    status, said = await parent.fill_in("tickets/sheet", pin="1357")
    assert status == 403 and not any(each.code[3:] in said for each in listed)


async def test_a_ticket_on_paper_says_where_it_is_typed_and_until_when_it_is_good(
    parent: Phone, settings: Settings
) -> None:
    await parent.fill_in("tickets/make", count="5", minutes="15", **PIN)
    settings.why_host = None
    _, said = await parent.fill_in("tickets/sheet")
    assert said.count("good until Saturday, 30 January 2027") == 5 and "type it at" not in said

    settings.why_host = "why.isp.example"
    assert (await parent.fill_in("tickets/sheet"))[1].count("type it at http://why.isp.example") == 5


async def test_what_is_used_or_cancelled_is_not_printed(parent: Phone, engine: Engine) -> None:
    await parent.fill_in("tickets/make", count="5", minutes="30", **PIN)
    first, second, *rest = made(engine)
    with writing(engine) as conn:
        set_schedule(conn, 7, Schedule((Interval(0, 0, 10080),)))
        tickets.use(conn, 7, 7, first.code, NOW)

    status, said = await parent.fill_in("tickets/cancel", ticket=str(second.id))
    assert status == 200 and "3 unused tickets" in said and "cancelled" in said
    assert (await parent.fill_in("tickets/cancel", ticket=str(first.id)))[0] == 404
    assert (await parent.fill_in("tickets/cancel", ticket="x"))[0] == 404

    _, said = await parent.fill_in("tickets/sheet")
    printed = [plain_code(each) for each in re.findall(r"[0-9]{3} [0-9]{3} [0-9]{3}", said)]
    assert sorted(map(str, printed)) == sorted(each.code for each in rest)
    assert "Ticket cancelled" in await parent.words("/changes")


async def test_the_page_stays_small_however_many_there_are_and_the_unused_come_first(
    parent: Phone, engine: Engine
) -> None:
    with writing(engine) as conn:
        unused = tickets.issue(conn, 7, 2, 30, NOW)
        cancelled = [each for _ in range(4) for each in tickets.issue(conn, 7, 50, 30, NOW)]
        for each in cancelled:
            tickets.revoke(conn, 7, each.id, NOW)

    _, _, text = await parent.get("/tickets", "lang=ur")

    assert len(text.encode()) <= 20_000
    places = [text.index(f">{each.code[:3]}<") for each in (unused[1], unused[0], cancelled[-1])]
    assert places == sorted(places)
    assert "2 unused tickets" in await parent.words("/tickets")


async def test_a_number_that_is_not_offered_makes_the_usual_sheet(parent: Phone, engine: Engine) -> None:
    await parent.fill_in("tickets/make", count="9999999", minutes="-1", **PIN)

    assert [each.minutes for each in made(engine)] == [30] * COUNTS[0]


async def test_so_many_tickets_and_no_more(parent: Phone, engine: Engine) -> None:
    with writing(engine) as conn:
        for _ in range(19):
            tickets.issue(conn, 7, 50, 30, NOW)
    for _ in range(2):
        await parent.fill_in("tickets/make", count="20", minutes="15", **PIN)

    status, said = await parent.fill_in("tickets/make", count="20", minutes="15")

    assert status == 409 and "Nothing was made" in said


async def test_a_helper_neither_makes_nor_sees_tickets_and_no_household_sees_anothers(
    phone: Phone, engine: Engine
) -> None:
    with writing(engine) as conn:
        (foreign,) = tickets.issue(conn, 8, 1, 30, NOW)
    add_caregiver(engine, "helper")
    await phone.with_number()

    assert "Make tickets" not in await phone.words("/tickets")
    for did in ("make", "sheet", "cancel"):
        assert (await phone.fill_in(f"tickets/{did}", ticket=str(foreign.id), **PIN))[0] == 403
    assert made(engine) == [] and made(engine, 8)[0].revoked_s is None


async def test_the_sheet_is_a_page_that_is_there_while_the_pin_is_fresh_and_no_reload_brings_back(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    await parent.fill_in("tickets/make", count="5", minutes="15", **PIN)
    clock.forward(minutes=6)
    form = {"csrf": await parent.csrf(), "pin": "2468"}
    await parent.send("tickets/sheet", **form)
    codes = [f"{each.code[3:6]} {each.code[6:]}" for each in made(engine)]
    shown = await parent.words("/tickets/sheet")
    assert all(f" {each}" in shown for each in codes)

    clock.forward(hours=3)
    _, again = await parent.send("tickets/sheet", **form)

    for text in (again, await parent.words("/tickets/sheet")):
        assert "5 unused tickets" in text and not any(f" {each}" in text for each in codes)
    assert "Your family PIN" in (await parent.fill_in("tickets/make", count="5", minutes="15"))[1]
