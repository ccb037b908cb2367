"""A dry run: what a new version of a list would change, and which rails it meets, before anything is changed.

Invariants: what a rail stops comes first; everything is counted, and of the rest no more is kept than is asked for: a
version of a million rules is shown on a screen.   Each rule meets the rail that the compiler would ask.
Cost: that of the difference, and 1 µs for each change.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from fastpath.images.verdict import Mode
from fastpath.wire.address import network_of
from rules.base.rule import Rule, UrlRule
from rules.lists.compiler.guards import Rails
from rules.lists.diff import Change


class CheckedChange(NamedTuple):
    """One change, and why the compiler would not enforce the rule; None: it would."""

    change: Change
    why: str | None


@dataclass(slots=True)
class DryRun:
    """What a new version would change.

    held  reason of a rail → how many added rules it stops;   kinds  what the added rules are, see kind_of()
    stopped, added, removed  the changes that are kept: what a rail stops, and of the others"""

    n_added: int = 0
    n_removed: int = 0
    held: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    stopped: list[CheckedChange] = field(default_factory=list)
    added: list[CheckedChange] = field(default_factory=list)
    removed: list[CheckedChange] = field(default_factory=list)

    @property
    def told(self) -> list[CheckedChange]:
        """What is kept of the changes, those that a rail stops first."""
        return [*self.stopped, *self.added, *self.removed]


def dry_run(changes: Iterable[Change], rails: Rails, most: int | None) -> DryRun:
    """Try a version.   most  of each of the three kinds to keep, the added ones as a fair sample; None: all"""
    found, chance, n_passed = DryRun(), random.Random(0), 0  # equal versions give an equal sample
    for change in changes:
        told = CheckedChange(change, _why(change, rails))
        if not change.is_added:
            found.n_removed += 1
            _keep(found.removed, told, most)
            continue
        found.n_added += 1
        kind = kind_of(change.rule)
        found.kinds[kind] = found.kinds.get(kind, 0) + 1
        if told.why is not None:
            found.held[told.why] = found.held.get(told.why, 0) + 1
            _keep(found.stopped, told, most)
            continue
        n_passed += 1
        if most is None or len(found.added) < most:
            found.added.append(told)
        elif (place := chance.randrange(n_passed)) < most:
            found.added[place] = told
    return found


def kind_of(rule: Rule | UrlRule) -> str:
    """What a rule closes: name, subtree (a name with everything below it), url, address or prefix."""
    if isinstance(rule, UrlRule):
        return "url"
    network = network_of(rule.wire)
    if network is not None:
        return "address" if network.prefixlen == network.max_prefixlen else "prefix"
    return "name" if rule.mode is Mode.EXACT else "subtree"


def _why(change: Change, rails: Rails) -> str | None:
    rule = change.rule
    return rails.refusal(rule.wire, rule.mode, rule.action) if isinstance(rule, Rule) else None


def _keep(kept: list[CheckedChange], told: CheckedChange, most: int | None) -> None:
    if most is None or len(kept) < most:
        kept.append(told)
