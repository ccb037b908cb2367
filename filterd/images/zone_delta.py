"""Puts the changes of a transferred zone into the live delta.

Invariants: a record means here what it means when the whole zone is compiled: the same reader and the same rails; a
record that is no rule, or that a rail stops, changes nothing, and the next compilation reports it.  Where a zone has
one prefix twice, in two spellings, and loses one, it is the next compilation that finds the other.
Cost: some 20 µs a record.
"""

import logging
from collections.abc import Iterable, Iterator

from filterd.images.live_delta import LiveDelta
from rules.base.prefixes import is_one_rule, read_trigger
from rules.base.protected import ProtectedNames
from rules.base.rule import Rule
from rules.lists.compiler.guards import Rails
from rules.lists.reader import iter_source
from rules.lists.source import Source
from rules.lists.zone_copy import Difference

log = logging.getLogger("filterd.images.lists.zone_copies")

_ADDRESS = b".rpz-ip"


def is_by_itself(line: bytes) -> bool:
    """Whether a line of a copy is a rule independent of the rest of the zone: an alias is the only record of its owner,
    and a prefix that ends on an octet has its names for itself."""
    owner, _, rtype, *_ = (*line.split(b" ", 3), b"", b"", b"")
    return rtype == b"CNAME" and not (owner.endswith(_ADDRESS) and _shares_names(owner))


def take_differences(
    live: LiveDelta, source: Source, protected: ProtectedNames, differences: Iterable[Difference]
) -> None:
    """Let a list's names be as `differences` leave them, in their order.   differences  see is_by_itself()"""
    rails = Rails(source, protected)
    n_stopped = 0
    for difference in differences:
        for line in difference.removed:
            for rule in _rules(source, line):
                live.put(source.id, rule.wire, rule.mode, None)
        for line in difference.added:
            rules = [rule for rule in _rules(source, line) if rails.refusal(rule.wire, rule.mode, rule.action) is None]
            n_stopped += not rules
            for rule in rules:
                live.put(source.id, rule.wire, rule.mode, (rule.action, rule.data))
    if n_stopped:
        log.warning("list %s: %d new records are not enforced; the next compilation reports why", source.id, n_stopped)


def _rules(source: Source, line: bytes) -> Iterator[Rule]:
    """What a line of a copy says; relative owners are what a policy speaks of."""
    return (item for item in iter_source([line], source) if isinstance(item, Rule))


def _shares_names(owner: bytes) -> bool:
    """Whether names that stand for an address trigger's prefix may also stand for another one's."""
    try:
        return not is_one_rule(read_trigger(owner.decode("ascii")))
    except ValueError:  # no prefix: it is reported, and changes nothing
        return False
