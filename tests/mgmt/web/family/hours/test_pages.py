import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Clock, PlayedControl
from support.mgmt.outline import text_of
from support.mgmt.phone import Phone, add_caregiver, add_child

from mgmt.web.family.acts.at_once import state_now
from mgmt.web.family.acts.draft import USUAL
from mgmt.web.family.filter_state import look
from parental.calendar import exceptions, plans
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar, DaySet
from parental.calendar.state import Openness, State
from parental.calendar.sun import Turn
from parental.people.household import history
from parental.policy.profiles import get_profile
from parental.store.database import reading, writing

PIN = {"pin": "2468", "again": "2468"}
DAYS = {f"day{day}": "1" for day in range(7)}
SETS = {f"set-{each}": "1" for each in DaySet}
SLEEP: dict[str, Any] = {"kind": "sleep", "start": "1290", "end": "390", "on": "1", "card": "0", **DAYS, **SETS}


def cards(engine: Engine, profile: int = 7) -> tuple[Card, ...]:
    with reading(engine) as conn:
        return plans.cards_of(conn, [profile]).get(profile, ())


async def send(phone: Phone, did: str, profile: Any = 7, **fields: Any) -> tuple[int, str]:
    seen = await phone.seen(f"/hours/{profile}/card/{fields.get('card', 0)}")
    return await phone.fill_in(f"hours/{profile}/{did}", **{"seen": seen, **fields})


async def test_a_bedtime_is_saved_in_its_usual_hours_and_holds_at_once(parent: Phone, engine: Engine) -> None:
    assert "No closed hours yet" in await parent.words("/hours/7")
    form = await parent.words("/hours/7/new/sleep")
    assert "9:30 pm to 6:30 am" in form and "Save" in form

    status, said = await send(parent, "save", **SLEEP)

    assert status == 200 and "saved 9:00:03 pm" in said and "9:30 pm to 6:30 am" in said and "Every day" in said
    (card,) = cards(engine)
    assert replace(card, id=0) == USUAL[Kind.SLEEP].card()
    with reading(engine) as conn:
        assert len(get_profile(conn, 7).schedule.intervals) == 7
        assert history(conn, 7)[0].action == "card added"


async def test_steps_change_the_form_alone_and_what_was_ticked_stays(parent: Phone, engine: Engine) -> None:
    fields = {**SLEEP, "day6": ""}
    status, text = await parent.send("hours/7/draft", csrf=await parent.csrf(), step="start-30", **fields)

    assert status == 200 and "9:00 pm to 6:30 am" in text_of(text)
    assert 'name="start" value="1260"' in text
    assert 'name="day5" value="1" checked' in text and 'name="day6" value="1">' in text
    assert cards(engine) == ()


async def test_every_step_has_a_button_that_says_what_it_does(parent: Phone) -> None:
    text = (await parent.get("/hours/7/new/sleep"))[2]

    assert re.findall(r'name="step" value="([^"]+)"', text) == [
        f"{edge}{minutes:+d}" for edge in ("start", "end") for minutes in (-30, -5, 5, 30)
    ]
    assert 'aria-label="Close 30 minutes earlier"' in text and 'aria-label="Open 5 minutes later"' in text


async def test_enter_in_a_card_s_name_saves_the_card_and_a_step_leads_back_to_its_button(parent: Phone) -> None:
    text = (await parent.get("/hours/7/new/other"))[2]
    form = text[text.index('action="/family/hours/7/save') :]

    assert re.findall("<button[^>]*>", form)[0] == '<button class="enter" tabindex="-1" aria-hidden="true">'
    for step in re.findall(r'name="step" value="([^"]+)"', form):
        assert f'id="{step}"' in form and f'formaction="/family/hours/7/draft?lang=en#{step}"' in form


async def test_closing_longer_takes_no_pin_and_closing_less_does(parent: Phone, engine: Engine) -> None:
    await send(parent, "save", **SLEEP)
    number = str(cards(engine)[0].id)

    status, said = await send(parent, "save", **{**SLEEP, "card": number, "start": "1260"}, sure="now")
    assert status == 200 and "saved" in said and cards(engine)[0].start_minute == 1260
    status, said = await send(parent, "save", **{**SLEEP, "card": number, "start": "1290"})
    assert "Choose a family PIN" in said and "opens hours that are closed now" in said
    assert cards(engine)[0].start_minute == 1260
    await send(parent, "save", **{**SLEEP, "card": number, "start": "1290"}, **PIN)
    assert cards(engine)[0].start_minute == 1290


async def test_a_form_of_before_anothers_change_takes_nothing_back_and_is_shown_anew(
    parent: Phone, engine: Engine
) -> None:
    await send(parent, "save", **SLEEP)
    number = cards(engine)[0].id
    seen = await parent.seen(f"/hours/7/card/{number}")
    longer = {**SLEEP, "card": number, "start": "1260"}
    await send(parent, "save", **longer, sure="now")

    status, said = await send(parent, "save", **{**SLEEP, "card": number}, seen=seen, **PIN)

    assert status == 409 and "Someone has changed this since" in said and "9:00 pm to 6:30 am" in said
    assert cards(engine)[0].start_minute == 1260
    _, text = await parent.send("hours/7/draft", csrf=await parent.csrf(), step="start-30", **longer, seen=seen)
    assert f'name="seen" value="{seen}"' in text


@pytest.mark.parametrize("did", ["off", "remove"])
async def test_a_child_with_the_phone_but_without_the_pin_opens_no_hours(
    parent: Phone, engine: Engine, clock: Clock, did: str
) -> None:
    await send(parent, "save", **SLEEP)
    before, number = cards(engine), str(cards(engine)[0].id)
    await send(parent, "off", card=number, **PIN)
    await send(parent, "on", card=number)
    clock.forward(minutes=6)

    status, said = await send(parent, did, card=number, pin="1357")

    assert status == 403 and "This is not the PIN" in said
    assert cards(engine) == before


async def test_a_card_is_switched_off_and_on_and_deleted_and_each_is_taken_back(parent: Phone, engine: Engine) -> None:
    await send(parent, "save", **SLEEP)
    before, number = cards(engine), str(cards(engine)[0].id)

    _, said = await send(parent, "off", card=number, **PIN)
    assert "Sleep · off" in said and not cards(engine)[0].is_on
    _, said = await send(parent, "undo")
    assert "taken back" in said and cards(engine) == before
    _, said = await send(parent, "remove", card=number)
    assert cards(engine) == () and "No closed hours yet" in said
    await send(parent, "undo")
    assert [replace(card, id=0) for card in cards(engine)] == [replace(card, id=0) for card in before]
    with reading(engine) as conn:
        assert len(get_profile(conn, 7).schedule.intervals) == 7


async def test_an_undo_is_too_late_after_a_minute_and_after_a_change_of_someone_else(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    await send(parent, "save", **SLEEP)
    with writing(engine) as conn:
        (card,) = plans.cards_of(conn, [7])[7]
        plans.remove_card(conn, 7, card.id)
    assert (await send(parent, "undo"))[0] == 409
    await send(parent, "save", **SLEEP)
    clock.forward(seconds=61)
    assert (await send(parent, "undo"))[0] == 409


async def test_an_undo_opens_no_bedtime_that_another_phone_took_this_one_to_cover(
    parent: Phone, engine: Engine
) -> None:
    add_caregiver(engine, "parent", number="+923017654321", name="Hina")
    await send(parent, "save", **SLEEP)
    old = cards(engine)[0].id
    server = parent.client.server
    assert isinstance(server, TestServer)
    async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
        other = Phone(client, parent.outbox)
        await other.with_number("0301 7654321")
        await send(parent, "save", **SLEEP)
        await send(other, "remove", card=str(old))
        (kept,) = cards(engine)

        status, said = await send(parent, "undo")

    assert status == 409 and "someone has changed it since" in said and cards(engine) == (kept,)


async def test_odd_hours_are_said_in_a_sentence_before_and_after_they_are_saved(parent: Phone) -> None:
    await send(parent, "save", **SLEEP)
    inside = {**SLEEP, "kind": "prayer", "start": "1320", "end": "1380"}

    _, text = await parent.send("hours/7/draft", csrf=await parent.csrf(), **inside)
    assert "lies inside Sleep" in text_of(text)
    _, said = await send(parent, "save", **inside)
    assert "Prayer/dinner, 10:00 pm to 11:00 pm, lies inside Sleep" in said


async def test_the_week_is_a_picture_with_the_same_in_words(parent: Phone) -> None:
    await send(parent, "save", **SLEEP)
    text = (await parent.get("/hours/7"))[2]

    assert text.count('<svg class="bar"') == 7 and text.count('class="shut"') == 14
    assert text_of(text).count(": Sleep 9:30 pm to 6:30 am") == 7


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "sleep", **SETS}, "Choose at least one day"),
        ({"kind": "sleep", **DAYS}, "Choose at least one kind"),
        ({"kind": "other", **DAYS, **SETS}, "Write a name"),
        ({"kind": "other", "label": "\0a", **DAYS, **SETS}, "Write a name"),
    ],
)
async def test_what_a_card_lacks_is_asked_for_and_nothing_is_stored(
    parent: Phone, engine: Engine, fields: dict[str, str], said: str
) -> None:
    status, text = await send(parent, "save", **fields)

    assert status == 422 and said in text and cards(engine) == ()


async def test_a_helper_sees_the_hours_and_changes_none(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine, "helper")
    await phone.with_number()

    assert "formaction" not in (await phone.get("/hours/7"))[2]
    assert (await send(phone, "save", **SLEEP))[0] == 403
    assert (await phone.get("/hours/7/new/sleep"))[0] == 403
    assert cards(engine) == ()


@pytest.mark.parametrize("profile", [8, 99999, 999999999999])
async def test_hours_of_another_household_are_neither_shown_nor_changed(
    parent: Phone, engine: Engine, profile: int
) -> None:
    for where in ("", "/new/sleep", "/card/1"):
        assert (await parent.get(f"/hours/{profile}{where}"))[0] == 404
    assert (await send(parent, "save", profile, **SLEEP))[0] == 404
    assert (await send(parent, "draft", profile, **SLEEP))[0] == 404
    assert cards(engine, 8) == ()


async def test_a_card_that_is_gone_is_named_and_nothing_is_made_of_it(parent: Phone, engine: Engine) -> None:
    assert (await parent.get("/hours/7/card/12345"))[0] == 404
    for did in ("save", "on", "off", "remove"):
        assert (await send(parent, did, **{**SLEEP, "card": "12345"}))[0] == 404
    assert cards(engine) == ()


async def test_what_nothing_can_enforce_is_not_offered(parent: Phone, engine: Engine) -> None:
    bare = add_child(engine, "Bilal", prefix=None)

    said = await parent.words(f"/hours/{bare}")
    assert "nothing can be closed here" in said and "Add closed hours" not in said
    assert (await send(parent, "save", bare, **SLEEP))[0] == 409
    assert cards(engine, bare) == ()


async def test_no_more_cards_are_kept_than_a_day_has_room_for(parent: Phone, engine: Engine) -> None:
    for n in range(12):
        await send(parent, "save", **{**SLEEP, "start": str(n * 60), "end": str(n * 60 + 30)})
    status, said = await send(parent, "save", **{**SLEEP, "start": "900", "end": "930"})

    assert status == 409 and "no room for another card" in said and len(cards(engine)) == 12


async def test_what_is_not_in_force_yet_is_called_so_on_the_page(parent: Phone, control: PlayedControl) -> None:
    control.refuses = "no"

    _, said = await send(parent, "save", **SLEEP)

    assert "not in force yet" in said and "saved 9:00" not in said


async def test_without_a_session_or_from_another_site_nothing_is_shown_or_done(
    phone: Phone, engine: Engine, parent: Phone
) -> None:
    csrf = await parent.csrf()
    for did in ("save", "on", "off", "remove", "draft", "undo"):
        assert (await phone.send(f"hours/7/{did}", csrf=csrf, origin="https://evil.example", **SLEEP))[0] == 403
        assert (await phone.send(f"hours/7/{did}", csrf="0" * 64, **SLEEP))[0] == 403
    phone.client.session.cookie_jar.clear()
    for where in ("", "/new/sleep", "/card/1"):
        assert "Your mobile number" in await phone.words(f"/hours/7{where}")
    assert cards(engine) == ()


async def test_urdu_has_the_same_page_from_right_to_left(parent: Phone) -> None:
    text = (await parent.get("/hours/7/new/sleep", "lang=ur"))[2]

    assert 'dir="rtl"' in text and "محفوظ کریں" in text and "سونے کا وقت" in text


async def test_the_pins_page_sends_what_was_to_be_done_to_where_it_is_done(parent: Phone, engine: Engine) -> None:
    await send(parent, "save", **SLEEP)
    number = str(cards(engine)[0].id)
    _, text = await parent.send("hours/7/off", csrf=await parent.csrf(), card=number)

    assert 'action="/family/hours/7/off?lang=en"' in text and f'name="card" value="{number}"' in text
    assert '<a class="tap" href="/family/hours/7?lang=en">' in text


RAMADAN = {"kind": "prayer", "start": "1080", "end": "1260", "on": "1", "card": "0", "set-ramadan": "1", **DAYS}


async def test_a_card_is_saved_that_closes_with_iftar_and_says_so(parent: Phone, engine: Engine) -> None:
    with writing(engine) as conn:
        plans.put_calendar(conn, 7, Calendar(city="lahore"), True)

    status, said = await send(parent, "save", **RAMADAN, begins="iftar")

    assert status == 200 and "iftar to 9:00 pm" in said
    (card,) = cards(engine)
    assert (card.begins, card.ends) == (Turn.IFTAR, None) and card.day_sets == {DaySet.RAMADAN}
    form = (await parent.get(f"/hours/7/card/{card.id}"))[2]
    assert '<option value="iftar" selected>' in form


async def test_a_card_by_the_sun_says_its_own_hours_while_no_city_is_said(parent: Phone, engine: Engine) -> None:
    _, said = await send(parent, "save", **RAMADAN, begins="iftar")

    assert "6:00 pm to 9:00 pm" in said and "iftar to" not in said
    assert "Until then the time above holds" in said
    form = await parent.words(f"/hours/7/card/{cards(engine)[0].id}")
    assert "6:00 pm to 9:00 pm" in form and "iftar to" not in form


async def test_learning_sites_are_offered_and_told_open_only_where_a_list_in_force_holds_them(
    parent: Phone, engine: Engine, control: PlayedControl
) -> None:
    form = (await parent.get("/hours/7/new/homework"))[2]
    assert 'name="soft" value="1" checked' in form
    await send(parent, "save", **{**SLEEP, "kind": "homework", "start": "1200", "soft": "1"}, sure="now")
    assert "only some sites are open" in await parent.words()

    control.kinds = ["adult"]
    await look(parent.app)

    assert 'name="soft"' not in (await parent.get("/hours/7/new/homework"))[2]
    assert "Homework: closed" in await parent.words() and "only some" not in await parent.words()
    assert 'height="20"' not in (await parent.get("/hours/7"))[2]  # a bar of what is closed in part
    _, _, form = await parent.get(f"/hours/7/card/{cards(engine)[0].id}")
    assert 'name="soft" value="1" checked' in form and "no list of learning sites yet" in form


@pytest.mark.parametrize(
    ("date", "hours"), [("2026-09-01", "2:00 pm to 6:00 pm"), ("2026-08-03", "8:00 am to 1:30 pm")]
)
async def test_a_school_card_with_a_pack_says_the_hours_that_hold_today(
    parent: Phone, clock: Clock, date: str, hours: str
) -> None:
    clock.now = datetime.fromisoformat(date + "T04:00+00:00")
    school = {**SLEEP, "kind": "school", "start": "480", "end": "810", "pack": "pk-pb/double-afternoon-boys"}

    form = text_of((await parent.send("hours/7/draft", csrf=await parent.csrf(), **school))[1])
    _, said = await send(parent, "save", **school, sure="now")

    for words in (form, said):
        assert f"Punjab · Double shift, afternoon, boys: today {hours}" in words


async def test_a_school_card_with_a_pack_names_no_hours_on_a_day_that_it_is_not_for(parent: Phone) -> None:
    weekend = {f"day{day}": "" for day in range(5)}
    school = {**SLEEP, "kind": "school", "start": "480", "end": "810", "pack": "pk-pb/double-afternoon-boys"}
    _, said = await send(parent, "save", **{**school, **weekend})

    assert "boys Saturday, Sunday" in said


async def test_a_card_by_the_sun_for_other_days_too_is_refused_in_a_sentence(parent: Phone, engine: Engine) -> None:
    status, said = await send(parent, "save", **{**RAMADAN, **SETS}, ends="suhoor")

    assert status == 422 and "Tick Ramadan alone" in said and cards(engine) == ()


async def test_the_form_says_todays_times_of_the_familys_city_or_that_it_is_not_said(
    parent: Phone, engine: Engine
) -> None:
    assert "once you have said your city" in await parent.words("/hours/7/new/prayer")
    with writing(engine) as conn:
        plans.put_calendar(conn, 7, Calendar(city="lahore"), True)

    assert "In Lahore today suhoor ends at" in await parent.words("/hours/7/new/prayer")
    assert "suhoor" not in await parent.words("/hours/7/new/school")


async def test_hours_that_close_at_once_are_asked_about_before_and_saved_without_the_pin(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    clock.forward(hours=1)  # 10 pm

    status, said = await send(parent, "save", **SLEEP)

    assert status == 200 and cards(engine) == () and "Is this right?" in said and "PIN" not in said
    assert "This closes the internet now, until 6:30 am" in said and "From the next time" in said
    await send(parent, "save", **SLEEP, sure="now")
    assert len(cards(engine)) == 1 and state_of(engine, clock).state is Openness.CLOSED


async def test_hours_from_tomorrow_leave_this_night_open_and_are_taken_back_as_a_whole(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    clock.forward(hours=1)

    await send(parent, "save", **SLEEP, sure="next")

    assert state_of(engine, clock).state is Openness.OPEN
    clock.forward(hours=9)  # 7 am
    clock.forward(hours=15)  # 10 pm of the next day
    assert state_of(engine, clock).state is Openness.CLOSED


async def test_hours_from_tomorrow_are_undone_with_what_kept_the_night_open(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    clock.forward(hours=1)
    await send(parent, "save", **SLEEP, sure="next")

    status, _ = await send(parent, "undo")

    assert status == 200 and cards(engine) == ()
    with reading(engine) as conn:
        assert exceptions.held(conn, 7, clock()) == []


async def test_hours_from_tomorrow_open_no_bedtime_that_there_is(parent: Phone, engine: Engine, clock: Clock) -> None:
    await send(parent, "save", **{**SLEEP, "start": str(23 * 60)})
    clock.forward(hours=1)  # 10 pm
    evening = {**SLEEP, "kind": "other", "label": "Chores", "start": str(21 * 60), "end": "60"}  # until 1 am

    _, said = await send(parent, "save", **evening)

    assert "This closes the internet now" in said and "From the next time" not in said
    await send(parent, "save", **evening, sure="next")  # no button of the page says so
    assert state_of(engine, clock).state is Openness.CLOSED


async def test_a_card_that_is_switched_on_in_its_hours_is_asked_about_before(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    await send(parent, "save", **SLEEP)
    card = str(cards(engine)[0].id)
    await send(parent, "off", card=card, **PIN)
    clock.forward(hours=1)

    _, said = await send(parent, "on", card=card)

    assert "This closes the internet now" in said and not cards(engine)[0].is_on


def state_of(engine: Engine, clock: Clock) -> State:
    with reading(engine) as conn:
        return state_now(conn, 7, 7, clock())
