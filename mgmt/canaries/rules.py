"""When a canary ends: an order is in force on one gateway first, then on all of them, or on none.

    waiting ─ every worker of the canary gateway serves it ─→ running ─ its time is over ─→ passed
        │                                                        ├ it blocks too much ───→ rolled back
        └──────────── nothing of it is left to try ──────────────┴──────────────────────→ over

Invariants: everything here is pure; what was blocked too much is never passed by time; what has not begun does not
pass.
Source: docs/orders.md.
"""

import enum
from typing import NamedTuple


class Policy(NamedTuple):
    """What the settings say.

    gateway  that is the canary;   here  the name of this one;   most_blocks  in one minute; 0: no limit"""

    gateway: str
    here: str
    lasts_s: int
    most_blocks: int

    @property
    def tries_as(self) -> str | None:
        """The name of this gateway, where it is the canary."""
        return self.here if self.here == self.gateway else None


class Outcome(enum.StrEnum):
    """How a canary ended."""

    PASSED = "passed"  # on every gateway
    ROLLED_BACK = "rolled_back"  # on none, until two persons have agreed
    OVER = "over"  # taken back, lapsed or refused meanwhile


class Seen(NamedTuple):
    """What is known of a canary.

    until_s  unix seconds; None: not every worker serves it yet;   n_left  entries that are tried
    n_wide   neighbours that the verifier has found blocked;   peak  blocks of its worst minute"""

    until_s: int | None
    n_left: int
    n_wide: int = 0
    peak: int = 0


class Ending(NamedTuple):
    """How a canary ends, and why."""

    outcome: Outcome
    reason: str


def ending_of(seen: Seen, most_blocks: int, now_s: int) -> Ending | None:
    """How a canary ends at a moment; None: it goes on."""
    if not seen.n_left:
        return Ending(Outcome.OVER, "nothing of it is left to try")
    if seen.until_s is None:
        return None
    if seen.n_wide:
        return Ending(Outcome.ROLLED_BACK, f"names next to its entries are blocked ({seen.n_wide:,})")
    if 0 < most_blocks < seen.peak:
        return Ending(Outcome.ROLLED_BACK, f"{seen.peak:,} blocks in one minute, more than {most_blocks:,}")
    return Ending(Outcome.PASSED, "no fault in its time") if seen.until_s <= now_s else None
