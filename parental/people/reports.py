"""Reports of children: how often what was closed was met, by day and kind; counts alone.

    drain → daily_totals → the household's page

Only of children, never of a line's own profile, which is its adults'.  A household says for how long they are kept.
Invariants: no name, no time of a day, nothing of what was allowed, of an order, of CSAM or of the help corridor is ever
counted; of a household that keeps nothing nothing is written, and what was there is deleted in the same transaction as
its choice.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from parental.store.database import upsert
from parental.store.errors import BadPerson
from parental.store.schema.lines import profiles
from parental.store.schema.people import accounts, children, daily_totals

DAYS = (30, 7, 0)  # for which they are kept, the usual first: a month is what a family talks about


class Encounter(NamedTuple):
    """Something closed that a profile has met.   what  a category, or the reason of a lock;   n  how often"""

    profile: int
    time_s: int
    what: str
    n: int = 1


def count(conn: Connection, met: Iterable[Encounter]) -> None:
    """Add what children have met, where their household keeps it.   Cost: a look-up and a write for each batch"""
    found, counted = list(met), Counter[tuple[int, str, str]]()
    zones = _zones(conn, {each.profile for each in found}) if found else {}
    for each in found:
        if each.profile in zones:
            counted[each.profile, _day(each.time_s, zones[each.profile]), each.what] += each.n
    if counted:
        rows = [{"profile": key[0], "day": key[1], "what": key[2], "count": n} for key, n in counted.items()]
        added = upsert(conn, daily_totals)
        add = {"count": daily_totals.c.count + added.excluded.count}
        conn.execute(added.on_conflict_do_update(index_elements=["profile", "day", "what"], set_=add), rows)


def totals_of(conn: Connection, profile: int, first: date) -> dict[date, dict[str, int]]:
    """What a child has met since a day: day → what → how often."""
    chosen = daily_totals.c.profile == profile, daily_totals.c.day >= first.isoformat()
    found: dict[date, dict[str, int]] = {}
    for row in conn.execute(select(daily_totals).where(*chosen)):
        found.setdefault(date.fromisoformat(row.day), {})[row.what] = int(row._mapping["count"])
    return found


def days_of(conn: Connection, account: int) -> int:
    """For how many days a household keeps them."""
    said = conn.execute(select(accounts.c.report_days).where(accounts.c.id == account)).scalar_one()
    return DAYS[0] if said is None else int(said)


def keep_for(conn: Connection, account: int, days: int, today: date) -> None:
    """Say for how many days a household keeps them; what is older is deleted.   Raises BadPerson"""
    if days not in DAYS:
        raise BadPerson(f"days: {days}; not accepted; write one of {', '.join(map(str, DAYS))}")
    conn.execute(update(accounts).where(accounts.c.id == account).values(report_days=days))
    mine = select(children.c.profile).where(children.c.account == account)
    conn.execute(delete(daily_totals).where(daily_totals.c.profile.in_(mine), _is_old(days, today)))


def forget(conn: Connection, today: date) -> int:
    """Delete what is older than its household wants; how much.   today  in UTC"""
    n = conn.execute(delete(daily_totals).where(_is_old(DAYS[0], today))).rowcount
    for days in DAYS[1:]:
        theirs = select(children.c.profile).join(accounts, accounts.c.id == children.c.account)
        short = theirs.where(accounts.c.report_days == days)
        n += conn.execute(delete(daily_totals).where(daily_totals.c.profile.in_(short), _is_old(days, today))).rowcount
    return n


def _is_old(days: int, today: date) -> ColumnElement[bool]:
    """Of before the last so many days, today among them; all of them where nothing is kept."""
    if not days:
        return daily_totals.c.day.is_not(None)
    return daily_totals.c.day <= (today - timedelta(days=days)).isoformat()


def _zones(conn: Connection, numbers: set[int]) -> Mapping[int, ZoneInfo]:
    """The zones of those profiles that are children's of households that keep something."""
    kept = func.coalesce(accounts.c.report_days, DAYS[0]) > 0
    whose = children.join(accounts, accounts.c.id == children.c.account)
    whose = whose.join(profiles, profiles.c.id == children.c.profile)
    chosen = select(children.c.profile, profiles.c.zone).select_from(whose)
    rows = conn.execute(chosen.where(children.c.profile.in_(sorted(numbers)), kept))
    return {row.profile: ZoneInfo(row.zone) for row in rows}


def _day(time_s: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(time_s, UTC).astimezone(zone).date().isoformat()
