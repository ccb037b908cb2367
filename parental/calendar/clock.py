"""Times of day as people write them: of twelve hours with am and pm, or of twenty-four."""

import re

from parental.policy.schedule import DAY_MINUTES, parse_minute
from parental.store.errors import BadSchedule

_TWELVE = re.compile(r"(1[0-2]|0?[1-9])(?::([0-5][0-9]))? ?(am|pm)", re.ASCII | re.IGNORECASE)


def parse_clock(text: str) -> int:
    """'9:30 pm', '9 pm' or '21:30' to a minute of the day; '24:00' is 1440.   Raises BadSchedule"""
    found = _TWELVE.fullmatch(text)
    if found is None:
        return parse_minute(text)
    hour, minute, half = found.groups()
    return (int(hour) % 12 + 12 * (half.lower() == "pm")) * 60 + int(minute or 0)


def minutes_between(start: int, end: int) -> int:
    """How long it is from one minute of a day to the next time that it is the other; 1440 for the same.

    Raises BadSchedule for a start at 24:00"""
    if start == DAY_MINUTES:
        raise BadSchedule("from: 24:00 is the end of a day; not accepted; write 12 am of the next day")
    return (end - start) % DAY_MINUTES or DAY_MINUTES
