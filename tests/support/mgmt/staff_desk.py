"""A browser before the desk, and what its people type."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyotp
from sqlalchemy import Engine
from support.mgmt.authenticator import Authenticator
from support.mgmt.desk import Client, Clock
from support.present import present
from yarl import URL

from mgmt.staff.people import Person
from mgmt.staff.session import begin_session
from parental.store.database import writing

ORIGIN = "https://desk.isp.example"
PASSWORD = "correct horse battery"
AddPerson = Callable[..., tuple[Person, str]]
Come = Callable[..., None]  # (role, name)


class Browser:
    """A browser before the desk: it has cookies and says where a form was."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self.client, self.clock = client, clock
        self.origin = f"http://127.0.0.1:{client.server.port}"

    def come_as(self, engine: Engine, person: Person) -> None:
        """Have a session, as after signing in."""
        with writing(engine) as conn:
            secret = begin_session(conn, person.number, "passkey", "", self.clock())
        self.client.session.cookie_jar.update_cookies({"desk": secret}, URL(self.origin))

    async def get(self, path: str = "") -> tuple[int, str]:
        async with self.client.get("/desk" + path) as response:
            return response.status, await response.text()

    async def send(self, path: str, *, origin: str | None = None, **fields: str) -> tuple[int, str]:
        headers = {"Origin": self.origin if origin is None else origin}
        async with self.client.post("/desk" + path, data=fields, headers=headers) as response:
            return response.status, await response.text()

    async def ask(self, path: str, *, origin: str | None = None, **said: Any) -> tuple[int, Any]:
        headers = {"Origin": self.origin if origin is None else origin}
        async with self.client.post("/desk/passkey" + path, json=said, headers=headers) as response:
            return response.status, await response.json()

    async def enrol(self, code: str, password: str = PASSWORD) -> str:
        """Set password and codes; returns the secret of the codes."""
        _, text = await self.send("/enrol", code=code)
        secret = present(re.search(r'class="long">([A-Z2-7]{32})<', text))[1]
        typed = code_at(secret, self.clock())
        status, text = await self.send("/enrol/password", code=code, password=password, again=password, typed=typed)
        assert (status, "are set" in text) == (200, True), text
        self.clock.forward(seconds=30)
        return secret

    async def sign_in(self, secret: str, name: str = "amna", password: str = PASSWORD) -> tuple[int, str]:
        code = code_at(secret, self.clock())
        return await self.send("/login", mail=f"{name}@isp.example", password=password, code=code)

    async def make_passkey(self, code: str, authenticator: Authenticator) -> tuple[int, Any]:
        """Enrol with a passkey."""
        status, options = await self.ask("/new/options", code=code)
        assert status == 200, options
        return await self.ask("/new", code=code, label="a key", response=authenticator.create(options))

    async def use_passkey(self, authenticator: Authenticator) -> tuple[int, Any]:
        """Sign in with a passkey."""
        _, options = await self.ask("/login/options")
        return await self.ask("/login", response=authenticator.get(options))

    async def csrf(self) -> str:
        return present(re.search(r'name="csrf" value="([0-9a-f]{64})"', (await self.get())[1]))[1]


def code_at(secret: str, at: datetime) -> str:
    return pyotp.TOTP(secret).at(at)
