"""What families decide for now, over the API.   The clock stands at Monday, 21:00:03 in Karachi."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.mgmt.desk import NOW, Clock, Desk, DeskOf

TIME = "/v1/accounts/7/profiles/7"
SLEEP = {"kind": "sleep", "from": "8 pm", "to": "6 am"}


@pytest.fixture
async def parent(desk: DeskOf) -> Desk:
    """Of line 7, which sleeps from 20:00."""
    found = desk("parent", 7)
    await found.ask("POST", f"{TIME}/cards", json=SLEEP)
    return found


def at(body: dict[str, Any], key: str = "changes_at") -> datetime:
    return datetime.fromisoformat(body["time"][key])


async def test_thirty_minutes_more_end_by_themselves(parent: Desk) -> None:
    status, body = await parent.ask("POST", f"{TIME}/plus", json={})

    assert (status, body["time"]["state"], body["time"]["why"]) == (200, "open", "plus")
    assert at(body) == NOW.replace(microsecond=0) + timedelta(minutes=30)
    assert body["time"]["exceptions"][0]["id"] == body["id"]
    assert body["time"]["exceptions"][0]["by"].startswith("token ")
    assert body["receipt"]["workers"]


async def test_a_tap_that_comes_twice_under_one_key_gives_minutes_once(parent: Desk) -> None:
    for _ in range(2):
        status, _, said = await parent.raw("POST", f"{TIME}/plus", data=b"{}", headers={"Idempotency-Key": "tap-1"})
        assert (status, len(json.loads(said)["time"]["exceptions"])) == (200, 1)


async def test_tonight_is_left_out_and_that_is_undone(parent: Desk) -> None:
    _, body = await parent.ask("POST", f"{TIME}/tonight-off", json={})
    assert (body["time"]["state"], at(body).isoformat()) == ("open", "2026-08-04T20:00:00+05:00")

    status, body = await parent.ask("DELETE", f"{TIME}/exceptions/{body['id']}")
    assert (status, body["time"]["state"], body["time"]["exceptions"]) == (200, "closed", [])
    assert (await parent.ask("DELETE", f"{TIME}/exceptions/{1}"))[0] == 404


async def test_open_until_and_closed_until_name_their_ends(parent: Desk) -> None:
    _, body = await parent.ask("POST", f"{TIME}/open-until", json={"until": "2026-08-03T22:00:00+05:00"})
    assert (body["time"]["state"], body["time"]["changes_at"]) == ("open", "2026-08-03T22:00:00+05:00")

    await parent.ask("DELETE", f"{TIME}/exceptions/{body['id']}")
    _, body = await parent.ask("POST", f"{TIME}/closed-until", json={"until": "2026-08-04T08:00:00+05:00"})
    assert (body["time"]["why"], body["time"]["changes_at"]) == ("closed_until", "2026-08-04T08:00:00+05:00")


@pytest.mark.parametrize("until", ["2026-08-03T15:00:00Z", "2026-09-03T15:00:00Z", "2026-08-03T22:00:00", "later"])
async def test_an_end_that_is_past_far_or_no_instant_is_refused(parent: Desk, until: str) -> None:
    assert (await parent.ask("POST", f"{TIME}/open-until", json={"until": until}))[0] == 422


async def test_what_a_pause_keeps_closed_is_not_opened_for_a_while(parent: Desk) -> None:
    await parent.ask("POST", "/v1/subscribers/7/pause", json={})

    for verb, body in (("plus", {}), ("tonight-off", {}), ("open-until", {"until": "2026-08-03T22:00:00+05:00"})):
        status, said = await parent.ask("POST", f"{TIME}/{verb}", json=body)
        assert (status, "resume" in said["detail"]) == (409, True), verb


async def test_a_helper_gives_minutes_and_opens_nothing_else(parent: Desk, desk: DeskOf) -> None:
    helper = desk("helper", 7)

    assert (await helper.ask("POST", f"{TIME}/plus", json={"minutes": 15}))[0] == 200
    assert (await helper.ask("POST", f"{TIME}/tonight-off", json={}))[0] == 403
    assert (await helper.ask("POST", f"{TIME}/cards", json=SLEEP))[0] == 403


async def test_screen_time_is_started_runs_out_and_comes_back_tomorrow(desk: DeskOf, clock: Clock) -> None:
    parent = desk("parent", 7)
    _, body = await parent.ask("PUT", f"{TIME}/quota", json={"minutes": 35})
    assert body["time"]["sentence"]["en"] == "Screen time has not started: 35 minutes left"
    assert body["time"]["screen_time"] == {"minutes": 35, "left_s": 2100, "is_running": False, "ends": None}

    _, body = await parent.ask("POST", f"{TIME}/screen-time/start", json={})
    assert (body["time"]["state"], body["time"]["sentence"]["en"]) == ("open", "Screen time: 35 minutes left")
    clock.forward(minutes=35)
    _, body = await parent.ask("GET", f"{TIME}/time")
    assert (body["state"], body["why"], body["sentence"]["en"]) == ("closed", "quota", "Today's time is used up")
    assert (await parent.ask("POST", f"{TIME}/screen-time/start", json={}))[0] == 409
    clock.forward(days=1)
    assert (await parent.ask("POST", f"{TIME}/screen-time/start", json={}))[0] == 200
    assert (await parent.ask("POST", f"{TIME}/screen-time/stop", json={}))[1]["time"]["state"] == "closed"


async def test_without_a_quota_there_is_no_screen_time(parent: Desk) -> None:
    assert (await parent.ask("POST", f"{TIME}/screen-time/start", json={}))[0] == 404
    assert (await parent.ask("PUT", f"{TIME}/quota", json={"minutes": 0}))[0] == 422
    _, body = await parent.ask("PUT", f"{TIME}/quota", json={"minutes": None})
    assert body["time"]["screen_time"] is None


async def test_everything_is_in_the_households_record(parent: Desk) -> None:
    _, body = await parent.ask("POST", f"{TIME}/plus", json={})
    await parent.ask("DELETE", f"{TIME}/exceptions/{body['id']}")

    _, body = await parent.ask("GET", "/v1/accounts/7/history")
    assert [(each["action"], each["about"]) for each in body["events"]][:2] == [
        ("exception undone", {"line": 7}),
        ("minutes given", {"line": 7}),
    ]
