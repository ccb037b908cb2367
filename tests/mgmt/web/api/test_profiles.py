from typing import Any

import pytest
from support.mgmt.desk import DeskOf, PlayedControl

BEDTIME = {"day": "mon", "from": "21:30", "to": "06:30"}
WHOLE = {
    "categories": ["adult", "gambling"],
    "closed": [BEDTIME],
    "zone": "Europe/Berlin",
    "safe_search": "strict",
    "canaries": True,
    "services": ["tiktok", "youtube"],
    "youtube": "moderate",
    "allowed": ["school.example"],
    "denied": ["a.example", "b.example"],
}
OTHER: dict[str, Any] = {
    "categories": [],
    "closed": [BEDTIME | {"open": ["education"]}],
    "zone": "Asia/Karachi",
    "safe_search": "off",
    "canaries": False,
    "services": ["zoom"],
    "youtube": "off",
    "allowed": [],
    "denied": ["c.example"],
}


@pytest.mark.parametrize("key", WHOLE)
async def test_a_change_of_one_wish_leaves_the_others_as_they_are(desk: DeskOf, key: str) -> None:
    api = desk("operator")
    await api.ask("PATCH", "/v1/profiles/7", json=WHOLE)

    status, body = await api.ask("PATCH", "/v1/profiles/7", json={key: OTHER[key]})

    assert status == 200
    assert {wish: body[wish] for wish in WHOLE} == {**WHOLE, key: OTHER[key]}


async def test_a_change_is_acknowledged_and_touches_neither_pause_nor_prefixes(
    desk: DeskOf, control: PlayedControl
) -> None:
    api = desk("operator")
    await api.ask("POST", "/v1/subscribers/7/pause", json={"minutes": None})

    _, body = await api.ask("PATCH", "/v1/profiles/7", json=WHOLE)

    assert body["receipt"]["generation"] == 43
    line = (await api.ask("GET", "/v1/subscribers/7"))[1]
    assert (line["paused_until"], line["prefixes"]) == ("resumed", ["192.0.2.7/32", "2001:db8:7::/48"])
    assert control.asked == ["policy_changed"] * 2


async def test_a_profile_is_shown_alone_and_in_the_list_by_the_number_of_its_line(desk: DeskOf) -> None:
    api = desk("operator")
    profile = (await api.ask("GET", "/v1/profiles/8"))[1]

    assert (profile["id"], profile["label"], profile["sentence"]) == (8, "Home 8", "never closed")
    listed = (await api.ask("GET", "/v1/profiles?after=7"))[1]
    assert listed == {"profiles": [profile], "next": None}
    assert (await api.ask("GET", "/v1/profiles/9"))[0] == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"categories": ["nonsense"]},
        {"categories": ["tiktok"]},
        {"services": ["adult"]},
        {"zone": "Nowhere/At all"},
        {"label": "x"},
        {"youtube": "on"},
        {"denied": ["com.pk"]},
        {"denied": ["not a name"]},
        {"allowed": ["a.example"], "denied": ["a.example"]},
        {"denied": [f"n{i}.example" for i in range(201)]},
        {"closed": [BEDTIME | {"open": ["nonsense"]}]},
        {"closed": [BEDTIME, BEDTIME | {"open": []}]},
    ],
)
async def test_a_change_that_cannot_be_is_refused_and_changes_nothing(desk: DeskOf, wrong: dict[str, Any]) -> None:
    api = desk("operator")
    before = (await api.ask("GET", "/v1/profiles/7"))[1]

    assert (await api.ask("PATCH", "/v1/profiles/7", json={"safe_search": "strict", **wrong}))[0] == 422
    assert (await api.ask("GET", "/v1/profiles/7"))[1] == before


@pytest.mark.parametrize("role", ["regulator", "auditor", "parent"])
async def test_profiles_are_the_operators(desk: DeskOf, role: str) -> None:
    api = desk(role, 7 if role == "parent" else None)

    assert (await api.ask("GET", "/v1/profiles"))[0] == 403
    assert (await api.ask("PATCH", "/v1/profiles/7", json={}))[0] == 403


async def test_a_line_that_is_put_again_without_its_wishes_keeps_them(desk: DeskOf) -> None:
    api = desk("operator")
    await api.ask("PATCH", "/v1/profiles/7", json=WHOLE)

    _, body = await api.ask("PUT", "/v1/subscribers/7", json={"label": "Home 7", "prefixes": ["192.0.2.7/32"]})

    assert {wish: body[wish] for wish in WHOLE} == WHOLE


async def test_a_schedule_that_is_put_without_hours_keeps_them(desk: DeskOf) -> None:
    api = desk("parent", 7)
    await api.ask("PUT", "/v1/subscribers/7/schedule", json={"closed": [BEDTIME]})

    _, body = await api.ask("PUT", "/v1/subscribers/7/schedule", json={})

    assert body["closed"] == [BEDTIME]


async def test_a_name_of_another_script_is_shown_as_it_is_compared(desk: DeskOf) -> None:
    _, body = await desk("operator").ask("PATCH", "/v1/profiles/7", json={"denied": ["münchen.example", "A.Example."]})

    assert body["denied"] == ["a.example", "xn--mnchen-3ya.example"]


async def test_soft_hours_close_no_line_and_are_told_in_words(desk: DeskOf) -> None:
    always = {"day": "mon", "from": "00:00", "minutes": 10080, "open": ["education", "zoom"]}
    api = desk("operator")

    _, body = await api.ask("PATCH", "/v1/profiles/7", json={"closed": [always]})

    assert (body["closed"], body["sentence"].endswith("on Monday for all but education, zoom")) == ([always], True)
    line = (await api.ask("GET", "/v1/subscribers/7"))[1]
    assert (line["state"], line["reason"], line["changes_at"]) == ("open", None, None)
