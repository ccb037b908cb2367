"""Profile of a subscriber: blocked categories, schedule, pause and safe search.

Invariants: a pause is an absolute instant, a schedule is wall clock; a pause that has ended has no effect.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastpath.images.verdict import Reason
from parental.errors import BadProfile
from parental.schedule import MAX_INTERVALS, Schedule
from rules.category import NUMBERS

NOT_PAUSED = 0
NO_SAFE_SEARCH = "off"
SAFE_SEARCH = (NO_SAFE_SEARCH, "moderate", "strict")  # by the number that the policy image has
UNTIL_RESUMED = 2**62  # the number the policy image knows for a pause without an end


@dataclass(frozen=True, slots=True)
class Profile:
    """One subscriber's rules.

    blocked_categories  names of rules.category
    paused_until_s      unix seconds; NOT_PAUSED, or UNTIL_RESUMED
    safe_search         one of SAFE_SEARCH
    canaries            canary domains keep devices on this resolver, and names are not hidden from it (semantics §4)"""

    blocked_categories: frozenset[str] = frozenset()
    schedule: Schedule = field(default_factory=Schedule)
    paused_until_s: int = NOT_PAUSED
    safe_search: str = NO_SAFE_SEARCH
    canaries: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(self.blocked_categories - NUMBERS.keys())
        if unknown:
            raise BadProfile(
                f"categories: {unknown[0][:40]!r} is not known; not accepted; write one of {', '.join(NUMBERS)}"
            )
        if self.safe_search not in SAFE_SEARCH:
            raise BadProfile(
                f"safe_search: {self.safe_search[:40]!r} is not known; not accepted; "
                f"write one of {', '.join(SAFE_SEARCH)}"
            )
        if len(self.schedule.intervals) > MAX_INTERVALS:
            raise BadProfile(
                f"schedule: {len(self.schedule.intervals)} intervals; not accepted; write at most {MAX_INTERVALS}"
            )


def lock_reason(profile: Profile, at: datetime) -> Reason:
    """PAUSE, SCHEDULE, or DEFAULT where the profile locks nothing at `at`."""
    if at.timestamp() < profile.paused_until_s:
        return Reason.PAUSE
    return Reason.SCHEDULE if profile.schedule.is_closed(at) else Reason.DEFAULT


def next_lock_change(profile: Profile, after: datetime) -> datetime | None:
    """The first instant after `after` at which the profile locks or unlocks, in UTC; None where it never does."""
    if after.timestamp() >= profile.paused_until_s:
        return profile.schedule.next_change(after)
    if profile.paused_until_s == UNTIL_RESUMED:
        return None
    end = datetime.fromtimestamp(profile.paused_until_s, UTC)
    return profile.schedule.next_change(end) if profile.schedule.is_closed(end) else end
