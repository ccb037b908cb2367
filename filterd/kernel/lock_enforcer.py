"""Prefixes into the kernel: whose traffic is stopped now, what is cut because of it, whose DNS is redirected here, and
what destinations the gate is asked about.

*Invariants*
- The kernel's sets hold what parental.locks says of one instant, nothing else; where they may not – somebody else has
  changed rules – they are replaced, and where they are gone, all rules are put in force again.
- Connections of a prefix are cut when it becomes locked, after it stands in the sets, so that none comes back; what was
  locked before we started is cut again, which harms nobody.
- What the kernel has refused is tried again at the next refresh.

*Cost*: a tap costs what it changes, whatever the number of subscribers; bench/lock.py.
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
from parental.store import current_revision, iter_subscribers, subscribers

log = logging.getLogger("filterd.kernel.lock_enforcer")

Prefixes = dict[int, tuple[Network, ...]]  # by the number of the subscriber


class Refreshed(NamedTuple):
    """What a refresh has done.   n_cut None: nobody became locked;  next_change: when to refresh again, None: never."""

    n_cut: int | None
    next_change: datetime | None


def has_work(rules: Rules) -> bool:
    """Whether this box filters packets or redirects DNS; one that only answers it needs no right to the rules."""
    return rules.n_queues > 0 or rules.dns_port is not None


class LockKeeper:
    """Keeps the subscribers in memory, so that a tap costs what it changes.   kernel None: nothing to do there."""

    def __init__(self, engine: Engine, kernel: Kernel | None) -> None:
        self._engine, self._kernel = engine, kernel
        self._rules = Rules()
        self._table, self._revision = LockTable(), 0
        self._changed: set[int] = set()  # subscribers of whom the kernel does not know yet
        self._told_locked: Prefixes = {}
        self._told_all: Prefixes = {}
        self._uncut: set[Network] = set()
        self._suspects: Set[Network] = frozenset()
        self._told_suspects: Set[Network] = frozenset()
        self._is_installed = False
        self._refreshing = threading.Lock()  # a tap and the clock may come together

    def install(self, rules: Rules, at: datetime) -> None:
        """Put `rules` in force together with what is locked at `at`, and cut what that is.   Blocking."""
        with self._refreshing:
            self._rules = rules
            self._look(at)
            self._apply()
            self._is_installed = True
            self._cut()

    def refresh(self, at: datetime) -> Refreshed:
        """Bring the kernel to what is locked at `at` by the database as it is now.   Blocking."""
        with self._refreshing:
            self._look(at)
            self._enforce()
            return Refreshed(self._cut(), self._table.next_change)

    def suspect(self, destinations: Set[Network]) -> None:
        """Have the gate asked about everything that begins to these, at once where rules are in force.   Blocking.

        destinations   none may change later; the same object again: nothing is done.   Cost: 2 µs each"""
        with self._refreshing:
            self._suspects = destinations
            if self._is_installed:
                self._enforce()

    def n_unjudged(self) -> int | None:
        """Packets for the gate that have no verdict since the rules are in force; None: none are.   Blocking."""
        return self._kernel.n_unjudged() if self._kernel is not None and self._rules.n_queues else None

    def end_of_lock(self, subscriber: int, at: datetime) -> datetime | None:
        """When the lock of a subscriber ends; None where it has none, or none that ends by itself."""
        found = self._table.people.get(subscriber)
        return next_lock_change(found.profile, at) if found and lock_reason(found.profile, at) else None

    def close(self) -> None:
        """Give back what is open; the rules and the locks stay."""
        if self._kernel is not None:
            self._kernel.close()

    # ------------------------------------------------------------------------------------------------------------------

    def _enforce(self) -> None:
        """Tell the kernel what is new."""
        try:
            self._tell()
        except OutOfStep as reason:
            log.info("%s", reason)
            self._tell_all()

    def _tell(self) -> None:
        if self._kernel is not None:
            added, removed = self._differences(self._told_locked, self._table.locked)
            self._kernel.change_locked(added, removed)
            self._uncut |= added
            more, less = self._differences(self._told_all, self._prefixes(self._changed))
            if more or less:
                self._kernel.change_subscribers(more, less)
            if self._suspects is not self._told_suspects and self._rules.n_queues:
                self._kernel.change_suspects(self._suspects - self._told_suspects, self._told_suspects - self._suspects)
        self._have_told()

    def _tell_all(self) -> None:
        """The same where nobody knows what is in the kernel."""
        assert self._kernel is not None
        self._uncut |= self._differences(self._told_locked, self._table.locked)[0]
        try:
            self._kernel.set_locked(_united(self._table.locked))
            self._kernel.set_subscribers(_united(self._prefixes(self._table.people)))
            self._set_suspects()
        except SetsGone as reason:
            log.warning("%s; they are applied now", reason)
            self._apply()
        self._have_told()

    def _apply(self) -> None:
        """Put the rules in force, and everybody with them."""
        locked, everybody = _united(self._table.locked), _united(self._prefixes(self._table.people))
        if self._kernel is not None:
            self._kernel.apply(replace(self._rules, subscribers=tuple(sorted(everybody, key=str))), locked)
            self._set_suspects()
        self._uncut |= locked
        self._changed |= self._table.people.keys()
        self._have_told()

    def _set_suspects(self) -> None:
        if self._kernel is not None and self._rules.n_queues:
            self._kernel.set_suspects(self._suspects)

    def _have_told(self) -> None:
        self._told_suspects = self._suspects
        for number in self._changed:
            _put(self._told_locked, number, self._table.locked.get(number))
            _put(self._told_all, number, self._prefixes([number]).get(number))
        self._changed.clear()

    def _cut(self) -> int | None:
        """Cut what has become locked; the connections, None where nobody has."""
        if self._kernel is None or not self._uncut:
            return None
        n_cut = self._kernel.cut(self._uncut)
        self._uncut.clear()
        return n_cut

    def _differences(self, told: Prefixes, now: Prefixes) -> tuple[set[Network], set[Network]]:
        """(added, removed) by the subscribers that have changed; what went from one to the other is neither."""
        before = _united({number: told[number] for number in self._changed if number in told})
        after = _united({number: now[number] for number in self._changed if number in now})
        return after - before, before - after

    def _prefixes(self, numbers: Iterable[int]) -> Prefixes:
        people = self._table.people
        return {number: people[number].prefixes for number in numbers if number in people}

    def _look(self, at: datetime) -> None:
        """Bring the table to `at`, after a look at what the database has new."""
        with reading(self._engine) as conn:
            self._read_changes(conn)
        self._changed |= self._table.advance(at)

    def _read_changes(self, conn: Connection) -> None:
        revision = current_revision(conn)
        if revision == self._revision:
            return
        for subscriber in iter_subscribers(conn, since_revision=self._revision):
            self._table.put(subscriber)
        # all there are have been put, so that only a deletion makes the numbers differ
        if conn.execute(select(func.count()).select_from(subscribers)).scalar_one() != len(self._table.people):
            self._table.keep_only(set(conn.execute(select(subscribers.c.id)).scalars()))
        self._revision = revision


def _united(prefixes: Prefixes) -> set[Network]:
    return {prefix for each in prefixes.values() for prefix in each}


def _put(told: Prefixes, number: int, prefixes: tuple[Network, ...] | None) -> None:
    if prefixes is None:
        told.pop(number, None)
    else:
        told[number] = prefixes
