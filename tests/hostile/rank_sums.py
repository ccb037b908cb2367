"""Whether times of two kinds differ, by the stratified rank sum test of van Elteren.

Each round is compared for itself as by Mann and Whitney, and the sums of all rounds together: what one round has over
another, on a machine that gets slower or faster, is no difference.
Source: van Elteren, On the combination of independent two-sample tests of Wilcoxon (1960).
"""

import math
import statistics
from bisect import bisect_left, bisect_right

Rounds = list[list[int]]  # of times in nanoseconds
MOST_NS = 1_000_000_000


def stratified_z(one: Rounds, other: Rounds, more_ns: int = 0) -> float:
    """z of the statistic, above 0 where `one` is later.   more_ns  added to each of its times

    one, other   as many rounds, all of one length"""
    above = variance = 0.0
    for mine, theirs in zip(one, other, strict=True):
        ordered, n, m = sorted(theirs), len(mine), len(theirs)
        twice = sum(bisect_left(ordered, ns + more_ns) + bisect_right(ordered, ns + more_ns) for ns in mine)
        above += (twice - n * m) / 2
        variance += n * m * (n + m + 1) / 12
    return above / math.sqrt(variance)


def told_from_ns(one: Rounds, other: Rounds, z: float) -> int:
    """By how much `one` would have to be later for that z; at most MOST_NS."""
    return bisect_left(range(MOST_NS), z, key=lambda more_ns: stratified_z(one, other, more_ns))


def median_ns(rounds: Rounds) -> float:
    return statistics.median(ns for each in rounds for ns in each)
