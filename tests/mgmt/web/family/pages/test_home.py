import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import NOW, Clock, PlayedControl, TokenOf
from support.mgmt.phone import Phone, add_caregiver, add_child
from support.present import present

from parental.calendar import exceptions
from parental.people import accounts
from parental.people.household import By
from parental.policy import subscribers as store
from parental.policy.line_names import put_name
from parental.policy.profile import UNTIL_RESUMED
from parental.policy.profiles import get_profile
from parental.policy.profiles import pause as pause_profile
from parental.policy.schedule import Schedule, parse_interval
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import reading, writing

PIN = {"pin": "2468", "again": "2468"}
SLEEP = Schedule((parse_interval("mon", "20:00", "06:30"),))  # NOW is Monday, 21:00:03


def paused_until(engine: Engine, number: int = 7) -> int:
    with reading(engine) as conn:
        return get_profile(conn, number).paused_until_s


def grants(engine: Engine, profile: int, clock: Clock) -> list[str]:
    with reading(engine) as conn:
        return [row.kind for row in exceptions.held(conn, profile, clock())]


async def test_a_caregiver_pauses_in_one_tap_reads_the_receipt_and_takes_it_back_in_one(
    phone: Phone, engine: Engine
) -> None:
    add_caregiver(engine)
    await phone.with_number()
    assert "Home 7" in await phone.words() and "⏸ Pause" in await phone.words()

    status, said = await phone.tap("pause", 7)
    assert status == 200
    assert "Paused" in said and "▶ Resume" in said
    assert "closed 9:00:03 pm, 14 live connections ended" in said
    assert (paused_until(engine), paused_until(engine, 8)) == (UNTIL_RESUMED, 0)

    status, said = await phone.tap("undo", 7)
    assert status == 200 and "⏸ Pause" in said and "taken back 9:00:03 pm" in said
    assert paused_until(engine) == 0


@pytest.mark.parametrize("did", ["undo", "resume"])
async def test_who_taps_twice_opens_nothing_by_the_second_tap_and_can_a_moment_later(
    parent: Phone, engine: Engine, clock: Clock, did: str
) -> None:
    await parent.tap("pause", 7)
    await parent.tap("resume", 7, **PIN)  # from now on it takes no PIN
    await parent.tap("pause", 7)
    clock.forward(seconds=1.9)
    parent.is_hasty = True

    status, said = await parent.tap(did, 7)

    assert status == 409 and "came at once after the last one; nothing changed" in said and "▶ Resume" in said
    assert paused_until(engine) == UNTIL_RESUMED
    clock.forward(seconds=0.1)
    assert (await parent.tap(did, 7))[0] == 200
    assert paused_until(engine) == 0


async def test_while_the_change_takes_long_it_is_the_page_that_counts(
    parent: Phone, engine: Engine, clock: Clock, control: PlayedControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = control.policy_changed

    async def slowly(*said: object, **more: object) -> object:
        clock.forward(seconds=5)
        return await publish(*said, **more)

    monkeypatch.setattr(control, "policy_changed", slowly)
    await parent.tap("pause", 7)
    parent.is_hasty = True

    assert (await parent.tap("undo", 7))[0] == 409
    assert paused_until(engine) == UNTIL_RESUMED


async def test_another_card_is_not_deaf(parent: Phone, engine: Engine) -> None:
    await parent.tap("resume", 7, **PIN)
    child = add_child(engine)
    await parent.tap("pause", child)
    await parent.tap("pause", 7)
    parent.is_hasty = True

    assert (await parent.tap("resume", child, **PIN))[0] == 200


async def test_each_child_has_a_card_with_a_picture_and_the_home_has_one(phone: Phone, engine: Engine) -> None:
    child, bare = add_child(engine), add_child(engine, "Bilal", prefix=None)
    add_caregiver(engine)
    await phone.with_number()

    said, text = await phone.words(), (await phone.get())[2]

    assert [said.index(name) for name in ("Ayesha", "Bilal", "Home 7")] == sorted(
        said.index(name) for name in ("Ayesha", "Bilal", "Home 7")
    )
    assert text.count('<svg class="drawing"') == 3
    assert f'value="{child}"' in text
    assert f'value="{bare}"' not in text and "nothing can be closed here" in said


async def test_a_home_whose_addresses_a_nas_gives_is_paused_and_its_line_can_be_a_childs(
    parent: Phone, engine: Engine
) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(7, "Flat 3", ()))
    said = await parent.words()
    assert "This line has no address yet" in said and "Pause" not in said and "Children at home?" not in said

    with writing(engine) as conn:
        put_name(conn, "flat3@isp.example", 7)

    assert "Children at home?" in await parent.words()
    status, said = await parent.tap("pause", 7)
    assert status == 200 and "Paused" in said and paused_until(engine)


async def test_opening_takes_the_pin_which_the_first_one_sets_and_pausing_never_does(
    phone: Phone, engine: Engine
) -> None:
    add_caregiver(engine)
    await phone.with_number()
    await phone.tap("pause", 7)

    _, said = await phone.tap("resume", 7)
    assert "Choose a family PIN" in said and paused_until(engine) == UNTIL_RESUMED
    status, said = await phone.tap("resume", 7, **PIN)
    assert status == 200 and "pause ended 9:00:03 pm" in said
    assert paused_until(engine) == 0


async def test_a_child_with_the_phone_but_without_the_pin_closes_and_opens_nothing(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    add_caregiver(engine)
    with writing(engine) as conn:
        store.set_schedule(conn, 7, SLEEP)
    await phone.with_number()
    await phone.tap("plus", 7, **PIN)
    await phone.tap("close", 7)
    clock.forward(minutes=6)

    for did in ("plus", "tonight", "open"):
        status, said = await phone.tap(did, 7, pin="1357")
        assert status == 403 and "This is not the PIN" in said
    await phone.tap("pause", 7)
    clock.forward(seconds=61)
    assert (await phone.tap("undo", 7))[0] == 409
    assert (await phone.tap("resume", 7, pin="1357"))[0] == 403

    assert grants(engine, 7, clock) == [] and paused_until(engine) == UNTIL_RESUMED


async def test_the_pin_is_not_asked_again_at_once_and_on_ones_own_phone_for_a_month(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    add_caregiver(engine)
    with writing(engine) as conn:
        store.set_schedule(conn, 7, SLEEP)
    await phone.with_number()

    await phone.tap("plus", 7, **PIN)
    await phone.tap("plus", 7)
    assert grants(engine, 7, clock) == ["plus", "plus"]
    clock.forward(minutes=5)
    assert "Your family PIN" in (await phone.tap("plus", 7))[1]
    await phone.tap("plus", 7, pin="۲۴۶۸", alone="1")
    clock.forward(days=20)
    assert "Your family PIN" not in (await phone.tap("resume", 7))[1]


async def test_closed_hours_offer_thirty_minutes_first_and_tonight_off_second(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    add_caregiver(engine)
    with writing(engine) as conn:
        store.set_schedule(conn, 7, SLEEP)
    await phone.with_number()

    said = await phone.words()
    assert "Closed until 6:30 am" in said
    assert said.index("+30 min") < said.index("Tonight off") < said.index("Open for a while")
    _, said = await phone.tap("tonight", 7, **PIN)
    assert "tonight off since 9:00:03 pm" in said and "⏸ Pause" in said and "Back to the usual hours" in said
    _, said = await phone.tap("close", 7)
    assert "Closed until 6:30 am" in said and grants(engine, 7, clock) == []
    await phone.tap("open", 7, hours="2")
    assert grants(engine, 7, clock) == ["open_until"]


async def test_everyone_is_paused_at_once_and_taken_back_at_once(phone: Phone, engine: Engine) -> None:
    child = add_child(engine)
    add_caregiver(engine)
    await phone.with_number()

    await phone.send("everyone", csrf=await phone.csrf())
    assert (paused_until(engine), paused_until(engine, child)) == (UNTIL_RESUMED, UNTIL_RESUMED)

    await phone.tap("undo", 7)
    assert (paused_until(engine), paused_until(engine, child)) == (0, 0)


async def test_what_another_caregiver_did_since_is_not_undone(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    await phone.with_number()
    await phone.tap("pause", 7)
    with writing(engine) as conn:
        pause_profile(conn, 7, None)

    status, said = await phone.tap("undo", 7)

    assert status == 409 and "someone has changed it since" in said
    assert paused_until(engine) == UNTIL_RESUMED


async def test_tickets_are_shown_to_who_may_make_them(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine, "helper")
    add_caregiver(engine, "parent", number="+923009999999")
    await phone.with_number()
    assert "/family/tickets" not in (await phone.get())[2]

    await phone.with_number("0300 9999999")

    assert "/family/tickets" in (await phone.get())[2]


async def test_cards_of_many_lines_are_shown_a_page_at_a_time_and_a_tap_comes_back_to_its_page(
    phone: Phone, engine: Engine
) -> None:
    add_caregiver(engine, "school")
    with writing(engine) as conn:
        for number in range(100, 130):
            prefix = parse_prefix(f"198.51.100.{number}")
            store.put_subscriber(conn, Subscriber(number, f"Class {number}", (prefix,)))
            accounts.move_line(conn, number, 7)
            store.set_schedule(conn, number, SLEEP)  # a card with all its buttons
    await phone.with_number()

    first, (_, _, second) = await phone.words(), await phone.get("", "lang=en&page=2")
    assert "Home 7" in first and "Class 129" not in first and "Class 129" not in second and "Class 115" in second
    assert "Class 129" in await phone.words("", "lang=en&page=4")
    for page in (1, 2, 3, 4):
        assert len((await phone.get("", f"lang=ur&page={page}"))[2].encode()) <= 20_000
    form = present(re.search(r'action="(/family/plus[^"]*)"(?s:.*?)name="profile" value="115"', second))
    assert form[1].endswith("lang=en&amp;page=2")
    assert "Home 7" in await phone.words("", "lang=en&page=99")

    await phone.tap("everyone", 7)
    assert all(paused_until(engine, number) for number in (7, 100, 129))


async def test_a_helper_pauses_and_gives_minutes_and_opens_nothing_else(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    add_caregiver(engine, "helper")
    with writing(engine) as conn:
        store.set_schedule(conn, 7, SLEEP)
    await phone.with_number()

    assert "Tonight off" not in await phone.words()
    status, said = await phone.tap("tonight", 7, **PIN)
    assert status == 403 and "Ask a parent" in said
    status, said = await phone.tap("plus", 7, **PIN)
    assert status == 403 and "a helper cannot set it" in said
    assert grants(engine, 7, clock) == []


@pytest.mark.parametrize("profile", ["8", "0", "", "x", "99999999999999"])
async def test_a_card_of_another_household_is_not_touched(phone: Phone, engine: Engine, profile: str) -> None:
    add_caregiver(engine)
    await phone.with_number()

    status, text = await phone.send("pause", csrf=await phone.csrf(), profile=profile)

    assert status == 404 and "does not exist any more" in text
    assert paused_until(engine, 8) == 0


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
@pytest.mark.parametrize("to", ["pause", "everyone", "undo", "logout", "switch"])
async def test_a_form_of_another_site_changes_nothing_even_with_the_right_form_token(
    phone: Phone, token: TokenOf, engine: Engine, origin: str, to: str
) -> None:
    await phone.with_token(token("parent", 7))
    csrf = await phone.csrf()

    assert (await phone.send(to, origin=origin, csrf=csrf, profile="7"))[0] == 403

    assert paused_until(engine) == 0
    assert "Home 7" in (await phone.get())[2]


@pytest.mark.parametrize("csrf", ["", "0" * 64, "ہ"])
async def test_a_form_without_its_token_changes_nothing(
    phone: Phone, token: TokenOf, engine: Engine, csrf: str
) -> None:
    await phone.with_token(token("parent", 7))

    assert (await phone.send("pause", csrf=csrf, profile="7"))[0] == 403
    assert paused_until(engine) == 0


async def test_an_old_browser_that_sends_no_origin_has_the_form_token(
    phone: Phone, token: TokenOf, engine: Engine
) -> None:
    await phone.with_token(token("parent", 7))

    assert (await phone.send("pause", origin="absent", csrf=await phone.csrf(), profile="7"))[0] == 200
    assert paused_until(engine) == UNTIL_RESUMED


async def test_a_tap_while_control_is_away_is_on_its_way_for_everyone_until_it_is_in_force(
    phone: Phone, control: PlayedControl, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mgmt.web.family.in_force.ASK_AGAIN_S", 0.0)
    add_caregiver(engine)
    await phone.with_number()
    csrf = await phone.csrf()
    control.fails = "connection refused"

    status, text = await phone.send("pause", csrf=csrf, profile="7")
    assert status == 503 and "saved, but not in force yet" in text and "✔" not in text
    assert paused_until(engine) == UNTIL_RESUMED
    assert "not in force yet" in await phone.words()

    control.fails = None
    assert "not in force yet" not in await phone.words()


async def test_a_label_is_text_and_the_page_has_no_script_and_no_style_of_its_own(
    phone: Phone, token: TokenOf, engine: Engine
) -> None:
    with writing(engine) as conn:
        found = store.get_subscriber(conn, 7)
        store.put_subscriber(conn, replace(found, label="<script>alert(1)</script>"))
    await phone.with_token(token("parent", 7))

    _, _, text = await phone.get()

    assert "&lt;script&gt;" in text
    assert not re.search(r"<script|<style|style=|<img|src=|javascript:|onclick", text)
    assert len(text.encode()) < 60_000


async def test_the_page_is_urdu_from_right_to_left_where_that_is_asked_for(phone: Phone, token: TokenOf) -> None:
    await phone.with_token(token("parent", 7))

    text = (await phone.get(query="lang=ur"))[2]
    said = await phone.words(query="lang=ur")

    assert '<html lang="ur" dir="rtl">' in text
    assert "⏸ روکیں" in said and "کھلا ہے" in said and "Pause" not in said
    assert '<html lang="ur"' in (await phone.get(query="lang=xx"))[2]


async def test_everyone_is_paused_where_something_is_open_and_the_second_press_takes_no_undo_away(
    parent: Phone, engine: Engine
) -> None:
    add_child(engine)
    form = await parent.csrf()
    assert "Undo" in (await parent.fill_in("everyone"))[1]

    status, text = await parent.send("everyone", csrf=form)  # of another page

    assert status == 409 and "this would change nothing" in text and "Undo" in text
    assert "Yes, pause everyone" not in text


async def test_a_page_that_says_that_nothing_was_changed_has_asked_what_is_in_force(
    parent: Phone, engine: Engine, control: PlayedControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mgmt.web.family.in_force.ASK_AGAIN_S", 0.0)
    csrf = await parent.csrf()
    with writing(engine) as conn:
        pause_profile(conn, 7, None)
    control.asked.clear()

    status, said = await parent.send("pause", csrf=csrf, profile="99999")

    assert status == 404 and "not in force yet" not in said and control.asked == ["policy_changed"]


async def test_minutes_that_are_one_too_many_are_refused_as_such(parent: Phone, engine: Engine) -> None:
    with writing(engine) as conn:
        store.set_schedule(conn, 7, SLEEP)
        for n in range(exceptions.MAX_EXCEPTIONS):
            span = exceptions.until(get_profile(conn, 7), "open_until", NOW + timedelta(minutes=1 + n), NOW)
            exceptions.add(conn, 7, span, By("token", "1"), NOW)

    status, said = await parent.tap("plus", 7, **PIN)

    assert status == 409 and "no room for one more change for a while. Nothing was changed." in said
