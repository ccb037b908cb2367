"""Exceptions of a profile: closed until, more minutes, tonight off, open until; instants, with who made them and when.

A pause is not one of these: it is the profile's own (parental.policy.profiles.pause), and no exception opens it.

Invariants: one that has ended is gone, and at most MAX_EXCEPTIONS are there; what would open nothing is refused
and not kept.
Source: semantics §7.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, insert, select

from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import Calendar
from parental.calendar.resolution import closings_on
from parental.people.household import By
from parental.policy.profile import MAX_SPANS, Profile, Span, is_open, next_time_change
from parental.policy.profiles import touch
from parental.policy.schedule import DAY_MINUTES
from parental.store.errors import BadProfile, NoPerson, NotNow
from parental.store.schema.calendar import time_spans

SpanKind = Literal["closed_until", "plus", "tonight_off", "ticket", "open_until"]
MAX_MORE = 240  # minutes of one grant or ticket: an afternoon
MAX_OPEN = timedelta(days=7)
MAX_CLOSED = timedelta(days=366)
QUOTA = "quota"  # kept by parental.calendar.screen_time
MAX_EXCEPTIONS = MAX_SPANS - 1  # and one for the quota


class HeldSpan(NamedTuple):
    """An exception with its number, who made it and when."""

    id: int
    kind: SpanKind
    from_s: int
    until_s: int
    made_s: int
    by_kind: str
    by_name: str


KEPT = HeldSpan._fields[1:]  # what an exception is made of


def add(conn: Connection, profile: int, span: Span, by: By, at: datetime) -> int:
    """Keep an exception; its number.   Raises NoSubscriber, and BadProfile where there are too many"""
    mine, now_s = time_spans.c.profile == profile, int(at.timestamp())
    conn.execute(delete(time_spans).where(mine, time_spans.c.until_s <= now_s))
    kept = select(func.count()).select_from(time_spans).where(mine, time_spans.c.kind != QUOTA)
    if conn.execute(kept).scalar_one() >= MAX_EXCEPTIONS:
        raise BadProfile(f"exceptions: {MAX_EXCEPTIONS} hold already; not added; undo some, or wait until they end")
    row = {"kind": span.kind, "from_s": span.from_s, "until_s": span.until_s, "made_s": now_s}
    stored = conn.execute(insert(time_spans).values(profile=profile, by_kind=by.kind, by_name=by.name, **row))
    touch(conn, profile)
    assert stored.inserted_primary_key is not None
    return int(stored.inserted_primary_key[0])


def undo(conn: Connection, profile: int, number: int) -> str:
    """Take an exception back; its kind.   Raises NoPerson"""
    one = time_spans.c.id == number, time_spans.c.profile == profile, time_spans.c.kind != QUOTA
    kind = conn.execute(delete(time_spans).where(*one).returning(time_spans.c.kind)).scalar_one_or_none()
    if kind is None:
        raise NoPerson(f"exception {number}: not one of this profile, or it has ended; nothing done")
    touch(conn, profile)
    return str(kind)


def end(conn: Connection, profile: int, spans: Iterable[HeldSpan]) -> list[list[int | str]]:
    """Take exceptions back; what put_back() takes."""
    ended = list(spans)
    for span in ended:
        undo(conn, profile, span.id)
    return [list(span[1:]) for span in ended]


def put_back(conn: Connection, profile: int, rows: Iterable[Iterable[Any]], at: datetime) -> None:
    """Have exceptions that were taken back hold again; one that has ended meanwhile stays so.   rows  of KEPT"""
    kept = [dict(zip(KEPT, row, strict=True)) for row in rows]
    for row in kept:
        if row["until_s"] > at.timestamp():
            conn.execute(insert(time_spans).values(profile=profile, **row))
    touch(conn, profile)


def held(conn: Connection, profile: int, at: datetime) -> list[HeldSpan]:
    """The exceptions that have not ended, by their beginnings."""
    chosen = select(*time_spans.c[HeldSpan._fields]).where(
        time_spans.c.profile == profile, time_spans.c.until_s > at.timestamp(), time_spans.c.kind != QUOTA
    )
    return list(map(HeldSpan._make, conn.execute(chosen.order_by(time_spans.c.from_s, time_spans.c.id))))


def set_back(conn: Connection, by_s: int, at: datetime) -> list[int]:
    """The clock has gone back: what is open for a while ends as much earlier; the profiles that this changes.

    at  by the clock as it is now"""
    grants = time_spans.c.kind.in_(("plus", "tonight_off", "ticket", "open_until"))
    rows = conn.execute(select(time_spans).where(grants, time_spans.c.until_s > at.timestamp())).all()
    for row in rows:
        mine, until_s = time_spans.c.id == row.id, row.until_s - by_s
        conn.execute(delete(time_spans).where(mine))
        if until_s > max(row.from_s, at.timestamp()):
            conn.execute(insert(time_spans).values({**row._mapping, "until_s": until_s}))
    changed = sorted({row.profile for row in rows})
    for number in changed:
        touch(conn, number)
    return changed


def more(profile: Profile, kind: str, minutes: int, at: datetime) -> Span:
    """Minutes more: from now where it is closed, be it partly, else from when it closes next.   kind  plus or ticket

    Raises BadProfile; NotNow where a person has closed it, or nothing ever closes it"""
    if not 1 <= minutes <= MAX_MORE:
        raise BadProfile(f"minutes: {minutes}; not accepted; write 1 to {MAX_MORE}")
    _refuse_paused(profile, kind, at)
    begin = _closed_from(profile, at)
    if begin is None:
        raise NotNow("it is open, and nothing closes it; no minutes added")
    begin_s = int(begin.timestamp())
    return Span(begin_s, begin_s + 60 * minutes, kind)


def tonight_off(profile: Profile, cards: tuple[Card, ...], calendar: Calendar, at: datetime) -> Span:
    """Tonight without bedtime: from when it begins, or now, to its end.   Without cards it is the next closed time.

    Raises NotNow where none exists"""
    _refuse_paused(profile, "tonight_off", at)
    zone = ZoneInfo(profile.schedule.zone)
    night = _night(cards, calendar, zone, at) if cards else _next_closed(profile, at)
    if night is None:
        raise NotNow("there is no bedtime tonight; nothing changed")
    return Span(int(max(night[0], at).timestamp()), int(night[1].timestamp()), "tonight_off")


def until_bedtime(profile: Profile, cards: tuple[Card, ...], calendar: Calendar, at: datetime) -> Span:
    """Open from now until the next bedtime begins.   Raises NotNow where it is bedtime, or none begins within a day"""
    zone = ZoneInfo(profile.schedule.zone)
    nights = _nights(cards, calendar, zone, at, range(-1, 3))  # within a day can be two dates on, where clocks turn
    begin = min((begin for begin, _ in nights), default=None)
    if begin is None or not at < begin <= at + timedelta(days=1):
        raise NotNow("no bedtime begins within a day, or it is bedtime; nothing opened")
    return until(profile, "open_until", begin, at)


def until(profile: Profile, kind: str, end: datetime, at: datetime) -> Span:
    """Open or closed until an instant.   kind  open_until or closed_until.   Raises BadProfile, NotNow"""
    longest = MAX_OPEN if kind == "open_until" else MAX_CLOSED
    if not at < end <= at + longest:
        raise BadProfile(f"until: {end.isoformat()}; not accepted; name an instant within {longest.days} days from now")
    if kind == "open_until":
        _refuse_paused(profile, kind, at)
    return Span(int(at.timestamp()), -int(-end.timestamp() // 1), kind)


def _refuse_paused(profile: Profile, kind: str, at: datetime) -> None:
    """Raises NotNow where the profile would stay closed all the same."""
    if at.timestamp() < profile.paused_until_s:
        raise NotNow("it is paused; nothing opened; resume it")
    if kind != "open_until" and any(s.kind == "closed_until" and s.holds(at.timestamp()) for s in profile.closures):
        raise NotNow("a person has closed it until a time; nothing opened; undo that")


def _closed_from(profile: Profile, at: datetime) -> datetime | None:
    """The first instant from `at` on at which it is closed, be it partly; None: never.

    Grants end, and hours come back every week, so that there is an end.   Cost: some ms for each day that is open"""
    when: datetime | None = at
    while when is not None and is_open(profile, when):
        when = next_time_change(profile, when)
    return when


def _night(
    cards: tuple[Card, ...], calendar: Calendar, zone: ZoneInfo, at: datetime
) -> tuple[datetime, datetime] | None:
    """The bedtime that holds now, or begins on this date."""
    return next(_nights(cards, calendar, zone, at, range(-1, 1)), None)


def _nights(
    cards: tuple[Card, ...], calendar: Calendar, zone: ZoneInfo, at: datetime, days: Iterable[int]
) -> Iterator[tuple[datetime, datetime]]:
    """The bedtimes that end after `at`, by the dates on which they begin.   days  those dates, 0: the one of `at`"""
    today = at.astimezone(zone).date()
    for day in (today + timedelta(days=n) for n in days):
        for card, start, end in closings_on(cards, calendar, day):
            night = instant_of(day, start, zone), instant_of(day, end, zone, last=True)
            if card.kind is Kind.SLEEP and night[1] > at:
                yield night


def _next_closed(profile: Profile, at: datetime) -> tuple[datetime, datetime] | None:
    """The closed time of a plain week that holds now, or begins within a day."""
    week = profile.schedule
    begin = at if week.is_closed(at) else week.next_change(at)
    end = None if begin is None else week.next_change(begin)
    if begin is None or end is None or begin > at + timedelta(days=1):
        return None
    return begin, end


def instant_of(day: date, minute: int, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """When a wall clock shows a minute after a date's 00:00, in UTC; of two such instants the first, or the last."""
    at = day + timedelta(days=minute // DAY_MINUTES)
    wall = time(*divmod(minute % DAY_MINUTES, 60), tzinfo=zone, fold=int(last))
    return datetime.combine(at, wall).astimezone(UTC)
