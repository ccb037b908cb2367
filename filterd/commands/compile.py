"""`filterd compile SOURCE... -o DIR`: compile lists into images."""

import argparse
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filterd.box.as_owner import become_owner_of
from filterd.box.errors import WrongUse
from filterd.box.keys import credential_folders, key_at
from filterd.box.places import IMAGES
from filterd.commands.run import loaded
from filterd.config import Config
from filterd.images.explain.open_tables import REPORT
from filterd.images.explain.progress import progress_bar
from filterd.process.confinement import confine
from filterd.process.lifecycle import keep_memory_private
from rules.base.atomic_file import writing_whole
from rules.base.errors import BadList, BadSource
from rules.base.manifest import Levels, claimed_generation, publish, settle
from rules.lists.compiler.compile import compile_sources
from rules.lists.compiler.report import CompileReport, render_report, report_as_json
from rules.lists.source import parse_source

CONNECTIONS = 3  # to the database: of what reads the orders, and of what numbers letters meanwhile
EXAMPLE = "filterd compile pta.csv,tier=order adult.txt,category=adult -o images"

KEY_OCTETS = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="FILE[,format=…][,match=…][,list=ID][,tier=…][,category=…][,action=…]",
    )
    parser.add_argument(
        "-o", "--out", type=Path, metavar="DIR", help="directory for the image, where it is put in force"
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the lists of a configuration, into its state directory; control puts them in force",
    )
    parser.add_argument(
        "--kept", action="store_true", help="with --config: the last good copies, not what the sources hold now"
    )
    parser.add_argument(
        "--confined",
        action="store_true",
        help="with --kept: without network, capabilities and files but the state directory's, as control's job",
    )
    parser.add_argument(
        "--people",
        choices=("base", "delta"),
        help="with --config: that level of the images of subscribers and policy, as control's job",
    )
    parser.add_argument("--json", action="store_true", help="the report as one object")


def run(args: argparse.Namespace) -> int:
    if bool(args.config) == bool(args.sources) or bool(args.sources) != bool(args.out):
        raise WrongUse(
            "sources: none, or without -o DIR; nothing compiled; give sources and -o DIR, or --config FILE alone"
        )
    if args.kept and not args.config:
        raise WrongUse("--kept: only a configuration has kept copies; nothing compiled; add --config FILE")
    if args.confined and not args.kept:
        raise WrongUse("--confined: reads kept copies alone; nothing compiled; add --kept")
    if args.people:
        if not args.config or args.kept:
            raise WrongUse("--people: needs --config FILE, and no --kept; nothing written; give --config FILE alone")
        _write_people(_config_of(args.config), args.people)
        return 0
    try:
        if args.config:
            report = _compile_config(_config_of(args.config), args.kept, args.confined)
        else:
            report = _compile_sources(args.sources, args.out)
    except (BadList, BadSource) as reason:
        raise WrongUse(str(reason)) from reason
    print(json.dumps(report_as_json(report)) if args.json else render_report(report))
    return 0


def _config_of(file: Path) -> Config:
    """A configuration, whose images this process writes as their owner."""
    config = loaded(file)
    become_owner_of(config.state_dir / IMAGES)
    return config


def _compile_sources(texts: list[str], out: Path) -> CompileReport:
    sources = [parse_source(text) for text in texts]
    out.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress, claimed_generation(out, "names") as generation:
        report = compile_sources(sources, out, key_at(out / "key", KEY_OCTETS), generation, progress)
    with writing_whole(out / REPORT) as file:  # what the lists and their parts are called, for lookup
        file.write(json.dumps(report_as_json(report)).encode())
    publish(out, {"names": Levels(report.path.name), "urls": Levels(report.urls_path.name)})
    settle(out)
    return report


def _keep_temporary_files(state_dir: Path) -> None:
    """Have temporary files in the state directory, SQLite's too: it sorts there what is more than its memory.

    SQLite looks up where they go once, when Python imports it: so this comes before."""
    images = state_dir / IMAGES
    images.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = os.environ["SQLITE_TMPDIR"] = str(images)


def _confine(state_dir: Path) -> None:
    """Reach nothing but the state directory; control says what is missing."""
    confine(credential_folders(), [state_dir], memory_octets=None)


def _write_people(config: Config, level: Literal["base", "delta"]) -> None:
    _keep_temporary_files(config.state_dir)
    # late: the database, which lists alone do without
    from filterd.images.people import write_levels
    from filterd.process.database.access import hold_connections, opened_for_control

    keep_memory_private()
    with opened_for_control(config) as engine:
        hold_connections(engine, 1)  # soon there is no network to make it over
        _confine(config.state_dir)
        write_levels(config.state_dir / IMAGES, level, engine, datetime.now(UTC))


def _compile_config(config: Config, is_kept: bool, is_confined: bool) -> CompileReport:
    if is_confined:
        _keep_temporary_files(config.state_dir)
    # late: the database, which lists alone do without
    from filterd.images.compile import compile_config, compile_kept, next_base
    from filterd.images.lists.rails import order_rails_of
    from filterd.process.database.access import hold_connections, opened_for_control

    keep_memory_private()
    if not is_kept:
        with progress_bar() as progress:
            return compile_config(config, progress)
    with opened_for_control(config) as engine, progress_bar() as progress:
        base = next_base(config)
        if is_confined:
            hold_connections(engine, CONNECTIONS)  # soon there is no network to make them over
            order_rails_of(config)  # their files may lie outside of the state directory, and what was read is kept
            _confine(config.state_dir)
        return compile_kept(config, engine, progress, base)
