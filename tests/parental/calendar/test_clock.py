import pytest
from hypothesis import given
from hypothesis import strategies as st

from parental.calendar.clock import minutes_between, parse_clock
from parental.store.errors import BadSchedule


@pytest.mark.parametrize(
    ("text", "minute"),
    [
        ("12 am", 0),
        ("12:30 AM", 30),
        ("9:30pm", 1290),
        ("12 pm", 720),
        ("1:05 am", 65),
        ("09:00 am", 540),
        ("21:30", 1290),
        ("24:00", 1440),
    ],
)
def test_a_time_of_day_is_read_as_people_write_it(text: str, minute: int) -> None:
    assert parse_clock(text) == minute


@pytest.mark.parametrize("text", ["13 pm", "0 am", "9:60 pm", "9", "21:30 pm", "٩ pm", "", "9 pm\n", "25:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(BadSchedule):
        parse_clock(text)


@given(st.integers(0, 1439), st.integers(0, 1440))
def test_a_time_lasts_until_the_clock_shows_its_end(start: int, end: int) -> None:
    minutes = minutes_between(start, end)

    assert 1 <= minutes <= 1440
    assert (start + minutes) % 1440 == end % 1440


def test_the_end_of_a_day_is_no_start() -> None:
    with pytest.raises(BadSchedule, match="next day"):
        minutes_between(1440, 10)
