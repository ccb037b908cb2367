"""When a canary ends: an order is in force on one gateway first, then on all of them, or on none.

    waiting ─ every worker of the canary gateway serves it ─→ running ─ its time has passed ─→ passed
        │                                                        ├ it blocks too much ───→ rolled back
        └──────────── nothing of it is left to try ──────────────┴──────────────────────→ over

Invariants: everything here is pure; what was blocked too much is never passed by time; what has not begun does not
pass.
Source: docs/desk/orders.md.
"""

import enum
from typing import NamedTuple

LEAST_JUMP = 100  # blocks a minute: below, some lines that come home in the evening are a multiple of nothing


class Policy(NamedTuple):
    """What the settings say.

    gateway  that is the canary;   here  the name of this one;   most_blocks  in one minute; 0: no limit
    most_times   what all other orders block a minute there; 0: no limit"""

    gateway: str
    here: str
    lasts_s: int
    most_blocks: int
    most_times: int = 0

    @property
    def tries_as(self) -> str | None:
        """The name of this gateway, where it is the canary."""
        return self.here if self.here == self.gateway else None


class Outcome(enum.StrEnum):
    """How a canary ended."""

    PASSED = "passed"  # on every gateway
    ROLLED_BACK = "rolled_back"  # on none, until two persons have agreed
    OVER = "over"  # taken back, lapsed or refused meanwhile


class CanaryEvidence(NamedTuple):
    """What is known of a canary.

    until_s  unix seconds; None: not every worker serves it yet;   n_left  entries that are tried
    n_wide   neighbours that the verifier has found blocked;   peak  blocks of its worst minute
    baseline   blocks a minute of all other orders, in the hour before it began; None: not known"""

    until_s: int | None
    n_left: int
    n_wide: int = 0
    peak: int = 0
    baseline: float | None = None


class CanaryEnd(NamedTuple):
    """How a canary ends, and why."""

    outcome: Outcome
    reason: str


def ending_of(seen: CanaryEvidence, policy: Policy, now_s: int) -> CanaryEnd | None:
    """How a canary ends at a moment; None: it goes on."""
    if not seen.n_left:
        return CanaryEnd(Outcome.OVER, "nothing of it is left to try")
    if seen.until_s is None:
        return None
    if seen.n_wide:
        return CanaryEnd(Outcome.ROLLED_BACK, f"names next to its entries are blocked ({seen.n_wide:,})")
    if why := _too_much(seen, policy):
        return CanaryEnd(Outcome.ROLLED_BACK, f"{seen.peak:,} blocks in one minute, more than {why}")
    return CanaryEnd(Outcome.PASSED, "no fault in its time") if seen.until_s <= now_s else None


def _too_much(seen: CanaryEvidence, policy: Policy) -> str:
    """What the blocks of the worst minute are more than; '': they are not too many."""
    if 0 < policy.most_blocks < seen.peak:
        return f"{policy.most_blocks:,}"
    if not policy.most_times or not seen.baseline or seen.peak < LEAST_JUMP:
        return ""
    is_jump = seen.peak > policy.most_times * seen.baseline
    return f"{policy.most_times:,} times the {seen.baseline:,.1f} of all other orders" if is_jump else ""
