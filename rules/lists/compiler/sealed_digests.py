"""Makes digests of a sealed list, in the process that alone can read it.

It does so by the collector, the guards and the builders that every other list has.

Invariants: what is given is rules.lists.compiler.digests.Digests, and nothing else; a reason is a fixed phrase.
Cost: as a compilation, and 40 octets an entry.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fastpath.images.key_builder import ListSpec
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Action
from fastpath.wire.address import ADDRESSES
from rules.base.canonical import IS_ADDRESS
from rules.base.protected import ProtectedNames
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.base.watched import WatchedNames, WatchList
from rules.lists.compiler.collector import Intake
from rules.lists.compiler.digests import Digests
from rules.lists.compiler.enforceability import Enforceability, enforceability_of
from rules.lists.compiler.guards import Rails
from rules.lists.compiler.report import SourceReport
from rules.lists.source import Source

MOST_ENTRIES = 100_000  # of one state that are reported by line; of all, the number is reported

Item = Rule | UrlRule | SkippedLine


@dataclass(frozen=True, slots=True)
class ProtectionSpec:
    """What no list may block, as rules.base.protected has it.   released  canonical names, on the wire"""

    names: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    watched: list[WatchList] = field(default_factory=list)
    released: list[bytes] = field(default_factory=list)

    def protected(self) -> ProtectedNames:
        """The guard."""
        return ProtectedNames(self.names, self.prefixes, WatchedNames(self.watched, self.released))


def digest_items(items: Iterable[Item], source: Source, key: bytes, guarded: ProtectionSpec) -> Digests:
    """The digests of what a list says.   key  of an image, as builders take it.   Raises what the items raise"""
    specs = [ListSpec(source.id, source.tier, source.category, source.action, confidential=True)]
    intake = Intake(NamesBuilder(key, specs), UrlsBuilder(key, specs))
    report = _EntriesReport(source.id, None, confidential=True)
    intake.take(0, report.seen(items), Rails(source, guarded.protected()), lambda _letter: 0, report)
    names, urls = intake.names.digests(), intake.urls.digests()
    return Digests(names, urls, report.n_name_rules, report.n_url_rules, report.skipped, report.entries)


class _EntriesReport(SourceReport):
    """The report of a list whose owner learns of each entry, by its line, how far it is enforced."""

    def seen(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items on their way to the builders, which have no place for letters and local data of a sealed list."""
        for item in items:
            if isinstance(item, Rule) and item.wire.endswith(ADDRESSES):
                yield SkippedLine(item.line, 1, "", IS_ADDRESS)
                continue
            if isinstance(item, Rule):
                yield item._replace(order_ref=None, data=b"", action=_action(item.action), part="")
                continue
            if isinstance(item, UrlRule):
                self._tell(Enforceability.ENFORCED_HTTP_ONLY, item.line)
            yield item._replace(order_ref=None, part="")

    def note(self, item: SkippedLine) -> None:
        self._tell(enforceability_of(item.reason), item.line)
        super().note(item)

    def _tell(self, state: Enforceability, line: int) -> None:
        lines = self.entries.setdefault(state.value, [])
        if len(lines) < MOST_ENTRIES:
            lines.append(line)


def _action(said: Action) -> Action:
    """A sealed list blocks, or lets pass what it has blocked itself; it answers nothing of its own."""
    return said if said is Action.PASSTHRU else Action.NO_ACTION
