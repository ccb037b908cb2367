"""Report of a compilation: counts, and every entry that is not enforced, by reason.

Invariants: every entry is counted, whether it is enforced or not; the first SAMPLES of each reason are kept, without
their text where the list is confidential; a report is small, no matter what a list holds: MAX_REASONS × SAMPLES a list.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fastpath.images.list_stats import ListTally
from rules.base.errors import BadList
from rules.base.hosts_of_many import is_hosting_reason
from rules.base.protected import PROTECTED
from rules.base.public_suffixes import PRIVATE_SUFFIX
from rules.base.rule import SkippedLine
from rules.base.watched import is_watch_reason
from rules.lists.compiler.enforceability import Enforceability, enforceability_of

SAMPLES = 20  # of one reason in one list
MAX_REASONS = 64  # of one list: the formats have some twenty
MAX_PARTS = 65535  # of one list: as many as an image can tell apart
MAX_SAMPLE_CHARACTERS = 256
OTHER_REASONS = "for another reason"
HELD = frozenset({PROTECTED, PRIVATE_SUFFIX})
NOTHING = ListTally(0, {}, {}, 0, 0, 0)

Word = TypeVar("Word")


@dataclass(slots=True)
class SourceReport:
    """The report of one list: what became rules, what did not."""

    id: str
    path: Path | None
    confidential: bool = False
    n_name_rules: int = 0  # given to the builders, doubles included
    n_url_rules: int = 0
    seconds: float = 0.0  # for reading it, without building
    names: ListTally = NOTHING
    urls: ListTally = NOTHING
    skipped: dict[str, int] = field(default_factory=dict)  # reason: entries
    samples: dict[str, list[SkippedLine]] = field(default_factory=dict)  # reason: the first ones
    parts: dict[str, int] = field(default_factory=dict)  # of a list in several parts: number, from 1
    letters: dict[int, dict[str, int]] = field(default_factory=dict)  # order's number: entries by enforceability
    entries: dict[str, list[int]] = field(default_factory=dict)  # of a sealed list: enforceability, lines of entries
    lines: dict[int, dict[str, list[int]]] = field(default_factory=dict)  # of sealed orders: number, the same

    def note(self, item: SkippedLine) -> None:
        """Count one entry that is not enforced."""
        reason = item.reason
        if reason not in self.skipped and len(self.skipped) >= MAX_REASONS:
            reason = OTHER_REASONS
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
        kept = self.samples.setdefault(reason, [])
        if len(kept) < SAMPLES:
            kept.append(
                item._replace(text="" if self.confidential else item.text[:MAX_SAMPLE_CHARACTERS], order_ref=None)
            )

    def note_letter(self, order: int, state: str, n: int = 1) -> None:
        """Count entries for the order that its list names; 0: for none.   A repeated entry counts as the first."""
        if order and self.path is not None:  # what was pushed over the API has its counts in rows
            counts = self.letters.setdefault(order, {})
            counts[state] = counts.get(state, 0) + n

    def part_number(self, part: str) -> int:
        """The number of a part of the list in an image; 0 where it has none.   Raises BadList for too many."""
        if not part:
            return 0
        number = self.parts.setdefault(part, len(self.parts) + 1)
        if number > MAX_PARTS:
            raise BadList(f"more than {MAX_PARTS} parts; not read; split it into several lists")
        return number

    @property
    def n_rules(self) -> int:
        """Entries that became rules, of names or URLs."""
        return self.n_name_rules + self.n_url_rules

    @property
    def n_skipped(self) -> int:
        """Entries that are not enforced, for any reason."""
        return sum(self.skipped.values())

    @property
    def n_held(self) -> int:
        """Entries that wait for review."""
        return sum(n for reason, n in self.skipped.items() if _is_held(reason))

    @property
    def n_duplicates(self) -> int:
        """Entries that repeat an earlier one of the list."""
        return self.names.duplicates + self.urls.duplicates

    @property
    def enforceability(self) -> dict[str, int]:
        """Entries by how far they are enforced; all of them together are all that the list holds."""
        counts = dict.fromkeys(Enforceability, 0)
        counts[Enforceability.ENFORCED] = sum(self.names.by_mode.values())
        counts[Enforceability.ENFORCED_HTTP_ONLY] = sum(self.urls.by_mode.values())
        counts[Enforceability.DUPLICATE] = self.n_duplicates
        for reason, n in self.skipped.items():
            counts[enforceability_of(reason)] += n
        return {state.value: n for state, n in counts.items()}


@dataclass(slots=True)
class CompileReport:
    """The report of one compilation."""

    path: Path  # of the names image
    urls_path: Path
    origins_path: Path
    generation: int
    sources: list[SourceReport] = field(default_factory=list)
    n_names: int = 0  # different names in the image
    n_urls: int = 0
    n_entries: int = 0  # (name, list, mode) that were added, folded ones included
    size_bytes: int = 0  # of the names image
    hot_bytes: int = 0  # of it, what a lookup that finds nothing touches
    urls_bytes: int = 0
    origins_bytes: int = 0
    seconds: float = 0.0

    @property
    def n_rules(self) -> int:
        """Rules read, of all lists."""
        return sum(source.n_rules for source in self.sources)

    @property
    def n_skipped(self) -> int:
        """Entries that are not enforced, of all lists."""
        return sum(source.n_skipped for source in self.sources)

    @property
    def n_folded(self) -> int:
        """Entries that need no place in the names image, because a rule above covers them."""
        return sum(source.names.folded for source in self.sources)


def render_report(report: CompileReport) -> str:
    """The report for a terminal: several lines, the last without a line break."""
    lines = [
        f"names image {report.generation}: {report.n_names:,} names of {report.n_rules:,} rules, "
        f"{report.n_skipped:,} lines not enforced, {report.size_bytes:,} bytes, {report.seconds:.1f} s"
    ]
    if report.n_urls:
        lines.append(f"URL image {report.generation}: {report.n_urls:,} URLs, {report.urls_bytes:,} bytes")
    for source in report.sources:
        lines += _render_source(source)
    return "\n".join(lines)


def report_as_json(report: CompileReport) -> dict[str, Any]:
    """The report for `--json`: what JSON can hold, nothing that render_report() hides."""
    return {
        "image": str(report.path),
        "generation": report.generation,
        "names": report.n_names,
        "urls": report.n_urls,
        "rules": report.n_rules,
        "entries": report.n_entries,
        "folded": report.n_folded,
        "skipped": report.n_skipped,
        "enforceability": _sums(source.enforceability for source in report.sources),
        "bytes": report.size_bytes,
        "hot_bytes": report.hot_bytes,
        "urls_bytes": report.urls_bytes,
        "origins_bytes": report.origins_bytes,
        "bytes_a_name": round(report.size_bytes / max(report.n_names, 1), 2),
        "seconds": round(report.seconds, 3),
        "lists": [_source_as_json(source) for source in report.sources],
    }


def _source_as_json(source: SourceReport) -> dict[str, Any]:
    return {
        "list": source.id,
        "file": None if source.path is None else str(source.path),
        "rules": source.n_rules,
        "names": source.names.keys,
        "urls": source.urls.keys,
        "modes": {word.name.lower(): n for word, n in _sums((source.names.by_mode, source.urls.by_mode)).items()},
        "actions": {
            word.name.lower().replace("_", "-"): n
            for word, n in _sums((source.names.by_action, source.urls.by_action)).items()
        },
        "folded": source.names.folded,
        "duplicates": source.n_duplicates,
        "conflicts": source.names.conflicts + source.urls.conflicts,
        "held": source.n_held,
        "enforceability": source.enforceability,
        "skipped": source.skipped,
        "samples": [_sample_as_json(item) for items in source.samples.values() for item in items],
        "parts": list(source.parts),
        "letters": {str(order): counts for order, counts in source.letters.items()},
        "entries": source.entries,
        "lines": {str(order): lines for order, lines in source.lines.items()},
        "seconds": round(source.seconds, 3),
        "lines_per_s": _lines_per_s(source),
    }


def _sample_as_json(item: SkippedLine) -> dict[str, Any]:
    return {"line": item.line, "column": item.column, "text": item.text, "reason": item.reason, "part": item.part}


def _sums(counts: Iterable[Mapping[Word, int]]) -> dict[Word, int]:
    """The counts of several, added up word by word."""
    total: dict[Word, int] = {}
    for each in counts:
        for word, n in each.items():
            total[word] = total.get(word, 0) + n
    return total


def _render_source(source: SourceReport) -> Iterator[str]:
    name = source.id if source.path is None else source.path.name
    yield (
        f"  {source.id}: {source.n_rules:,} rules, {source.n_skipped:,} lines not enforced, "
        f"{source.n_held:,} of them held"
    )
    for what in _remarks(source):
        yield f"    {what}"
    for reason, n in sorted(source.skipped.items(), key=lambda pair: -pair[1]):
        yield f"    {n:,}: {reason}"
        for item in source.samples[reason]:
            place = f"{name} {item.part}".rstrip() + f" line {item.line}:{item.column}"
            yield f"      {place}" + (f": {item.text}" if item.text else "")
        if n > SAMPLES:
            yield f"      … and {n - SAMPLES:,} more"


def _remarks(source: SourceReport) -> Iterator[str]:
    """Remarks on counts that are not zero."""
    conflicts = source.names.conflicts + source.urls.conflicts
    if source.n_url_rules:
        yield f"{source.n_url_rules:,} URLs: enforced where the path is seen, which is HTTP only"
    if source.n_duplicates:
        yield f"{source.n_duplicates:,} duplicates: the first one counts"
    if source.names.folded:
        yield f"{source.names.folded:,} folded: covered by a rule above"
    if conflicts:
        yield f"{conflicts:,} conflicts: the list both blocks and allows a name"


def _lines_per_s(source: SourceReport) -> int:
    return round((source.n_rules + source.n_skipped) / source.seconds) if source.seconds else 0


def _is_held(reason: str) -> bool:
    return reason in HELD or is_watch_reason(reason) or is_hosting_reason(reason)
