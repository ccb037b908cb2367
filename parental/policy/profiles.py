"""Profiles in the database: the rules under a number, and the prefixes that answer to them.

Every change raises the room's revision and stamps the profile with it, so that a delta image can be written from "what
has changed since revision R" without keeping anything in memory.

Invariants: a number is given to a profile once: a child's are FIRST_GIVEN and above, a line's own is the line's; a
profile that loses or gets a prefix is stamped, too.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache, lru_cache
from ipaddress import ip_network
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    String,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)

from parental.policy.held import BATCH, iter_held
from parental.policy.holder import Holder
from parental.policy.per_profile import SHARED
from parental.policy.profile import CLOSURES, NO_SAFE_SEARCH, NOT_PAUSED, UNTIL_RESUMED, Profile, Span
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import MAX_ID, Network
from parental.store.errors import BadProfile, BadSubscriber, NoSubscriber
from parental.store.revision import REVISION, raise_revision
from parental.store.schema.calendar import cards, time_spans
from parental.store.schema.lines import (
    blocked_categories,
    closed_intervals,
    dns_wishes,
    household_names,
    lines,
    profiles,
)

FIRST_GIVEN = 3_000_000_000  # operators number their lines from below
GIVEN = "profiles"  # the revision that counts given numbers
MANY = 10_000  # profiles that are read together, where all are
WHOLE = "-"  # of closed hours in which nothing stays open; no category has this name
_NO_NAMES = frozenset[str](), frozenset[str]()
_NO_SPANS: tuple[tuple[Span, ...], tuple[Span, ...]] = ((), ())


def new_number(conn: Connection) -> int:
    """A number for a profile that is no line's own.   Raises BadSubscriber where none is left"""
    while (number := FIRST_GIVEN + raise_revision(conn, GIVEN) - 1) <= MAX_ID:
        taken = [conn.execute(select(table.c.id).where(table.c.id == number)).first() for table in (profiles, lines)]
        if not any(taken):
            return number
    raise BadSubscriber(f"profile: every number up to {MAX_ID} was given; not made; tell the makers of filterd")


def create_profile(conn: Connection, number: int, account: int, profile: Profile, revision: int) -> None:
    """Make a profile under a number that is free."""
    row = {"zone": profile.schedule.zone, "paused_until_s": profile.paused_until_s, "revision": revision}
    conn.execute(insert(profiles).values(id=number, account=account, **row))
    _add_rules(conn, number, profile)


def put_profile(conn: Connection, number: int, profile: Profile) -> None:
    """Replace everything that a profile says but its closures and grants.

    Raises NoSubscriber, BadProfile for other hours where cards make the week"""
    _refuse_carded(conn, number, profile.schedule)
    touch(conn, number, zone=profile.schedule.zone, paused_until_s=profile.paused_until_s)
    for table in (blocked_categories, dns_wishes, closed_intervals, household_names):
        conn.execute(delete(table).where(table.c.profile == number))
    _add_rules(conn, number, profile)


def get_profile(conn: Connection, number: int) -> Profile:
    """What a profile says.   Raises NoSubscriber"""
    found = load_profiles(conn, [number])
    if not found:
        raise _nobody(number)
    return found[number]


def load_profiles(conn: Connection, numbers: Sequence[int] | Select[tuple[int]]) -> dict[int, Profile]:
    """The profiles of some numbers, by rising number.   numbers  at most BATCH, or the query that finds them"""
    asked, said = (_questions(numbers), {}) if isinstance(numbers, Select) else (_of_numbers(), {"numbers": numbers})
    categories: dict[int, str] = dict(conn.execute(asked.categories, said).all())
    intervals: dict[int, str] = dict(conn.execute(asked.intervals, said).all())
    own, spans = _own_names(conn.execute(asked.names, said)), _spans(conn.execute(asked.spans, said))
    found = {}
    for number, zone, paused_until_s, safe_search, canaries, youtube in conn.execute(asked.wishes, said).all():
        its = categories.get(number, ""), intervals.get(number, "")
        wished = (NO_SAFE_SEARCH, False, NO_SAFE_SEARCH) if safe_search is None else (safe_search, canaries, youtube)
        parts = *own.get(number, _NO_NAMES), *spans.get(number, _NO_SPANS)
        found[number] = _shared(*its, zone, paused_until_s, *wished, *parts)
    return found


class _Questions(NamedTuple):
    """What is asked of profiles."""

    categories: Select[int, str]
    intervals: Select[int, str]
    names: Select[Any]
    spans: Select[Any]
    wishes: Select[Any]


def _questions(among: Select[tuple[int]] | BindParameter[Any]) -> _Questions:
    """among  which profiles"""
    blocked, closed = blocked_categories.c, closed_intervals.c
    return _Questions(
        _joined(blocked.profile, blocked.category, among),
        _joined(closed.profile, _hours(), among),
        select(household_names).where(household_names.c.profile.in_(among)),
        select(time_spans).where(time_spans.c.profile.in_(among)).order_by(time_spans.c.id),
        _wished(among),
    )


@cache
def _of_numbers() -> _Questions:
    """Those of `numbers`, made once: to make them costs more than to ask them."""
    return _questions(bindparam("numbers", expanding=True))


@lru_cache(maxsize=SHARED)
def _shared(categories: str, hours: str, zone: str, *rest: Any) -> Profile:
    """The profile of what its rows say.   Thousands of lines have what their operator proposes, and share it.

    categories, hours  as _joined() has them, of _hours();   rest  as Profile has it behind the schedule"""
    schedule = Schedule(tuple(sorted(_interval(each) for each in _parts(hours))), zone)
    return Profile(frozenset(_parts(categories)), schedule, *rest)


def count_profiles(conn: Connection) -> int:
    """How many profiles there are."""
    return int(conn.execute(select(func.count()).select_from(profiles)).scalar_one())


def iter_profiles(conn: Connection, numbers: Sequence[int] | None = None) -> Iterator[tuple[int, Profile]]:
    """Profiles by rising number; most that are equal are one object.   numbers  rising; None: all there are

    Memory: MANY of them at a time.   Cost: a million in 10 s"""
    if numbers is not None:
        for at in range(0, len(numbers), BATCH):
            yield from load_profiles(conn, numbers[at : at + BATCH]).items()
        return
    after, chosen = 0, select(profiles.c.id).order_by(profiles.c.id).limit(MANY)
    while found := load_profiles(conn, chosen.where(profiles.c.id > after)):
        yield from found.items()
        after = max(found)


def changed_since(conn: Connection, revision: int) -> list[int]:
    """The numbers of the profiles that changed after a revision, rising."""
    # sorted here: a database that has to sort may read every profile instead of those that changed
    return sorted(conn.execute(select(profiles.c.id).where(profiles.c.revision > revision)).scalars())


def iter_holders(conn: Connection, since_revision: int = 0) -> Iterator[Holder]:
    """Profiles by rising number, changed after `since_revision`, with what they hold.   Memory: BATCH at a time"""
    numbers = changed_since(conn, since_revision)
    for at in range(0, len(numbers), BATCH):
        held = prefixes_of(conn, numbers[at : at + BATCH])
        for number, profile in load_profiles(conn, numbers[at : at + BATCH]).items():
            yield Holder(number, tuple(held.get(number, ())), profile)


def prefixes_of(conn: Connection, numbers: Sequence[int]) -> dict[int, list[Network]]:
    """What answers to each of some profiles: of lines all that is no device's, and of devices."""
    held: dict[int, list[Network]] = {}
    for _, first, length, number in sorted(iter_held(conn, numbers)):
        held.setdefault(number, []).append(ip_network((first, length)))
    return held


def set_schedule(conn: Connection, number: int, schedule: Schedule) -> None:
    """Replace the closed intervals and their zone.

    Raises NoSubscriber, BadProfile for too many intervals, and for other hours where cards make the week."""
    Profile(schedule=schedule)
    _refuse_carded(conn, number, schedule)
    touch(conn, number, zone=schedule.zone)
    _replace_intervals(conn, number, schedule.intervals)


def put_week(conn: Connection, number: int, intervals: Sequence[Interval]) -> None:
    """Replace the closed intervals by those that cards make (parental.calendar.weeks).   Raises NoSubscriber"""
    touch(conn, number)
    _replace_intervals(conn, number, intervals)


def pause(conn: Connection, number: int, until: datetime | None) -> None:
    """Lock a profile now, until an instant (aware) or, with None, until resumed.   Raises NoSubscriber."""
    if until is not None and until.tzinfo is None:
        raise BadProfile("pause: the instant has no zone; not paused; give it one")
    # rounded up: the pause never ends before the promised instant
    touch(conn, number, paused_until_s=UNTIL_RESUMED if until is None else -int(-until.timestamp() // 1))


def resume(conn: Connection, number: int) -> None:
    """End a pause; a schedule still applies.   Raises NoSubscriber."""
    touch(conn, number, paused_until_s=NOT_PAUSED)


def touch(conn: Connection, number: int, **values: Any) -> int:
    """Stamp a profile as changed, with new values or without; the revision of it.   Raises NoSubscriber."""
    revision = raise_revision(conn, REVISION)
    if not _stamp(conn, [number], revision, **values):
        raise _nobody(number)
    return revision


def touch_all(conn: Connection, numbers: Iterable[int], revision: int) -> None:
    """Stamp profiles as changed with a revision that was just given."""
    _stamp(conn, list(numbers), revision)


def _spans(rows: Iterable[Any]) -> dict[int, tuple[tuple[Span, ...], tuple[Span, ...]]]:
    """The closures, and the grants, of those that have any."""
    found: dict[int, tuple[tuple[Span, ...], tuple[Span, ...]]] = {}
    for row in rows:
        span, (closures, grants) = Span(row.from_s, row.until_s, row.kind), found.get(row.profile, ((), ()))
        is_closure = row.kind in CLOSURES
        found[row.profile] = ((*closures, span), grants) if is_closure else (closures, (*grants, span))
    return found


def _wished(among: Select[tuple[int]] | BindParameter[Any]) -> Select[Any]:
    """Chooses what stands once in a profile; no safe search where nothing is wished of DNS."""
    wishes = dns_wishes.c.safe_search, dns_wishes.c.canaries, dns_wishes.c.youtube
    chosen = select(profiles.c.id, profiles.c.zone, profiles.c.paused_until_s, *wishes)
    chosen = chosen.outerjoin(dns_wishes, dns_wishes.c.profile == profiles.c.id)
    return chosen.where(profiles.c.id.in_(among)).order_by(profiles.c.id)


def _joined(
    profile: ColumnElement[int], said: ColumnElement[str], among: Select[tuple[int]] | BindParameter[Any]
) -> Select[int, str]:
    """What the rows of each profile say, in no order, for _parts().   Joined by the database, which costs a third."""
    return select(profile, func.aggregate_strings(said, ";")).where(profile.in_(among)).group_by(profile)


def _hours() -> ColumnElement[str]:
    """A row of closed hours as text: weekday, start, minutes and what stays open."""
    closed = closed_intervals.c
    day, start, minutes = (cast(each, String) for each in (closed.weekday, closed.start_minute, closed.minutes))
    return day + " " + start + " " + minutes + " " + func.coalesce(closed.allowed, WHOLE)


def _interval(hours: str) -> Interval:
    day, start, minutes, allowed = hours.split(" ")
    names = None if allowed == WHOLE else frozenset(filter(None, allowed.split(",")))
    return Interval(int(day), int(start), int(minutes), names)


def _parts(joined: str) -> list[str]:
    return joined.split(";") if joined else []


def _own_names(rows: Iterable[Any]) -> dict[int, tuple[frozenset[str], frozenset[str]]]:
    """The names that are allowed, and those that are denied, of profiles that have any."""
    held: dict[int, tuple[set[str], set[str]]] = {}
    for number, name, is_allowed in rows:
        held.setdefault(number, (set(), set()))[0 if is_allowed else 1].add(name)
    return {number: (frozenset(allowed), frozenset(denied)) for number, (allowed, denied) in held.items()}


def _stamp(conn: Connection, numbers: list[int], revision: int, **values: Any) -> int:
    changed = update(profiles).where(profiles.c.id.in_(numbers)).values(revision=revision, **values)
    return conn.execute(changed).rowcount


def _add_rules(conn: Connection, number: int, profile: Profile) -> None:
    blocked = [{"profile": number, "category": name} for name in sorted(profile.blocked_categories)]
    if blocked:
        conn.execute(insert(blocked_categories), blocked)
    wishes = {"safe_search": profile.safe_search, "canaries": profile.canaries, "youtube": profile.youtube}
    if (profile.safe_search, profile.canaries, profile.youtube) != (NO_SAFE_SEARCH, False, NO_SAFE_SEARCH):
        conn.execute(insert(dns_wishes).values(profile=number, **wishes))
    own = [(name, True) for name in profile.allowed] + [(name, False) for name in profile.denied]
    if own:
        rows = [{"profile": number, "name": name, "is_allowed": is_allowed} for name, is_allowed in sorted(own)]
        conn.execute(insert(household_names), rows)
    _add_intervals(conn, number, profile.schedule.intervals)


def _replace_intervals(conn: Connection, number: int, intervals: Iterable[Interval]) -> None:
    conn.execute(delete(closed_intervals).where(closed_intervals.c.profile == number))
    _add_intervals(conn, number, intervals)


def _refuse_carded(conn: Connection, number: int, schedule: Schedule) -> None:
    """Raises BadProfile where a week is written over that cards would make again at midnight."""
    if conn.execute(select(cards.c.id).where(cards.c.profile == number).limit(1)).first() is None:
        return
    if set(get_profile(conn, number).schedule.intervals) != set(schedule.intervals):
        raise BadProfile("closed: cards make the hours of this profile; not changed; change its cards, or remove them")


def _add_intervals(conn: Connection, number: int, intervals: Iterable[Interval]) -> None:
    rows = [
        {
            "profile": number,
            "weekday": each.weekday,
            "start_minute": each.start_minute,
            "minutes": each.minutes,
            "allowed": None if each.allowed is None else ",".join(sorted(each.allowed)),
        }
        for each in sorted(set(intervals))
    ]
    if rows:
        conn.execute(insert(closed_intervals), rows)


def _nobody(number: int) -> NoSubscriber:
    return NoSubscriber(f"profile {number}: does not exist; nothing done; see the list of profiles")
