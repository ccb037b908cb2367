"""What a compilation has to say: counts, and every line that is not enforced, by reason.

Invariants: every skipped line is counted; the first SAMPLES of each reason are kept, without their text where the list
is confidential.
"""
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rules.protected import PROTECTED
from rules.rule import Skipped
from rules.suffixes import PRIVATE_SUFFIX

SAMPLES = 20        # of one reason in one list
HELD = frozenset({PROTECTED, PRIVATE_SUFFIX})


@dataclass(slots=True)
class SourceReport:
    """One list: what became rules, what did not."""

    id: str
    path: Path | None
    confidential: bool = False
    n_rules: int = 0
    skipped: dict[str, int] = field(default_factory=dict)               # reason: lines
    samples: dict[str, list[Skipped]] = field(default_factory=dict)     # reason: the first ones

    def note(self, item: Skipped) -> None:
        """Count one line that is not enforced."""
        self.skipped[item.reason] = self.skipped.get(item.reason, 0) + 1
        kept = self.samples.setdefault(item.reason, [])
        if len(kept) < SAMPLES:
            kept.append(item._replace(text="") if self.confidential else item)

    @property
    def n_skipped(self) -> int:
        """Lines that are not enforced, for whatever reason."""
        return sum(self.skipped.values())

    @property
    def n_held(self) -> int:
        """Lines that wait for a person's decision."""
        return sum(n for reason, n in self.skipped.items() if reason in HELD)


@dataclass(slots=True)
class CompileReport:
    """One compilation."""

    path: Path
    generation: int
    sources: list[SourceReport] = field(default_factory=list)
    n_names: int = 0        # different names in the image
    n_entries: int = 0      # (name, list, mode)
    size_bytes: int = 0
    seconds: float = 0.0

    @property
    def n_rules(self) -> int:
        """Rules read, of all lists."""
        return sum(source.n_rules for source in self.sources)

    @property
    def n_skipped(self) -> int:
        """Lines that are not enforced, of all lists."""
        return sum(source.n_skipped for source in self.sources)


def render_report(report: CompileReport) -> str:
    """The report for a terminal: several lines, the last without a line break."""
    lines = [f"names image {report.generation}: {report.n_names:,} names of {report.n_rules:,} rules, "
             f"{report.n_skipped:,} lines not enforced, {report.size_bytes:,} bytes, {report.seconds:.1f} s"]
    for source in report.sources:
        lines += _render_source(source)
    return "\n".join(lines)


def report_as_json(report: CompileReport) -> dict[str, Any]:
    """The report for `--json`: what JSON can hold, nothing more than render_report() says."""
    return {
        "image": str(report.path), "generation": report.generation, "names": report.n_names, "rules": report.n_rules,
        "entries": report.n_entries, "skipped": report.n_skipped, "bytes": report.size_bytes,
        "seconds": round(report.seconds, 3),
        "lists": [
            {"list": source.id, "file": None if source.path is None else str(source.path), "rules": source.n_rules,
             "held": source.n_held, "skipped": source.skipped,
             "samples": [item._asdict() for items in source.samples.values() for item in items]}
            for source in report.sources
        ],
    }


def _render_source(source: SourceReport) -> Iterator[str]:
    name = source.id if source.path is None else source.path.name
    yield (f"  {source.id}: {source.n_rules:,} rules, {source.n_skipped:,} lines not enforced, "
           f"{source.n_held:,} of them held")
    for reason, n in sorted(source.skipped.items(), key=lambda pair: -pair[1]):
        yield f"    {n:,}: {reason}"
        for item in source.samples[reason]:
            yield f"      {name} line {item.line}:{item.column}" + (f": {item.text}" if item.text else "")
        if n > SAMPLES:
            yield f"      … and {n - SAMPLES:,} more"
