"""School packs: a province's school hours by school, shift and season, as data with a date and a source.

A pack is named PROVINCE/SCHOOL, such as pk-pb/double-afternoon; the province by ISO 3166-2.  Hours are those of a
notification, with the year that it was for: in another year they hold on the same dates until newer data comes, and
`verified_on` says how old they are.  A pack is silent where it knows nothing; a card's own hours hold then.

Invariants: read-only, from this package; every season has its source; a date has one season at most, and Ramadan's
hours come before the season's.
"""

import functools
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec
from msgspec import Struct

from parental.policy.schedule import DAYS, parse_interval
from parental.store.errors import BadSchedule

FOLDER = Path(__file__).parent / "packs"
Hours = tuple[int, int]  # start and end, minutes of a day


class Season(Struct, frozen=True, forbid_unknown_fields=True):
    """Hours between two dates of a year, both included, or of Ramadan.

    first, last  MM-DD; both absent: Ramadan's;   notified_for  the year or years of the notification
    hours        day → ["08:30", "13:00"]; of a day that is missing nothing is known"""

    notified_for: str
    source: str
    hours: dict[str, tuple[str, str]]
    first: str | None = None
    last: str | None = None


class School(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of school.   name  by language"""

    name: dict[str, str]
    seasons: list[Season]


class Province(Struct, frozen=True, forbid_unknown_fields=True):
    """One file.   verified_on  when a person of this project read the sources"""

    province: str
    verified_on: date
    schools: dict[str, School]


def find_school(pack: str) -> tuple[Province, School]:
    """A pack by its name.   Raises BadSchedule"""
    province, _, school = pack.partition("/")
    found = provinces().get(province)
    if found is None or school not in found.schools:
        raise BadSchedule(f"pack: {pack[:40]!r} is not known; not accepted; see the list of packs")
    return found, found.schools[school]


def hours_of(pack: str, day: date, is_ramadan: bool) -> Hours | None:
    """The school's hours on a date, if there is school;   None: the pack does not know.

    A pack that this release does not have knows nothing.   Cost: a look-up, after the first"""
    try:
        school = find_school(pack)[1]
    except BadSchedule:
        return None
    seasons = [each for each in school.seasons if is_ramadan and each.first is None]
    seasons += [each for each in school.seasons if each.first is not None and _holds(each, day)]
    return _hours(seasons[0], day.weekday()) if seasons else None


@functools.cache
def provinces() -> Mapping[str, Province]:
    """Every file, by its province.   Cost: some ms, once a process"""
    found = (msgspec.json.decode(path.read_bytes(), type=Province) for path in sorted(FOLDER.glob("*.json")))
    return {each.province: each for each in found}


def _holds(season: Season, day: date) -> bool:
    """Whether a date is in a season, which can begin in one year and end in the next."""
    assert season.first is not None
    assert season.last is not None
    at = f"{day:%m-%d}"
    if season.first <= season.last:
        return season.first <= at <= season.last
    return at >= season.first or at <= season.last


def _hours(season: Season, weekday: int) -> Hours | None:
    said = season.hours.get(DAYS[weekday])
    if said is None:
        return None
    interval = parse_interval(DAYS[weekday], *said)
    return interval.start_minute, interval.start_minute + interval.minutes
