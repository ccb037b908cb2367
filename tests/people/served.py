"""The pages as a browser meets them: splash, gate and family page on ports of this machine, each name led there."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import Connection, Engine
from support.mgmt.desk import REPORT, Clock, PlayedControl, PlayedReasons

from fastpath.wire.http1_language import preferred
from filterd.lab.patience import Patience
from mgmt.contract.control import ClosureReason
from mgmt.ledger.event import CONTROL
from mgmt.registers.settings.page_settings import Settings, StopPage
from mgmt.staff.tokens import create_token
from mgmt.text.language import languages
from mgmt.web.desk.app import create_app
from mgmt.web.family.requests.replies import Replies
from mgmt.web.family.rules.presets import PRESETS
from mgmt.web.family.sms import Outbox
from mgmt.web.splash.app import create_splash
from mgmt.web.splash.canned import REASON_GROUPS, canned_page
from parental.calendar import plans, weeks
from parental.calendar.card import Card, Kind
from parental.people import caregivers, children, reports, requests
from parental.people.devices import put_device
from parental.people.phones import Phones
from parental.policy import subscribers as store
from parental.policy.profile import Profile
from parental.policy.profiles import put_profile, set_schedule
from parental.policy.schedule import Schedule, parse_interval
from parental.policy.subscriber import Network, Subscriber, parse_prefix
from parental.store.database import open_database, writing

NIGHT = datetime(2026, 8, 3, 16, 0, 3, tzinfo=UTC)  # 21:00:03 in Karachi
SETTINGS = Settings(
    isp_name="Example ISP",
    isp_url="http://isp.example",
    isp_contact="help@isp.example",
    clients=("127.0.0.0/8",),
    why_host="why.isp.example",
    help_host="help.isp.example",
    phone_key=bytes(32),
    stop_page=StopPage(
        owner="The list's owner",
        owner_ur="فہرست کا مالک",
        contact="owner@list.example",
        portal="portal.example",
        self_help="selfhelp.example",
    ),
)
UNTIL = NIGHT + timedelta(hours=9, minutes=30)
CLOSINGS: dict[str | None, ClosureReason] = {
    "law.example": ClosureReason("law", None, None),
    "category.example": ClosureReason("category", "self-harm", None),
    "household.example": ClosureReason("household", None, None),
    "schedule.example": ClosureReason("schedule", None, UNTIL),
    "pause.example": ClosureReason("pause", None, NIGHT + timedelta(minutes=30)),
    "quota.example": ClosureReason("quota", None, UNTIL),
    "quota-ready.example": ClosureReason("quota", None, None, left_s=5400),
    "security.example": ClosureReason("security", None, None),
    f"{'a-very-long-name-' * 3}.example": ClosureReason("security", None, None),
}
PAGES = {  # what a screenshot is called → URL
    **{(name or "").partition(".")[0][:20]: f"http://{name}/" for name in CLOSINGS},
    "none": "http://free.example/",
    "unknown": "http://unknown.example/",
    "help": "http://help.isp.example/",
    "why": "http://why.isp.example/",
    "report-open": "http://why.isp.example/?ref=WAIT2345",
    "report-opened": "http://why.isp.example/?ref=ABCD2345",
    "report-unknown": "http://why.isp.example/?ref=X",
    **{f"gate-{reason}": f"http://{reason}.gate.example/" for reason in REASON_GROUPS},
}


class Reasons(PlayedReasons):
    """Control, which does not answer for one name."""

    async def why_closed(self, name: str | None, address: str) -> ClosureReason:
        if name == "unknown.example":
            raise OSError("no answer")
        return await super().why_closed(name, address)


@dataclass(frozen=True)
class Served:
    """rules  for the browser: which name is where;   token  that opens the family pages

    outbox  where messages to caregivers arrive;   clock  of the family pages"""

    rules: str
    token: str
    engine: Engine
    outbox: Path
    clock: Clock

    def household(self, number: str, *, has_child: bool = True, role: str = "owner") -> None:
        """A home with one line and a caregiver with a telephone.

        has_child  and a child with a phone of its own, and hours of sleep"""
        with writing(self.engine) as conn:
            account = 100 + len(list(store.iter_subscribers(conn)))
            held = (parse_prefix(f"198.51.100.{account - 100}"), parse_prefix(f"2001:db8:{account}::/48"))
            store.put_subscriber(conn, Subscriber(account, "Home", held))
            if has_child:
                child = _add_child(conn, account, held[0])
                set_schedule(conn, child.profile, Schedule((parse_interval("mon", "20:30", "06:30"),)))
                put_device(conn, account, "ali-phone")
            phone = Phones(bytes(32)).seal(number)
            invited = caregivers.invite(conn, account, "Sana", role, NIGHT, phone=phone)
            caregivers.accept(conn, invited[1], NIGHT)

    def child_asks(self, number: str) -> None:
        """The child of the household of a telephone asks for half an hour."""
        with writing(self.engine) as conn:
            (mother,) = caregivers.by_phone(conn, Phones(bytes(32)).digest(number), NIGHT)
            (child,) = children.children_of(conn, mother.account)
            requests.ask(conn, mother.account, child.profile, requests.ChildRequest(30, None, "homework"), NIGHT)

    def child_meets(self, number: str, *kinds: str) -> None:
        """The child of the household of a telephone meets what is closed to it."""
        with writing(self.engine) as conn:
            (mother,) = caregivers.by_phone(conn, Phones(bytes(32)).digest(number), NIGHT)
            (child,) = children.children_of(conn, mother.account)
            reports.count(conn, [reports.Encounter(child.profile, int(NIGHT.timestamp()), each) for each in kinds])

    def message_to(self, number: str) -> str:
        """The digits of the message that comes to a telephone, once it does."""
        patience = Patience(60)
        while not patience.is_over():
            for path in self.outbox.glob("*.json"):
                said = json.loads(path.read_text())
                if said["to"] == number:
                    return str(said["text"][:6]) if said["text"][:6].isdigit() else str(said["text"][-6:])
            time.sleep(0.05)
        raise AssertionError("no message came")


def _add_child(conn: Connection, account: int, prefix: Network) -> children.Child:
    """A child whose phone has an address of the line to itself."""
    said = {"nickname": "Ayesha", "birth_year": 2015, "drawing": "kite"}
    child = children.add_child(conn, account, said, Profile())
    children.assign_prefix(conn, account, account, prefix, child)
    return child


def _put_browser_on_a_line(engine: Engine) -> None:
    """Have the browser's own address be a child's, with rules and hours."""
    here = parse_prefix("127.0.0.1")
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(7, "Home", (here,)))
        child = _add_child(conn, 7, here)
        put_profile(conn, child.profile, PRESETS["10-12"].applied(Profile(denied=frozenset({"own.example"}))))
        plans.put_card(conn, child.profile, Card(Kind.SLEEP, 20 * 60 + 30, 600))
        weeks.renew(conn, [child.profile], NIGHT)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Serve all pages until the end of the block."""
    reasons = Reasons()
    reasons.closings = dict(CLOSINGS)
    reasons.reports = {
        "WAIT2345": REPORT,
        "ABCD2345": replace(REPORT, outcome="opened", answered=NIGHT, due=date(2026, 8, 5)),
    }
    engine = open_database(folder / "filterd.db")
    outbox, inbox = folder / "outbox", folder / "inbox"
    outbox.mkdir()
    inbox.mkdir()
    replies = Replies(inbox=inbox)
    clock = Clock()
    clock.now = NIGHT
    family = create_app(SETTINGS, engine, PlayedControl(), clock, sms=Outbox(outbox), replies=replies)
    # A household of its own: on a line, fewer codes are asked for than these tests ask for.
    of_child = open_database(folder / "child.db")
    _put_browser_on_a_line(of_child)
    mine = create_app(SETTINGS, of_child, PlayedControl(), lambda: NIGHT)
    with _running(create_splash(SETTINGS, reasons, lambda: NIGHT), family, mine) as (splash, home, child, gate):
        with writing(engine) as conn:
            store.put_subscriber(conn, Subscriber(7, "Ayesha", (parse_prefix("192.0.2.7"),)))
            store.set_schedule(conn, 7, Schedule((parse_interval("mon", "22:00", "06:30"),)))
            token = create_token(conn, "parent", 7, CONTROL)
        rules = {"family.isp.example": home, "child.isp.example": child, "*.gate.example": gate, "*": splash}
        mapped = ", ".join(f"MAP {name} 127.0.0.1:{port}" for name, port in rules.items())
        yield Served(mapped, token, engine, outbox, clock)
    engine.dispose()
    of_child.dispose()


@contextlib.contextmanager
def _running(*apps: web.Application) -> Iterator[list[int]]:
    """The ports of the applications, and of the gate's pages, from a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait_for(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    servers = [TestServer(app) for app in apps]
    for server in servers:
        wait_for(server.start_server())
    gate = wait_for(asyncio.start_server(_injected, "127.0.0.1", 0))
    try:
        yield [*(int(server.port or 0) for server in servers), gate.sockets[0].getsockname()[1]]
    finally:
        gate.close()
        for server in servers:
            wait_for(server.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _injected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a request as the gate does: with the canned page of the reason that its Host names, in its language."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        host = head.partition("Host: ")[2].partition("\r\n")[0]
        language = preferred(head.encode(), tuple(each.code for each in languages(SETTINGS.first_language)))
        before, after = canned_page(host.partition(".")[0], SETTINGS, language)
        writer.write(before + (host.encode() + after if after else b""))
        await writer.drain()
    writer.close()
