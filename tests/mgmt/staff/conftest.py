"""A desk with a browser before it, people who enrol, and a clock."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import NOW, Clock, PlayedControl
from support.mgmt.staff_desk import ORIGIN, AddPerson, Browser

from mgmt.app import create_app
from mgmt.ledger.event import CONTROL
from mgmt.settings import Settings
from mgmt.staff.people import Person, add_person
from parental.database import writing
from parental.engines import Where, engine_of
from parental.schema.privileges import WEB


@pytest.fixture
def add(engine: Engine) -> AddPerson:
    """add("amna", "approver") adds amna@isp.example and gives the person and the code."""

    def make(name: str = "amna", role: str = "compliance") -> tuple[Person, str]:
        with writing(engine) as conn:
            return add_person(conn, name.title(), f"{name}@isp.example", role, None, CONTROL, NOW)

    return make


@pytest.fixture
async def browser(
    settings: Settings, engine: Engine, database: Where, control: PlayedControl, clock: Clock
) -> AsyncIterator[Browser]:
    del engine  # it has made the tables; the application acts as its role may
    of_web = engine_of(database, WEB)
    app = create_app(replace(settings, desk_origin=ORIGIN), of_web, control, clock, desk_key=bytes(32))
    async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        yield Browser(client, clock)
    of_web.dispose()
