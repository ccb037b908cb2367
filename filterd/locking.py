"""Subscribers into the kernel: whose traffic is stopped now, what is cut because of it, and whose DNS is redirected
here.

Invariants: the kernel's sets hold what parental.locks says of one instant, nothing else; connections of a prefix are
cut when it becomes locked, after it stands in the sets, so that none comes back; what was locked before we started is
cut again, which harms nobody.
"""

import threading
from dataclasses import replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from filterd.kernel import Kernel, Network, Rules
from parental.database import reading
from parental.locks import Locks, locks_at
from parental.profile import lock_reason, next_lock_change
from parental.store import current_revision, iter_subscribers, subscribers
from parental.subscriber import Subscriber


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
        self._people: dict[int, Subscriber] = {}
        self._revision = 0
        self._prefixes: frozenset[Network] = frozenset()
        self._locked: frozenset[Network] = frozenset()
        self._refreshing = threading.Lock()  # a tap and the clock may come together

    def install(self, rules: Rules, at: datetime) -> None:
        """Put `rules` in force together with what is locked at `at`, and cut what that is.   Blocking."""
        with self._refreshing:
            locks = self._read(at)
            self._locked, self._prefixes = locks.v4 | locks.v6, self._all_prefixes()
            if self._kernel is not None:
                self._kernel.apply(replace(rules, subscribers=tuple(sorted(self._prefixes, key=str))), self._locked)
                self._kernel.cut(self._locked)

    def refresh(self, at: datetime) -> Refreshed:
        """Bring the kernel to what is locked at `at` by the database as it is now.   Blocking."""
        with self._refreshing:
            locks = self._read(at)
            return Refreshed(self._enforce(locks), locks.next_change)

    def end_of_lock(self, subscriber: int, at: datetime) -> datetime | None:
        """When the lock of a subscriber ends; None where it has none, or none that ends by itself."""
        found = self._people.get(subscriber)
        return next_lock_change(found.profile, at) if found and lock_reason(found.profile, at) else None

    # ------------------------------------------------------------------------------------------------------------------

    def _enforce(self, locks: Locks) -> int | None:
        """Tell the kernel what is new; the connections cut, None where nobody became locked."""
        locked: frozenset[Network] = locks.v4 | locks.v6
        newly, prefixes = locked - self._locked, self._all_prefixes()
        n_cut: int | None = None
        if self._kernel is not None:
            if locked != self._locked:
                self._kernel.set_locked(locks.v4, locks.v6)
            if newly:
                n_cut = self._kernel.cut(newly)
            if prefixes != self._prefixes:
                self._kernel.set_subscribers(*_by_version(prefixes))
        self._locked, self._prefixes = locked, prefixes
        return n_cut

    def _read(self, at: datetime) -> Locks:
        """What is locked at `at`, after a look at what the database has new."""
        with reading(self._engine) as conn:
            self._read_changes(conn)
        return locks_at(self._people.values(), at)

    def _read_changes(self, conn: Connection) -> None:
        revision = current_revision(conn)
        if revision == self._revision:
            return
        for subscriber in iter_subscribers(conn, since_revision=self._revision):
            self._people[subscriber.id] = subscriber
        alive = set(conn.execute(select(subscribers.c.id)).scalars())
        self._people = {number: found for number, found in self._people.items() if number in alive}
        self._revision = revision

    def _all_prefixes(self) -> frozenset[Network]:
        return frozenset(prefix for found in self._people.values() for prefix in found.prefixes)


def _by_version(prefixes: frozenset[Network]) -> tuple[list[IPv4Network], list[IPv6Network]]:
    return [each for each in prefixes if isinstance(each, IPv4Network)], [
        each for each in prefixes if isinstance(each, IPv6Network)
    ]
