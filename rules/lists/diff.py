"""What two versions of a list differ in, rule by rule.

Invariant: a rule is its name or URL with its mode and action; the order of lines, and what else stands in them, make
no difference.
Cost: two readings of each version, and some 70 octets of memory a rule.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import xxhash

from fastpath.wire.address import rule_text
from rules.rule import Rule, Skipped, UrlRule

Items = Iterable[Rule | UrlRule | Skipped]
ReadAgain = Callable[[], Items]  # a version, from its first line


class Change(NamedTuple):
    """One rule that only one of the two versions has."""

    is_added: bool
    rule: Rule | UrlRule

    @property
    def value(self) -> str:
        """The rule's name, URL, address or prefix, as text."""
        return rule_text(self.rule.wire) if isinstance(self.rule, Rule) else self.rule.url.decode("ascii", "replace")


def iter_changes(old: ReadAgain, new: ReadAgain) -> Iterator[Change]:
    """What the new version adds, then what it removes, each in the order of its file."""
    yield from (Change(True, rule) for rule in _absent(new(), old()))
    yield from (Change(False, rule) for rule in _absent(old(), new()))


def _absent(items: Items, others: Items) -> Iterator[Rule | UrlRule]:
    """The rules of `items` that `others` does not hold, each once."""
    seen = {_key(other) for other in others if not isinstance(other, Skipped)}
    for item in items:
        if not isinstance(item, Skipped) and (key := _key(item)) not in seen:
            seen.add(key)
            yield item


def _key(rule: Rule | UrlRule) -> int:
    octets = rule.wire if isinstance(rule, Rule) else rule.url
    return xxhash.xxh3_64_intdigest(octets + bytes((rule.mode, rule.action)))
