"""Sessions as control sees them: names of lines for the role that hears them, locks and cuts for their addresses.

    sessions_changed ─→ images of sessions, opened ─→ kernel's locked sets ─→ connections cut ─→ reply

Invariants: who holds an address is read from the images, never from the request; older images never take the place of
newer ones.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_network

from fastpath.images.tables import TableSet
from fastpath.people.session_levels import open_sessions
from filterd.accounts import trusted
from filterd.config.radius import Nas
from filterd.control.context import Context
from filterd.control.messages import MOST_NAMES, Identified, SessionsHeld
from filterd.control.publisher import Publisher
from filterd.kernel.intervals import Network
from filterd.kernel.lock_enforcer import LockKeeper
from filterd.kernel.pool_locks import Pool
from filterd.kernel.session_locks import Seen
from filterd.places import SESSION_IMAGES
from filterd.radius.nas import is_in
from parental.database import reading
from parental.sessions.level import SESSIONS_MANIFEST
from parental.sessions.names import find_profiles

log = logging.getLogger("filterd.control.service")


class Sessions:
    """What control does for sessions."""

    def __init__(self, context: Context, publisher: Publisher, keeper: LockKeeper) -> None:
        self._context, self._publisher, self._keeper = context, publisher, keeper
        self._manifest = context.config.state_dir / SESSION_IMAGES / SESSIONS_MANIFEST
        self._static = TableSet()
        self._opening = asyncio.Lock()  # the role asks once more where an answer is late
        self._pools = tuple(_pools(context.config.radius.nas))
        keeper.sessions.see = self._see

    async def open(self) -> None:
        """Take the images of sessions as they are.   A fault is noted: what was taken before stays."""
        async with self._opening:
            await self._open()

    def identify(self, names: Sequence[str], since: int) -> Identified:
        """The profiles of names.   Raises DatabaseFault"""
        with reading(self._context.engine) as conn:
            found = find_profiles(conn, names, since, MOST_NAMES)
        return Identified(found.profiles, found.revision)

    async def changed(self, prefixes: Sequence[str], cut: Sequence[str], losers: Sequence[int]) -> SessionsHeld:
        """Lock and cut as the sessions are now.   Raises ValueError, RuntimeError of the kernel"""
        moved, ended = (frozenset(map(self._of_a_pool, each)) for each in (prefixes, cut))
        await self.open()
        n_cut = await asyncio.to_thread(self._keeper.move_sessions, moved, losers, ended)
        return SessionsHeld(n_cut or 0)

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

    def _of_a_pool(self, text: str) -> Network:
        """A prefix of the request.   Raises ValueError where no NAS may give it"""
        prefix = ip_network(text)
        pools = (ip_network(pool) for nas in self._context.config.radius.nas for pool in nas.pools)
        if not any(is_in(pool, prefix) for pool in pools):
            raise ValueError(f"{text}: is in no pool of /radius/nas; nothing changed; look at that role")
        return prefix

    def _see(self) -> Seen:
        """The tables of this moment, and the pools."""
        tables = self._publisher.tables
        lines = [tables.images[at] for at in (2, 3, 8)]
        if [self._static.images[at] for at in (2, 3, 8)] != lines:
            base, delta, young = lines
            self._static = TableSet(subscribers=base, subscribers_delta=delta, subscribers_young=young)
        return Seen(tables, self._static, self._pools)


def _pools(entries: Iterable[Nas]) -> Iterator[Pool]:
    """Every pool once, with its default profile: that of the first entry counts."""
    found: dict[Network, int | None] = {}
    for nas in entries:
        for pool in map(ip_network, nas.pools):
            found.setdefault(pool, nas.default_profile)
    yield from found.items()
