"""Cards and dates over the API: what a parent sets is in force, told in both languages, and noted."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import Desk, DeskOf

from parental.policy.profiles import get_profile
from parental.store.database import reading

CARDS = "/v1/accounts/7/profiles/7/cards"
SLEEP = {"kind": "sleep", "from": "9:30 pm", "to": "6:30 am"}
HOMEWORK = {"kind": "homework", "days": ["mon", "wed"], "from": "4 pm", "to": "6 pm", "allowed": ["social"]}


@pytest.fixture
def parent(desk: DeskOf) -> Desk:
    return desk("parent", 7)


async def test_a_card_makes_the_week_of_its_profile(parent: Desk, engine: Engine) -> None:
    status, body = await parent.ask("POST", CARDS, json=SLEEP)

    assert status == 200
    (card,) = body["time"]["cards"]
    assert (card["id"], card["from"], card["to"], card["days"][0]) == (body["id"], "21:30", "06:30", "mon")
    assert card["name"] == {"en": "Sleep", "ur": "سونے کا وقت"}
    assert card["hours"]["en"] == "9:30 pm to 6:30 am"
    with reading(engine) as conn:
        assert sum(each.minutes for each in get_profile(conn, 7).schedule.intervals) == 7 * 540


async def test_a_card_is_changed_and_removed(parent: Desk) -> None:
    _, body = await parent.ask("POST", CARDS, json=SLEEP)
    path = f"{CARDS}/{body['id']}"

    status, body = await parent.ask("PUT", path, json={**SLEEP, "is_on": False})
    assert (status, body["time"]["cards"][0]["is_on"], body["time"]["week"][0]["closed"]) == (200, False, [])
    status, body = await parent.ask("DELETE", path)
    assert (status, body["time"]["cards"]) == (200, [])
    assert (await parent.ask("DELETE", path))[0] == 404
    assert (await parent.ask("PUT", path, json=SLEEP))[0] == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "other"},
        {"kind": "sleep", "label": "Ours"},
        {"kind": "other", "label": "\0a"},
        {"from": "25:00"},
        {"from": "24:00"},
        {"days": []},
        {"days": ["today"]},
        {"day_sets": ["summer"]},
        {"pack": "pk-pb/single-boys"},
        {"kind": "school", "pack": "pk-pb/night"},
        {"allowed": ["everything"]},
        {"begins": "iftar"},
        {"begins": "noon", "day_sets": ["ramadan"]},
        {"more": 1},
    ],
)
async def test_what_is_no_card_is_refused(parent: Desk, wrong: dict[str, Any]) -> None:
    status, _ = await parent.ask("POST", CARDS, json={**SLEEP, **wrong})

    assert status == 422
    assert (await parent.ask("GET", "/v1/accounts/7/profiles/7/time"))[1]["cards"] == []


async def test_a_card_that_nothing_could_enforce_is_refused(parent: Desk, engine: Engine) -> None:
    _, body = await parent.ask("POST", "/v1/accounts/7/children", json={"nickname": "Ali"})
    profile = body["account"]["children"][0]["profile"]

    status, body = await parent.ask("POST", f"/v1/accounts/7/profiles/{profile}/cards", json=SLEEP)
    assert (status, "not kept" in body["detail"]) == (409, True)


async def test_a_profile_of_another_household_is_not_there(parent: Desk, desk: DeskOf) -> None:
    assert (await parent.ask("POST", "/v1/accounts/7/profiles/8/cards", json=SLEEP))[0] == 404
    assert (await parent.ask("POST", "/v1/accounts/8/profiles/8/cards", json=SLEEP))[0] == 403
    assert (await desk("engineer").ask("POST", "/v1/accounts/8/profiles/7/cards", json=SLEEP))[0] == 404


async def test_a_conflict_is_told_in_a_sentence_of_both_languages(parent: Desk) -> None:
    await parent.ask("POST", CARDS, json=SLEEP)
    _, body = await parent.ask("POST", CARDS, json={**HOMEWORK, "from": "10 pm", "to": "11 pm"})

    (found,) = body["time"]["conflicts"]
    assert found["sort"] == "inside"
    assert found["sentence"]["en"] == (
        "School days, Monday, Wednesday: Homework, 10:00 pm to 11:00 pm, lies inside Sleep, 9:30 pm to 6:30 am, "
        "and changes nothing."
    )
    assert "پڑھائی" in found["sentence"]["ur"]


async def test_the_coming_week_says_which_day_is_what_and_what_is_closed(parent: Desk) -> None:
    await parent.ask("POST", CARDS, json=SLEEP)
    await parent.ask("POST", CARDS, json={**SLEEP, "from": "11 pm", "day_sets": ["ramadan"]})
    await parent.ask("PUT", "/v1/accounts/7/dates", json={"dates": [{"day_set": "ramadan", "first": "2026-08-05"}]})

    _, body = await parent.ask("GET", "/v1/accounts/7/profiles/7/time")
    assert [day["day_set"] for day in body["week"]] == ["school", "school", *["ramadan"] * 5]
    assert [day["closed"][0]["from"] for day in body["week"]] == ["21:30", "21:30", *["23:00"] * 5]
    assert body["week"][0]["closed"][0]["next_day"] is True


async def test_a_card_of_ramadan_begins_with_iftar_in_the_city_of_the_household(parent: Desk) -> None:
    dinner = {"kind": "prayer", "from": "6:30 pm", "to": "8 pm", "day_sets": ["ramadan"], "begins": "iftar"}
    dates = {"dates": [{"day_set": "ramadan", "first": "2026-08-01"}]}
    await parent.ask("PUT", "/v1/accounts/7/dates", json=dates)
    _, body = await parent.ask("POST", CARDS, json=dinner)
    assert {day["closed"][0]["from"] for day in body["time"]["week"]} == {"18:30"}
    assert body["time"]["cards"][0]["hours"] == {"en": "iftar to 8:00 pm", "ur": "افطار سے رات 8:00 تک"}

    status, body = await parent.ask("PUT", "/v1/accounts/7/dates", json=dates | {"city": "lahore"})
    assert (status, body["dates"]["city"]) == (200, "lahore")
    _, body = await parent.ask("GET", "/v1/accounts/7/profiles/7/time")
    cities = {each["city"]: each for each in (await parent.ask("GET", "/v1/accounts/7/packs"))[1]["cities"]}
    assert body["week"][0]["closed"][0]["from"] == cities["lahore"]["iftar"] != cities["karachi"]["iftar"]
    assert body["cards"][0]["begins"] == "iftar"
    assert cities["lahore"]["name"] == {"en": "Lahore", "ur": "لاہور"}


async def test_a_city_that_is_not_known_is_refused(parent: Desk) -> None:
    status, body = await parent.ask("PUT", "/v1/accounts/7/dates", json={"city": "atlantis"})

    assert (status, "see the list of cities" in body["detail"]) == (422, True)


async def test_the_dates_of_a_household_are_kept_and_those_announced_are_shown(parent: Desk, desk: DeskOf) -> None:
    announced = [{"day_set": "ramadan", "first": "2027-02-09", "last": "2027-03-10"}]
    assert (await desk("engineer").ask("PUT", "/v1/dates", json={"dates": announced}))[0] == 200
    said = {"school_days": ["mon", "sat"], "dates": [{"day_set": "exams", "first": "2026-08-03", "last": "2026-08-04"}]}

    status, body = await parent.ask("PUT", "/v1/accounts/7/dates", json={**said, "shift_days": 1})
    assert status == 200
    assert body["dates"] == {
        **said,
        "follows_announced": True,
        "shift_days": 1,
        "city": None,
        "announced": announced,
        "today": "exams",
    }
    assert (await parent.ask("GET", "/v1/accounts/7/dates"))[1] == body["dates"]
    _, body = await parent.ask("PUT", "/v1/accounts/7/dates", json={"follows_announced": False})
    assert (body["dates"]["announced"], body["dates"]["school_days"][-1], body["dates"]["today"]) == (
        [],
        "fri",
        "school",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"dates": [{"day_set": "school", "first": "2026-08-03"}]},
        {"dates": [{"day_set": "exams", "first": "2026-08-03", "last": "2026-08-02"}]},
        {"dates": [{"day_set": "exams", "first": "2026-08-03", "last": "2030-08-02"}]},
        {"dates": [{"day_set": "exams", "first": "soon"}]},
        {"dates": [{"day_set": "exams", "first": "2026-08-03"}] * 61},
        {"shift_days": 2},
        {"school_days": ["never"]},
    ],
)
async def test_what_are_no_dates_is_refused(parent: Desk, wrong: dict[str, Any]) -> None:
    assert (await parent.ask("PUT", "/v1/accounts/7/dates", json=wrong))[0] == 422


async def test_packs_are_listed_with_sources_and_used_by_a_school_card(parent: Desk) -> None:
    _, body = await parent.ask("GET", "/v1/accounts/7/packs")
    (pack,) = [each for each in body["packs"] if each["pack"] == "pk-sd/single"]
    assert pack["seasons"][0]["source"].startswith("https://")
    assert date.fromisoformat(pack["verified_on"]) <= date.today()  # noqa: DTZ011 (a day more or less is no matter)

    card = {"kind": "school", "days": ["mon", "fri"], "from": "9 am", "to": "10 am", "pack": "pk-sd/single"}
    _, body = await parent.ask("POST", CARDS, json=card)
    hours = [(each["from"], each["to"]) for day in body["time"]["week"] for each in day["closed"]]
    assert hours == [("08:00", "13:30"), ("08:00", "12:00")]  # from April to October


async def test_what_is_changed_is_in_the_households_record(parent: Desk) -> None:
    await parent.ask("POST", CARDS, json=SLEEP)
    await parent.ask("PUT", "/v1/accounts/7/dates", json={})

    _, body = await parent.ask("GET", "/v1/accounts/7/history")
    assert [each["action"] for each in body["events"]] == ["dates changed", "card added"]


async def test_a_line_whose_hours_are_cards_keeps_them_when_a_week_is_put(parent: Desk) -> None:
    await parent.ask("POST", CARDS, json=SLEEP)

    status, body = await parent.ask("PUT", "/v1/subscribers/7/schedule", json={"closed": []})
    assert (status, "cards" in body["detail"]) == (422, True)


async def test_a_household_that_does_not_exist_has_no_dates_and_gets_none(desk: DeskOf) -> None:
    operator = desk("operator")

    assert (await operator.ask("GET", "/v1/accounts/4000/dates"))[0] == 404
    assert (await operator.ask("PUT", "/v1/accounts/4000/dates", json={}))[0] == 404
