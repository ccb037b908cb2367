"""Sessions as control sees them: names of lines for the role that hears them, locks and cuts for their addresses.

    sessions_changed ─→ images of sessions, opened ─→ kernel's locked sets ─→ connections cut ─→ reply

Invariants: who holds an address is read from the images, never from the request; older images never take the place of
newer ones; a prefix that no NAS may give is passed over, and holds up no other one.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_network

from fastpath.images.tables import TableSet
from fastpath.people.session_levels import open_sessions
from filterd.box.accounts import trusted
from filterd.box.places import SESSION_IMAGES, SESSIONS_MANIFEST
from filterd.config.radius import Nas
from filterd.control.base.context import Context
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.pool_locks import Pool
from filterd.control.publisher import Publisher
from filterd.control.session_locks import TableSnapshot
from filterd.kernel.intervals import Network
from filterd.process.control_messages import MOST_NAMES, IdentifiedProfiles, SessionsReceipt
from parental.policy.line_names import find_profiles
from parental.policy.subscriber import is_in
from parental.store.database import reading

OUTSIDE = "sessions outside of pools"  # the fault of it

log = logging.getLogger("filterd.control.service")


class Sessions:
    """What control does for sessions."""

    def __init__(self, context: Context, publisher: Publisher, keeper: LockKeeper) -> None:
        self._context, self._publisher, self._keeper = context, publisher, keeper
        self._manifest = context.config.state_dir / SESSION_IMAGES / SESSIONS_MANIFEST
        self._static = TableSet()
        self._opening = asyncio.Lock()  # the role asks once more where an answer is late
        self._pools = tuple(_pools(context.config.radius.nas))
        self._n_outside = 0  # prefixes that were passed over
        keeper.sessions.see = self._see

    async def open(self) -> None:
        """Take the images of sessions as they are.   A fault is noted: what was taken before stays."""
        async with self._opening:
            await self._open()

    def identify(self, names: Sequence[str], since: int) -> IdentifiedProfiles:
        """The profiles of names.   Raises DatabaseFault"""
        with reading(self._context.engine) as conn:
            found = find_profiles(conn, names, since, MOST_NAMES)
        return IdentifiedProfiles(found.profiles, found.revision, found.lost)

    async def changed(self, prefixes: Sequence[str], cut: Sequence[str], losers: Sequence[int]) -> SessionsReceipt:
        """Lock and cut as the sessions are now.   Raises ValueError for no prefix, RuntimeError of the kernel"""
        told, told_ended = (frozenset(map(ip_network, each)) for each in (prefixes, cut))
        moved, ended = (frozenset(filter(self._is_of_a_pool, each)) for each in (told, told_ended))
        self._note_outside(len(told | told_ended) - len(moved | ended))
        await self.open()
        n_cut = await asyncio.to_thread(self._keeper.move_sessions, moved, losers, ended)
        return SessionsReceipt(n_cut or 0)

    async def _open(self) -> None:
        try:
            known = self._publisher.tables.sessions
            levels = await asyncio.to_thread(open_sessions, self._manifest, known, trusted(("radius",)))
        except FileNotFoundError:  # this box hears of no sessions
            return
        except (OSError, ValueError) as reason:
            self._context.note_fault("sessions", ValueError(f"{reason}; older images of sessions stay in force here"))
            return
        self._context.faults.pop("sessions", None)
        self._publisher.take_sessions(levels)

    def _is_of_a_pool(self, prefix: Network) -> bool:
        """Whether a NAS may give a prefix."""
        return any(is_in(pool, prefix) for pool, _ in self._pools)

    def _note_outside(self, n: int) -> None:
        """Count prefixes that were passed over; it is logged once, however often they come."""
        if not n:
            self._context.faults.pop(OUTSIDE, None)
            return
        is_first, self._n_outside = not self._n_outside, self._n_outside + n
        told = f"{self._n_outside} prefixes so far are in no pool of /radius/nas; passed over; restart radius"
        self._context.faults[OUTSIDE] = told
        if is_first:
            log.warning("%s: %s", OUTSIDE, told)

    def _see(self) -> TableSnapshot:
        """The tables of this moment, and the pools."""
        tables = self._publisher.tables
        lines = [tables.images[at] for at in (2, 3, 8)]
        if [self._static.images[at] for at in (2, 3, 8)] != lines:
            base, delta, young = lines
            self._static = TableSet(subscribers=base, subscribers_delta=delta, subscribers_young=young)
        return TableSnapshot(tables, self._static, self._pools)


def _pools(entries: Iterable[Nas]) -> Iterator[Pool]:
    """Every pool once, with its default profile: that of the first entry counts."""
    found: dict[Network, int | None] = {}
    for nas in entries:
        for pool in map(ip_network, nas.pools):
            found.setdefault(pool, nas.default_profile)
    yield from found.items()
