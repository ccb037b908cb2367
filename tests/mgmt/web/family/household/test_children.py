import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import NOW, Clock
from support.mgmt.outline import text_of
from support.mgmt.phone import Phone, add_caregiver, add_child

from mgmt.web.family.filter_state import FILTER, Look
from mgmt.web.family.rules.presets import PRESETS, preset_of
from parental.calendar import exceptions, plans, screen_time, weeks
from parental.calendar.card import Card, Kind
from parental.people.accounts import move_line
from parental.people.children import Child, belongings, children_of
from parental.people.household import By, history
from parental.policy import subscribers as store
from parental.policy.profile import Profile, lock_reason
from parental.policy.profiles import get_profile, pause, put_profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import reading, writing

PIN = {"pin": "2468", "again": "2468", "sure": "now"}
AYESHA = {"name": " Ayesha  Bibi ", "ages": "7-9"}


def children(engine: Engine, account: int = 7) -> list[Child]:
    with reading(engine) as conn:
        return children_of(conn, account)


def held(engine: Engine, profile: int) -> tuple[Profile, tuple[Card, ...]]:
    with reading(engine) as conn:
        return get_profile(conn, profile), plans.cards_of(conn, [profile]).get(profile, ())


async def test_a_new_household_s_first_page_asks_for_a_child_and_an_age_and_the_pin_page_says_what_that_does(
    parent: Phone, engine: Engine
) -> None:
    assert "<details open>" in (await parent.get())[2] and "Children at home?" in await parent.words()

    status, said = await parent.fill_in("children/add", **AYESHA)

    assert status == 200 and "Choose a family PIN" in said and children(engine) == []
    assert "Ayesha Bibi: the internet is closed every night, 9:30 pm to 6:30 am." in said
    assert "For the ages 7–9 these kinds of sites are closed: " in said and "has no list yet" not in said
    assert "This holds for everyone on Home 7" in said


async def test_a_child_that_is_added_at_night_closes_the_wi_fi_at_once_and_that_is_asked_before_also_without_the_pin(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    await parent.tap("pause", 7)
    await parent.tap("resume", 7, **PIN, alone="1")  # from now on it takes no PIN
    clock.forward(hours=1)

    status, said = await parent.fill_in("children/add", **AYESHA)

    assert status == 200 and children(engine) == [] and "Is this right?" in said and "PIN" not in said
    assert "This closes the internet now, until 6:30 am" in said
    assert said.index("From the next time") < said.index("Close now")
    assert (await parent.fill_in("children/add", **AYESHA, sure="now"))[0] == 200
    (child,) = children(engine)
    assert lock_reason(held(engine, child.profile)[0], clock()).name == "SCHEDULE"


async def test_from_tomorrow_the_night_stays_open_and_the_next_one_does_not(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    clock.forward(hours=1)  # 10 pm

    await parent.fill_in("children/add", **AYESHA, **{**PIN, "sure": "next"})

    (child,) = children(engine)
    rules, (card,) = held(engine, child.profile)
    assert card.kind is Kind.SLEEP and preset_of(rules) == "7-9"
    told = [lock_reason(rules, clock() + timedelta(hours=n)).name for n in (0, 8, 9, 24)]
    assert told == ["DEFAULT", "DEFAULT", "DEFAULT", "SCHEDULE"]  # 10 pm, 6 am, 7 am, 10 pm


async def test_from_tomorrow_opens_nothing_of_what_was_closed_before(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    with writing(engine) as conn:
        pause(conn, 7, None)
    clock.forward(hours=1)

    assert "From the next time" not in (await parent.fill_in("children/add", **AYESHA))[1]
    await parent.fill_in("children/add", **AYESHA, **{**PIN, "sure": "next"})

    assert lock_reason(held(engine, children(engine)[0].profile)[0], clock()).name == "PAUSE"


async def test_what_closes_is_said_of_the_lists_that_are_there(parent: Phone, engine: Engine) -> None:
    parent.app[FILTER].last = Look(kinds=frozenset({"adult", "gambling", "video"}))

    _, said = await parent.fill_in("children/add", **AYESHA)

    assert "these kinds of sites are closed: adult content, gambling." in said
    assert "For the other kinds" in said and "they stay open" in said


async def test_without_a_list_of_adult_sites_no_age_is_offered_and_a_child_has_hours_alone(
    parent: Phone, engine: Engine
) -> None:
    parent.app[FILTER].last = Look(kinds=frozenset({"gambling", "tiktok"}))
    assert 'name="ages"' not in (await parent.get())[2]
    assert "Rules by age cannot be chosen yet" in await parent.words()

    _, said = await parent.fill_in("children/add", **AYESHA)
    assert "are closed" not in said and "has no list of adult sites" in said
    await parent.fill_in("children/add", **AYESHA, **PIN)  # a page of before has an age

    (child,) = children(engine)
    rules, (card,) = held(engine, child.profile)
    assert rules.blocked_categories == frozenset() and card.kind is Kind.SLEEP and child.birth_year is None
    for where in (f"/rules/{child.profile}", f"/children/{child.id}"):
        assert "Rules by age cannot be chosen yet" in await parent.words(where)


async def test_a_child_has_its_age_s_rules_hours_of_sleep_and_the_wi_fi_at_once(parent: Phone, engine: Engine) -> None:
    status, said = await parent.fill_in("children/add", **AYESHA, **PIN)

    assert status == 200 and "Ayesha Bibi" in said and "saved" in said and "Children at home?" not in said
    (child,) = children(engine)
    rules, (card,) = held(engine, child.profile)
    assert preset_of(rules) == "7-9" and rules.schedule.intervals
    assert (card.kind, card.start_minute, card.minutes) == (Kind.SLEEP, 21 * 60 + 30, 9 * 60)
    with reading(engine) as conn:
        assert belongings(conn, child) == [{"line": 7}]
        assert [each.action for each in history(conn, 7)][:2] == ["line given to child", "child added"]


async def test_nothing_opens_by_a_child_s_wi_fi_its_own_rules_and_hours_go_with_it(
    parent: Phone, engine: Engine
) -> None:
    with writing(engine) as conn:
        put_profile(conn, 7, Profile(frozenset({"tiktok", "music"}), denied=frozenset({"own.example"})))
        plans.put_card(conn, 7, Card(Kind.PRAYER, 19 * 60, 45))
        weeks.renew(conn, [7], NOW)

    assert "<details><summary>" in (await parent.get())[2]
    assert "the hours of Home 7 stay as they are" in (await parent.fill_in("children/add", **AYESHA))[1]
    await parent.fill_in("children/add", **AYESHA, **PIN)

    rules, cards = held(engine, children(engine)[0].profile)
    assert {"tiktok", "music", *PRESETS["7-9"].closed} == rules.blocked_categories and rules.denied == {"own.example"}
    assert [each.kind for each in cards] == [Kind.PRAYER]
    assert [each.kind for each in held(engine, 7)[1]] == [Kind.PRAYER]


async def test_what_a_person_has_closed_until_a_time_stays_closed_when_a_child_has_the_wi_fi(
    parent: Phone, engine: Engine
) -> None:
    end = NOW + timedelta(hours=2)
    with writing(engine) as conn:
        closed = exceptions.until(get_profile(conn, 7), "closed_until", end, NOW)
        exceptions.add(conn, 7, closed, By("token", "1"), NOW)
        more = exceptions.until(get_profile(conn, 7), "open_until", NOW + timedelta(hours=1), NOW)
        exceptions.add(conn, 7, more, By("token", "1"), NOW)
        pause(conn, 7, end)

    await parent.fill_in("children/add", **AYESHA, **PIN)

    rules, _ = held(engine, children(engine)[0].profile)
    assert (rules.paused_until_s, rules.closures, rules.grants) == (int(end.timestamp()), (closed,), ())


@pytest.mark.parametrize("is_running", [False, True])
async def test_the_screen_time_of_a_wi_fi_goes_with_it_to_a_child_with_what_is_used_of_it(
    parent: Phone, engine: Engine, clock: Clock, is_running: bool
) -> None:
    with writing(engine) as conn:
        screen_time.put_quota(conn, 7, 60, NOW)
        screen_time.start(conn, 7, NOW)
        if not is_running:
            screen_time.stop(conn, 7, NOW + timedelta(minutes=25))
    clock.forward(minutes=25)

    await parent.fill_in("children/add", **AYESHA, **PIN)

    (child,) = children(engine)
    with reading(engine) as conn:
        bucket, of_line = (screen_time.quota_of(conn, number) for number in (child.profile, 7))
    assert bucket == of_line and bucket is not None and bucket.left_s(int(clock().timestamp()), NOW.date()) == 35 * 60
    assert held(engine, child.profile)[0].closures == (bucket.closure(),)


async def test_an_older_age_does_not_weaken_the_wi_fi_s_own_rules(parent: Phone, engine: Engine) -> None:
    own = Profile(frozenset({"music", "social"}), safe_search="strict", youtube="strict")
    with writing(engine) as conn:
        put_profile(conn, 7, own)

    await parent.fill_in("children/add", name="Bilal", ages="16-17", **PIN)

    rules, _ = held(engine, children(engine)[0].profile)
    assert own.blocked_categories <= rules.blocked_categories
    assert (rules.safe_search, rules.youtube) == ("strict", "strict")


@pytest.mark.parametrize(("ages", "said"), [("13-15", "only the total of the week"), ("16-17", "no counts are shown")])
async def test_the_report_of_a_child_of_an_older_age_says_less_from_the_first_day(
    parent: Phone, engine: Engine, ages: str, said: str
) -> None:
    await parent.fill_in("children/add", name="Bilal", ages=ages, **PIN)

    (child,) = children(engine)
    assert child.birth_year == NOW.year - int(ages[:2])
    assert said in await parent.words(f"/reports/{child.profile}")


async def test_a_second_child_gets_the_wi_fi_that_is_left_and_a_third_none(parent: Phone, engine: Engine) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(70, "Kids Wi-Fi", (parse_prefix("192.0.2.70"),)))
        move_line(conn, 70, 7)
    assert "The child's Wi-Fi" in await parent.words()
    await parent.fill_in("children/add", name="Bilal", ages="13-15", line="70", **PIN)
    await parent.fill_in("children/add", **AYESHA, sure="now")

    with reading(engine) as conn:
        assert [belongings(conn, each) for each in children_of(conn, 7)] == [[{"line": 70}], [{"line": 7}]]
    assert "Ask" in await parent.words("/children") and "for a kids Wi-Fi" in await parent.words("/children")
    for line in ("", "7", "70", "8", "x"):
        assert (await parent.fill_in("children/add", name="Zara", ages="0-6", line=line))[0] == 422
    assert len(children(engine)) == 2


async def test_two_caregivers_at_once_give_one_wi_fi_to_one_child(parent: Phone, engine: Engine) -> None:
    csrf = await parent.csrf()
    await parent.tap("pause", 7)
    await parent.tap("resume", 7, **PIN)
    sent = [parent.send("children/add", csrf=csrf, name=name, ages="7-9", sure="now") for name in ("Ali", "Sara")]

    said = [text_of(text) for _, text in await asyncio.gather(*sent)]

    assert len(children(engine)) == 1 and sum("No Wi-Fi is free for this child" in each for each in said) == 1


@pytest.mark.parametrize(
    "wrong", [{"name": " "}, {"name": "a\u202eb"}, {"ages": ""}, {"ages": "0-99"}, {"name": "x" * 200}]
)
async def test_what_is_no_name_or_no_age_is_refused_and_nothing_is_stored(
    parent: Phone, engine: Engine, wrong: dict[str, str]
) -> None:
    status, said = await parent.fill_in("children/add", **{**AYESHA, **wrong}, **PIN)

    assert status == 422 and "Write a name and choose an age" in said and children(engine) == []


async def test_a_child_s_name_keeps_the_joiners_of_urdu(parent: Phone, engine: Engine) -> None:
    await parent.fill_in("children/add", name="ماہ\u200cنور", ages="7-9", **PIN)

    assert children(engine)[0].nickname == "ماہ\u200cنور"


async def test_enter_in_a_child_s_name_chooses_no_age_and_the_name_stays(parent: Phone, engine: Engine) -> None:
    text = (await parent.get())[2]
    form = text[text.index('action="/family/children/add') :]
    assert re.findall("<button[^>]*>", form)[0] == '<button class="enter" tabindex="-1" aria-hidden="true">'

    _, text = await parent.send("children/add", csrf=await parent.csrf(), name="Ayesha", line="7", **PIN)

    assert 'name="name" maxlength="40" autocomplete="off" value="Ayesha"' in text and children(engine) == []


async def test_a_child_with_the_phone_but_without_the_pin_changes_no_child(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    await parent.fill_in("children/add", **AYESHA, **PIN)
    clock.forward(minutes=6)

    status, said = await parent.fill_in("children/remove", child=str(children(engine)[0].id), pin="1357")

    assert status == 403 and "This is not the PIN" in said and len(children(engine)) == 1


async def test_a_child_is_taken_out_with_the_pin_and_the_wi_fi_follows_its_own_rules_again(
    parent: Phone, engine: Engine
) -> None:
    await parent.fill_in("children/add", **AYESHA, **PIN)

    status, said = await parent.fill_in("children/remove", child=str(children(engine)[0].id), **PIN)

    assert status == 200 and "Ayesha" not in said and children(engine) == []
    assert "Child removed" in await parent.words("/changes")
    assert "Children at home?" in await parent.words()


async def test_children_of_another_household_are_not_found(parent: Phone, engine: Engine) -> None:
    add_caregiver(engine, account=8, number="+923017654321")
    add_child(engine, "Other", account=8, prefix="192.0.2.8")
    other = children(engine, 8)[0].id

    for number in (str(other), "0", "x"):
        assert (await parent.fill_in("children/remove", child=number, **PIN))[0] == 404
    assert "Other" not in await parent.words("/children") and len(children(engine, 8)) == 1


async def test_a_helper_sees_the_children_and_changes_none(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine, "helper")
    add_child(engine)
    await phone.with_number()

    said = await phone.words("/children")
    assert "Ayesha" in said and "Take out" not in said and "Add a child" not in said
    assert (await phone.fill_in("children/add", **AYESHA, **PIN))[0] == 403
    assert (await phone.fill_in("children/remove", child="1", **PIN))[0] == 403


async def test_from_another_site_no_child_is_added(parent: Phone, engine: Engine) -> None:
    csrf = await parent.csrf()

    assert (await parent.send("children/add", csrf=csrf, origin="https://evil.example", **AYESHA, **PIN))[0] == 403
    assert children(engine) == []
