"""The packs of this package, and what a file of them must have."""

from datetime import date

import pytest

from parental.calendar.packs import find_school, hours_of, provinces
from parental.policy.schedule import DAYS, parse_interval
from parental.store.errors import BadSchedule

PACKS = [f"{name}/{school}" for name, each in provinces().items() for school in each.schools]


@pytest.mark.parametrize("pack", PACKS)
def test_every_pack_has_its_sources_its_date_its_names_and_hours_that_can_be_read(pack: str) -> None:
    province, school = find_school(pack)

    assert province.verified_on >= date(2026, 1, 1)
    assert set(school.name) == {"en", "ur"}
    for season in school.seasons:
        assert season.source.startswith("https://")
        assert season.notified_for
        for day, hours in season.hours.items():
            assert day in DAYS
            assert parse_interval(day, *hours).minutes < 600


@pytest.mark.parametrize("pack", PACKS)
def test_a_date_has_one_season_at_most(pack: str) -> None:
    seasons = [each for each in find_school(pack)[1].seasons if each.first is not None]
    for at in (f"{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 32)):
        held = [
            each for each in seasons
            if each.first and each.last
            and (each.first <= at <= each.last if each.first <= each.last else at >= each.first or at <= each.last)
        ]  # fmt: skip
        assert len(held) <= 1


def test_girls_schools_of_punjab_begin_and_end_a_quarter_of_an_hour_earlier() -> None:
    winter = date(2026, 1, 12)

    assert hours_of("pk-pb/single-girls", winter, is_ramadan=False) == (510, 870)
    assert hours_of("pk-pb/single-boys", winter, is_ramadan=False) == (525, 885)


def test_a_pack_is_silent_where_it_knows_nothing() -> None:
    assert hours_of("pk-kp/primary", date(2026, 6, 1), is_ramadan=False) is None
    assert hours_of("pk-xx/primary", date(2026, 6, 1), is_ramadan=False) is None
    with pytest.raises(BadSchedule, match="list of packs"):
        find_school("pk-xx/primary")
