"""Screen time: minutes a day, begun by hand, one bucket, which no clock fills again."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parental.calendar.quota import MAX_MINUTES, Quota
from parental.store.errors import BadProfile, NotNow

DAY = date(2026, 8, 3)
MIDNIGHT_S = 86_400


@pytest.mark.parametrize("minutes", [0, MAX_MINUTES + 1])
def test_a_day_has_no_more_minutes_than_it_has(minutes: int) -> None:
    with pytest.raises(BadProfile, match="1 to 1440"):
        Quota(minutes, DAY)


def test_a_day_before_the_buckets_own_has_no_bucket_of_its_own() -> None:
    spent = Quota(60, DAY, used_s=3600)

    assert spent.left_s(100, DAY - timedelta(days=1)) == 0
    with pytest.raises(NotNow):
        spent.start(100, DAY - timedelta(days=1), MIDNIGHT_S)


@given(
    minutes=st.integers(1, 1440),
    steps=st.lists(st.tuples(st.sampled_from(["start", "stop"]), st.integers(-4000, 4000)), max_size=30),
)
def test_no_order_of_starts_stops_and_steps_of_the_clock_gives_more_than_the_days_minutes(
    minutes: int, steps: list[tuple[str, int]]
) -> None:
    quota, now = Quota(minutes, DAY), 40_000
    for verb, by in steps:
        now = min(max(0, now + by), MIDNIGHT_S - 1)
        try:
            quota = quota.start(now, DAY, MIDNIGHT_S) if verb == "start" else quota.stop(now, DAY)
        except NotNow:
            continue
        assert 0 <= quota.used_s <= 60 * minutes
        assert quota.left_s(now, DAY) <= 60 * minutes - quota.used_s
