"""Lock enforcement: keeps the kernel's sets of locked lines and pools, redirected subscribers, suspects and the help
corridor.

Invariants: the kernel's sets hold what parental.policy.locks says of one instant, and nothing else.  Where another
program has changed rules, the sets are replaced; where they are gone, all rules are applied again.
Connections of a prefix are cut after it was added to the sets, so that none comes back.  Lines that were locked before
the start are cut once more, which is harmless.  An update that the kernel refuses is repeated at the next refresh;
instead of rules that it refuses, those before are applied again.
Cost: an update costs what it changes, and some passes over columns: 5 ms with a million lines (bench/people.py).
"""

import logging
import threading
from collections.abc import Iterable, Set
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from fastpath.people.spans import spans_without
from filterd.control.pool_locks import NOTHING
from filterd.control.session_locks import SessionLocks
from filterd.kernel.box_settings import picks_up
from filterd.kernel.cut import CutSelector, Means
from filterd.kernel.firewall import Kernel
from filterd.kernel.intervals import Network
from filterd.kernel.nft_sets import MissingSets, OutOfStep
from filterd.kernel.prefix_columns import WIDTH, Columns, SpanColumns, columns_of, joined, networks_of_spans, spans_of
from filterd.kernel.ruleset import Rules
from mgmt.contract.control import Cut
from parental.policy.addresses import released_since
from parental.policy.held import iter_held
from parental.policy.locks import LockTable
from parental.policy.profiles import changed_since, iter_profiles
from parental.store.database import reading
from parental.store.errors import DatabaseFault
from parental.store.revision import current_revision

log = logging.getLogger("filterd.control.lock_enforcer")


class LockRefresh(NamedTuple):
    """Result of a refresh.   n_cut None: no line became locked;  next_change: when to refresh again, None: never."""

    n_cut: int | None
    next_change: datetime | None


class PendingCut(NamedTuple):
    """What became locked, and whose connections are still to be ended."""

    columns: Columns
    spans: list[SpanColumns]


def has_work(rules: Rules) -> bool:
    """Whether this box filters packets or redirects DNS; a box that only answers queries needs no nft rules."""
    return rules.n_queues > 0 or rules.dns_port is not None


class LockKeeper:
    """Keeps the lines in memory, so that an update costs what it changes.   kernel None: there are no rules."""

    def __init__(self, engine: Engine, kernel: Kernel | None) -> None:
        self._engine, self._kernel = engine, kernel
        self._rules = Rules()
        self.sessions = SessionLocks()
        self._table, self._revision = LockTable(), 0
        self._redirected: SpanColumns = {}  # whose DNS is: those whom the rules name, and every line
        self._sent_redirected: SpanColumns = {}
        self._pools: SpanColumns = NOTHING  # of default profiles, where they are locked
        self._sent_pools: SpanColumns = NOTHING
        self._is_in_step = True  # with the kernel's sets, as far as is known here
        self._uncut: Columns = {}
        self._uncut_spans: list[SpanColumns] = []
        self._suspects: Set[Network] = frozenset()
        self._sent_suspects: Set[Network] = frozenset()
        self._corridor: Set[Network] = frozenset()
        self._sent_corridor: Set[Network] = self._corridor
        self._is_begun = False  # the kernel has rules, perhaps of an earlier control
        self._is_installed = False
        self._is_applied = False  # all of self._rules is in the kernel
        self._next_change: datetime | None = None
        self._unread: Exception | None = None  # why the locks of sessions are not those of the last look
        self._has_tightened = False
        self.behind_s = 0  # as of LockTable.advance(); takes effect with the next look
        self._refreshing = threading.Lock()  # an order from the API and the clock may come at once

    def stand_on(self, rules: Rules) -> None:
        """Know that the kernel has `rules` (Kernel.begin): suspects are set at once, the locks of before left alone."""
        with self._refreshing:
            self._rules, self._is_begun = rules, True

    def install(self, rules: Rules, at: datetime) -> None:
        """Apply `rules` and the locks at time `at`, and cut the locked lines' connections.   Blocking.

        Raises RuntimeError where the kernel refuses: the next look applies those before again."""
        with self._refreshing:
            self._look(at)
            before, self._rules = self._rules, rules
            self._redirect()
            try:
                self._apply()
                self._is_installed = True
                self._cut(self._take_uncut())
            except BaseException:
                self._rules, self._is_applied = before, False
                self._redirect()
                raise

    def refresh(self, at: datetime | None = None) -> LockRefresh:
        """Update the kernel's sets to the locks at time `at`, from the database as it is now.   Blocking.

        at   None: now, as the clock says once no other change is under way: who has waited for one would bring a time
             before it, and locks that have begun by then would open again"""
        uncut = self.lock(at)
        return LockRefresh(self.cut(uncut), self._next_change)

    def lock(self, at: datetime | None = None) -> PendingCut:
        """Do refresh() but for the cut, which takes longer and hurries less: what is locked is rejected.   Blocking.

        Returns what cut() has to be given: two at once count what each of them has ended."""
        with self._refreshing:
            self._look(at or datetime.now(UTC))
            self._enforce()
            return self._take_uncut()

    def cut(self, uncut: PendingCut) -> int | None:
        """End the connections of what was locked; how many, None where no line became locked.   Blocking."""
        with self._refreshing:
            return self._cut(uncut)

    @property
    def unread(self) -> Exception | None:
        """Why the locks of sessions could not be read at the last look; those before stay, all others are in force."""
        return self._unread

    @property
    def next_change(self) -> datetime | None:
        """When to refresh again, as the last look at the clock has it; None: never."""
        return self._next_change

    @property
    def has_tightened(self) -> bool:
        """Whether take_tightened() has something to tell."""
        return self._has_tightened

    def take_tightened(self) -> bool:
        """Whether soft hours, or a lock that no set of the kernel has, have begun since the last call."""
        with self._refreshing:
            found, self._has_tightened = self._has_tightened, False
            return found

    def suspect(self, destinations: Set[Network]) -> None:
        """Queue every new flow to these destinations; effective at once where rules are in force.   Blocking.

        destinations   must not change later; the same object again is no change.   Cost: 2 µs each"""
        with self._refreshing:
            self._suspects = destinations
            if self._is_installed:
                self._enforce()
            elif self._is_begun and self._kernel is not None and self._rules.n_queues:
                self._kernel.set_suspects(destinations)

    def open_corridor(self, destinations: Set[Network]) -> None:
        """Let locked lines reach the web sites at these addresses; as suspect().   Blocking."""
        with self._refreshing:
            self._corridor = destinations
            if self._is_installed:
                self._enforce()

    def move_sessions(
        self, moved: Set[Network], losers: Iterable[int], cut: Set[Network], at: datetime | None = None
    ) -> int | None:
        """Lock and unlock prefixes of sessions that have other holders, and end connections of `cut`.   Blocking.

        losers   profiles that had some of them;   at  as in refresh().   Returns how many connections were ended."""
        with self._refreshing:
            with reading(self._engine) as conn:
                self._read_changes(conn)
                self.sessions.move(conn, moved, losers)
            self._advance(at or datetime.now(UTC))
            self._uncut = joined(self._uncut, columns_of(cut))
            if not self._is_installed:
                return None
            self._enforce()
            return self._cut(self._take_uncut())

    @property
    def means(self) -> Means:
        """How end_connections() can find connections."""
        if self._kernel is None or not self._rules.n_queues:
            return Means.NONE
        if not self._kernel.has_labels:
            return Means.LINES
        return Means.QUIC if self._rules.is_asymmetric and not picks_up() else Means.LABELS

    def end_connections(self, wanted: CutSelector) -> Cut:
        """As Kernel.end_connections(), where there are any means.   Blocking."""
        assert self._kernel is not None
        return replace(self._kernel.end_connections(wanted), by=self.means.value)

    def n_unjudged(self) -> int | None:
        """As Kernel.n_unjudged(); None too where there is no gate.   Blocking."""
        return self._kernel.n_unjudged() if self._kernel is not None and self._rules.n_queues else None

    def end_of_lock(self, subscriber: int, at: datetime) -> datetime | None:
        """When the lock of a subscriber ends; None without a lock, or where it does not end by itself."""
        with self._refreshing:
            return self._table.end_of_lock(subscriber, at)

    def close(self) -> None:
        """Close the kernel's socket; rules and locks stay in force."""
        if self._kernel is not None:
            self._kernel.close()

    # ------------------------------------------------------------------------------------------------------------------

    def _enforce(self) -> None:
        """Send the kernel what has changed; everything, where it is not known what its sets hold."""
        was_in_step, self._is_in_step = self._is_in_step, False
        try:
            if self._is_installed and not self._is_applied:
                self._apply()
            elif was_in_step or self._kernel is None:
                self._send_changes()
            else:
                self._send_all()
        except OutOfStep as reason:
            log.info("%s", reason)
            self._send_all()
        self._is_in_step = True

    def _send_changes(self) -> None:
        if self._kernel is not None:
            added, removed = self.sessions.differences(self._table)
            self._kernel.change_locked(added, removed)
            self._note_locked(added)
            if self._pools != self._sent_pools:
                self._kernel.change_locked_pools(self._pools)
            if self._redirected != self._sent_redirected:
                self._kernel.change_subscribers(self._redirected)
            if self._suspects is not self._sent_suspects and self._rules.n_queues:
                self._kernel.change_suspects(self._suspects - self._sent_suspects, self._sent_suspects - self._suspects)
            if self._corridor is not self._sent_corridor:
                self._kernel.change_corridor(self._corridor - self._sent_corridor, self._sent_corridor - self._corridor)
        self._note_sent()

    def _send_all(self) -> None:
        """Send the kernel everything: the content of its sets is unknown."""
        assert self._kernel is not None
        added, _ = self.sessions.differences(self._table)
        try:
            self._kernel.set_locked(self.sessions.locked(self._table))
            self._note_locked(added)
            self._kernel.set_locked_pools(self._pools)
            self._kernel.set_subscribers(self._redirected)
            self._set_destinations()
        except MissingSets as reason:
            log.warning("%s; the rules are applied again now", reason)
            self._apply()
        self._note_sent()

    def _apply(self) -> None:
        """Apply the rules with all locks and subscribers."""
        self._is_applied = False
        locked = self.sessions.locked(self._table)
        if self._kernel is not None:
            subscribers, pools = (tuple(networks_of_spans(each)) for each in (self._redirected, self._pools))
            self._kernel.apply(replace(self._rules, subscribers=subscribers, locked_pools=pools), locked)
            self._set_destinations()
        self._is_applied = True
        self._uncut = {}
        self._note_locked(locked)
        self._note_sent()

    def _set_destinations(self) -> None:
        if self._kernel is not None and self._rules.n_queues:
            self._kernel.set_suspects(self._suspects)
        if self._kernel is not None:
            self._kernel.set_corridor(self._corridor)

    def _note_locked(self, added: Columns) -> None:
        """The kernel has all locks; the connections of these are still to be cut."""
        self._uncut = joined(self._uncut, added)
        self._table.held.settle(self._table.locked)
        self.sessions.settle()

    def _note_sent(self) -> None:
        """The kernel has all spans, too; what came to the locked ones is still to be cut."""
        come = {v: spans_without(its, self._sent_pools[v], WIDTH[v]) for v, its in self._pools.items() if its}
        self._uncut_spans += [come] if any(come.values()) else []
        self._sent_pools = self._pools
        self._sent_suspects, self._sent_corridor = self._suspects, self._corridor
        self._sent_redirected = self._redirected

    def _take_uncut(self) -> PendingCut:
        taken, self._uncut, self._uncut_spans = PendingCut(self._uncut, self._uncut_spans), {}, []
        return taken

    def _cut(self, uncut: PendingCut) -> int | None:
        """Cut the lines that became locked; returns the number of connections, None without such lines."""
        columns = uncut.columns
        for spans in uncut.spans:
            columns = joined(columns, columns_of(networks_of_spans(spans)))
        if self._kernel is None or not columns:
            return None
        try:
            return self._kernel.cut(columns)
        except BaseException:
            self._uncut = joined(self._uncut, columns)  # by the next look
            raise

    def _look(self, at: datetime) -> None:
        """Read the changes from the database and advance the table to time `at`."""
        with reading(self._engine) as conn:
            self._read_changes(conn)
        self._advance(at)

    def _advance(self, at: datetime) -> None:
        self._table.advance(at, self.behind_s)
        changes = (self._table.next_change, self.sessions.advance(at, self.behind_s))
        self._pools = self.sessions.pools(self._table)
        self._has_tightened |= self._table.is_tighter or self.sessions.is_tighter
        self._next_change = min((change for change in changes if change is not None), default=None)

    def _read_changes(self, conn: Connection) -> None:
        revision, since = current_revision(conn), self._revision
        if revision == since and self._unread is None:
            return
        if revision < since:  # a copy was put back: what has changed since then is not known
            self._table, self._is_in_step, since = LockTable(), False, 0
        numbers = changed_since(conn, since) if since else None
        released = released_since(conn, since) if since else ()
        if self._table.change(iter_profiles(conn, numbers), iter_held(conn, numbers), released):
            self._redirect()
        self._read_sessions(conn, numbers)
        self._revision = revision

    def _read_sessions(self, conn: Connection, numbers: Iterable[int] | None) -> None:
        """Read the locks of sessions; all of them, where the last look could not.   `unread` says why it cannot."""
        was_unread = self._unread is not None
        try:
            self.sessions.read(conn, None if was_unread else numbers)
        except (DatabaseFault, SQLAlchemyError):
            raise
        except Exception as reason:  # the edge: images of another role, which keep no lock of a line away
            self._unread = reason
        else:
            self._is_in_step &= not was_unread
            self._unread = None

    def _redirect(self) -> None:
        """Find out again whose DNS is redirected."""
        also = spans_of(self._rules.subscribers)
        self._redirected = {version: self._table.held.spans(version, also[version]) for version in (4, 6)}
