"""`filterd compile SOURCE... -o DIR`: lists in, images out."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from filterd.commands.run import loaded
from filterd.errors import WrongUse
from filterd.keys import image_key
from filterd.sources import HELP_LIST, config_sources, help_rules
from mgmt.orders import find_order, number_letter
from parental.database import open_database, reading, writing
from rules.compile import Progress, compile_sources
from rules.errors import BadList, BadSource
from rules.protected import Protected
from rules.publish import next_generation, publish_base
from rules.report import CompileReport, render_report, report_as_json
from rules.source import Source, parse_source

EXAMPLE = "filterd compile pta.csv,tier=order adult.txt,category=adult -o images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="FILE[,format=…][,match=…][,list=ID][,tier=…][,category=…][,action=…]",
    )
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="where the image goes, and is put in force")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the lists of a configuration, into its state directory; control puts them in force",
    )
    parser.add_argument("--json", action="store_true", help="the report as one object")


def run(args: argparse.Namespace) -> int:
    if bool(args.config) == bool(args.sources) or bool(args.sources) != bool(args.out):
        raise WrongUse("give either sources and -o DIR, or --config FILE")
    try:
        report = _compile_config(args.config) if args.config else _compile_sources(args.sources, args.out)
    except (BadList, BadSource) as reason:
        raise WrongUse(str(reason)) from reason
    print(json.dumps(report_as_json(report)) if args.json else render_report(report))
    return 0


def _compile_sources(texts: list[str], out: Path) -> CompileReport:
    sources = [parse_source(text) for text in texts]
    out.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        report = compile_sources(sources, out, image_key(out), next_generation(out, "names"), progress)
    publish_base(out, "names", report.path)
    return report


def _compile_config(path: Path) -> CompileReport:
    config = loaded(path)
    images = config.state_dir / "images"
    images.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        return compile_sources(
            config_sources(config),
            images,
            image_key(config.state_dir),
            next_generation(images, "names"),
            progress,
            protected=Protected(config.protected.names),
            live={HELP_LIST: help_rules(config)},
            number_order=OrderNumbers(open_database(config.state_dir / "filterd.db")),
        )


class OrderNumbers:
    """The numbers of the orders that list files name by their letters, so that a record of a block names its order."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, source: Source, ref: str) -> int:
        """The number of `ref`, given now where it has none.   Cost: a commit, so ask once a letter."""
        issuer = source.issuer or source.id
        with reading(self._engine) as conn:
            found = find_order(conn, issuer, ref)
        if found is not None:
            return int(found.id)
        with writing(self._engine) as conn:
            return number_letter(conn, issuer, ref, datetime.now(UTC))


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """How far a compilation is, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, desc="reading lists", file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
