"""Sources in, one names image out.

Lines stream from the files through the formats and the rails into the builder; what is not enforced is counted by
reason, with the first lines of each as samples.  The image is read back before it gets its name.

Invariants: no list of rules is ever in memory (the builder's own entries are); a failure leaves no file and changes
nothing; equal sources, key and generation give an equal file; samples of a confidential list hold no text.
Cost: bench/compile.py.
"""
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

from fastpath.name import to_text
from fastpath.pack import ListSpec, NamesBuilder
from fastpath.verdict import Action, Mode
from rules.canary import CANARY_EVERY, Canaries
from rules.errors import BadList
from rules.formats import FORMATS
from rules.protected import PROTECTED, Protected
from rules.report import CompileReport, SourceReport
from rules.rule import Rule, Skipped
from rules.source import Source, open_source
from rules.suffixes import public_suffixes
from rules.whole import writing_whole

PROGRESS_EVERY = 2**14      # lines between two reports of progress: about 20 ms

Progress = Callable[[int, int], None]           # octets read, octets in all
NumberOrder = Callable[[Source, str], int]      # the number of the order that a list names by its letter
LiveRules = Mapping[str, Iterable[Rule]]        # by list id: the rules of sources without a file


def compile_sources(
    sources: Sequence[Source],
    out_dir: Path,
    key: bytes,
    generation: int,
    progress: Progress | None = None,
    *,
    protected: Protected | None = None,
    live: LiveRules | None = None,
    number_order: NumberOrder | None = None,
) -> CompileReport:
    """Compile `sources` to out_dir/names-GENERATION.img and read it back.

    sources       in order of precedence inside a tier; their place is their list's number
    key           16 octets, the same for the base and its deltas
    number_order  absent: entries of lists carry no order
    Raises BadList for a file that is none, BadReadBack for an image that does not answer as it must."""
    began = time.monotonic()
    report = CompileReport(path=out_dir / f"names-{generation}.img", generation=generation)
    builder = NamesBuilder(key, list_specs(sources))
    canaries = Canaries()
    rail = protected or Protected()
    sizes = [_octets(source) for source in sources]
    for number, source in enumerate(sources):
        report.sources.append(SourceReport(source.id, source.path, source.confidential))
        tell = partial(_tell, progress, sum(sizes[:number]), sum(sizes))
        items = _read(source, source.path, tell) if source.path is not None else iter((live or {}).get(source.id, ()))
        orders = _order_numbers(source, number_order)
        _feed(builder, number, _rail(items, source, rail), orders, report.sources[-1], canaries)
    _tell(progress, sum(sizes), sum(sizes), 0)
    with writing_whole(report.path) as out:
        counts = builder.build(out, generation)
        out.flush()
        canaries.check(Path(out.name), [source.id for source in sources])
    report.n_names, report.n_entries, report.size_bytes = counts["names"], counts["entries"], counts["bytes"]
    report.seconds = time.monotonic() - began
    return report


def list_specs(sources: Iterable[Source]) -> list[ListSpec]:
    """The lists as images name them, by number."""
    return [ListSpec(s.id, s.tier, s.category, s.action, s.confidential) for s in sources]


def iter_source(lines: Iterable[bytes], source: Source) -> Iterator[Rule | Skipped]:
    """Read `lines` as `source` says."""
    return FORMATS[source.format](lines, source.bare_mode)


def _read(source: Source, path: Path, tell: Callable[[int], None]) -> Iterator[Rule | Skipped]:
    """Read a source's file, telling its position now and then."""
    try:
        with open_source(path) as reading:
            for n, item in enumerate(iter_source(reading.lines, source)):
                if n % PROGRESS_EVERY == 0:
                    tell(reading.file.tell())
                yield item
    except BadList as exc:
        raise BadList(f"list {source.id!r}: {path}: {exc}") from exc


def _rail(items: Iterator[Rule | Skipped], source: Source, protected: Protected) -> Iterator[Rule | Skipped]:
    """Turn rules that no list may hold into reports."""
    refusal = public_suffixes().refusal
    exact = Mode.EXACT
    for item in items:
        if type(item) is Rule:
            wire, mode, action, _line, _order_ref = item
            reason = None if mode is exact or source.allow_public_suffix else refusal(wire)
            if reason is None and protected and _blocks(action, source) and protected.is_hit(wire, mode):
                reason = PROTECTED
            if reason is not None:
                yield Skipped(item.line, 1, to_text(wire), reason)
                continue
        yield item


def _feed(builder: NamesBuilder, number: int, items: Iterator[Rule | Skipped], order_number: Callable[[str], int],
          report: SourceReport, canaries: Canaries) -> None:
    """Give one list's rules to the builder."""
    add = builder.add
    n_rules = 0
    for item in items:
        if type(item) is Rule:
            wire, mode, action, _line, order_ref = item
            add(wire, number, mode, action, 0 if order_ref is None else order_number(order_ref))
            if n_rules % CANARY_EVERY == 0:
                canaries.note(number, wire, mode)
            n_rules += 1
        elif type(item) is Skipped:
            report.note(item)
    report.n_rules = n_rules


def _blocks(action: Action, source: Source) -> bool:
    return (source.action if action is Action.NO_ACTION else action) is not Action.PASSTHRU


def _order_numbers(source: Source, number_order: NumberOrder | None) -> Callable[[str], int]:
    """The numbers of a list's orders, each asked for once."""
    if number_order is None:
        return _no_order
    return cache(partial(number_order, source))


def _no_order(_order_ref: str) -> int:
    return 0


def _octets(source: Source) -> int:
    """A file's length; 0 for a source without one, or one that cannot be opened (which reading it then says)."""
    return source.path.stat().st_size if source.path is not None and source.path.is_file() else 0


def _tell(progress: Progress | None, before: int, total: int, position: int) -> None:
    if progress is not None:
        progress(before + position, total)
