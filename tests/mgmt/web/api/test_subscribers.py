from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import Clock, DeskOf, PlayedControl

from parental.policy import subscribers as store
from parental.policy.profile import UNTIL_RESUMED
from parental.store.database import reading

HOME = {
    "label": "Ayesha",
    "prefixes": ["198.51.100.9", "2001:db8:9::/48"],
    "categories": ["adult"],
    "closed": [{"day": "mon", "from": "21:30", "to": "06:30"}],
}


def stored(engine: Engine, number: int) -> Any:
    with reading(engine) as conn:
        return store.get_subscriber(conn, number)


async def test_a_subscriber_is_put_shown_and_deleted_and_each_change_is_acknowledged(
    desk: DeskOf, control: PlayedControl
) -> None:
    api = desk("operator")

    status, body = await api.ask("PUT", "/v1/subscribers/9", json=HOME)
    assert status == 201
    assert body["receipt"]["generation"] == 42
    assert {key: body[key] for key in HOME} == {**HOME, "prefixes": ["198.51.100.9/32", "2001:db8:9::/48"]}
    assert body["sentence"] == "closed from 21:30 to 06:30 on Monday"

    assert (await api.ask("PUT", "/v1/subscribers/9", json=HOME))[0] == 200
    assert (await api.ask("GET", "/v1/subscribers/9"))[1]["label"] == "Ayesha"
    assert (await api.ask("DELETE", "/v1/subscribers/9"))[1]["receipt"]["generation"] == 44
    assert (await api.ask("GET", "/v1/subscribers/9"))[0] == 404
    assert control.asked == ["policy_changed"] * 3


async def test_a_parent_pauses_the_own_child_and_gets_the_time_of_the_last_acknowledgement(
    desk: DeskOf, engine: Engine
) -> None:
    status, body = await desk("parent", 7).ask("POST", "/v1/subscribers/7/pause", json={"minutes": None})

    assert status == 200
    assert (body["state"], body["reason"], body["paused_until"]) == ("closed", "pause", "resumed")
    assert body["receipt"]["at"] == "2026-08-03T21:00:03.000+05:00"
    assert body["receipt"]["connections_ended"] == 14
    assert stored(engine, 7).profile.paused_until_s == UNTIL_RESUMED
    assert stored(engine, 8).profile.paused_until_s == 0


async def test_a_pause_of_minutes_ends_by_itself_and_resume_ends_it_at_once(desk: DeskOf, clock: Clock) -> None:
    api = desk("parent", 7)
    _, body = await api.ask("POST", "/v1/subscribers/7/pause", json={"minutes": 30})
    assert body["changes_at"] == "2026-08-03T21:30:03+05:00"

    clock.forward(minutes=31)
    assert (await api.ask("GET", "/v1/subscribers/7"))[1]["state"] == "open"
    clock.now -= timedelta(minutes=20)
    assert (await api.ask("POST", "/v1/subscribers/7/resume"))[1]["state"] == "open"


async def test_a_parent_sets_the_schedule_and_the_operators_put_leaves_pause_and_schedule_alone(
    desk: DeskOf, engine: Engine
) -> None:
    parent, operator = desk("parent", 7), desk("operator")
    closed = [
        {"day": "mon", "from": "20:00", "to": "22:00"},
        {"day": "fri", "from": "00:00", "to": "24:00"},
        {"day": "sat", "from": "12:00", "minutes": 3000},
    ]

    status, body = await parent.ask("PUT", "/v1/subscribers/7/schedule", json={"closed": closed})
    assert (status, body["state"], body["reason"], body["closed"]) == (200, "closed", "schedule", closed)
    await parent.ask("POST", "/v1/subscribers/7/pause", json={"minutes": None})

    _, body = await operator.ask("PUT", "/v1/subscribers/7", json={"label": "New", "prefixes": ["192.0.2.7"]})
    assert (body["label"], body["closed"], body["paused_until"]) == ("New", closed, "resumed")


async def test_safe_search_and_canaries_are_put_and_stay_where_they_are_not_said(desk: DeskOf, engine: Engine) -> None:
    api = desk("operator")
    wished = {"safe_search": "moderate", "canaries": True}

    _, body = await api.ask("PUT", "/v1/subscribers/9", json=HOME)
    assert (body["safe_search"], body["canaries"]) == ("off", False)
    _, body = await api.ask("PUT", "/v1/subscribers/9", json={**HOME, **wished})
    assert {key: body[key] for key in wished} == wished
    await api.ask("PUT", "/v1/subscribers/9", json=HOME)
    assert stored(engine, 9).profile.safe_search == "moderate" and stored(engine, 9).profile.canaries
    _, body = await api.ask("PUT", "/v1/subscribers/9", json={**HOME, "safe_search": "off", "canaries": False})
    assert (body["safe_search"], body["canaries"]) == ("off", False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/subscribers/8"),
        ("GET", "/v1/subscribers/12345"),
        ("GET", "/v1/subscribers/08"),
        ("GET", "/v1/subscribers/x"),
        ("POST", "/v1/subscribers/8/pause"),
        ("POST", "/v1/subscribers/8/resume"),
        ("PUT", "/v1/subscribers/8/schedule"),
    ],
)
async def test_a_parent_learns_nothing_about_other_lines(desk: DeskOf, engine: Engine, method: str, path: str) -> None:
    api = desk("parent", 7)
    before = stored(engine, 8)

    refused = await api.ask(method, path, json={"minutes": None})

    assert refused == await api.ask("PUT", "/v1/subscribers/7", json={})
    assert refused[0] == 403
    assert stored(engine, 8) == before


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"label": ""}, "/label"),
        ({"label": "x" * 81}, "/"),
        ({"prefixes": ["192.0.2.1/24"]}, "/prefixes"),
        ({"prefixes": ["192.0.2.7"]}, "/prefixes"),
        ({"prefixes": ["198.51.100.9", "198.51.100.0/24"]}, "/"),
        ({"prefixes": [7]}, "/prefixes/0"),
        ({"categories": ["adlt"]}, "/categories"),
        ({"categories": [["adult"]]}, "/categories/0"),
        ({"safe_search": "on"}, "/safe_search"),
        ({"canaries": "yes"}, "/canaries"),
        ({"closed": [{"day": "mo", "from": "1", "to": "2"}]}, "/closed/0/day"),
        ({"closed": [{"day": "mon", "from": "25:00", "to": "02:00"}]}, "/closed/0"),
        ({"closed": [{"day": "mon", "from": "12:00", "minutes": 0}]}, "/closed/0/minutes"),
        ({"closed": [{"day": "mon", "from": "12:00", "until": "13:00"}]}, "/closed/0/until"),
        ({"closed": {}}, "/closed"),
        ({"zone": "Mars/Base"}, "/zone"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_what_cannot_be_taken_is_named_and_changes_nothing(
    desk: DeskOf, control: PlayedControl, engine: Engine, change: Any, where: str
) -> None:
    status, body = await desk("operator").ask("PUT", "/v1/subscribers/9", json={**HOME, **change})

    assert (status, body["where"]) == (422, where), body
    assert "; not taken; " in body["detail"] or "; not accepted; " in body["detail"]
    assert control.asked == []
    with reading(engine) as conn:
        assert [found.id for found in store.iter_subscribers(conn)] == [7, 8]


@pytest.mark.parametrize("minutes", [0, -1, 1.5, True, "30", 10**9])
async def test_a_pause_of_no_length_is_refused(desk: DeskOf, minutes: int | float | bool | str) -> None:
    status, body = await desk("parent", 7).ask("POST", "/v1/subscribers/7/pause", json={"minutes": minutes})

    assert (status, body["where"]) == (422, "/minutes")


@pytest.mark.parametrize("number", ["0", "99", "-1", "4294967295", "x", "9" * 40])
async def test_nobody_is_not_there(desk: DeskOf, number: str) -> None:
    assert (await desk("operator").ask("POST", f"/v1/subscribers/{number}/resume"))[0] == 404


async def test_a_pause_while_control_is_away_is_stored_and_said_to_be_late(
    desk: DeskOf, control: PlayedControl, engine: Engine
) -> None:
    control.fails = "no socket"

    status, body = await desk("parent", 7).ask("POST", "/v1/subscribers/7/pause", json={"minutes": None})

    assert (status, body["title"]) == (503, "Service Unavailable")
    assert stored(engine, 7).profile.paused_until_s == UNTIL_RESUMED


async def test_the_list_comes_in_order_and_from_where_it_is_asked(desk: DeskOf) -> None:
    api = desk("operator")

    assert [s["id"] for s in (await api.ask("GET", "/v1/subscribers"))[1]["subscribers"]] == [7, 8]
    assert [s["id"] for s in (await api.ask("GET", "/v1/subscribers?after=7"))[1]["subscribers"]] == [8]
    assert (await api.ask("GET", "/v1/subscribers?after=x"))[0] == 422
