from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Client, Clock, Desk, PlayedControl, TokenOf

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.desk.app import ROUTES, create_app, routes_of
from mgmt.web.kit.doors import Door, Hosts

LINE = "/v1/subscribers/7"
NAMES = ("desk.isp.example", "*.homes.isp.example")


@pytest.fixture
async def opened(
    settings: Settings, engine: Engine, control: PlayedControl, clock: Clock
) -> AsyncIterator[Callable[[Door], Any]]:
    """opened(door) is a client of the application of a door, whose names are NAMES."""
    async with AsyncExitStack() as clients:

        async def client(door: Door) -> Client:
            app = create_app(settings, engine, control, clock, door=door, hosts=Hosts(NAMES))
            return await clients.enter_async_context(TestClient(TestServer(app)))

        yield client


@pytest.mark.parametrize(
    ("door", "role", "status"),
    [
        (Door.DESK, "operator", 200),
        (Door.DESK, "parent", 403),
        (Door.FAMILY, "operator", 403),
        (Door.FAMILY, "parent", 200),
        (Door.BOTH, "operator", 200),
        (Door.BOTH, "parent", 200),
    ],
)
async def test_a_token_comes_in_at_its_own_door_alone(
    opened: Any, token: TokenOf, door: Door, role: str, status: int
) -> None:
    api = Desk(await opened(door), token(role, 7 if role == "parent" else None))

    assert (await api.ask("GET", LINE))[0] == status


async def test_the_families_door_has_nothing_of_the_desk_and_the_desk_no_page_of_families(
    opened: Any, token: TokenOf
) -> None:
    desk, family = await opened(Door.DESK), await opened(Door.FAMILY)
    parent = Desk(family, token("parent", 7))

    for path in ("/v1/orders", "/v1/status", "/v1/subscribers", "/v1/audit/blocks"):
        assert (await parent.ask("GET", path))[0] == 404
    for path in ("/family", "/captive"):
        assert (await desk.get(path)).status == 404
        assert (await family.get(path)).status == 200
    paths = (await (await family.get("/v1/openapi.json")).json())["paths"]
    assert {path for path in paths if "{id}" in path} and all(
        path.startswith(("/v1/subscribers/{id}", "/v1/accounts/{id}", "/v1/openapi.json", "/v1/problems/"))
        for path in paths
    )


def test_every_route_stands_at_the_desk() -> None:
    assert routes_of(Door.DESK) == routes_of(Door.BOTH) == ROUTES
    assert {route.path for route in routes_of(Door.FAMILY)} < {route.path for route in ROUTES}


@pytest.mark.parametrize("path", ["/v1/status", "/family", "/nothing"])
async def test_a_name_that_is_not_the_doors_is_misdirected(opened: Any, path: str) -> None:
    client = await opened(Door.BOTH)

    for host in ("evil.example", "desk.isp.example.evil.example", "homes.isp.example", ""):
        async with client.get(path, headers={"Host": host}) as response:
            assert response.status == 421
            assert (await response.json(content_type=None))["type"] == "/v1/problems/unknown-host"


@pytest.mark.parametrize(
    "host",
    [
        "desk.isp.example",
        "DESK.isp.example.:8443",
        "seven.homes.isp.example",
        "localhost:80",
        "192.0.2.1",
        "192.0.2.1:8080",
        "[2001:db8::1]:8080",
        "[2001:db8::1]",
    ],
)
def test_a_door_knows_its_names_and_every_address(host: str) -> None:
    assert Hosts(NAMES).has(host)


@pytest.mark.parametrize(
    "host", ["isp.example", "a.b.homes.isp.example", "192.0.2.1.evil.example", "desk.isp.example:x"]
)
def test_a_door_knows_no_other_name(host: str) -> None:
    assert not Hosts(NAMES).has(host)


def test_the_names_of_a_new_certificate_take_the_place_of_those_before() -> None:
    hosts = Hosts(["own.example"])
    hosts.certify(["old.example"])
    hosts.certify(["new.example"])

    assert [hosts.has(name) for name in ("own.example", "old.example", "new.example")] == [True, False, True]
