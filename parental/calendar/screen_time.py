"""Screen time in the database: a profile's quota, and the lock that it makes.

Invariants: the lock and the quota change in one transaction; screen time ends without anyone's doing, as its end is an
instant that the data plane knows.
"""

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, insert, select, update

from parental.calendar.quota import Quota
from parental.calendar.weeks import next_midnight
from parental.policy.profile import Profile, next_lock_change, without_quota
from parental.policy.profiles import get_profile, touch
from parental.store.errors import NoPerson
from parental.store.schema.calendar import quotas, time_spans

QUOTA = "quota"


def quota_of(conn: Connection, profile: int) -> Quota | None:
    """A profile's quota; None: it has none."""
    row = conn.execute(select(quotas).where(quotas.c.profile == profile)).one_or_none()
    if row is None:
        return None
    return Quota(row.minutes, date.fromisoformat(row.day), row.used_s, row.started_s, row.ends_s)


def put_quota(conn: Connection, profile: int, minutes: int | None, at: datetime) -> None:
    """Give a profile minutes a day, or none any more; what is used of today stays used, and what runs is stopped.

    Raises BadProfile"""
    before = quota_of(conn, profile)
    if minutes is None:
        conn.execute(delete(quotas).where(quotas.c.profile == profile))
        _lock(conn, profile, None, at)
        return
    today = _today(conn, profile, at)
    before = before and before.settled(int(at.timestamp()), today)
    _put(conn, profile, Quota(minutes, before.day, before.used_s) if before else Quota(minutes, today), at)


def start(conn: Connection, profile: int, at: datetime) -> Quota:
    """Begin screen time.   Raises NoPerson, NotNow"""
    quota, today = _there(conn, profile), _today(conn, profile, at)
    midnight = next_midnight([get_profile(conn, profile).schedule.zone], at)
    assert midnight is not None
    started = quota.start(int(at.timestamp()), today, int(midnight.timestamp()))
    _run(conn, profile, started, at)
    return started


def stop(conn: Connection, profile: int, at: datetime) -> Quota:
    """End screen time.   Raises NoPerson, NotNow"""
    stopped = _there(conn, profile).stop(int(at.timestamp()), _today(conn, profile, at))
    _run(conn, profile, stopped, at)
    return stopped


def put_back(conn: Connection, profile: int, bucket: Quota, at: datetime) -> None:
    """Have the bucket be as it was before screen time began or ended.   Raises NoPerson"""
    held = _there(conn, profile)
    _run(conn, profile, replace(bucket, minutes=held.minutes), at)


def set_back(conn: Connection, by_s: int, at: datetime) -> list[int]:
    """The clock has gone back: screen time that runs ends as much earlier; whose.   at  by the clock as it is now"""
    running = select(quotas.c.profile).where(quotas.c.ends_s > at.timestamp())
    changed = list(conn.execute(running.order_by(quotas.c.profile)).scalars())
    for profile in changed:
        moved = _there(conn, profile).set_back(by_s)
        times = {"started_s": moved.started_s, "ends_s": moved.ends_s}
        conn.execute(update(quotas).where(quotas.c.profile == profile).values(**times))
        _lock(conn, profile, moved, at)
    return changed


def ends_by(rules: Profile, at: datetime) -> datetime:
    """When screen time ends that runs at `at`, no matter what is left of it: at midnight, or where something else
    closes."""
    midnight = next_midnight([rules.schedule.zone], at)
    assert midnight is not None
    return min(midnight, next_lock_change(without_quota(rules), at) or midnight)


def left_s(conn: Connection, profile: int, quota: Quota, at: datetime) -> int:
    """Seconds that are left of today."""
    return quota.left_s(int(at.timestamp()), _today(conn, profile, at))


def _there(conn: Connection, profile: int) -> Quota:
    found = quota_of(conn, profile)
    if found is None:
        raise NoPerson("screen time: no minutes a day are set here; nothing done; set them first")
    return found


def _today(conn: Connection, profile: int, at: datetime) -> date:
    return at.astimezone(ZoneInfo(get_profile(conn, profile).schedule.zone)).date()


def _run(conn: Connection, profile: int, quota: Quota, at: datetime) -> None:
    """Keep the bucket of a quota that is there: of its minutes nothing changes, as control may write none."""
    times = {"started_s": quota.started_s, "ends_s": quota.ends_s}
    bucket = {"day": quota.day.isoformat(), "used_s": quota.used_s, **times}
    conn.execute(update(quotas).where(quotas.c.profile == profile).values(**bucket))
    _lock(conn, profile, quota, at)


def _put(conn: Connection, profile: int, quota: Quota, at: datetime) -> None:
    conn.execute(delete(quotas).where(quotas.c.profile == profile))
    times = {"started_s": quota.started_s, "ends_s": quota.ends_s}
    row = {"minutes": quota.minutes, "day": quota.day.isoformat(), "used_s": quota.used_s}
    conn.execute(insert(quotas).values(profile=profile, **row, **times))
    _lock(conn, profile, quota, at)


def _lock(conn: Connection, profile: int, quota: Quota | None, at: datetime) -> None:
    conn.execute(delete(time_spans).where(time_spans.c.profile == profile, time_spans.c.kind == QUOTA))
    if quota is not None:
        span = quota.closure()
        row = {"kind": span.kind, "from_s": span.from_s, "until_s": span.until_s, "made_s": int(at.timestamp())}
        conn.execute(insert(time_spans).values(profile=profile, by_kind=QUOTA, by_name="", **row))
    touch(conn, profile)
