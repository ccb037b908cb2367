"""Sun: when suhoor ends and when iftar begins in a city, on a date.

Suhoor ends at dawn, when the sun stands 18° below the horizon (University of Islamic Sciences, Karachi); iftar is at
sunset.  A minute is whole: iftar is never before sunset, and suhoor never ends after dawn.

Invariants: no clock and no database; minutes are of the wall clock of the city; a city that this release does not have
has no times.   Not reckoned: mountains around a city, and what a mosque adds for caution.
Source: astral, after J. Meeus, Astronomical Algorithms, by way of NOAA; coordinates of city centres to 0.01°, some 3 s.
Cost: some 20 µs for a date of a city, once a process.
"""

import enum
import functools
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from astral import Observer
from astral.sun import dawn, sunset
from msgspec import Struct

from parental.store.errors import BadSchedule

FILE = Path(__file__).with_name("cities.json")
DAWN_DEGREES = 18.0
MOST_KEPT = 4096  # a year of a dozen cities


class Turn(enum.StrEnum):
    """A time of a day of fasting; its name in both languages is a message."""

    SUHOOR = "suhoor"  # ends, at dawn
    IFTAR = "iftar"  # begins, at sunset


class City(Struct, frozen=True, forbid_unknown_fields=True):
    """name  by language;   latitude, longitude  degrees north and east"""

    name: dict[str, str]
    zone: str
    latitude: float
    longitude: float


def find_city(city: str) -> City:
    """A city by its name in the list.   Raises BadSchedule"""
    found = cities().get(city)
    if found is None:
        raise BadSchedule(f"city: {city[:40]!r} is not known; not accepted; see the list of cities")
    return found


@functools.lru_cache(MOST_KEPT)
def minute_of(turn: Turn, city: str, day: date) -> int | None:
    """Minutes from 00:00 of a date;   None: the city is not known."""
    place = cities().get(city)
    if place is None:
        return None
    return math.floor(_dawn(place, day)) if turn == Turn.SUHOOR else math.floor(_minutes(sunset, place, day)) + 1


def _dawn(place: City, day: date) -> float:
    """Minutes.   On the day on which it passes 00:00 UTC, which astral refuses: between its neighbours', to 1 s."""
    reckon = functools.partial(dawn, depression=DAWN_DEGREES)
    try:
        return _minutes(reckon, place, day)
    except ValueError:
        return sum(_minutes(reckon, place, day + timedelta(days=n)) for n in (-1, 1)) / 2


def _minutes(reckon: Callable[..., datetime], place: City, day: date) -> float:
    at = reckon(Observer(place.latitude, place.longitude), day, tzinfo=ZoneInfo(place.zone))
    return at.hour * 60 + at.minute + at.second / 60


@functools.cache
def cities() -> Mapping[str, City]:
    """Every city, by the name that dates give.   Cost: some ms, once a process"""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, City])
