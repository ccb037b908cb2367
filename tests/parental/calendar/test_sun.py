"""Suhoor and iftar, against properties of the sun and a reckoning that is not astral's."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import acos, asin, atan2, cos, degrees, radians, sin
from zoneinfo import ZoneInfo

import pytest

from parental.calendar.sun import Turn, cities, find_city, minute_of
from parental.store.errors import BadSchedule

HORIZON, DAWN = -0.833, -18.0  # degrees: refraction and half the sun's width; Karachi's method
YEAR = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
IFTAR, SUHOOR = Turn.IFTAR, Turn.SUHOOR


def reckoned(turn: Turn, city: str, day: date) -> float:
    """Minutes of the wall clock, by the low-precision formulas of the Astronomical Almanac (page C5): 0.01°."""
    place = find_city(city)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(place.zone))
    at = noon + timedelta(hours=-6 if turn is SUHOOR else 6)
    for _ in range(4):  # the sun moves while it sets
        n = (at - datetime(2000, 1, 1, 12, tzinfo=UTC)).total_seconds() / 86400
        anomaly = radians(357.528 + 0.9856003 * n)
        longitude = radians(280.460 + 0.9856474 * n + 1.915 * sin(anomaly) + 0.020 * sin(2 * anomaly))
        tilt = radians(23.439 - 0.0000004 * n)
        ascension = degrees(atan2(cos(tilt) * sin(longitude), cos(longitude)))
        declination = asin(sin(tilt) * sin(longitude))
        wanted = radians(DAWN if turn is SUHOOR else HORIZON)
        north = radians(place.latitude)
        ratio = (sin(wanted) - sin(north) * sin(declination)) / (cos(north) * cos(declination))
        hour = degrees(acos(ratio)) * (-1 if turn is SUHOOR else 1)
        sidereal = 280.46062 + 360.98564737 * n + place.longitude
        away = (hour - (sidereal - ascension) + 180) % 360 - 180
        at += timedelta(days=away / 360.98564737)
    return (at - noon.replace(hour=0)).total_seconds() / 60


@pytest.mark.parametrize("city", ["karachi", "lahore", "islamabad", "quetta"])
@pytest.mark.parametrize("turn", Turn)
def test_times_of_a_year_are_those_of_another_reckoning_within_two_minutes(turn: Turn, city: str) -> None:
    for day in YEAR:
        assert abs((minute_of(turn, city, day) or 0) - reckoned(turn, city, day)) <= 2, day


@pytest.mark.parametrize("city", cities())
def test_on_every_day_suhoor_ends_before_the_sun_is_up_and_iftar_follows_and_both_change_little(city: str) -> None:
    suhoor = [minute_of(SUHOOR, city, day) or 0 for day in YEAR]
    iftar = [minute_of(IFTAR, city, day) or 0 for day in YEAR]

    assert all(150 < dawn < 370 and 1000 < sunset < 1200 for dawn, sunset in zip(suhoor, iftar, strict=True))
    for of_year in (suhoor, iftar):
        assert all(abs(one - other) <= 2 for one, other in pairwise(of_year))


def test_from_midwinter_to_midsummer_iftar_is_never_earlier_on_a_later_day() -> None:
    spring = [minute_of(IFTAR, "karachi", date(2026, 1, 1) + timedelta(days=n)) or 0 for n in range(160)]

    assert spring == sorted(spring)


def test_the_sun_sets_in_lahore_before_it_does_in_karachi_in_winter() -> None:
    day = date(2026, 2, 19)

    lahore, karachi = (minute_of(IFTAR, city, day) or 0 for city in ("lahore", "karachi"))
    assert 25 < karachi - lahore < 45


@pytest.mark.parametrize("city", cities())
def test_every_city_has_a_name_in_both_languages_and_is_in_pakistan(city: str) -> None:
    found = find_city(city)

    assert set(found.name) == {"en", "ur"}
    assert found.zone == "Asia/Karachi"
    assert 23 < found.latitude < 37.5 and 60 < found.longitude < 78


def test_a_city_that_is_not_known_has_no_times() -> None:
    assert minute_of(IFTAR, "atlantis", YEAR[0]) is None
    with pytest.raises(BadSchedule, match="list of cities"):
        find_city("atlantis")
