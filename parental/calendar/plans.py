"""Plans in the database: the cards of profiles and the dates of households and of the operator.

Invariants: anyone who changes one makes the weeks again in the same transaction (parental.calendar.weeks); a change
counts as one of its profiles also where their weeks stay as they are, so that what was done before is not taken back
over it; a row that this release cannot read, such as a kind of a newer one, is a fault and opens nothing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import starmap
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, insert, select, update

from parental.calendar.card import Card, Kind, check_number
from parental.calendar.day_sets import MAX_RANGES, Calendar, DaySet, Range, own_first
from parental.calendar.packs import find_school
from parental.calendar.sun import Turn, find_city
from parental.policy.profiles import put_week, touch, touch_all
from parental.store.errors import BadSchedule, NoPerson
from parental.store.revision import REVISION, raise_revision
from parental.store.schema.calendar import cards, day_ranges, household_calendars
from parental.store.schema.lines import profiles

_CARDS = select(cards).where(cards.c.profile.in_(bindparam("numbers", expanding=True))).order_by(cards.c.id)
_RANGE = day_ranges.c["day_set", "first", "last"]
FOLLOWS = True  # a household that has said nothing follows what the operator announces


def cards_of(conn: Connection, numbers: Sequence[int]) -> dict[int, tuple[Card, ...]]:
    """The cards of at most BATCH profiles, by the profile; those without are not in it."""
    found: dict[int, tuple[Card, ...]] = {}
    for row in conn.execute(_CARDS, {"numbers": numbers}):
        found[row.profile] = (*found.get(row.profile, ()), _card(row))
    return found


def put_card(conn: Connection, profile: int, card: Card) -> Card:
    """Add a card, or replace the one of its id.   Raises BadSchedule, and NoPerson for a card that is missing"""
    there = cards_of(conn, [profile]).get(profile, ())
    check_number((*(each for each in there if each.id != card.id), card))
    if card.pack is not None:
        find_school(card.pack)
    touch(conn, profile)
    if card.id:
        changed = conn.execute(update(cards).where(*_one(profile, card.id)).values(**_row(card)))
        if changed.rowcount == 0:
            raise _no_card(card.id)
        return card
    stored = conn.execute(insert(cards).values(profile=profile, **_row(card)))
    assert stored.inserted_primary_key is not None
    return replace(card, id=int(stored.inserted_primary_key[0]))


def remove_card(conn: Connection, profile: int, card: int) -> None:
    """Remove a card; without any there are no hours.   Raises NoPerson"""
    if conn.execute(delete(cards).where(*_one(profile, card))).rowcount == 0:
        raise _no_card(card)
    touch(conn, profile)
    if not has_cards(conn, profile):
        put_week(conn, profile, ())


def has_cards(conn: Connection, profile: int) -> bool:
    """Whether a profile's week is made of cards."""
    return conn.execute(select(cards.c.id).where(cards.c.profile == profile).limit(1)).first() is not None


def calendar_of(conn: Connection, account: int) -> Calendar:
    """A household's dates, with the operator's where it follows them."""
    return calendars_of(conn, [account], announced_of(conn))[account]


def calendars_of(conn: Connection, accounts: Sequence[int], announced: tuple[Range, ...]) -> dict[int, Calendar]:
    """The same for at most BATCH accounts.   announced  of announced_of()"""
    ranges = _ranges(conn, accounts)
    found = {each: Calendar(ranges=ranges.get(each, ()), announced=announced) for each in accounts}
    for row in conn.execute(select(household_calendars).where(household_calendars.c.account.in_(accounts))):
        days, theirs = frozenset(_days(row.school_days)), announced if row.follows_announced else ()
        found[row.account] = Calendar(days, ranges.get(row.account, ()), theirs, row.shift_days, row.city)
    return found


def put_calendar(conn: Connection, account: int, calendar: Calendar, follows_announced: bool) -> None:
    """Replace a household's dates; what `calendar` has of announced ones is not stored.

    Raises BadSchedule for a city that is not known."""
    if calendar.city is not None:
        find_city(calendar.city)
    conn.execute(delete(household_calendars).where(household_calendars.c.account == account))
    row = {"school_days": _mask(calendar.school_days), "follows_announced": follows_announced, "city": calendar.city}
    conn.execute(insert(household_calendars).values(account=account, shift_days=calendar.shift_days, **row))
    _put_ranges(conn, account, calendar.ranges)
    mine = select(profiles.c.id).where(profiles.c.account == account)
    touch_all(conn, conn.execute(mine).scalars(), raise_revision(conn, REVISION))


def follows_announced(conn: Connection, account: int) -> bool:
    """Whether a household follows the operator's dates."""
    chosen = select(household_calendars.c.follows_announced).where(household_calendars.c.account == account)
    said = conn.execute(chosen).scalar_one_or_none()
    return FOLLOWS if said is None else bool(said)


def announced_of(conn: Connection) -> tuple[Range, ...]:
    """The operator's dates: holidays and Ramadan, as they were announced."""
    chosen = select(*_RANGE).where(day_ranges.c.account.is_(None))
    return own_first(starmap(_range, conn.execute(chosen)))


def announce(conn: Connection, ranges: Iterable[Range]) -> None:
    """Replace the operator's dates.   Raises BadSchedule"""
    ranges = own_first(ranges)
    if len(ranges) > MAX_RANGES:
        raise BadSchedule(f"dates: {len(ranges)} ranges; not accepted; write at most {MAX_RANGES}")
    _put_ranges(conn, None, ranges)


def _put_ranges(conn: Connection, account: int | None, ranges: Iterable[Range]) -> None:
    mine = day_ranges.c.account.is_(None) if account is None else day_ranges.c.account == account
    conn.execute(delete(day_ranges).where(mine))
    rows = [
        {"account": account, "day_set": str(each.day_set), "first": each.first.isoformat(), "last": _iso(each.last)}
        for each in own_first(ranges)
    ]
    if rows:
        conn.execute(insert(day_ranges), rows)


def _ranges(conn: Connection, accounts: Sequence[int]) -> Mapping[int, tuple[Range, ...]]:
    found: dict[int, list[Range]] = {}
    chosen = select(day_ranges.c.account, *_RANGE).where(day_ranges.c.account.in_(accounts))
    for account, day_set, first, last in conn.execute(chosen):
        found.setdefault(account, []).append(_range(day_set, first, last))
    return {account: own_first(ranges) for account, ranges in found.items()}


def _range(day_set: str, first: str, last: str | None) -> Range:
    return Range(DaySet(day_set), date.fromisoformat(first), None if last is None else date.fromisoformat(last))


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _one(profile: int, card: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return cards.c.id == card, cards.c.profile == profile


def _no_card(card: int) -> NoPerson:
    return NoPerson(f"card {card}: not one of this profile; nothing done; see its cards")


def _row(card: Card) -> dict[str, object]:
    return {
        "kind": str(card.kind),
        "label": card.label,
        "days": _mask(card.days),
        "start_minute": card.start_minute,
        "minutes": card.minutes,
        "day_sets": " ".join(sorted(card.day_sets)),
        "is_on": card.is_on,
        "allowed": None if card.allowed is None else json.dumps(sorted(card.allowed)),
        "pack": card.pack,
        "begins": None if card.begins is None else str(card.begins),
        "ends": None if card.ends is None else str(card.ends),
    }


def _card(row: Row[Any]) -> Card:
    return Card(
        kind=Kind(row.kind),
        start_minute=row.start_minute,
        minutes=row.minutes,
        days=frozenset(_days(row.days)),
        day_sets=frozenset(map(DaySet, row.day_sets.split())),
        label=row.label,
        is_on=row.is_on,
        allowed=None if row.allowed is None else frozenset(json.loads(row.allowed)),
        pack=row.pack,
        begins=None if row.begins is None else Turn(row.begins),
        ends=None if row.ends is None else Turn(row.ends),
        id=row.id,
    )


def _mask(days: Iterable[int]) -> int:
    return sum(1 << day for day in set(days))


def _days(mask: int) -> list[int]:
    return [day for day in range(7) if mask >> day & 1]
