"""Short messages to caregivers: through a gateway that speaks HTTP, or into a folder where there is no gateway.

A message is handed over in the background, so that how long it takes does not show whether a number is known.
Invariants: at most MOST_WAITING messages wait, more are dropped and said in the log; neither number nor text is ever
logged; an answer of the gateway is read no further than its status.
"""

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp
from aiohttp import FormData, JsonPayload
from sqlalchemy import Connection

from mgmt.registers.settings.page_settings import Settings
from mgmt.text.accept import LANGUAGES
from mgmt.text.catalogue import catalogue
from parental.people.accounts import get_account

MOST_WAITING = 200  # a minute of one-time codes in a city that comes home
TIMEOUT_S = 10.0
TRIES = 2
APART_S = 2.0

log = logging.getLogger(__name__)


class SmsFailure(Exception):
    """A message was not taken; the text says why, without number and message."""


class Sms(Protocol):
    """What takes a message."""

    async def send(self, number: str, text: str) -> None:
        """Hand a message over.   number  +92…   Raises SmsFailure"""


@dataclass(frozen=True, slots=True)
class Outbox:
    """A folder: one file a message, for a lab, or for a program that fetches them."""

    folder: Path

    async def send(self, number: str, text: str) -> None:
        said = json.dumps({"to": number, "text": text}, ensure_ascii=False)
        try:
            await asyncio.to_thread(_put, self.folder, said)
        except OSError as exc:
            raise SmsFailure(f"outbox {self.folder}: {exc.strerror}") from exc


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway's address, to which number and text are posted.

    to, text       what it calls the two;   fields  what else it wants
    authorization  the value of that header, or None;   is_json  else a form"""

    url: str
    to: str = "to"
    text: str = "text"
    fields: Mapping[str, str] = field(default_factory=dict)
    authorization: str | None = field(default=None, repr=False)
    is_json: bool = False

    async def send(self, number: str, text: str) -> None:
        said = {**self.fields, self.to: number, self.text: text}
        headers = {} if self.authorization is None else {"Authorization": self.authorization}
        body = JsonPayload(said) if self.is_json else FormData(said)
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as client,
                client.post(self.url, headers=headers, allow_redirects=False, data=body) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            raise SmsFailure(f"gateway: {type(exc).__name__}") from exc
        if not 200 <= status < 300:
            raise SmsFailure(f"gateway: it answered {status}")


class Sender:
    """Hands messages over in the background.

    is_failing  whether the last one was not taken: pages say then that messages are late"""

    def __init__(self, sms: Sms, apart_s: float = APART_S) -> None:
        self._sms, self._apart_s = sms, apart_s
        self._waiting: set[asyncio.Task[None]] = set()
        self.is_failing = False

    def post(self, number: str, text: str) -> None:
        """Take a message on.   Needs a running loop"""
        if len(self._waiting) >= MOST_WAITING:
            log.warning("sms: %d messages wait for the gateway; one more is dropped; look at the gateway", MOST_WAITING)
            return
        # Held until it is done, and ended with the application: a group would end when the request does.
        task = asyncio.get_running_loop().create_task(self._send(number, text))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    @property
    def room(self) -> int:
        """How many messages it takes of those that can wait: half of its places are for codes to sign in."""
        return max(MOST_WAITING // 2 - len(self._waiting), 0)

    async def close(self) -> None:
        """Give what waits a last moment, then end it."""
        if self._waiting:
            await asyncio.wait(self._waiting, timeout=APART_S)
        for task in self._waiting:
            task.cancel()

    async def _send(self, number: str, text: str) -> None:
        for last in (False,) * (TRIES - 1) + (True,):
            try:
                await self._sms.send(number, text)
            except SmsFailure as reason:
                self.is_failing = True
                if last:
                    log.warning("sms: %s; a message is lost; see /family/sms", reason)
                    return
                await asyncio.sleep(self._apart_s)
            else:
                self.is_failing = False
                return


def texts_of(conn: Connection, account: int, settings: Settings) -> Mapping[str, str]:
    """The messages of a household's language."""
    said = get_account(conn, account).language or settings.first_language
    return catalogue(said if said in LANGUAGES else settings.first_language).texts


def _put(folder: Path, said: str) -> None:
    """A file that is whole as soon as it has its name."""
    name = secrets.token_hex(8)
    part = folder / f".{name}"
    try:
        part.touch(mode=0o600)
        part.write_text(said, encoding="utf-8")
        part.rename(folder / f"{name}.json")
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
