"""Profile of a subscriber: what is closed to it, when, and what opens again for a while.

Two kinds of time: a schedule is wall clock and comes back every week; pauses, closures and grants are instants.
A *full* lock closes everything; a *soft* one (an interval with `allowed`) all but some categories and services, and is
none of the kernel's: see parental.policy.schedule.

Invariants: what has ended has no effect; a grant opens only the locks that OPENS gives to its kind, and no grant opens
a pause, which ends when it is resumed.   Source: semantics §3, §7.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from fastpath.images.verdict import Reason
from parental.policy.schedule import MAX_INTERVALS, Schedule
from parental.store.errors import BadProfile
from rules.base.category import NUMBERS

NOT_PAUSED = 0
NO_SAFE_SEARCH = "off"
SAFE_SEARCH = (NO_SAFE_SEARCH, "moderate", "strict")  # by the number that the policy image has
UNTIL_RESUMED = 2**62  # the number the policy image knows for a pause without an end
SCHEDULE = "schedule"  # the lock that the week's intervals make
QUOTA = "quota"
CLOSURES = ("pause", "closed_until", QUOTA)
OPENS = {  # which locks a grant of a kind opens; soft intervals are of the schedule, too
    "plus": frozenset({SCHEDULE, QUOTA}),
    "tonight_off": frozenset({SCHEDULE}),
    "ticket": frozenset({SCHEDULE, QUOTA}),
    "open_until": frozenset({SCHEDULE, QUOTA, "closed_until"}),
}
MAX_HOUSEHOLD_NAMES = 200  # a family has a handful, and a school some dozens; more is a list, for its operator
MAX_SPANS = 32  # closures and grants of one profile that a family may have at once: a tap every half hour of a day fits
IMAGE_SPANS = 255  # that an image has room for; a profile that was stored with some more must not stop all others


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From one instant to before another (unix seconds), of a kind of CLOSURES or OPENS.

    until_s  UNTIL_RESUMED: without an end, for closures alone"""

    from_s: int
    until_s: int
    kind: str

    def __post_init__(self) -> None:
        if not 0 <= self.from_s < self.until_s <= UNTIL_RESUMED:
            raise BadProfile(f"{self.kind[:20]}: ends before it begins; not accepted; give it an end after its start")

    def holds(self, at_s: float) -> bool:
        """Whether the instant is in it."""
        return self.from_s <= at_s < self.until_s


@dataclass(frozen=True, slots=True)
class Profile:
    """One subscriber's rules.

    blocked_categories  names of rules.base.category
    paused_until_s      unix seconds; NOT_PAUSED, or UNTIL_RESUMED: the pause that a tap begins, which has begun
    safe_search         one of SAFE_SEARCH
    canaries            canary domains keep devices on this resolver, and names are not hidden from it (semantics §4)
    youtube             its restricted mode, one of SAFE_SEARCH
    allowed, denied     names of the household's own in canonical form, each with all below it; an allowed one opens
                        categories, services and denied names (semantics §3)
    closures            full locks between instants, of kinds of CLOSURES
    grants              what opens locks between instants, of kinds of OPENS"""

    blocked_categories: frozenset[str] = frozenset()
    schedule: Schedule = field(default_factory=Schedule)
    paused_until_s: int = NOT_PAUSED
    safe_search: str = NO_SAFE_SEARCH
    canaries: bool = False
    youtube: str = NO_SAFE_SEARCH
    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    closures: tuple[Span, ...] = ()
    grants: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        _require_known("categories", self.blocked_categories, NUMBERS)
        _require_known("safe_search", [self.safe_search], SAFE_SEARCH)
        _require_known("youtube", [self.youtube], SAFE_SEARCH)
        _require_known("closures", (span.kind for span in self.closures), CLOSURES)
        _require_known("grants", (span.kind for span in self.grants), OPENS)
        if any(span.until_s == UNTIL_RESUMED for span in self.grants):
            raise BadProfile("grants: one has no end; not accepted; give it an end")
        for name in self.allowed & self.denied:
            raise BadProfile(f"denied: {name} is allowed, too; not accepted; write it in one of the two")
        _require_few("allowed and denied", len(self.allowed) + len(self.denied), "names", MAX_HOUSEHOLD_NAMES)
        _require_few("closures and grants", len(self.closures) + len(self.grants), "spans", IMAGE_SPANS)
        _require_few("schedule", len(self.schedule.intervals), "intervals", MAX_INTERVALS)


def lock_reason(profile: Profile, at: datetime, behind_s: int = 0) -> Reason:
    """PAUSE, QUOTA or SCHEDULE of a full lock; DEFAULT where the profile has none at `at`.

    behind_s   the clock was set back by so much, which is doubted: what is closed at either time is closed"""
    at_s = at.timestamp()
    reason = _closure_reason(profile, at_s)
    if reason != Reason.DEFAULT or _opens(profile, SCHEDULE, at_s):
        return reason
    is_closed = any(profile.schedule.is_closed(when) for when in _readings(at, behind_s))
    return Reason.SCHEDULE if is_closed else Reason.DEFAULT


def allowed_at(profile: Profile, at: datetime, behind_s: int = 0) -> frozenset[str] | None:
    """What a soft lock leaves open at `at`; None: no soft lock is in force, be it that a full one is.

    behind_s   as above: of two soft locks, what both allow"""
    if lock_reason(profile, at, behind_s) != Reason.DEFAULT or _opens(profile, SCHEDULE, at.timestamp()):
        return None
    found = [profile.schedule.allowed_at(when) for when in _readings(at, behind_s)]
    soft = [each for each in found if each is not None]
    return frozenset.intersection(*soft) if soft else None


def is_kept_closed(profile: Profile, at: datetime) -> bool:
    """Whether a person keeps it closed: paused, or closed until a time."""
    return lock_reason(profile, at) == Reason.PAUSE


def is_closed_by_quota_alone(profile: Profile, at: datetime) -> bool:
    """Whether screen time that begins at `at` would open it: a minute that runs while it is closed is a minute lost."""
    is_kept = lock_reason(without_quota(profile), at) != Reason.DEFAULT
    return lock_reason(profile, at) == Reason.QUOTA and not is_kept


def without_quota(profile: Profile) -> Profile:
    """The same, where screen time closes nothing."""
    return replace(profile, closures=tuple(span for span in profile.closures if span.kind != QUOTA))


def is_open(profile: Profile, at: datetime) -> bool:
    """Whether no lock is in force at `at`, a soft one neither."""
    return lock_reason(profile, at) == Reason.DEFAULT and allowed_at(profile, at) is None


def next_lock_change(profile: Profile, after: datetime) -> datetime | None:
    """The first instant after `after` at which the profile fully locks or unlocks, in UTC; None where it never does.

    Cost: a few dozen zone lookups for each beginning and end of a closure or grant that is passed over."""
    is_locked = lock_reason(profile, after) != Reason.DEFAULT
    edges = _edges(profile, after)
    for begin, end in zip([after, *edges], [*edges, None], strict=True):
        if (lock_reason(profile, begin) != Reason.DEFAULT) != is_locked:
            return begin
        if _follows_schedule(profile, begin.timestamp()):
            change = profile.schedule.next_change(begin)
            if change is not None and (end is None or change < end):
                return change
    return None


def next_time_change(profile: Profile, after: datetime, behind_s: int = 0) -> datetime | None:
    """No later than the first instant after `after` at which any lock of the profile, full or soft, is another, in UTC;
    None where none ever is.   Cost: a few dozen zone lookups"""
    back = timedelta(seconds=behind_s)
    found = _edges(profile, after)[:1]
    for when in _readings(after, behind_s):
        edge = profile.schedule.next_edge(when)
        found += [] if edge is None else [edge if when == after else edge - back]
    return min(found, default=None)


def _readings(at: datetime, behind_s: int) -> tuple[datetime, ...]:
    """An instant by the clock, and by that before it was set back."""
    return (at, at + timedelta(seconds=behind_s)) if behind_s else (at,)


def _closure_reason(profile: Profile, at_s: float) -> Reason:
    """Of the pause or closure that holds, and that no grant opens."""
    if at_s < profile.paused_until_s:
        return Reason.PAUSE
    kinds = {span.kind for span in profile.closures if span.holds(at_s)}
    shut = {kind for kind in kinds if not _opens(profile, kind, at_s)}
    if shut - {QUOTA}:
        return Reason.PAUSE
    return Reason.QUOTA if shut else Reason.DEFAULT


def _opens(profile: Profile, lock: str, at_s: float) -> bool:
    return any(lock in OPENS[span.kind] and span.holds(at_s) for span in profile.grants)


def _follows_schedule(profile: Profile, at_s: float) -> bool:
    return _closure_reason(profile, at_s) == Reason.DEFAULT and not _opens(profile, SCHEDULE, at_s)


def _edges(profile: Profile, after: datetime) -> list[datetime]:
    """Every later instant at which a pause, a closure or a grant begins or ends."""
    ends = {profile.paused_until_s}
    for span in (*profile.closures, *profile.grants):
        ends |= {span.from_s, span.until_s}
    return [datetime.fromtimestamp(s, UTC) for s in sorted(ends) if after.timestamp() < s < UNTIL_RESUMED]


def _require_known(field_name: str, given: Iterable[str], known: Iterable[str]) -> None:
    for name in sorted(set(given) - set(known)):
        raise BadProfile(f"{field_name}: {name[:40]!r} is not known; not accepted; write one of {', '.join(known)}")


def _require_few(field_name: str, n: int, what: str, limit: int) -> None:
    if n > limit:
        raise BadProfile(f"{field_name}: {n} {what}; not accepted; write at most {limit}")
