"""Lock table: which profiles are locked, and when that changes next, for the kernel's sets.

Profiles whose times are the same are a group: one entry of the clock, however many lines have the schedule that their
operator proposes.  What they hold is in columns (fastpath.people.held_prefixes), where each prefix has its group.

Invariants: no clock and no database; agrees with `decide()` at every second, as both read one schedule; a group is
looked at when it is new, when its own lock changes, and when the clock goes back.
"""

import heapq
from array import array
from collections.abc import Iterable
from datetime import UTC, datetime

from fastpath.images.verdict import Reason
from fastpath.people.held_prefixes import HeldPrefixes
from parental.policy.held import Held
from parental.policy.per_profile import PerProfile
from parental.policy.profile import Profile, Span, allowed_at, lock_reason, next_lock_change, next_time_change
from parental.policy.schedule import Schedule
from parental.policy.subscriber import Network

_Times = tuple[Schedule, int, tuple[Span, ...], tuple[Span, ...]]  # all of a profile that locks
FEW_GROUPS = 1000  # that may be empty before they are looked for: each pause until another minute makes one


class LockTable:
    """What is held, by groups, and which of them are locked at one instant.   Memory: 42 octets a prefix, 1 KB a group.

    locked       for each group 1 where it is locked, else 0, as HeldPrefixes takes it; group 0 has no profile
    is_tighter   whether by the last advance() soft hours have begun, or leave less open; not of groups that are new"""

    def __init__(self) -> None:
        self.held = HeldPrefixes()
        self.locked = bytearray(1)
        self._profiles: list[Profile | None] = [None]  # by group, one that is in it
        self._groups: dict[_Times, int] = {}
        self._empty: list[int] = []
        self._n_looked_through = FEW_GROUPS
        self._fresh: set[int] = set()
        self._due: dict[int, datetime] = {}
        self._clock: list[tuple[datetime, int]] = []  # a heap; what is not in _due any more is passed over
        self._at, self._behind_s = datetime.min.replace(tzinfo=UTC), 0
        self.is_tighter = False
        self._left_open: dict[int, frozenset[str] | None] = {}  # by groups that have soft hours; none: all of it

    def change(
        self, changed: Iterable[tuple[int, Profile]], held: Iterable[Held] = (), released: Iterable[Network] = ()
    ) -> bool:
        """Take in profiles, effective from the next advance(); whether other prefixes are held than before.

        changed    by rising number, each with all that it holds in `held`
        released   prefixes that no one holds any more, unless they are in `held`
        Cost: 0.5 µs a profile and a prefix, and some passes over what is held"""
        numbers, groups, group_of = array("I"), array("I"), PerProfile(self._group_of)
        for number, profile in changed:
            numbers.append(number)
            groups.append(group_of(profile))
        is_different = self.held.replace(held, numbers, released)
        self.held.assign(numbers, groups)
        if len(self._groups) > 2 * self._n_looked_through:
            self._drop_empty()
        return is_different

    def advance(self, at: datetime, behind_s: int = 0) -> None:
        """Bring all locks to `at`.   Cost: 10 µs for each group that is new or whose lock changes

        behind_s   see parental.policy.profile.lock_reason"""
        is_set = at < self._at or behind_s != self._behind_s
        groups = self._groups.values() if is_set else self._fresh | self._come_due(at)
        self.is_tighter, self._behind_s = False, behind_s
        for group in groups:
            self._look_at(group, at)
        self._fresh, self._at = set(), at

    @property
    def next_change(self) -> datetime | None:
        """When to advance again; None: never."""
        while self._clock and self._due.get(self._clock[0][1]) != self._clock[0][0]:
            heapq.heappop(self._clock)
        return self._clock[0][0] if self._clock else None

    def end_of_lock(self, number: int, at: datetime) -> datetime | None:
        """When the lock of a profile ends; None without a lock, where it does not end by itself, where the profile
        holds no prefix, or while the clock is doubted."""
        group = self.held.group_of(number) if not self._behind_s else None
        profile = self._profiles[group] if group else None
        return next_lock_change(profile, at) if profile and lock_reason(profile, at) != Reason.DEFAULT else None

    def _group_of(self, profile: Profile) -> int:
        times = profile.schedule, profile.paused_until_s, profile.closures, profile.grants
        found = self._groups.get(times)
        if found is not None:
            return found
        if self._empty:
            group = self._empty.pop()
        else:
            group = len(self._profiles)
            self._profiles.append(None)
            self.locked.append(0)
        self._groups[times], self._profiles[group] = group, profile
        self._fresh.add(group)
        return group

    def _drop_empty(self) -> None:
        """Forget the groups that nothing is in any more."""
        used = self.held.groups_with_lines(len(self._profiles))
        for times, group in list(self._groups.items()):
            if not used[group]:
                del self._groups[times]
                self._due.pop(group, None)
                self._fresh.discard(group)
                self._left_open.pop(group, None)
                self._profiles[group], self.locked[group] = None, 0
                self._empty.append(group)
        self._n_looked_through = max(FEW_GROUPS, len(self._groups))

    def _come_due(self, at: datetime) -> set[int]:
        due = set()
        while (change := self.next_change) is not None and change <= at:
            group = heapq.heappop(self._clock)[1]
            del self._due[group]
            due.add(group)
        return due

    def _look_at(self, group: int, at: datetime) -> None:
        profile = self._profiles[group]
        assert profile is not None
        self.locked[group] = lock_reason(profile, at, self._behind_s) != Reason.DEFAULT
        if profile.schedule.has_soft:
            self._look_at_soft(group, profile, at)
        is_plain = not profile.schedule.has_soft and not self._behind_s
        change = next_lock_change(profile, at) if is_plain else next_time_change(profile, at, self._behind_s)
        self._due.pop(group, None)
        if change is not None:
            self._due[group] = change
            heapq.heappush(self._clock, (change, group))

    def _look_at_soft(self, group: int, profile: Profile, at: datetime) -> None:
        """Note what a group's soft hours leave open; under a full lock that is nothing."""
        left = frozenset[str]() if self.locked[group] else allowed_at(profile, at, self._behind_s)
        before, is_new = self._left_open.get(group), group in self._fresh
        self._left_open[group] = left
        if left is not None and not self.locked[group] and not is_new:
            self.is_tighter |= before is None or bool(before - left)
