"""A web role with a real database and real sockets; only the control role is played."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from aiohttp import CookieJar, web_app
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from sqlalchemy import Connection, Engine
from support.mgmt.desk import NOW, Client, Clock, Desk, DeskOf, PlayedControl, TokenOf
from support.mgmt.signing import Signer, signer
from support.mgmt.staff_desk import ORIGIN, AddPerson, Browser

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.sealed import why_sealed
from mgmt.registers.settings.page_settings import Settings, StopPage
from mgmt.staff.people import Person, add_person
from mgmt.staff.tokens import create_token
from mgmt.web.desk.app import create_app
from parental.policy import subscribers as store
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import open_database, writing
from parental.store.engines import Where, engine_of
from parental.store.schema.privileges import CONTROL as CONTROL_ROLE
from parental.store.schema.privileges import WEB
from rules.lists.letter import Letter, read_letter


def read_here(octets: bytes, encoding: str | None) -> Letter:
    """Read a letter in this process."""
    return read_letter(octets, encoding, why_sealed)


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords and PINs cost a test no 100 ms; what they cost others is asked in staff/test_passwords.py."""
    for module in ("mgmt.staff.passwords", "mgmt.web.family.pin"):
        monkeypatch.setattr(f"{module}.HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture(autouse=True)
def forgotten_applications() -> Iterator[None]:
    """aiohttp keeps the handlers of a thousand routes, and with them each test's application and its engines."""
    yield
    web_app._cached_build_middleware.cache_clear()


@pytest.fixture
def settings() -> Settings:
    return Settings(
        isp_name="Example ISP",
        isp_url="https://isp.example",
        isp_contact="help@isp.example",
        protected_names=("portal.isp.example",),
        stop_page=StopPage(owner="The list's owner", owner_ur="فہرست کا مالک", contact="owner@list.example"),
        why_host="why.isp.example",
        help_host="help.isp.example",
        phone_key=bytes(32),
    )


@pytest.fixture
def control(engine: Engine, database: Where) -> Iterator[PlayedControl]:
    del engine  # it has made the tables
    of_control = engine_of(database, CONTROL_ROLE)
    yield PlayedControl(of_control)
    of_control.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(database: Where) -> Iterator[Engine]:
    engine = open_database(database)
    with writing(engine) as conn:
        for number in (7, 8):
            prefixes = (parse_prefix(f"192.0.2.{number}"), parse_prefix(f"2001:db8:{number}::/48"))
            store.put_subscriber(conn, Subscriber(number, f"Home {number}", prefixes))
    yield engine
    engine.dispose()


@pytest.fixture
def token(engine: Engine) -> TokenOf:
    """token("parent", 7) makes a token and gives its text."""

    def make(role: str, subscriber: int | None = None) -> str:
        with writing(engine) as conn:
            issuer = "PTA" if role == "regulator" else None
            return create_token(conn, role, subscriber, CONTROL, lambda: NOW, issuer=issuer)

    return make


@pytest.fixture
async def client(
    settings: Settings, engine: Engine, database: Where, control: PlayedControl, clock: Clock
) -> AsyncIterator[Client]:
    del engine  # it has made the tables and the subscribers; the application acts as its role may
    of_web = engine_of(database, WEB)
    app = create_app(settings, of_web, control, clock, letters=read_here)
    async with TestClient(TestServer(app)) as client:
        yield client
    of_web.dispose()


@pytest.fixture
def desk(client: Client, token: TokenOf) -> DeskOf:
    """desk("operator") is a client with that role's token: .ask(method, path, json=…), .raw(method, path)"""
    return lambda role, subscriber=None: Desk(client, token(role, subscriber))


@pytest.fixture
def add(engine: Engine) -> AddPerson:
    """add("amna", "approver") adds amna@isp.example and gives the person and the code; ends=… gives an end."""

    def make(name: str = "amna", role: str = "compliance", ends: datetime | None = None) -> tuple[Person, str]:
        with writing(engine) as conn:
            return add_person(conn, name.title(), f"{name}@isp.example", role, None, CONTROL, NOW, ends)

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


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with writing(engine) as conn:
        yield conn


@pytest.fixture
def amna(conn: Connection) -> Signer:
    """A person of the desk with a passkey that is vouched for."""
    return signer(conn, "amna", "compliance")


@pytest.fixture
def bilal(conn: Connection) -> Signer:
    """Another one, of another group."""
    return signer(conn, "bilal", "approver")
