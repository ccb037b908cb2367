from datetime import timedelta
from typing import Any

import pytest
from support.mgmt.desk import Clock, DeskOf, PlayedControl

from mgmt.app import routes_of
from mgmt.doors import Door

LINE = {"number": "0800-12345", "name_en": "shelter", "name_ur": "پناہ گاہ", "verified_on": "2026-08-01"}


async def test_the_desk_changes_a_helpline_and_it_is_said_who_did_and_when(
    desk: DeskOf, control: PlayedControl
) -> None:
    asking = desk("compliance")

    status, body = await asking.ask("PUT", "/v1/settings", json={"helplines": [LINE]})

    assert status == 200
    assert body["helplines"] == [LINE | {"note_en": None, "note_ur": None}]
    [said] = body["of_desk"]
    assert (said["name"], said["set"]) == ("helplines", "2026-08-03T21:00:03+05:00")
    assert said["by"]
    assert control.asked == ["settings_changed"]
    assert (await asking.ask("GET", "/v1/settings")) == (200, body)


async def test_what_is_left_out_stays_and_null_is_what_the_configuration_has(desk: DeskOf) -> None:
    asking = desk("engineer")
    _, of_file = await asking.ask("GET", "/v1/settings")
    await asking.ask("PUT", "/v1/settings", json={"helplines": [LINE]})
    _, body = await asking.ask("PUT", "/v1/settings", json={"languages": {"first": "en"}})
    assert (len(body["helplines"]), body["languages"]) == (1, {"first": "en"})

    _, body = await asking.ask("PUT", "/v1/settings", json={"helplines": None, "languages": None})

    assert body == of_file
    assert len(body["helplines"]) == 4 and body["of_desk"] == []


async def test_who_changes_what_another_has_changed_meanwhile_is_refused(desk: DeskOf) -> None:
    asking = desk("engineer")
    _, headers, _ = await asking.raw("GET", "/v1/settings")
    await asking.ask("PUT", "/v1/settings", json={"helplines": [LINE]})

    tag, said = {"If-Match": headers["ETag"]}, b'{"helplines": null}'
    assert (await asking.raw("PUT", "/v1/settings", headers=tag, data=said))[0] == 412
    _, body = await asking.ask("GET", "/v1/settings")
    assert len(body["helplines"]) == 1


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"helplines": []}, "/helplines"),
        ({"helplines": [LINE | {"number": "call us"}]}, "/helplines/0/number"),
        ({"helplines": [LINE | {"name_en": "two\nlines"}]}, "/helplines/0/name_en"),
        ({"helplines": [LINE | {"verified_on": "yesterday"}]}, "/helplines/0/verified_on"),
        ({"helplines": [LINE | {"verified_on": "2026-08-09"}]}, "/helplines/0/verified_on"),
        ({"complaints": [{"to": "nowhere"}]}, "/complaints/0/to"),
        ({"languages": {"first": "fr"}}, "/languages/first"),
        ({"theme": {"accent": "red"}}, "/theme/accent"),
        ({"theme": {"accent": "#ffffff"}}, "/theme/accent"),
        ({"helpline": []}, "/helpline"),
    ],
)
async def test_what_no_page_can_show_is_refused_and_nothing_changes(
    desk: DeskOf, control: PlayedControl, said: Any, where: str
) -> None:
    status, body = await desk("engineer").ask("PUT", "/v1/settings", json=said)

    assert (status, body["where"]) == (422, where), body
    assert control.asked == []
    assert (await desk("engineer").ask("GET", "/v1/settings"))[1]["of_desk"] == []


@pytest.mark.parametrize("fault", ["fails", "refuses"])
async def test_a_change_that_is_stored_and_not_shown_everywhere_is_said_to_be_so(
    desk: DeskOf, control: PlayedControl, fault: str
) -> None:
    setattr(control, fault, "it is busy")

    status, body = await desk("engineer").ask("PUT", "/v1/settings", json={"helplines": [LINE]})

    assert status == 503
    assert "it is busy; the change is stored" in body["detail"]


async def test_what_no_one_has_found_to_be_right_for_half_a_year_is_told(desk: DeskOf, clock: Clock) -> None:
    asking = desk("engineer")
    _, body = await asking.ask("PUT", "/v1/settings", json={"helplines": [LINE]})
    assert not any(late.startswith("helpline") for late in body["unverified"])

    clock.now += timedelta(days=179)
    _, body = await desk("engineer").ask("GET", "/v1/settings")
    [late] = [late for late in body["unverified"] if late.startswith("helpline")]
    assert late.startswith("helpline 0800-12345: last found to be right on 2026-08-01, 181 days ago; call it")


def test_the_families_door_has_no_settings() -> None:
    assert not any("settings" in route.path for route in routes_of(Door.FAMILY))
