"""Lock enforcement: keeps the kernel's sets of locked lines, redirected subscribers, suspects and the help corridor.

Invariants: the kernel's sets hold what parental.locks says of one instant, and nothing else.  Where another program has
changed rules, the sets are replaced; where they are gone, all rules are applied again.
Connections of a prefix are cut after it was added to the sets, so that none comes back.  Lines that were locked before
the start are cut once more, which is harmless.  An update that the kernel refuses is repeated at the next refresh.
Cost: an update costs what it changes, at any number of subscribers (bench/lock.py).
"""

import logging
import threading
from collections.abc import Iterable, Set
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, select

from filterd.kernel.firewall import Kernel
from filterd.kernel.intervals import Network
from filterd.kernel.nft_sets import OutOfStep, SetsGone
from filterd.kernel.ruleset import Rules
from parental.database import reading
from parental.locks import LockTable
from parental.profile import lock_reason, next_lock_change
from parental.profiles import iter_holders
from parental.revision import current_revision
from parental.schema.lines import profiles

log = logging.getLogger("filterd.kernel.lock_enforcer")

Prefixes = dict[int, tuple[Network, ...]]  # by the number of the profile


class Refreshed(NamedTuple):
    """Result of a refresh.   n_cut None: no line became locked;  next_change: when to refresh again, None: never."""

    n_cut: int | None
    next_change: datetime | None


def has_work(rules: Rules) -> bool:
    """Whether this box filters packets or redirects DNS; a box that only answers queries needs no nft rules."""
    return rules.n_queues > 0 or rules.dns_port is not None


class LockKeeper:
    """Keeps the subscribers in memory, so that an update costs what it changes.   kernel None: there are no rules."""

    def __init__(self, engine: Engine, kernel: Kernel | None) -> None:
        self._engine, self._kernel = engine, kernel
        self._rules = Rules()
        self._table, self._revision = LockTable(), 0
        self._changed: set[int] = set()  # subscribers whose change the kernel does not have yet
        self._sent_locked: Prefixes = {}
        self._sent_all: Prefixes = {}
        self._uncut: set[Network] = set()
        self._suspects: Set[Network] = frozenset()
        self._sent_suspects: Set[Network] = frozenset()
        self._corridor: Set[Network] = frozenset()
        self._sent_corridor: Set[Network] = self._corridor
        self._is_installed = False
        self._refreshing = threading.Lock()  # an order from the API and the clock may come at once

    def install(self, rules: Rules, at: datetime) -> None:
        """Apply `rules` and the locks at time `at`, and cut the locked lines' connections.   Blocking."""
        with self._refreshing:
            self._rules = rules
            self._look(at)
            self._apply()
            self._is_installed = True
            self._cut()

    def refresh(self, at: datetime) -> Refreshed:
        """Update the kernel's sets to the locks at time `at`, from the database as it is now.   Blocking."""
        with self._refreshing:
            self._look(at)
            self._enforce()
            return Refreshed(self._cut(), self._table.next_change)

    def suspect(self, destinations: Set[Network]) -> None:
        """Queue every new flow to these destinations; effective at once where rules are in force.   Blocking.

        destinations   must not change later; the same object again is no change.   Cost: 2 µs each"""
        with self._refreshing:
            self._suspects = destinations
            if self._is_installed:
                self._enforce()

    def open_corridor(self, destinations: Set[Network]) -> None:
        """Let locked lines reach the web sites at these addresses; as suspect().   Blocking."""
        with self._refreshing:
            self._corridor = destinations
            if self._is_installed:
                self._enforce()

    def n_unjudged(self) -> int | None:
        """As Kernel.n_unjudged(); None too where there is no gate.   Blocking."""
        return self._kernel.n_unjudged() if self._kernel is not None and self._rules.n_queues else None

    def end_of_lock(self, subscriber: int, at: datetime) -> datetime | None:
        """When the lock of a subscriber ends; None without a lock, or where it does not end by itself."""
        found = self._table.people.get(subscriber)
        return next_lock_change(found.profile, at) if found and lock_reason(found.profile, at) else None

    def close(self) -> None:
        """Close the kernel's socket; rules and locks stay in force."""
        if self._kernel is not None:
            self._kernel.close()

    # ------------------------------------------------------------------------------------------------------------------

    def _enforce(self) -> None:
        """Send the kernel what has changed."""
        try:
            self._send_changes()
        except OutOfStep as reason:
            log.info("%s", reason)
            self._send_all()

    def _send_changes(self) -> None:
        if self._kernel is not None:
            added, removed = self._differences(self._sent_locked, self._table.locked)
            self._kernel.change_locked(added, removed)
            self._uncut |= added
            always = set(self._rules.subscribers)
            more, less = (each - always for each in self._differences(self._sent_all, self._prefixes(self._changed)))
            if more or less:
                self._kernel.change_subscribers(more, less)
            if self._suspects is not self._sent_suspects and self._rules.n_queues:
                self._kernel.change_suspects(self._suspects - self._sent_suspects, self._sent_suspects - self._suspects)
            if self._corridor is not self._sent_corridor:
                self._kernel.change_corridor(self._corridor - self._sent_corridor, self._sent_corridor - self._corridor)
        self._note_sent()

    def _send_all(self) -> None:
        """Send the kernel everything: the content of its sets is unknown."""
        assert self._kernel is not None
        self._uncut |= self._differences(self._sent_locked, self._table.locked)[0]
        try:
            self._kernel.set_locked(_united(self._table.locked))
            self._kernel.set_subscribers(self._everybody())
            self._set_destinations()
        except SetsGone as reason:
            log.warning("%s; the rules are applied again now", reason)
            self._apply()
        self._note_sent()

    def _apply(self) -> None:
        """Apply the rules with all locks and subscribers."""
        locked = _united(self._table.locked)
        if self._kernel is not None:
            self._kernel.apply(replace(self._rules, subscribers=tuple(sorted(self._everybody(), key=str))), locked)
            self._set_destinations()
        self._uncut |= locked
        self._changed |= self._table.people.keys()
        self._note_sent()

    def _everybody(self) -> set[Network]:
        """Whose DNS is redirected: those whom the rules name, and every line."""
        return {*self._rules.subscribers, *_united(self._prefixes(self._table.people))}

    def _set_destinations(self) -> None:
        if self._kernel is not None and self._rules.n_queues:
            self._kernel.set_suspects(self._suspects)
        if self._kernel is not None:
            self._kernel.set_corridor(self._corridor)

    def _note_sent(self) -> None:
        self._sent_suspects, self._sent_corridor = self._suspects, self._corridor
        for number in self._changed:
            _put(self._sent_locked, number, self._table.locked.get(number))
            _put(self._sent_all, number, self._prefixes([number]).get(number))
        self._changed.clear()

    def _cut(self) -> int | None:
        """Cut the lines that became locked; returns the number of connections, None without such lines."""
        if self._kernel is None or not self._uncut:
            return None
        n_cut = self._kernel.cut(self._uncut)
        self._uncut.clear()
        return n_cut

    def _differences(self, sent: Prefixes, now: Prefixes) -> tuple[set[Network], set[Network]]:
        """(added, removed) of the changed subscribers; a prefix that moved between two of them is neither."""
        before = _united({number: sent[number] for number in self._changed if number in sent})
        after = _united({number: now[number] for number in self._changed if number in now})
        return after - before, before - after

    def _prefixes(self, numbers: Iterable[int]) -> Prefixes:
        people = self._table.people
        return {number: people[number].prefixes for number in numbers if number in people}

    def _look(self, at: datetime) -> None:
        """Read the changes from the database and advance the table to time `at`."""
        with reading(self._engine) as conn:
            self._read_changes(conn)
        self._changed |= self._table.advance(at)

    def _read_changes(self, conn: Connection) -> None:
        revision = current_revision(conn)
        if revision == self._revision:
            return
        for holder in iter_holders(conn, since_revision=self._revision):
            self._table.put(holder)
        # every profile of the database is in the table, so only a deletion makes the counts differ
        if conn.execute(select(func.count()).select_from(profiles)).scalar_one() != len(self._table.people):
            self._table.keep_only(set(conn.execute(select(profiles.c.id)).scalars()))
        self._revision = revision


def _united(prefixes: Prefixes) -> set[Network]:
    return {prefix for each in prefixes.values() for prefix in each}


def _put(sent: Prefixes, number: int, prefixes: tuple[Network, ...] | None) -> None:
    if prefixes is None:
        sent.pop(number, None)
    else:
        sent[number] = prefixes
