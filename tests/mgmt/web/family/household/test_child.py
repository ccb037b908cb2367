import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import NOW, Clock, PlayedControl
from support.mgmt.outline import text_of
from support.mgmt.phone import Phone, add_caregiver, add_child

from parental.calendar import exceptions
from parental.people.accounts import move_line
from parental.people.children import Child, belongings, children_of
from parental.people.devices import put_device
from parental.people.household import By, history
from parental.people.reports import keep_for
from parental.policy import subscribers as store
from parental.policy.profiles import get_profile, put_profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import reading, writing

PIN = {"pin": "2468", "again": "2468"}
DEVICE = "device 7 ali-phone"


@pytest.fixture
def child(engine: Engine) -> Child:
    """A child of the household with a device of its line that is nobody's yet."""
    add_child(engine)
    with writing(engine) as conn:
        put_device(conn, 7, "ali-phone")
        return children_of(conn, 7)[0]


def has(engine: Engine, child: Child) -> list[dict[str, object]]:
    with reading(engine) as conn:
        return belongings(conn, child)


def again(engine: Engine) -> Child:
    with reading(engine) as conn:
        return children_of(conn, 7)[0]


async def test_a_child_s_page_shows_what_it_has_its_rules_what_holds_for_a_while_and_what_is_kept(
    parent: Phone, engine: Engine, child: Child
) -> None:
    with writing(engine) as conn:
        rules = get_profile(conn, child.profile)
        put_profile(conn, child.profile, replace(rules, denied=frozenset({"own.example"})))
        span = exceptions.until(rules, "closed_until", NOW + timedelta(hours=1), NOW)
        exceptions.add(conn, child.profile, span, By("caregiver", "1"), NOW)

    said = await parent.words(f"/children/{child.id}")

    assert "Ayesha" in said and "192.0.2.7 · Home 7" in said and "ali-phone" in said
    assert "own.example: closed" in said and "Closed until a time: 9:00 pm to 10:00 pm" in said
    assert "For 30 days also how often something closed was met" in said and "No page that was opened" in said
    assert "Chosen by your family" in said and "What your child sees" in said
    assert f'href="/family/children/{child.id}?lang=en"' in (await parent.get())[2]


async def test_a_household_that_keeps_no_counts_reads_so(parent: Phone, engine: Engine, child: Child) -> None:
    with writing(engine) as conn:
        keep_for(conn, 7, 0, NOW.date())

    assert "Your family keeps no counts." in await parent.words(f"/children/{child.id}")


@pytest.mark.parametrize(("did", "said"), [("name", {"name": "Bilal"}), ("drawing", {"drawing": "boat"})])
async def test_a_child_with_the_phone_swaps_no_cards_by_name_or_picture(
    parent: Phone, engine: Engine, child: Child, did: str, said: dict[str, str]
) -> None:
    _, text = await parent.fill_in(f"children/{child.id}/{did}", **said)

    assert "All caregivers know the card by its name and picture" in text and again(engine) == child


async def test_a_name_and_a_picture_are_changed_with_the_pin_and_all_read_who_did_it(
    parent: Phone, engine: Engine, child: Child
) -> None:
    await parent.fill_in(f"children/{child.id}/name", name=" Ayesha  Noor ", **PIN)
    status, said = await parent.fill_in(f"children/{child.id}/drawing", drawing="cat")

    assert status == 200 and "Ayesha Noor" in said
    assert (again(engine).nickname, again(engine).drawing) == ("Ayesha Noor", "cat")
    changes = await parent.words("/changes")
    assert "Child changed · Ayesha Noor Sana" in changes and "Child changed · Ayesha Sana" in changes


async def test_an_age_takes_the_pin_as_it_says_how_much_a_report_shows(
    parent: Phone, engine: Engine, child: Child
) -> None:
    _, said = await parent.fill_in(f"children/{child.id}/age", ages="13-15")
    assert "from 16 on no counts" in said and again(engine).birth_year == 2015

    await parent.fill_in(f"children/{child.id}/age", ages="13-15", **PIN)

    assert again(engine).birth_year == NOW.year - 13
    assert "only the total of the week" in await parent.words(f"/reports/{child.profile}")


@pytest.mark.parametrize(
    ("did", "wrong"),
    [("name", {"name": "a\u202eb"}), ("name", {"name": " "}), ("drawing", {"drawing": "../x"}), ("age", {"ages": "9"})],
)
async def test_what_is_no_name_picture_or_age_changes_nothing(
    parent: Phone, engine: Engine, child: Child, did: str, wrong: dict[str, str]
) -> None:
    status, said = await parent.fill_in(f"children/{child.id}/{did}", **wrong)

    assert status == 422 and "Nothing was changed" in said and again(engine) == child


async def test_a_device_is_given_and_taken_away_with_the_pin_and_control_publishes_it(
    parent: Phone, engine: Engine, child: Child, control: PlayedControl, clock: Clock
) -> None:
    _, said = await parent.fill_in(f"children/{child.id}/give", part=DEVICE)
    assert (
        "ali-phone: from then on the rules and hours of this child hold there" in said and len(has(engine, child)) == 1
    )

    control.asked.clear()  # of the page before, which has asked what is in force
    status, said = await parent.fill_in(f"children/{child.id}/give", part=DEVICE, **PIN)
    assert status == 200 and "✔ saved" in said and control.asked == ["policy_changed"]
    assert {"line": 7, "device": "ali-phone"} in has(engine, child)
    assert "Device given to child · Ayesha" in await parent.words("/changes")

    clock.forward(minutes=6)
    _, said = await parent.fill_in(f"children/{child.id}/take", part=DEVICE, pin="1357")
    assert "This is not the PIN" in said and len(has(engine, child)) == 2
    await parent.fill_in(f"children/{child.id}/take", part=DEVICE, pin="2468")
    assert has(engine, child) == [{"line": 7, "prefix": "192.0.2.7/32"}]


@pytest.mark.parametrize("part", ["", "line 8", "device 8 ali-phone", "prefix 7 192.0.2.7/32", "device 7 x", "x" * 300])
async def test_what_is_another_household_s_or_a_child_s_already_is_not_given(
    parent: Phone, engine: Engine, child: Child, part: str
) -> None:
    status, said = await parent.fill_in(f"children/{child.id}/give", part=part, **PIN)

    assert status == 422 and "Nothing was changed" in said and len(has(engine, child)) == 1


async def test_of_two_caregivers_at_once_one_gives_a_device(parent: Phone, engine: Engine, child: Child) -> None:
    add_child(engine, "Bilal", prefix=None)
    with reading(engine) as conn:
        both = children_of(conn, 7)
    csrf = await parent.csrf()
    await parent.fill_in(f"children/{child.id}/age", ages="7-9", **PIN)

    sent = [parent.send(f"children/{each.id}/give", csrf=csrf, part=DEVICE) for each in both]
    said = [text_of(text) for _, text in await asyncio.gather(*sent)]

    assert sum("another caregiver was quicker" in each for each in said) == 1
    assert sum({"line": 7, "device": "ali-phone"} in has(engine, each) for each in both) == 1


async def test_a_child_whose_devices_are_known_by_name_alone_is_told_so_and_its_rules_are_offered(
    parent: Phone, engine: Engine
) -> None:
    profile = add_child(engine, prefix=None)
    with writing(engine) as conn:
        put_device(conn, 7, "ali-phone")
        (child,) = children_of(conn, 7)
    assert "No Wi-Fi and no device is given to this child yet" in await parent.words()

    await parent.fill_in(f"children/{child.id}/give", part=DEVICE, **PIN)

    for where in ("", f"/children/{child.id}"):
        said = await parent.words(where)
        assert "Only names of sites can be closed" in said and "No Wi-Fi and no device is given" not in said
    assert f'href="/family/rules/{profile}?' in (await parent.get())[2]
    assert f'href="/family/hours/{profile}?' not in (await parent.get())[2]


async def test_a_second_wi_fi_is_given_from_the_page(parent: Phone, engine: Engine, child: Child) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(70, "SIM 0300", (parse_prefix("192.0.2.70"),)))
        move_line(conn, 70, 7)

    _, said = await parent.fill_in(f"children/{child.id}/give", part="line 70")
    assert "SIM 0300: from then on the rules and hours of this child hold for everyone on it, you too." in said
    await parent.fill_in(f"children/{child.id}/give", part="line 70", **PIN)

    assert {"line": 70} in has(engine, child)


async def test_a_child_of_another_household_is_not_found_and_a_helper_changes_none(
    phone: Phone, engine: Engine, child: Child
) -> None:
    add_caregiver(engine, "helper")
    add_child(engine, "Other", account=8, prefix="192.0.2.8")
    with reading(engine) as conn:
        (other,) = children_of(conn, 8)
    await phone.with_number()

    assert (await phone.get(f"/children/{other.id}"))[0] == 404
    said = await phone.words(f"/children/{child.id}")
    assert "Ayesha" in said and "Take away" not in said and "Picture" not in said
    for did in ("name", "drawing", "age", "give", "take"):
        assert (await phone.fill_in(f"children/{child.id}/{did}", **PIN))[0] == 403
    with reading(engine) as conn:
        assert [each for each in history(conn, 7) if each.action == "child changed"] == []


async def test_a_parent_changes_no_child_of_another_household(parent: Phone, engine: Engine, child: Child) -> None:
    del child
    add_child(engine, "Other", account=8, prefix="192.0.2.8")
    with reading(engine) as conn:
        (other,) = children_of(conn, 8)

    for did, said in (("name", {"name": "x"}), ("drawing", {"drawing": "cat"}), ("age", {"ages": "0-6"})):
        assert (await parent.fill_in(f"children/{other.id}/{did}", **said, **PIN))[0] == 404
    assert (await parent.fill_in(f"children/{other.id}/give", part=DEVICE, **PIN))[0] == 404
    with reading(engine) as conn:
        assert children_of(conn, 8) == [other]
