import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Clock, PlayedControl

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.desk.app import create_app
from mgmt.web.family.captive import PATH
from parental.policy import subscribers as store
from parental.policy.schedule import Schedule, parse_interval
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import writing


async def told(settings: Settings, engine: Engine, clock: Clock) -> Any:
    app = create_app(settings, engine, PlayedControl(), clock)
    async with TestClient(TestServer(app)) as client, client.get(PATH, headers={"Host": "home.example"}) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/captive+json"
        assert response.headers["Cache-Control"] == "private, no-store"
        return json.loads(await response.read())


def put_our_line(engine: Engine) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(9, "Home", (parse_prefix("127.0.0.1"),)))


async def test_a_stranger_learns_that_nothing_is_closed_for_it(
    settings: Settings, engine: Engine, clock: Clock
) -> None:
    assert await told(settings, engine, clock) == {"captive": False}


async def test_a_paused_line_is_captive_and_an_open_one_says_when_it_closes(
    settings: Settings, engine: Engine, clock: Clock
) -> None:
    put_our_line(engine)
    assert await told(settings, engine, clock) == {"captive": False}

    with writing(engine) as conn:
        store.set_schedule(conn, 9, Schedule((parse_interval("mon", "22:00", "06:30"),)))
    assert await told(settings, engine, clock) == {"captive": False, "seconds-remaining": 3597}

    with writing(engine) as conn:
        store.pause(conn, 9, None)
    assert await told(settings, engine, clock) == {"captive": True}
    with writing(engine) as conn:
        store.resume(conn, 9)
    clock.now += timedelta(hours=2)
    assert await told(settings, engine, clock) == {"captive": True}


async def test_a_portal_is_named_only_over_tls(settings: Settings, engine: Engine, clock: Clock) -> None:
    said = await told(replace(settings, has_tls=True), engine, clock)

    assert said["user-portal-url"] == "https://home.example/family"
