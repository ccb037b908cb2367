"""Quota: minutes a day that a child starts itself; one bucket for all of its devices, as they share a profile.

Closed unless screen time runs; it ends by itself when the minutes are used, and at midnight.

Invariants: no clock and no database; the bucket's day never goes back, so that a clock set back fills nothing; what a
clock that went back behind the start would hide counts as used whole.
Source: semantics §7.
"""

from dataclasses import dataclass, replace
from datetime import date

from parental.policy.profile import UNTIL_RESUMED, Span
from parental.store.errors import BadProfile, NotNow

MAX_MINUTES = 1440
LEAST_S = 60  # what is left below it is nothing: no connection is worth opening for it


@dataclass(frozen=True, slots=True)
class Quota:
    """A profile's bucket.   minutes  of each day;   day, used_s  of the bucket

    started_s, ends_s  unix seconds of the screen time that runs; None: none does"""

    minutes: int
    day: date
    used_s: int = 0
    started_s: int | None = None
    ends_s: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.minutes <= MAX_MINUTES:
            raise BadProfile(f"minutes: {self.minutes} a day; not accepted; write 1 to {MAX_MINUTES}")

    def is_running(self, at_s: int) -> bool:
        """Whether screen time runs."""
        return self.ends_s is not None and at_s < self.ends_s

    def left_s(self, at_s: int, today: date) -> int:
        """Seconds that are left of today."""
        now = self.settled(at_s, today) if not self.is_running(at_s) else self
        return max(0, 60 * now.minutes - now.used_s - now._running_s(at_s))

    def start(self, at_s: int, today: date, midnight_s: int) -> "Quota":
        """Begin screen time.   midnight_s  when today ends.   Raises NotNow"""
        if self.is_running(at_s):
            raise NotNow("screen time runs already; nothing started")
        now = self.settled(at_s, today)
        left_s = now.left_s(at_s, today)
        if left_s < LEAST_S:
            raise NotNow("today's time is used up; nothing started; more comes tomorrow, or by a parent")
        return replace(now, started_s=at_s, ends_s=min(at_s + left_s, midnight_s))

    def stop(self, at_s: int, today: date) -> "Quota":
        """End screen time; what is left stays for later today.   Raises NotNow"""
        if not self.is_running(at_s):
            raise NotNow("no screen time runs; nothing stopped")
        return self.settled(at_s, today)

    def settled(self, at_s: int, today: date) -> "Quota":
        """With what ran or has ended on its own counted, in the bucket of today; nothing runs any more."""
        now = self._stopped(at_s)
        return replace(now, day=today, used_s=0) if today > now.day else now

    def set_back(self, by_s: int) -> "Quota":
        """The clock has gone back: screen time that runs began and ends as much earlier."""
        assert self.started_s is not None
        assert self.ends_s is not None
        return replace(self, started_s=self.started_s - by_s, ends_s=self.ends_s - by_s)

    def closure(self) -> Span:
        """The lock: always, or from when screen time ends."""
        return Span(0 if self.ends_s is None else max(0, self.ends_s), UNTIL_RESUMED, "quota")

    def _running_s(self, at_s: int) -> int:
        """Seconds of the screen time that runs, or has ended on its own."""
        if self.started_s is None or self.ends_s is None:
            return 0
        return self.ends_s - self.started_s if at_s < self.started_s else min(at_s, self.ends_s) - self.started_s

    def _stopped(self, at_s: int) -> "Quota":
        return replace(self, used_s=self.used_s + self._running_s(at_s), started_s=None, ends_s=None)
