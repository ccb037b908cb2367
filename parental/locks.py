"""Lock table: which profiles are locked, and when that changes next, for the kernel's sets.

Invariants: no clock and no database; agrees with `decide()` at every second, as both read one schedule; a holder is
looked at when it is put, when its own lock changes, and when the clock goes back.
"""

import heapq
from collections.abc import Collection
from datetime import UTC, datetime

from fastpath.images.verdict import Reason
from parental.holder import Holder
from parental.profile import Span, lock_reason, next_lock_change
from parental.schedule import Schedule
from parental.subscriber import Network

_Times = tuple[Schedule, int, tuple[Span, ...], tuple[Span, ...]]  # all of a profile that locks
_Found = tuple[bool, datetime | None]  # whether it is locked, and until when that holds


class LockTable:
    """Holders by number, and which of them are locked at one instant.   Memory: 0.2 KB more for each."""

    def __init__(self) -> None:
        self.people: dict[int, Holder] = {}
        self.locked: dict[int, tuple[Network, ...]] = {}
        self._fresh: set[int] = set()
        self._due: dict[int, datetime] = {}
        self._clock: list[tuple[datetime, int]] = []  # a heap; what is not in _due any more is passed over
        self._at = datetime.min.replace(tzinfo=UTC)

    def put(self, holder: Holder) -> None:
        """Add a new or changed holder, effective from the next advance()."""
        self.people[holder.id] = holder
        self._fresh.add(holder.id)

    def keep_only(self, numbers: Collection[int]) -> None:
        """Drop all other holders, effective from the next advance()."""
        for number in self.people.keys() - numbers:
            del self.people[number]
            self._fresh.add(number)

    def advance(self, at: datetime) -> set[int]:
        """Bring all locks to `at`; return the numbers of those that may have changed.

        Cost: 5 µs for each that was put or whose lock changes, independent of the number of others."""
        looked_at = self._fresh | (self.people.keys() if at < self._at else self._come_due(at))
        found: dict[_Times, _Found] = {}  # thousands have the schedule that their operator proposes
        for number in looked_at:
            self._look_at(number, at, found)
        self._fresh, self._at = set(), at
        return looked_at

    @property
    def next_change(self) -> datetime | None:
        """When to advance again; None: never."""
        while self._clock and self._due.get(self._clock[0][1]) != self._clock[0][0]:
            heapq.heappop(self._clock)
        return self._clock[0][0] if self._clock else None

    def _come_due(self, at: datetime) -> set[int]:
        due = set()
        while (change := self.next_change) is not None and change <= at:
            number = heapq.heappop(self._clock)[1]
            del self._due[number]
            due.add(number)
        return due

    def _look_at(self, number: int, at: datetime, found: dict[_Times, _Found]) -> None:
        self.locked.pop(number, None)
        self._due.pop(number, None)
        holder = self.people.get(number)
        if holder is None:
            return
        profile = holder.profile
        times = profile.schedule, profile.paused_until_s, profile.closures, profile.grants
        if times not in found:
            found[times] = lock_reason(profile, at) != Reason.DEFAULT, next_lock_change(profile, at)
        is_locked, change = found[times]
        if is_locked:
            self.locked[number] = holder.prefixes
        if change is not None:
            self._due[number] = change
            heapq.heappush(self._clock, (change, number))
