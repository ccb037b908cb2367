"""The control service: its parts wired together, and each request of control.sock given to the part that answers it.

    publisher  images → manifest → workers → receipt        locks      kernel's locked and suspect sets
    midnight   weeks of families, made again at each date    tickets    those that visitors of the splash type
    requests   what they ask their family for
    time       screen time that they begin
    clock      hours at two times, where it was set back
    lists      copies taken, pulled, approved               explainer  explanations, status
    list_rollbacks  lists that two persons of the desk take back
    sealed_orders  those that came encrypted, read and put in force
    reloader   the operator's file taken in                 sessions   names of lines, locks and cuts of sessions
    pages      what the desk says of them, given to all who show one
    zones      served to other resolvers
    siem       events of the ledger for the role that sends them on, and how it does

Invariants: a request that fails leaves what was in force, and its reply says why.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from dns.zones.server import ZoneServer
from fastpath.people.left_open import behind_s as doubted_s
from filterd.config import Config
from filterd.control.base.clock import Clock
from filterd.control.base.context import Context
from filterd.control.base.midnight import Midnight
from filterd.control.cut import Cuts
from filterd.control.explainer import Explainer
from filterd.control.list_rollbacks import ListRollbacks
from filterd.control.lists import Lists
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.locks import Locks
from filterd.control.pages.page_settings import PageSettings
from filterd.control.pages.requests import NOTHING, OPENED_BY_NAME, OPENED_BY_TIME, SplashRequests
from filterd.control.pages.screen_time import SplashScreenTime
from filterd.control.pages.tickets import SplashTickets
from filterd.control.publisher import Publisher
from filterd.control.reloader import Reloader, ReloadRefusal
from filterd.control.rpz_server import ZonePublisher
from filterd.control.sealed_orders import SealedOrders
from filterd.control.sessions import Sessions
from filterd.control.watches.siem import SiemWatch
from filterd.images.compile import CompileFailure
from filterd.images.lists.updater import ListsFailure
from filterd.process.codec import FailureReply
from filterd.process.control_messages import (
    AppealNumber,
    AskFamily,
    BeginTime,
    ClosureQuery,
    ControlRequest,
    ControlStatus,
    EventsFrom,
    ExcessQuestions,
    Explain,
    Explanation,
    FindReport,
    FoundReport,
    IdentifiedProfiles,
    Identify,
    InForce,
    ListsApprove,
    ListsDiff,
    ListsRefresh,
    ListsRollback,
    ListsStatus,
    ListsVersions,
    NextEvents,
    OrdersUpdate,
    PolicyUpdate,
    PutAppeal,
    Reload,
    ReportMistake,
    SessionsReceipt,
    SessionsUpdate,
    SettingsUpdate,
    SiemAck,
    SiemReport,
    SplashRequest,
    UseTicket,
)
from filterd.process.database.access import reserve_of
from filterd.process.messages import Status
from mgmt.contract.control import (
    LAW,
    ClosureReason,
    Diff,
    Receipt,
    Report,
    RequestStatus,
    ScreenTimeStart,
    SettingsReceipt,
    TicketOutcome,
)
from mgmt.registers.appeals.store import put_appeal
from mgmt.registers.records.wrong_blocks import find_report, report_mistake
from parental.people.requests import ChildRequest
from parental.policy.profile import QUOTA
from parental.store.database import reading, writing
from rules.base.canonical import canonical_name


class Control:
    """The control role without its socket, its clock and its drain (filterd.commands.roles.control)."""

    def __init__(self, config: Config, config_file: Path, engine: Engine, keeper: LockKeeper, clock: Clock) -> None:
        self.context, self._keeper = Context(config, config_file, engine, now_s=clock.now_s), keeper
        self.cuts = Cuts(engine, keeper)
        self.publisher = Publisher(self.context, self.cuts)
        self.lists, self.list_rollbacks = Lists(self.context, self.publisher), ListRollbacks(self.context)
        self.sealed_orders = SealedOrders(self.context)
        self.locks = Locks(keeper, self.publisher, self.cuts)
        self.sessions = Sessions(self.context, self.publisher, keeper)
        self.tickets, self.requests = SplashTickets(engine), SplashRequests(engine)
        self.screen_time = SplashScreenTime(engine)
        self.midnight = Midnight(engine, lambda: self._with_reserve(self.locks.policy_changed))
        self.pages = PageSettings(self.context)
        self.siem = SiemWatch(self.context)
        self.reloader, self._reloading = Reloader(self.context, keeper), asyncio.Lock()
        self.explainer = Explainer(self.context, self.publisher, self.lists, keeper, self.cuts, self.siem)
        self.zones = ZonePublisher(self.context, self.publisher, self._note_zones)

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.context.config

    @property
    def faults(self) -> dict[str, str]:
        """The faults that stand."""
        return self.context.faults

    async def start(self) -> None:
        """Put everything in force as it is now.   Raises CompileFailure where there are no names to begin with."""
        await asyncio.to_thread(self.cuts.begin)
        compiled = self.publisher.usable_base()
        if compiled is None:
            await self.lists.take(settle_s=0.0)
            await self.publisher.compile()
        else:
            await self.publisher.start(compiled)
        await self.sessions.open()
        self._keeper.behind_s = self.midnight.behind_s = doubted_s(self.publisher.tables)

    async def look_at_clock(self, clock: Clock) -> None:
        """Where the wall clock was set back, close by both times, or by one again.   Raises DatabaseFault."""
        behind_s = await asyncio.to_thread(clock.look)
        if behind_s != doubted_s(self.publisher.tables):
            self._keeper.behind_s = self.midnight.behind_s = behind_s
            await self.locks.refresh()
            await self.publisher.doubt_clock(behind_s)
        if clock.fault is None:
            self.faults.pop("clock", None)
        else:
            self.faults["clock"] = clock.fault

    async def reload(self) -> InForce | FailureReply:
        """Take configuration and lists in again, and compile what has changed.

        Lists that cannot be compiled are a fault in addition to the keys that are in force by then."""
        try:
            async with self._reloading:
                live, restart = await self.reloader.take()
        except ReloadRefusal as reason:
            self.context.note_fault("configuration", reason)
            return FailureReply(str(reason))
        self.faults.pop("configuration", None)
        faults = await self._compile_if_changed() | await self.lists.faults()
        return InForce(generations=self.publisher.generations, faults=faults, live=live, restart=restart)

    async def _compile_if_changed(self) -> dict[str, str]:
        """Compile the lists where they have changed; the fault, if there is one."""
        try:
            await self.lists.compile_if_changed()
        except (CompileFailure, ListsFailure) as reason:
            self.context.note_fault("lists", reason)
            return {"lists": str(reason)}
        self.faults.pop("lists", None)
        return {}

    async def answer(
        self, request: ControlRequest
    ) -> (
        Receipt
        | SettingsReceipt
        | Explanation
        | ControlStatus
        | InForce
        | ListsStatus
        | Diff
        | IdentifiedProfiles
        | SessionsReceipt
        | NextEvents
        | SiemAck
        | FailureReply
    ):
        """One request of control.sock."""
        match request:
            case OrdersUpdate():
                try:
                    return await self._with_reserve(self.publisher.names_changed)
                finally:
                    self.sealed_orders.has_work.set()
            case PolicyUpdate():
                return await self._with_reserve(self.locks.policy_changed)
            case SettingsUpdate():
                return await self.pages.publish()
            case Reload():
                return await self.reload()
            case ListsRefresh() | ListsApprove() | ListsRollback():
                return await self.lists.change(request)
            case ListsVersions():
                return ListsStatus(await asyncio.to_thread(self.lists.kept))
            case ListsDiff(list_id, version):
                return await self.lists.diff(list_id, version)
            case Status():
                return await self.explainer.status()
            case Identify(names, since):
                return await asyncio.to_thread(self.sessions.identify, names, since)
            case SessionsUpdate(prefixes, cut, losers):
                return await self.sessions.changed(prefixes, cut, losers)
            case EventsFrom():
                return await asyncio.to_thread(self.siem.events, request)
            case SiemReport():
                self.siem.note(request)
                return SiemAck()
            case Explain(name, address, channel):
                return await asyncio.to_thread(self._explain, name, address, channel)

    async def answer_splash(
        self, request: SplashRequest
    ) -> (
        ClosureReason
        | ExcessQuestions
        | FoundReport
        | AppealNumber
        | TicketOutcome
        | ScreenTimeStart
        | RequestStatus
        | FailureReply
    ):
        """One request of the splash's own socket."""
        try:
            match request:
                case ExcessQuestions(questions):
                    return ExcessQuestions(self.explainer.probed(questions))
                case ClosureQuery(name, address):
                    return await self._why_closed(name, address)
                case ReportMistake(reason, name):
                    return FoundReport(await asyncio.to_thread(self._report, reason, name))
                case PutAppeal(sealed):
                    return AppealNumber(await asyncio.to_thread(self._appeal, sealed))
                case FindReport(reference):
                    return FoundReport(await asyncio.to_thread(self._found, reference))
                case UseTicket(code, address):
                    return await self._use_ticket(code, address)
                case BeginTime(address):
                    return await self._begin_time(address)
                case AskFamily(minutes, name, why, address):
                    return await self._ask_family(ChildRequest(minutes, name, why), address)
        except ValueError as fault:
            return FailureReply(str(fault))

    async def _why_closed(self, name: str | None, address: str | None) -> ClosureReason:
        """As the explainer says, with what was asked for from there, no matter what closes the name."""
        closing = self.explainer.why_closed(name, address)
        profile = self.publisher.tables.subscriber_of(address) if address else None
        if closing.reason == QUOTA:
            left_s = await asyncio.to_thread(self.screen_time.left_s, profile, datetime.now(UTC))
            closing = replace(closing, left_s=left_s)
        if not self.requests.may_have(profile):
            return closing
        asked = await asyncio.to_thread(self.requests.newest, profile, datetime.now(UTC))
        return closing if closing.reason == LAW else replace(closing, asked=asked)

    async def _ask_family(self, wanted: ChildRequest, address: str) -> RequestStatus:
        name = wanted.name and canonical_name(wanted.name)
        closing = self.explainer.why_closed(name, address)
        if closing.reason not in (OPENED_BY_TIME if name is None else OPENED_BY_NAME):
            return NOTHING
        profile, now = self.publisher.tables.subscriber_of(address), datetime.now(UTC)
        return await asyncio.to_thread(self.requests.ask, profile, wanted._replace(name=name), now)

    async def _use_ticket(self, code: str, address: str) -> TicketOutcome:
        tables, now = self.publisher.tables, datetime.now(UTC)
        used = await asyncio.to_thread(self.tickets.use, tables, code, address, now)
        if used.minutes:
            await self._with_reserve(self.locks.policy_changed)
        return used

    async def _begin_time(self, address: str) -> ScreenTimeStart:
        profile, now = self.publisher.tables.subscriber_of(address), datetime.now(UTC)
        begun = await asyncio.to_thread(self.screen_time.begin, profile, now)
        if begun.minutes:
            await self._with_reserve(self.locks.policy_changed)
        return begun

    def _report(self, reason: str, name: str | None) -> Report | None:
        zone = self.config.parental.timezone
        with writing(self.context.engine) as conn:
            return report_mistake(conn, reason, name and canonical_name(name), datetime.now(UTC), zone)

    def _appeal(self, sealed: bytes) -> str | None:
        with writing(self.context.engine) as conn:
            return put_appeal(conn, sealed, datetime.now(UTC))

    def _found(self, reference: str) -> Report | None:
        with reading(self.context.engine) as conn:
            found = find_report(conn, reference)
        return found and replace(found, name=None)

    def _note_zones(self, server: ZoneServer | None) -> None:
        self.explainer.rpz = server
        if server is not None:
            self.faults.pop("rpz", None)

    async def _with_reserve(self, publish: Callable[[], Awaitable[Receipt]]) -> Receipt:
        """Publish; where the disk has no room for it, once more with the reserve given back."""
        try:
            return await publish()
        except OSError as reason:
            reserve = reserve_of(self.config)
            if reason.errno != errno.ENOSPC or reserve is None or not reserve.give_back():
                raise
            return await publish()

    def _explain(self, name: str | None, address: str | None, channel: str) -> Explanation | FailureReply:
        try:
            return self.explainer.explain(name, address, channel)
        except ValueError as reason:
            return FailureReply(str(reason))
