"""The changes of a transferred zone as entries of the delta that orders have.

Invariants: a record means here what it means when the whole zone is compiled: the same reader and the same rails; a
record that is no rule, or that a rail stops, changes nothing, and the next compilation tells of it.
Cost: some 20 µs a record.
"""

import logging
from collections.abc import Iterable

from filterd.orderdelta import OrderDelta
from rules.protected import Protected
from rules.rails import Rails
from rules.reading import iter_source
from rules.rule import Rule
from rules.source import Source
from rules.zone import Difference

log = logging.getLogger("filterd.zones")


def is_by_itself(line: bytes) -> bool:
    """Whether a line of a copy is a rule without the other records of its owner: an alias has none beside it."""
    return line.split(b" ", 3)[2:3] == [b"CNAME"]


def take_differences(
    orders: OrderDelta, source: Source, protected: Protected, differences: Iterable[Difference]
) -> None:
    """Let a list's names be as `differences` leave them, in their order.   differences  see is_by_itself()"""
    rails = Rails(source, protected)
    n_stopped = 0
    for difference in differences:
        for line in difference.removed:
            if (rule := _rule(source, line)) is not None:
                orders.put(source.id, rule.wire, rule.mode, None)
        for line in difference.added:
            rule = _rule(source, line)
            if rule is None or rails.refusal(rule.wire, rule.mode, rule.action) is not None:
                n_stopped += 1
                continue
            orders.put(source.id, rule.wire, rule.mode, (rule.action, rule.data))
    if n_stopped:
        log.warning("list %s: %d new records are not enforced; the next compilation tells why", source.id, n_stopped)


def _rule(source: Source, line: bytes) -> Rule | None:
    """What a line of a copy says; relative owners are what a policy speaks of."""
    for item in iter_source([line], source):
        if isinstance(item, Rule):
            return item
    return None
