"""When a canary ends, and how: every case that there is."""

from itertools import product

import pytest

from mgmt.orders.phases.canary_rules import CanaryEvidence, Outcome, Policy, ending_of

UNTIL = 1000


def policy(most_blocks: int, most_times: int = 0) -> Policy:
    return Policy("first", "first", 600, most_blocks, most_times)


@pytest.mark.parametrize(
    ("seen", "now_s", "outcome"),
    [
        (CanaryEvidence(None, 3), UNTIL + 10**9, None),  # no worker serves it yet: no time passes it
        (CanaryEvidence(UNTIL, 3), UNTIL - 1, None),
        (CanaryEvidence(UNTIL, 3), UNTIL, Outcome.PASSED),
        (CanaryEvidence(UNTIL, 3, peak=100), UNTIL - 1, None),
        (CanaryEvidence(UNTIL, 3, peak=101), UNTIL - 1, Outcome.ROLLED_BACK),
        (CanaryEvidence(UNTIL, 3, peak=101), UNTIL + 10**9, Outcome.ROLLED_BACK),
        (CanaryEvidence(UNTIL, 3, n_wide=1), UNTIL - 1, Outcome.ROLLED_BACK),
        (CanaryEvidence(UNTIL, 3, n_wide=1), UNTIL + 10**9, Outcome.ROLLED_BACK),
        (CanaryEvidence(UNTIL, 0, n_wide=1, peak=101), UNTIL, Outcome.OVER),
        (CanaryEvidence(None, 0), 0, Outcome.OVER),
    ],
)
def test_a_canary_passes_by_time_alone_and_never_once_it_has_blocked_too_much(
    seen: CanaryEvidence, now_s: int, outcome: Outcome | None
) -> None:
    ending = ending_of(seen, policy(100), now_s)
    assert (None if ending is None else ending.outcome) is outcome


def test_without_a_limit_no_number_of_blocks_rolls_an_order_back() -> None:
    ending = ending_of(CanaryEvidence(UNTIL, 1, peak=10**9), policy(0), UNTIL)
    assert ending is not None and ending.outcome is Outcome.PASSED


def test_what_has_ended_at_a_moment_has_not_gone_on_at_a_later_one() -> None:
    for until, left, wide, peak in product((None, UNTIL), (0, 1), (0, 1), (0, 101)):
        seen = CanaryEvidence(until, left, wide, peak)
        before, after = (ending_of(seen, policy(100), now_s) for now_s in (UNTIL - 1, UNTIL + 1))
        assert before is None or before == after


def test_the_reason_says_how_much_was_blocked_and_how_much_may_be() -> None:
    ending = ending_of(CanaryEvidence(UNTIL, 1, peak=1204), policy(1000), 0)
    assert ending is not None and ending.reason == "1,204 blocks in one minute, more than 1,000"


@pytest.mark.parametrize(
    ("peak", "baseline", "most_times", "is_back"),
    [
        (301, 100.0, 3, True),
        (300, 100.0, 3, False),
        (301, 100.0, 0, False),  # no limit is set
        (301, None, 3, False),  # it is not known what is usual
        (99, 0.5, 3, False),  # a multiple of next to nothing
        (100, 0.5, 3, True),
    ],
)
def test_an_order_that_blocks_a_multiple_of_all_others_is_rolled_back_where_that_is_known_and_no_noise(
    peak: int, baseline: float | None, most_times: int, *, is_back: bool
) -> None:
    ending = ending_of(CanaryEvidence(UNTIL, 1, peak=peak, baseline=baseline), policy(10**6, most_times), 0)
    assert (ending is not None) is is_back


def test_the_reason_of_a_jump_says_what_is_usual() -> None:
    ending = ending_of(CanaryEvidence(UNTIL, 1, peak=1301, baseline=432.56), policy(0, 3), 0)
    assert ending is not None
    assert ending.reason == "1,301 blocks in one minute, more than 3 times the 432.6 of all other orders"
