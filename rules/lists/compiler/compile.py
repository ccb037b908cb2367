"""Compiles sources into a names image, a URL image and the origins of every entry.

    lines → a format → guards → builders → images, read back → their names

Lines stream from the files through the formats and the guards into the builders; what is not enforced is counted by
reason, with the first lines of each as samples.  The images are read back before they get their names.

Invariants: no list of rules is ever in memory (the builders' own entries are); a failure leaves no file and changes
nothing; equal sources, key and generation give equal files, in any process; samples of a confidential list hold no
text; a sealed list is never read here: its digests come from who can.   Cost: bench/compile.py.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

from fastpath.images.key_builder import ListSpec
from fastpath.images.list_stats import tally
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.origins import write_origins
from fastpath.images.urls import UrlsBuilder
from rules.base.atomic_file import writing_whole
from rules.base.errors import BadList
from rules.base.manifest import image_path
from rules.base.protected import ProtectedNames
from rules.base.rule import Rule, UrlRule
from rules.lists.compiler.collector import Intake
from rules.lists.compiler.digests import Digests
from rules.lists.compiler.guards import Rails
from rules.lists.compiler.report import CompileReport, SourceReport
from rules.lists.reader import octets_of, read_source
from rules.lists.source import Source

Progress = Callable[[int, int], None]  # octets read, octets in all
NumberOrder = Callable[[Source, str], int]  # the number of the order that a list names by its letter
LiveRules = Mapping[str, Iterable[Rule | UrlRule]]  # by list id: the rules of sources without a file


def compile_sources(
    sources: Sequence[Source],
    out_dir: Path,
    key: bytes,
    generation: int,
    progress: Progress | None = None,
    *,
    protected: ProtectedNames | None = None,
    live: LiveRules | None = None,
    number_order: NumberOrder | None = None,
    sealed: Mapping[str, Digests] | None = None,
) -> CompileReport:
    """Compile `sources` to names-GENERATION.img, urls-… and origins-… in out_dir, and read them back.

    sources       in order of precedence inside a tier; their place is their list's number
    key           16 octets, the same for the base and its deltas
    number_order  absent: entries of lists carry no order
    sealed        by list id: the digests of sealed lists, made with the same key
    Raises BadList for a file that is not a list, BadReadBack for an image that answers wrongly."""
    began = time.monotonic()
    specs = list_specs(sources)
    intake = Intake(NamesBuilder(key, specs), UrlsBuilder(key, specs))
    report = CompileReport(
        image_path(out_dir, "names", generation),
        image_path(out_dir, "urls", generation),
        image_path(out_dir, "origins", generation),
        generation,
    )
    rail = ProtectedNames() if protected is None else protected
    sizes = [octets_of(source.path) if source.path is not None else 0 for source in sources]
    for number, source in enumerate(sources):
        report.sources.append(SourceReport(source.id, source.path, source.confidential))
        if source.is_sealed and source.path is not None:
            _take_digests(intake, number, source, sealed or {}, report.sources[-1])
            continue
        tell = None if progress is None else partial(_report_progress, progress, sum(sizes[:number]), sum(sizes))
        rules = (live or {}).get(source.id, ()) if source.path is None else read_source(source, tell=tell)
        began_list = time.monotonic()
        try:
            intake.take(number, rules, Rails(source, rail), _order_numbers(source, number_order), report.sources[-1])
        except BadList as exc:
            raise BadList(f"list {source.id!r}: {source.path}: {exc}") from exc
        report.sources[-1].seconds = time.monotonic() - began_list
    if progress is not None:
        progress(sum(sizes), sum(sizes))
    _write(intake, specs, report)
    report.seconds = time.monotonic() - began
    return report


def list_specs(sources: Iterable[Source]) -> list[ListSpec]:
    """The lists as images name them, by number."""
    return [ListSpec(s.id, s.tier, s.category, s.action, s.confidential, s.folds) for s in sources]


def _take_digests(
    intake: Intake, number: int, source: Source, sealed: Mapping[str, Digests], report: SourceReport
) -> None:
    if source.id not in sealed:
        raise BadList(f"list {source.id!r}: sealed; not compiled; filterd compile --config has its reader read it")
    intake.take_digests(number, sealed[source.id], report)


def _write(intake: Intake, specs: Sequence[ListSpec], report: CompileReport) -> None:
    """Write the three images, all or none."""
    with (
        writing_whole(report.path) as names_out,
        writing_whole(report.urls_path) as urls_out,
        writing_whole(report.origins_path) as origins_out,
    ):
        of_names = intake.names.build(names_out, report.generation)
        of_urls = intake.urls.build(urls_out, report.generation)
        report.origins_bytes = write_origins(origins_out, report.generation, intake.names, intake.urls)
        names_out.flush()
        urls_out.flush()
        intake.canaries.check(Path(names_out.name), Path(urls_out.name), specs)
    report.n_names, report.n_entries = of_names["names"], of_names["entries"]
    report.size_bytes, report.hot_bytes = of_names["bytes"], of_names["hot_bytes"]
    report.n_urls, report.urls_bytes = of_urls["urls"], of_urls["bytes"]
    for told, names, urls in zip(report.sources, tally(intake.names), tally(intake.urls), strict=True):
        told.names, told.urls = names, urls


def _order_numbers(source: Source, number_order: NumberOrder | None) -> Callable[[str], int]:
    """The numbers of a list's orders, each asked for once."""
    if number_order is None:
        return _no_order
    return cache(partial(number_order, source))


def _no_order(_order_ref: str) -> int:
    return 0


def _report_progress(progress: Progress, before: int, total: int, position: int) -> None:
    progress(before + position, total)
