"""What the web role asks of the control role, and what it gets back.

Invariants: a Receipt is a fact, measured by the control role: a worker named in it without a refusal serves its
generation.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from mgmt.contract.errors import NotInForce

CONTROL_TIMEOUT_S = 15  # an order is live in well under 2 s; past this, the client gets 503 instead


class ControlFailure(Exception):
    """The control role could not be asked, or could not do it; the message says why."""


@dataclass(frozen=True, slots=True)
class Ack:
    """One worker's answer.   refused  why it stays with what it had; None: it serves `generation`."""

    worker: str
    generation: int
    ms: float
    refused: str | None


@dataclass(frozen=True, slots=True)
class Cut:
    """What became of the connections that a tightened rule closes.

    at          when the kernel was asked which of them go on (aware)
    ended       those that went on until then
    still_open  those that it names; every one is closed where this is 0
    by          what could be found: a filterd.kernel.cut.Means.  "quic": nothing over TCP, which goes on"""

    at: datetime
    ended: int
    still_open: int
    by: str = "labels"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was published and who serves it.

    at                  when the last worker acknowledged (aware)
    ms                  from the question to then
    connections_ended   live connections that a lock has cut; None where nothing was locked
    cut                 of a tightened rule; None where nothing was tightened, or this box ends no connections for it"""

    generation: int
    acks: tuple[Ack, ...]
    ms: float
    at: datetime
    connections_ended: int | None
    cut: Cut | None = None


@dataclass(frozen=True, slots=True)
class SettingsReceipt:
    """Settings of pages that all who show one have taken, or take within a second.   refused  worker → why not"""

    refused: dict[str, str]


@dataclass(frozen=True, slots=True)
class Diff:
    """What another version would change of a list.

    head     list, from, to (SHA-256, in hex), added, removed, held (reason of a rail → rules), kinds
    changes  some of each kind, what a rail stops first: change, value, mode, line, why; none of a confidential list"""

    head: dict[str, Any]
    changes: list[dict[str, Any]]


LAW = "law"  # the one reason that orders and confidential lists have on the splash


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """What became of what a child has asked for.

    state  'open', 'yes', 'no', 'lapsed';   'many': no more is taken now;   'nothing': a family can open nothing there
    until  when it lapses; of a yes, until when it is open, None: for good (aware)"""

    state: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClosureReason:
    """What the splash may know of why a name is closed.

    reason   LAW, or a key of mgmt.web.splash.pages.STATUS; anything else: nothing closes it
    until    when a lock ends (aware)
    asked    what was asked for last from there; None: nothing, or it is long ago
    left_s   of a quota: seconds that can begin now, 0: used up; None: not known, or it would stay closed"""

    reason: str
    category: str | None
    until: datetime | None
    asked: RequestStatus | None = None
    left_s: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A visitor's report that something is blocked by mistake; it has no field for who that was.

    reference   eight letters and digits, which no one guesses
    reason      as in ClosureReason;   name  None where the reason is LAW: its names are written down nowhere
    due         the day by which an answer is promised
    outcome     'opened', 'kept' or 'passed'; None: not answered;   answered  when (aware)"""

    reference: str
    reason: str
    name: str | None
    reported: datetime
    due: date
    outcome: str | None = None
    answered: datetime | None = None


@dataclass(frozen=True, slots=True)
class TicketOutcome:
    """What became of a ticket.

    outcome  'open'; 'unknown': the code is not good there; 'kept': it would have opened nothing
    minutes  that it gave"""

    outcome: str
    minutes: int


@dataclass(frozen=True, slots=True)
class ScreenTimeStart:
    """Screen time that began.   minutes  that it has, at most; 0: none began"""

    minutes: int


class Reasons(Protocol):
    """The control role, as the splash uses it."""

    async def why_closed(self, name: str | None, address: str) -> ClosureReason:
        """Why a name is closed for an address; without a name only locks can speak.   Raises ControlFailure."""

    async def probed(self, questions: int) -> None:
        """Report questions that were beyond what one client may ask.   Raises ControlFailure."""

    async def report_mistake(self, reason: str, name: str | None) -> Report | None:
        """Write a report down; None where too many wait for an answer.   Raises ControlFailure."""

    async def find_report(self, reference: str) -> Report | None:
        """A report by its reference, without its name.   Raises ControlFailure."""

    async def appeal(self, sealed: bytes) -> str | None:
        """Keep a sealed appeal until it is mailed; its number.   None: too many wait.   Raises ControlFailure."""

    async def ask_family(self, minutes: int | None, name: str | None, why: str, address: str) -> RequestStatus:
        """Ask the family of an address for minutes, or for a page.   why  the child's reason

        Raises ControlFailure."""

    async def use_ticket(self, code: str, address: str) -> TicketOutcome:
        """Use a ticket for what follows the profile of an address, and have it in force.   Raises ControlFailure."""

    async def begin_time(self, address: str) -> ScreenTimeStart:
        """Begin the screen time of what follows the profile of an address, and have it in force.

        Raises ControlFailure."""


class Control(Protocol):
    """The control role, as the web role uses it."""

    async def orders_changed(self) -> Receipt:
        """Publish the orders as the database has them now.   Raises ControlFailure."""

    async def policy_changed(self) -> Receipt:
        """Publish subscribers and profiles as the database has them now.   Raises ControlFailure."""

    async def settings_changed(self) -> SettingsReceipt:
        """Show what the desk says of the pages, as the database has it now.   Raises ControlFailure."""

    async def explain(self, name: str | None, address: str | None, channel: str) -> dict[str, Any]:
        """What is decided for a name and an address; without a name only locks can speak.

        Keys read here: reason ('default', 'csam', 'order', 'pause', 'schedule', 'category', 'security', 'help'),
        action, list, rule, category, order (its number), issuer, order_ref, order_date, ground, until (ISO 8601),
        generations.   Raises ControlFailure."""

    async def list_versions(self) -> list[dict[str, Any]]:
        """Which versions of each list are kept: list, tier, sealed, good, held, older (each with version, at, rules,
        skipped, bytes, from, by), faults.   Raises ControlFailure."""

    async def list_diff(self, list_id: str, version: str) -> Diff:
        """What a kept version would change of a list; not of a sealed one.   Raises ControlFailure."""

    async def status(self) -> dict[str, Any]:
        """Roles, generations, counters.   Raises ControlFailure."""


async def receive(published: Awaitable[Receipt]) -> Receipt:
    """Wait for a receipt.   Raises NotInForce where control or a worker has not taken the change."""
    try:
        receipt = await asyncio.wait_for(published, CONTROL_TIMEOUT_S)
    except (ControlFailure, OSError, TimeoutError) as exc:
        raise NotInForce(f"control: {str(exc) or 'no answer in time'}") from exc
    refusals = [f"{ack.worker}: {ack.refused}" for ack in receipt.acks if ack.refused is not None]
    if refusals:
        raise NotInForce("; ".join(refusals))
    return receipt


async def show(published: Awaitable[SettingsReceipt]) -> None:
    """Wait until settings are shown.   Raises NotInForce where control or a worker has not taken them."""
    try:
        shown = await asyncio.wait_for(published, CONTROL_TIMEOUT_S)
    except (ControlFailure, OSError, TimeoutError) as exc:
        raise NotInForce(f"control: {str(exc) or 'no answer in time'}") from exc
    if shown.refused:
        raise NotInForce("; ".join(shown.refused.values()))


def receipt_json(receipt: Receipt, zone: str) -> dict[str, Any]:
    """A receipt as the API gives it."""
    return {
        "generation": receipt.generation,
        "ms": round(receipt.ms, 1),
        "at": _written(receipt.at, zone),
        "connections_ended": receipt.connections_ended,
        "cut": None if receipt.cut is None else asdict(receipt.cut) | {"at": _written(receipt.cut.at, zone)},
        "workers": [
            {"worker": ack.worker, "generation": ack.generation, "ms": round(ack.ms, 1)} for ack in receipt.acks
        ],
    }


def _written(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).isoformat(timespec="milliseconds")
