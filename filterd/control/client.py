"""mgmt's Control over control.sock, and the splash's Reasons over a socket of its own.

Invariants: a Receipt is what control said, unchanged; anything else becomes ControlFailure; the splash's socket takes
no request that changes what is enforced, but a ticket of the asker's own household.
"""

from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from filterd.box.places import CONTROL, control_socket, splash_socket
from filterd.process.codec import FailureReply, Message
from filterd.process.control_messages import (
    AppealNumber,
    AskFamily,
    BeginTime,
    ClosureQuery,
    ExcessQuestions,
    Explain,
    FindReport,
    FoundReport,
    ListsDiff,
    ListsStatus,
    ListsVersions,
    OrdersUpdate,
    PolicyUpdate,
    PutAppeal,
    ReportMistake,
    SettingsUpdate,
    UseTicket,
)
from filterd.process.json_socket import NoAnswer, ask
from filterd.process.messages import Status
from mgmt.contract.control import (
    ClosureReason,
    ControlFailure,
    Diff,
    Receipt,
    Report,
    RequestStatus,
    ScreenTimeStart,
    SettingsReceipt,
    TicketOutcome,
)

TIMEOUT_S = 14.0  # just below mgmt's own, so that its 503 gives our reason
DIFF_S = 130.0  # beyond control's own (filterd.control.lists.DIFF_S)

T = TypeVar("T")


class ControlClient:
    """Satisfies mgmt.contract.control.Control."""

    def __init__(self, run_dir: Path) -> None:
        self._path = control_socket(run_dir)

    async def orders_changed(self) -> Receipt:
        return await _ask(self._path, OrdersUpdate(), Receipt)

    async def policy_changed(self) -> Receipt:
        return await _ask(self._path, PolicyUpdate(), Receipt)

    async def settings_changed(self) -> SettingsReceipt:
        return await _ask(self._path, SettingsUpdate(), SettingsReceipt)

    async def explain(self, name: str | None, address: str | None, channel: str) -> dict[str, Any]:
        return await _ask(self._path, Explain(name, address, channel), Message)

    async def list_versions(self) -> list[dict[str, Any]]:
        return (await _ask(self._path, ListsVersions(), ListsStatus)).lists

    async def list_diff(self, list_id: str, version: str) -> Diff:
        return await _ask(self._path, ListsDiff(list_id, version), Diff, DIFF_S)

    async def status(self) -> dict[str, Any]:
        return await _ask(self._path, Status(), Message)


class ReasonsClient:
    """Satisfies mgmt.contract.control.Reasons."""

    def __init__(self, run_dir: Path) -> None:
        self._path = splash_socket(run_dir)

    async def why_closed(self, name: str | None, address: str) -> ClosureReason:
        return await _ask(self._path, ClosureQuery(name, address), ClosureReason)

    async def probed(self, questions: int) -> None:
        await _ask(self._path, ExcessQuestions(questions), Message)

    async def report_mistake(self, reason: str, name: str | None) -> Report | None:
        return (await _ask(self._path, ReportMistake(reason, name), FoundReport)).report

    async def find_report(self, reference: str) -> Report | None:
        return (await _ask(self._path, FindReport(reference), FoundReport)).report

    async def appeal(self, sealed: bytes) -> str | None:
        return (await _ask(self._path, PutAppeal(sealed), AppealNumber)).number

    async def ask_family(self, minutes: int | None, name: str | None, why: str, address: str) -> RequestStatus:
        return await _ask(self._path, AskFamily(minutes, name, why, address), RequestStatus)

    async def use_ticket(self, code: str, address: str) -> TicketOutcome:
        return await _ask(self._path, UseTicket(code, address), TicketOutcome)

    async def begin_time(self, address: str) -> ScreenTimeStart:
        return await _ask(self._path, BeginTime(address), ScreenTimeStart)


async def _ask(path: Path, request: Struct, kind: type[T], timeout_s: float = TIMEOUT_S) -> T:
    try:
        reply = await ask(path, CONTROL, request, kind, timeout_s)
    except NoAnswer as reason:
        raise ControlFailure(str(reason)) from reason
    if isinstance(reply, FailureReply):
        raise ControlFailure(reply.reason)
    return reply
