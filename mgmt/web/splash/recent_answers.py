"""What control has just said: anyone who asks again within a second, of the same address and name, gets the same.

So a device that asks thousands of times a second asks control once, and parents' taps, which control serves too, do
not wait for it.
Invariants: an answer is never older than KEPT_S, and never another address's; memory is bounded.
"""

from collections import OrderedDict

from mgmt.contract.control import ClosureReason, Reasons

KEPT_S = 1.0  # a lock that has just ended is shown for so long at most
MAX_KEPT = 4096


class RecentAnswers:
    """Answers of control to `why_closed`."""

    def __init__(self, reasons: Reasons) -> None:
        self._reasons = reasons
        self._kept: OrderedDict[tuple[str, str | None], tuple[float, ClosureReason]] = OrderedDict()  # the oldest first

    async def why_closed(self, name: str | None, address: str, now_s: float) -> ClosureReason:
        """As Reasons.why_closed().   now_s  of a clock that never steps"""
        kept = self._kept.get((address, name))
        if kept is not None and now_s - kept[0] < KEPT_S:
            return kept[1]
        closing = await self._reasons.why_closed(name, address)
        self._kept.pop((address, name), None)
        self._kept[address, name] = now_s, closing
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return closing
