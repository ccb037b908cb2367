"""Who asks the API, the control role that it asks, and the clock, as tests play them."""

import asyncio
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_network
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient
from sqlalchemy import Engine

from filterd.images.lists.order_rails import OrderRails
from filterd.images.lists.sources import ORDERS_LIST
from mgmt.contract.control import (
    Ack,
    ClosureReason,
    ControlFailure,
    Diff,
    Receipt,
    Report,
    RequestStatus,
    ScreenTimeStart,
    SettingsReceipt,
    TicketOutcome,
    receipt_json,
)
from mgmt.orders.decisions import confirm, taken
from parental.store.database import writing
from rules.base.category import NUMBERS
from rules.base.hosts_of_many import Hosting, HostingList
from rules.base.protected import ProtectedNames
from rules.lists.source import describe_source

NOW = datetime(2026, 8, 3, 16, 0, 3, tzinfo=UTC)  # Monday, 21:00:03 in Karachi
REPORT = Report("ABCD2345", "category", None, NOW, date(2026, 8, 5))
Client = TestClient[web.Request, web.Application]


GOOD, EARLIER, OLDEST = ("c" * 64, "b" * 64, "a" * 64)  # versions of lists


def kept_version(digest: str, n_rules: int, **more: Any) -> dict[str, Any]:
    """As control tells it."""
    said = {"version": digest, "at": "2026-08-03 09:00:00Z", "rules": n_rules, "skipped": 0, "bytes": 900}
    return said | {"from": "https://lists.example/pta", "seed": False, "by": None} | more


LISTS: list[dict[str, Any]] = [
    {
        **{"list": "pta", "tier": "order", "sealed": False, "good": kept_version(GOOD, 1200), "held": None},
        "older": [kept_version(EARLIER, 1100, by="root"), kept_version(OLDEST, 1000)],
        "faults": [],
    },
    {
        **{"list": "iwf", "tier": "csam", "sealed": True, "good": kept_version(GOOD, 60), "faults": []},
        "held": kept_version(OLDEST, 9, why="it shrank"),
        "older": [kept_version(EARLIER, 50)],
    },
]
DIFF = Diff(
    {"list": "pta", "from": GOOD, "to": EARLIER, "added": 3, "removed": 103, "held": {"protected": 1}, "kinds": {}},
    [
        {"change": "added", "value": "portal.isp.example", "mode": "subtree", "line": 9, "why": "protected"},
        {"change": "added", "value": "again.test", "mode": "subtree", "line": 3, "why": None},
        {"change": "removed", "value": "wrong.test", "mode": "subtree", "line": 4, "why": None},
    ],
)
# Of the example addresses, some are behind a host of many sites.
HOSTING = Hosting([HostingList("a cloud", date(2026, 8, 1), (ip_network("198.51.100.0/25"),))])
RAILS = OrderRails(
    describe_source(ORDERS_LIST, None, {"tier": "order"}),
    ProtectedNames(["portal.isp.example"], ["203.0.113.53/32"]),
    HOSTING,
)


class PlayedControl:
    """Control as the web role sees it: answers as the test sets it, notes what it is asked.

    engine  where it decides on orders, as control does;   None: it decides nothing"""

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine = engine
        self.generation = 41
        self.fails: str | None = None
        self.refuses: str | None = None
        self.kinds = sorted(NUMBERS)
        self.hangs = False
        self.waits = asyncio.Event()
        self.released = asyncio.Event()
        self.decisions: dict[str | None, dict[str, Any]] = {}
        self.asked: list[Any] = []

    async def orders_changed(self) -> Receipt:
        if self.hangs:
            self.waits.set()
            await self.released.wait()
        receipt = self._receipt("orders_changed")
        if self.engine is not None and self.refuses is None:
            with writing(self.engine) as conn:
                RAILS.settle(conn, 0, int(NOW.timestamp()))
                confirm(conn, taken(conn), receipt_json(receipt, "Asia/Karachi"), receipt.at)
        return receipt

    def release(self) -> None:
        """Answer what hangs."""
        self.hangs = False
        self.released.set()

    async def policy_changed(self) -> Receipt:
        return self._receipt("policy_changed")

    async def settings_changed(self) -> SettingsReceipt:
        self.asked.append("settings_changed")
        self._may_fail()
        return SettingsReceipt({} if self.refuses is None else {"gate-0": self.refuses})

    async def explain(self, name: str | None, address: str | None, channel: str) -> dict[str, Any]:
        self.asked.append((name, address, channel))
        if self.hangs:
            await asyncio.Event().wait()
        self._may_fail()
        return self.decisions.get(name, {"reason": "default", "action": "passthru"})

    async def list_versions(self) -> list[dict[str, Any]]:
        self._may_fail()
        return LISTS

    async def list_diff(self, list_id: str, version: str) -> Diff:
        self.asked.append((list_id, version))
        self._may_fail()
        return DIFF

    async def status(self) -> dict[str, Any]:
        self._may_fail()
        worker = {"ok": True, "name": "dns-0", "generations": {"names": [41, 0]}, "refused": None}
        return {"workers": [worker], "kinds": self.kinds}

    def _receipt(self, asked: str) -> Receipt:
        self.asked.append(asked)
        self._may_fail()
        self.generation += 1
        acks = (Ack("dns-0", self.generation, 3.5, None), Ack("gate-0", self.generation, 4.25, self.refuses))
        return Receipt(self.generation, acks, 12.3, NOW, 14)

    def _may_fail(self) -> None:
        if self.fails is not None:
            raise ControlFailure(self.fails)


class PlayedReasons:
    """Control as the splash sees it."""

    def __init__(self) -> None:
        self.fails: str | None = None
        self.hangs = False
        self.closings: dict[str | None, ClosureReason] = {}
        self.asked: list[tuple[str | None, str]] = []
        self.reports: dict[str, Report] = {}
        self.reported: list[tuple[str, str | None]] = []
        self.is_full = False
        self.appeals: list[bytes] = []
        self.tickets: list[tuple[str, str]] = []
        self.wanted: list[tuple[int | None, str | None, str, str]] = []
        self.answers: dict[str | None, RequestStatus] = {}
        self.begun: list[str] = []
        self.minutes = 60  # of screen time that can begin

    async def why_closed(self, name: str | None, address: str) -> ClosureReason:
        self.asked.append((name, address))
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            raise ControlFailure(self.fails)
        return self.closings.get(name, ClosureReason("default", None, None))

    async def probed(self, questions: int) -> None:
        raise AssertionError("the application tells nobody")

    async def report_mistake(self, reason: str, name: str | None) -> Report | None:
        self.reported.append((reason, name))
        return None if self.is_full else replace(REPORT, reason=reason)

    async def appeal(self, sealed: bytes) -> str | None:
        if not self.is_full:
            self.appeals.append(sealed)
        return None if self.is_full else "ABCD2345"

    async def find_report(self, reference: str) -> Report | None:
        return self.reports.get(reference)

    async def ask_family(self, minutes: int | None, name: str | None, why: str, address: str) -> RequestStatus:
        self.wanted.append((minutes, name, why, address))
        return self.answers.get(name, RequestStatus("open", NOW + timedelta(days=1)))

    async def use_ticket(self, code: str, address: str) -> TicketOutcome:
        self.tickets.append((code, address))
        return TicketOutcome("open", 30) if code == "123 456 789" else TicketOutcome("unknown", 0)

    async def begin_time(self, address: str) -> ScreenTimeStart:
        self.begun.append(address)
        return ScreenTimeStart(self.minutes)


class Clock:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> None:
        self.now += timedelta(**step)


class Desk:
    """A client of the API with one token."""

    def __init__(self, client: Client, token: str) -> None:
        self._client, self._headers = client, {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """(status, body)."""
        if "json" in more:
            more["data"] = io.BytesIO(json.dumps(more.pop("json")).encode())
        async with self._client.request(method, path, headers=self._headers, **more) as response:
            return response.status, await response.json(content_type=None)

    async def raw(self, method: str, path: str, **more: Any) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers, octets)."""
        headers = {**self._headers, **more.pop("headers", {})}
        async with self._client.request(method, path, headers=headers, **more) as response:
            return response.status, response.headers, await response.read()


DeskOf = Callable[..., Desk]  # (role, subscriber) → desk
TokenOf = Callable[..., str]  # (role, subscriber) → token
