"""What two versions of a list differ in, rule by rule.

Invariant: a rule is its name or URL with its mode and action; the order of lines, and what else stands in them, make
no difference.
Cost: a reading of the new version, and two of the old one where rules are gone; some 140 octets of memory a rule;
bench/desk.py.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from xxhash import xxh3_64_intdigest

from fastpath.wire.address import rule_text
from rules.base.rule import Rule, SkippedLine, UrlRule

Items = Iterable[Rule | UrlRule | SkippedLine]
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
    """What the new version adds, then what it removes, each in the order of its file and each once."""
    before = {_key(item) for item in old() if not isinstance(item, SkippedLine)}
    stayed, added = set[int](), set[int]()
    for item in new():
        if isinstance(item, SkippedLine):
            continue
        key = _key(item)
        if key in before:
            stayed.add(key)
        elif key not in added:
            added.add(key)
            yield Change(True, item)
    gone = before - stayed
    if gone:
        yield from (Change(False, rule) for rule in _among(old(), gone))


def _among(items: Items, keys: set[int]) -> Iterator[Rule | UrlRule]:
    """The rules with these keys, each once."""
    for item in items:
        if not isinstance(item, SkippedLine) and (key := _key(item)) in keys:
            keys.discard(key)
            yield item


def _key(rule: Rule | UrlRule) -> int:
    return xxh3_64_intdigest(rule[0], rule[1] << 8 | rule[2])
