"""A web role with a real database and real sockets; only the control role is played."""

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from mgmt.app import create_app
from mgmt.auth import create_token
from mgmt.control_protocol import Ack, ControlFailed, Receipt
from mgmt.settings import Settings
from parental import store
from parental.database import open_database, writing
from parental.subscriber import Subscriber, parse_prefix

NOW = datetime(2026, 8, 3, 16, 0, 3, tzinfo=UTC)  # Monday, 21:00:03 in Karachi


class PlayedControl:
    """Control as the doors see it: answers what it is told to, counts what it is asked."""

    def __init__(self):
        self.generation = 41
        self.fails = None
        self.refuses = None
        self.hangs = False
        self.decisions = {}
        self.asked = []

    async def orders_changed(self):
        return self._receipt("orders_changed")

    async def policy_changed(self):
        return self._receipt("policy_changed")

    async def explain(self, name, address, channel):
        self.asked.append((name, address, channel))
        if self.hangs:
            await asyncio.Event().wait()
        self._may_fail()
        return self.decisions.get(name, {"reason": "default", "action": "passthru"})

    async def status(self):
        self._may_fail()
        return {"workers": [{"worker": "dns-0", "generations": {"names": [41, 0]}}]}

    def _receipt(self, asked):
        self.asked.append(asked)
        self._may_fail()
        self.generation += 1
        acks = (Ack("dns-0", self.generation, 3.5, None), Ack("gate-0", self.generation, 4.25, self.refuses))
        return Receipt(self.generation, acks, 12.3, NOW, 14)

    def _may_fail(self):
        if self.fails is not None:
            raise ControlFailed(self.fails)


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now

    def forward(self, **step):
        self.now += timedelta(**step)


@pytest.fixture
def settings():
    return Settings(
        isp_name="Example ISP",
        isp_url="https://isp.example",
        isp_contact="help@isp.example",
        protected_names=("portal.isp.example",),
        csam_list_owner="The list's owner",
        csam_list_owner_ur="فہرست کا مالک",
        csam_list_owner_contact="owner@list.example",
    )


@pytest.fixture
def control():
    return PlayedControl()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def engine(tmp_path):
    engine = open_database(tmp_path / "filterd.db")
    with writing(engine) as conn:
        for number in (7, 8):
            prefixes = (parse_prefix(f"192.0.2.{number}"), parse_prefix(f"2001:db8:{number}::/48"))
            store.put_subscriber(conn, Subscriber(number, f"Home {number}", prefixes))
    yield engine
    engine.dispose()


@pytest.fixture
def token(engine):
    """token("parent", 7) makes a token and gives its text."""

    def make(role, subscriber=None):
        with writing(engine) as conn:
            return create_token(conn, role, subscriber)

    return make


@pytest.fixture
async def client(settings, engine, control, clock):
    async with TestClient(TestServer(create_app(settings, engine, control, clock))) as client:
        yield client


@pytest.fixture
def desk(client, token):
    """desk("operator") is a client with that role's token: .get(path), .post(path, json=…), …"""
    return lambda role, subscriber=None: Desk(client, token(role, subscriber))


class Desk:
    def __init__(self, client, token):
        self._client, self._headers = client, {"Authorization": f"Bearer {token}"}

    async def ask(self, method, path, **more):
        """(status, body)."""
        if "json" in more:
            more["data"] = io.BytesIO(json.dumps(more.pop("json")).encode())
        async with self._client.request(method, path, headers=self._headers, **more) as response:
            return response.status, await response.json(content_type=None)

    async def raw(self, method, path, **more):
        """(status, headers, octets)."""
        async with self._client.request(method, path, headers=self._headers, **more) as response:
            return response.status, response.headers, await response.read()
