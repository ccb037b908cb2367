"""The service of sessions: requests in groups, through the table and the journal to an answer, then to images.

    inbox → heard → profiles → table → journal, synced → answers
                                  └→ changes → images → control: locks, connections cut

Invariants: an answer means that what was said is on the disk; a group is written, synced and answered before the next
is looked at, so that the journal has the order of the table; what cannot be published or reported is tried again, with
what came meanwhile.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from filterd.process.codec import FailureReply
from filterd.radius.identities import POLL_S, Identities
from filterd.radius.images import SessionImages
from filterd.radius.inbox import Datagram, Inbox
from filterd.radius.journal import Journal
from filterd.radius.messages import (
    AskHolder,
    AskPlaces,
    AskProvinces,
    AskSessions,
    ProfileProvinces,
    SessionHolder,
    SessionPlace,
    SessionPlaces,
    SessionsReport,
)
from filterd.radius.notices import Notices
from filterd.radius.places import PlaceTable
from filterd.radius.provinces import SessionProvinces
from filterd.radius.reader import AcceptedRequest, Reader
from parental.sessions.record import LIVES, NO_PROFILE, RESTARTED, Session, network_of, slot_at, slot_within
from parental.sessions.request import answer_to
from parental.sessions.table import Effect, SessionTable, TooMany

GATHER_S = 0.005  # requests that come within it are one group
PUBLISH_S = 0.02  # between two publications
RETRY_S = 1.0

Work = tuple[Datagram, AcceptedRequest]
Told = tuple[Session | None, bool]  # whether it is an update: what it does not name stays

log = logging.getLogger("filterd.radius")


class Service:
    """The sessions of a box, as long as their role runs."""

    def __init__(
        self,
        inbox: Inbox,
        reader: Reader,
        identities: Identities,
        kept: tuple[SessionTable, Journal, SessionImages],
        notices: Notices,
        count: Callable[[str], None],
    ) -> None:
        self._inbox, self._reader, self._identities = inbox, reader, identities
        self._table, self.journal, self._images = kept
        self._notices, self._count = notices, count
        self._changed: dict[bytes, int | None] = {}
        self._cut: set[bytes] = set()
        self._losers: dict[bytes, int] = {}
        self._owed: list[bytes] = []  # records in the table that the journal does not have yet
        self._has_changes = asyncio.Event()
        self._writing = asyncio.Lock()  # of table and journal together
        self._imaging = asyncio.Lock()  # of images
        self.faults: dict[str, str] = {}
        self.counters: Callable[[], dict[str, int]] = dict
        self.places = PlaceTable()
        self._provinces = SessionProvinces(self._table.living)

    @property
    def table(self) -> SessionTable:
        """The table."""
        return self._table

    async def hear(self) -> None:
        """Answer requests until cancelled."""
        while True:
            await self._inbox.has_some.wait()
            await asyncio.sleep(GATHER_S)
            await self._take(self._inbox.take())

    async def follow_names(self) -> None:
        """Give sessions the profiles that their names have now, until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            profiles = await self._identities.changed()
            self.note("identify", self._identities.fault)
            if profiles:
                async with self._writing:
                    await self._keep([(session, False) for session in self._table.of_names(profiles)])

    async def publish(self) -> None:
        """Put changes into images, and tell control of them, until cancelled."""
        while True:
            await self._has_changes.wait()
            self._has_changes.clear()
            changed, cut, losers = self._changed, self._cut, self._losers
            self._changed, self._cut, self._losers = {}, set(), {}
            try:
                async with self._imaging:
                    await asyncio.to_thread(self._images.publish, changed)
            except OSError as reason:
                self.note("images", f"{reason}; sessions are known here, not to the workers yet; make room there")
                self._changed, self._cut = changed | self._changed, cut | self._cut
                self._losers |= losers
                self._has_changes.set()
                await asyncio.sleep(RETRY_S)
                continue
            self.note("images", None)
            self._notices.tell(changed.keys(), cut, losers)
            await asyncio.sleep(PUBLISH_S)

    async def rotate(self, folder: Path, n: int, next_base: Callable[[], Path]) -> Path:
        """Begin the journal `n`, and note what changes from now on; where its base shall be."""
        async with self._writing, self._imaging:
            before, self.journal = self.journal, await asyncio.to_thread(Journal, folder, n)
            before.close()
            return next_base()

    async def use_base(self, use: Callable[[], None]) -> None:
        """Stand on a new base, and publish that."""
        async with self._imaging:
            await asyncio.to_thread(use)
        self.note("base", None)
        self._has_changes.set()

    async def answer(
        self, request: AskSessions | AskHolder | AskPlaces | AskProvinces
    ) -> SessionsReport | SessionHolder | SessionPlaces | ProfileProvinces | FailureReply:
        """One request of radius.sock."""
        match request:
            case AskSessions():
                return SessionsReport(
                    sessions=len(self._table),
                    unidentified=len(self._table.unidentified()),
                    generation=self._images.generation,
                    counters=self.counters(),
                    faults=self.faults | ({"control": self._notices.fault} if self._notices.fault else {}),
                )
            case AskPlaces():
                counted = await asyncio.to_thread(self.places.count, self._table.living())
                found = [SessionPlace(place.zone, place.province, n) for place, n in counted.items()]
                return SessionPlaces(sorted(found, key=lambda each: -each.sessions))
            case AskProvinces(profiles):
                return ProfileProvinces(await self._provinces.of(profiles, self.places))
            case AskHolder(address):
                try:
                    return self._holder(address)
                except ValueError:
                    return FailureReply(f"holder: {address[:50]!r} is no address; nothing looked up; write 192.0.2.7")

    # ------------------------------------------------------------------------------------------------------------------

    def _holder(self, address: str) -> SessionHolder:
        whole = slot_at(address)
        for bits in range(whole[0], -1, -1):
            slot = slot_within(whole, bits)
            if (session := self._table.holder_of(slot)) is not None:
                zone, province = self.places.of(session.packed())
                return SessionHolder(
                    prefix=str(network_of(slot)),
                    profile=session.profile or None,
                    began_s=session.began_s,
                    zone=zone,
                    province=province,
                )
        return SessionHolder(prefix=None, profile=None, began_s=None)

    async def _take(self, datagrams: Sequence[Datagram]) -> None:
        group = [work for work in map(self._hear, datagrams) if work is not None]
        if not group:
            return
        profiles = await self._identities.profiles(heard.name for _, heard in group if heard.name)
        async with self._writing:
            are_kept = await self._keep([self._session(heard, profiles) for _, heard in group])
        for (datagram, heard), is_kept in zip(group, are_kept, strict=True):
            if is_kept:
                self._count("radius_answered")
                self._inbox.end(datagram, answer_to(heard.packet))
            else:
                self._count("radius_refused")
                self._inbox.end(datagram, None)

    def _hear(self, datagram: Datagram) -> Work | None:
        before = self._inbox.answer_of(datagram)
        if before is not None:
            self._count("radius_repeated")
            if before:
                datagram.answer(before)
            return None
        heard = self._reader.hear(datagram.octets, datagram.host, time.time())
        if heard is None:
            return None
        self._inbox.begin(datagram)
        return datagram, heard

    def _session(self, heard: AcceptedRequest, profiles: dict[bytes, int]) -> Told:
        session = heard.session
        if session is not None and session.state == LIVES:
            session = replace(session, profile=profiles.get(heard.name, NO_PROFILE))
        return session, heard.is_update

    async def _keep(self, told: Sequence[Told]) -> list[bool]:
        """Put sessions into table and journal; whether each may be answered."""
        found = [self._put(session, is_update) for session, is_update in told]
        try:
            if self._owed:
                await asyncio.to_thread(self.journal.append, self._owed)
            self._owed = []
            self.note("journal", None)
        except OSError as reason:
            self.note("journal", f"{reason}; requests are not answered; make room, or look at the disk")
            found = [False] * len(told)
        changes = self._table.take_changes()
        for _ in range(changes.taken_over):
            self._count("radius_taken_over")
        if changes.holders:
            self._changed |= changes.holders
            self._cut |= changes.cut
            self._losers = changes.losers | self._losers
            self._has_changes.set()
        return found

    def _put(self, session: Session | None, is_update: bool) -> bool:
        """Put one into the table; whether it may be answered."""
        if session is None:
            return True
        if is_update:
            session = self._table.updated(session)
        if session.state == LIVES and not self._table.is_new(session):
            return True
        is_begun = session.state == LIVES and self._table.session(session.key) is None
        try:
            effect = self._table.put(session)
        except TooMany as reason:
            self.note("sessions", str(reason))
            return False
        self._count_effect(session, effect, is_begun)
        if effect is Effect.CHANGED or (effect is Effect.NONE and session.state != LIVES):
            self._owed.append(session.packed())
        return True

    def _count_effect(self, session: Session, effect: Effect, is_begun: bool) -> None:
        if effect is Effect.OUT_OF_ORDER:
            self._count("radius_out_of_order")
        elif session.state == RESTARTED:
            self._count("radius_nas_restarts")
        elif is_begun and effect is Effect.CHANGED and session.profile == NO_PROFILE:
            self._count("radius_unidentified")

    def note(self, where: str, fault: str | None) -> None:
        """A fault that stands is logged once."""
        if fault is None:
            self.faults.pop(where, None)
        elif self.faults.get(where) != fault:
            self.faults[where] = fault
            log.warning("%s: %s", where, fault)
