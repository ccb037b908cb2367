"""A parent's telephone at the family pages: it keeps cookies, sends forms from our page, and gets messages."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import Engine
from support.mgmt.desk import NOW, Client, Clock
from support.mgmt.outline import text_of
from support.present import present

from mgmt.web.family.acts.taps import DEAF, TAPS
from mgmt.web.kit.app_context import CLOCK
from parental.people import caregivers, children
from parental.people.phones import Phones
from parental.policy.profile import Profile
from parental.policy.subscriber import parse_prefix
from parental.store.database import writing

NUMBER = "+923001234567"
PHONES = Phones(bytes(32))


class Phone:
    """outbox  where its messages arrive;   is_hasty  what opens something is tapped before the page is read"""

    def __init__(self, client: Client, outbox: Path) -> None:
        self.client, self.outbox = client, outbox
        self.is_hasty = False
        self.origin = f"http://127.0.0.1:{client.server.port}"

    @property
    def app(self) -> web.Application:
        """Of the pages."""
        return present(self.client.app)

    async def get(self, where: str = "", query: str = "lang=en") -> tuple[int, Any, str]:
        async with self.client.get(f"/family{where}?{query}") as response:
            return response.status, response.headers, await response.text()

    async def send(self, to: str, *, lang: str = "en", origin: str | None = None, **fields: Any) -> tuple[int, str]:
        """Send a form of ours."""
        did, clock = to.rpartition("/")[2], self.app[CLOCK]
        if isinstance(clock, Clock) and not self.is_hasty and (did == "undo" or (did in TAPS and TAPS[did].loosens)):
            clock.forward(seconds=DEAF.total_seconds())
        headers = {"Origin": self.origin if origin is None else origin}
        if origin == "absent":
            headers = {}
        async with self.client.post(f"/family/{to}?lang={lang}", data=fields, headers=headers) as response:
            return response.status, await response.text()

    async def csrf(self) -> str:
        return present(re.search(r'name="csrf" value="([^"]+)"', (await self.get())[2]))[1]

    async def seen(self, where: str) -> str:
        """What the form of a page says that the page shows; '' where it has no such form."""
        found = re.search(r'name="seen" value="([0-9a-f]{16})"', (await self.get(where))[2])
        return found[1] if found else ""

    async def fill_in(self, to: str, **fields: Any) -> tuple[int, str]:
        """Send a form of a page; the words of the page that comes."""
        status, text = await self.send(to, csrf=await self.csrf(), **fields)
        return status, text_of(text)

    async def tap(self, did: str, profile: int, **fields: Any) -> tuple[int, str]:
        """Tap a button; the words of the page that comes."""
        return await self.fill_in(did, profile=str(profile), **fields)

    async def words(self, where: str = "", query: str = "lang=en") -> str:
        """The words of a page."""
        return text_of((await self.get(where, query))[2])

    async def with_token(self, token: str) -> tuple[int, str]:
        return await self.send("login", token=f" {token} ")

    async def with_number(self, number: str = "0300 1234567") -> tuple[int, str]:
        """Sign in by a message."""
        seen = set(self.messages())
        await self.send("number", phone=number)
        (message,) = await self.arrived(seen)
        return await self.send("code", code=code_of(message))

    def messages(self) -> list[str]:
        found = sorted(self.outbox.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [str(json.loads(path.read_text())["text"]) for path in found]

    async def arrived(self, seen: set[str]) -> list[str]:
        """What has come since, once something has."""
        async with asyncio.timeout(30):
            while not (new := [each for each in self.messages() if each not in seen]):  # noqa: ASYNC110  # files
                await asyncio.sleep(0.01)
        return new


def code_of(message: str) -> str:
    return present(re.search(r"(?<!\d)(\d{6})(?!\d)", message))[1]


def add_caregiver(
    engine: Engine, role: str = "owner", account: int = 7, number: str = NUMBER, *, name: str = "Sana"
) -> int:
    """An active caregiver with a telephone; its number."""
    with writing(engine) as conn:
        _, code = caregivers.invite(conn, account, name, role, NOW, phone=PHONES.seal(number))
        return caregivers.accept(conn, code, NOW).id


def add_child(engine: Engine, name: str = "Ayesha", account: int = 7, prefix: str | None = "192.0.2.7") -> int:
    """A child, to whom a prefix of the household's line is given; the number of its profile."""
    with writing(engine) as conn:
        child = children.add_child(conn, account, {"nickname": name, "birth_year": 2015, "drawing": "kite"}, Profile())
        if prefix is not None:
            children.assign_prefix(conn, account, account, parse_prefix(prefix), child)
        return child.profile
