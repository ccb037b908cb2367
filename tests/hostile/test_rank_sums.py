"""What the rank sums of rounds see, and what they do not take for a difference."""

import random

from hostile.rank_sums import Rounds, stratified_z, told_from_ns

N, N_ROUNDS = 100, 50


def rounds(seed: int, more_ns: int = 0, drift_ns: int = 0, grain_ns: int = 1) -> Rounds:
    """Times around 30 µs; each round is later than the one before by `drift_ns`."""
    chance = random.Random(seed)
    return [
        [int(chance.gauss(30_000 + at * drift_ns, 2000) + more_ns) // grain_ns * grain_ns for _ in range(N)]
        for at in range(N_ROUNDS)
    ]


def test_a_difference_far_below_what_the_machine_s_speed_changes_by_is_seen() -> None:
    assert abs(stratified_z(rounds(1, drift_ns=1000), rounds(2, drift_ns=1000))) < 3
    assert stratified_z(rounds(1, 300, drift_ns=1000), rounds(2, drift_ns=1000)) > 4.5
    assert stratified_z(rounds(1, -300, drift_ns=1000), rounds(2, drift_ns=1000)) < -4.5


def test_equal_times_of_a_coarse_clock_are_no_difference() -> None:
    assert abs(stratified_z(rounds(1, grain_ns=5000), rounds(2, grain_ns=5000))) < 3
    assert stratified_z([[7] * N], [[7] * N]) == 0


def test_it_is_said_which_difference_would_have_been_seen() -> None:
    from_ns = told_from_ns(rounds(1), rounds(2), 4.5)

    assert 100 < from_ns < 400
    assert stratified_z(rounds(1), rounds(2), from_ns - 1) < 4.5 <= stratified_z(rounds(1), rounds(2), from_ns)
