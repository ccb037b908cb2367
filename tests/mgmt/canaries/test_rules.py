"""When a canary ends, and how: every case that there is."""

from itertools import product

import pytest

from mgmt.canaries.rules import Outcome, Seen, ending_of

UNTIL = 1000


@pytest.mark.parametrize(
    ("seen", "now_s", "outcome"),
    [
        (Seen(None, 3), UNTIL + 10**9, None),  # no worker serves it yet: no time passes it
        (Seen(UNTIL, 3), UNTIL - 1, None),
        (Seen(UNTIL, 3), UNTIL, Outcome.PASSED),
        (Seen(UNTIL, 3, peak=100), UNTIL - 1, None),
        (Seen(UNTIL, 3, peak=101), UNTIL - 1, Outcome.ROLLED_BACK),
        (Seen(UNTIL, 3, peak=101), UNTIL + 10**9, Outcome.ROLLED_BACK),
        (Seen(UNTIL, 3, n_wide=1), UNTIL - 1, Outcome.ROLLED_BACK),
        (Seen(UNTIL, 3, n_wide=1), UNTIL + 10**9, Outcome.ROLLED_BACK),
        (Seen(UNTIL, 0, n_wide=1, peak=101), UNTIL, Outcome.OVER),
        (Seen(None, 0), 0, Outcome.OVER),
    ],
)
def test_a_canary_passes_by_time_alone_and_never_once_it_has_blocked_too_much(
    seen: Seen, now_s: int, outcome: Outcome | None
) -> None:
    ending = ending_of(seen, 100, now_s)
    assert (None if ending is None else ending.outcome) is outcome


def test_without_a_limit_no_number_of_blocks_rolls_an_order_back() -> None:
    ending = ending_of(Seen(UNTIL, 1, peak=10**9), 0, UNTIL)
    assert ending is not None and ending.outcome is Outcome.PASSED


def test_what_has_ended_at_a_moment_has_not_gone_on_at_a_later_one() -> None:
    for until, left, wide, peak in product((None, UNTIL), (0, 1), (0, 1), (0, 101)):
        seen = Seen(until, left, wide, peak)
        before, after = (ending_of(seen, 100, now_s) for now_s in (UNTIL - 1, UNTIL + 1))
        assert before is None or before == after


def test_the_reason_says_how_much_was_blocked_and_how_much_may_be() -> None:
    ending = ending_of(Seen(UNTIL, 1, peak=1204), 1000, 0)
    assert ending is not None and ending.reason == "1,204 blocks in one minute, more than 1,000"
