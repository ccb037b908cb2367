from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import Desk, DeskOf

from parental.people.levels import LOCKS, NAMES, PACKETS
from parental.policy.profiles import get_profile
from parental.store.database import reading

ALL = [*NAMES, *LOCKS, *PACKETS]


@pytest.fixture
def parent(desk: DeskOf) -> Desk:
    return desk("parent", 7)


async def added(api: Desk, nickname: str = "Ali") -> str:
    """The path of a new child of account 7."""
    status, body = await api.ask("POST", "/v1/accounts/7/children", json={"nickname": nickname})
    assert status == 201
    return f"/v1/accounts/7/children/{body['child']}"


def only(body: dict[str, Any]) -> dict[str, Any]:
    """The one child of an answer."""
    (child,) = body["account"]["children"]
    return dict(child)


async def test_a_parent_adds_changes_and_removes_a_child(parent: Desk) -> None:
    said = {"nickname": "علی", "birth_year": 2016, "drawing": "kite"}
    status, body = await parent.ask("POST", "/v1/accounts/7/children", json=said)
    assert (status, only(body)["id"]) == (201, body["child"])
    assert {key: only(body)[key] for key in said} == said
    assert (only(body)["has"], only(body)["offers"]) == ([], [])

    path = f"/v1/accounts/7/children/{body['child']}"
    status, body = await parent.ask("PATCH", path, json={"nickname": "Ali"})
    assert (status, only(body)["nickname"], only(body)["birth_year"]) == (200, "Ali", 2016)
    status, body = await parent.ask("DELETE", path)
    assert (status, body["account"]["children"]) == (200, [])
    assert (await parent.ask("PATCH", path, json={}))[0] == 404


async def test_a_child_takes_a_line_a_device_and_a_prefix_and_gives_them_back(parent: Desk) -> None:
    path = await added(parent)
    await parent.ask("PUT", "/v1/subscribers/7/devices/ali-phone")
    for what in ({"line": 7}, {"line": 7, "device": "ali-phone"}, {"line": 7, "prefix": "2001:db8:7::/48"}):
        status, body = await parent.ask("POST", f"{path}/take", json=what)
        assert (status, only(body)["has"]) == (200, [what])
        assert (await parent.ask("POST", f"{path}/give-back", json=what))[1]["account"]["children"][0]["has"] == []

    assert (await parent.ask("POST", f"{path}/take", json={"line": 8}))[0] == 404
    assert (await parent.ask("POST", f"{path}/take", json={"line": 7, "prefix": "192.0.2.0/24"}))[0] == 404
    assert (await parent.ask("POST", f"{path}/take", json={"line": 7, "prefix": "x"}))[0] == 422
    assert (await parent.ask("POST", f"{path}/take", json={}))[0] == 422


async def test_a_childs_rules_and_pause_are_the_childs_alone(parent: Desk, engine: Engine) -> None:
    path = await added(parent)
    await parent.ask("POST", f"{path}/take", json={"line": 7, "prefix": "192.0.2.7/32"})
    closed = [{"day": "mon", "from": "20:00", "to": "22:00"}]

    status, body = await parent.ask("PATCH", f"{path}/profile", json={"categories": ["adult"], "closed": closed})
    assert (status, only(body)["offers"]) == (200, ALL)
    _, rules = await parent.ask("GET", f"{path}/profile")
    assert (rules["categories"], rules["closed"], rules["zone"]) == (["adult"], closed, "Asia/Karachi")
    assert (await parent.ask("POST", f"{path}/pause", json={"minutes": None}))[1]["receipt"]["connections_ended"] == 14

    with reading(engine) as conn:
        assert get_profile(conn, only(body)["profile"]).paused_until_s > 0
        assert get_profile(conn, 7).paused_until_s == 0
    await parent.ask("POST", f"{path}/resume")
    with reading(engine) as conn:
        assert get_profile(conn, only(body)["profile"]).paused_until_s == 0


async def test_what_cannot_be_enforced_is_refused_with_the_reason_and_names_are_not(parent: Desk) -> None:
    path = await added(parent)
    await parent.ask("PUT", "/v1/subscribers/7/devices/ali-phone")
    await parent.ask("POST", f"{path}/take", json={"line": 7, "device": "ali-phone"})
    closed = {"closed": [{"day": "mon", "from": "20:00", "to": "22:00"}]}

    status, said = await parent.ask("POST", f"{path}/pause", json={"minutes": 5})
    assert (status, "no address that packets come from is the child's; not paused" in said["detail"]) == (409, True)
    assert (await parent.ask("PATCH", f"{path}/profile", json=closed))[0] == 409
    assert (await parent.ask("PATCH", f"{path}/profile", json={"categories": ["adult"], "closed": []}))[0] == 200


@pytest.mark.parametrize(
    "said", [{}, {"nickname": ""}, {"nickname": "A", "birth_year": "2015"}, {"nickname": "A", "drawing": "../x"}]
)
async def test_what_is_no_child_is_refused(parent: Desk, said: dict[str, object]) -> None:
    assert (await parent.ask("POST", "/v1/accounts/7/children", json=said))[0] == 422


async def test_a_child_of_a_device_alone_gets_soft_hours_and_nothing_that_closes_packets(parent: Desk) -> None:
    path = await added(parent)
    await parent.ask("PUT", "/v1/subscribers/7/devices/ali-phone")
    await parent.ask("POST", f"{path}/take", json={"line": 7, "device": "ali-phone"})
    bedtime = {"day": "mon", "from": "21:30", "to": "06:30"}

    softly = {"closed": [bedtime | {"open": ["education"]}], "services": ["tiktok"]}
    assert (await parent.ask("PATCH", f"{path}/profile", json=softly))[0] == 200
    for packets in ({"closed": [bedtime]}, {"categories": ["quic"]}, {"categories": ["undecidable"]}):
        assert (await parent.ask("PATCH", f"{path}/profile", json=packets))[0] == 409

    assert (await parent.ask("GET", f"{path}/profile"))[1]["closed"] == softly["closed"]
