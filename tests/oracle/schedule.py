"""The schedule as a child would check it: look at the wall clock, minute by minute, and ask every interval."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


def is_closed(intervals: Iterable[tuple[int, int, int]], zone: str, at: datetime) -> bool:
    wall = at.astimezone(ZoneInfo(zone))
    now = wall.weekday() * 1440 + wall.hour * 60 + wall.minute
    return any(
        start <= now + week * 10080 < start + minutes
        for weekday, minute, minutes in intervals
        for start in [weekday * 1440 + minute]
        for week in (0, 1)
    )


def next_change(
    intervals: Iterable[tuple[int, int, int]], zone: str, after: datetime, within: timedelta
) -> datetime | None:
    fixed = list(intervals)
    before = is_closed(fixed, zone, after)
    at = after.astimezone(UTC).replace(second=0, microsecond=0) + MINUTE
    while at <= after + within:
        if is_closed(fixed, zone, at) != before:
            return at
        at += MINUTE
    return None
