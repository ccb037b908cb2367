"""A counter as its row in counter_table.py says it."""

from typing import NamedTuple


class Counter(NamedTuple):
    """One counter.   counts  what it counts, one sentence: the help text of metrics;   rise  what to make of a rise"""

    name: str
    counts: str
    rise: str
