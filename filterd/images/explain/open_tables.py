"""Opens the tables that a command judges by: from lists compiled now or from images; with the source lines.

Invariant: an entry without a known source line is decided all the same.
"""

import json
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fastpath.images.image import BadImage, open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from filterd.box.errors import MissingPart, WrongUse
from filterd.box.keys import hold_image_key
from filterd.config.schema import DEFAULT_STATE_DIR
from filterd.images.attribution import Attribution
from filterd.images.explain.progress import progress_bar
from rules.base.errors import BadList, BadSource
from rules.base.manifest import MANIFEST, image_path
from rules.lists.compiler.compile import compile_sources
from rules.lists.compiler.report import report_as_json
from rules.lists.source import parse_source

IMAGES_DIR = DEFAULT_STATE_DIR / "images"
REPORT = "report.json"  # of `filterd compile -o`
COMPILED = "compiled.json"  # of the daemon's compilation, see filterd.images.compile


def open_tables(lists: Iterable[str], images: Path | None, folder: Path) -> TableSet:
    """Tables of lists compiled into `folder`, or else of the images of a directory, or else, where this box has none,
    of nothing, which stderr says.   Raises WrongUse, MissingPart."""
    texts = list(lists)
    if not texts and images is None and not (IMAGES_DIR / MANIFEST).exists():
        print(f"{IMAGES_DIR}: no images there; nothing is blocked; give --list SOURCE or --images DIR", file=sys.stderr)
        return _compiled([], folder)[0]
    return open_attributed(texts, images, folder)[0]


def open_attributed(lists: Iterable[str], images: Path | None, folder: Path) -> tuple[TableSet, Attribution | None]:
    """As open_tables(), with the list and line of each entry where known."""
    texts = list(lists)
    if texts and images:
        raise WrongUse("--list and --images: both given; nothing looked up; give one of the two")
    return _compiled(texts, folder) if texts else _in_force(images or IMAGES_DIR)


def _in_force(directory: Path) -> tuple[TableSet, Attribution | None]:
    manifest = directory / MANIFEST
    try:
        hold_image_key(directory.parent)
        tables = TableSet.open(manifest)
    except FileNotFoundError as reason:
        raise MissingPart(f"{manifest}: not there; nothing looked up; give --list SOURCE or --images DIR") from reason
    except PermissionError as reason:
        who = "run it as root, or as a role that reads the images"
        raise MissingPart(f"{reason.filename}: {reason.strerror}; nothing looked up; {who}") from reason
    except (BadImage, ValueError, OSError) as reason:
        raise MissingPart(f"{manifest}: {reason}; nothing looked up; give --list SOURCE or --images DIR") from reason
    generation = tables.generations["names"][0]
    path = image_path(directory, "origins", generation)
    try:
        return tables, Attribution(path, _lists_of(directory, generation)) if path.exists() else None
    except (BadImage, OSError) as reason:
        print(f"{reason}; lines are not shown", file=sys.stderr)
        return tables, None


def _compiled(texts: list[str], folder: Path) -> tuple[TableSet, Attribution | None]:
    try:
        sources = [parse_source(text) for text in texts]
        with progress_bar() as progress:
            report = compile_sources(sources, folder, secrets.token_bytes(16), 1, progress)
    except (BadList, BadSource) as reason:
        raise WrongUse(str(reason)) from reason
    if report.n_skipped:
        print(f"{report.n_skipped} lines not enforced; filterd compile shows which", file=sys.stderr)
    tables = TableSet(open_image(report.path, ImageKind.NAMES), urls=open_image(report.urls_path, ImageKind.URLS))
    return tables, Attribution(report.origins_path, report_as_json(report)["lists"])


def _lists_of(directory: Path, generation: int) -> list[dict[str, Any]]:
    """The lists of a compilation as its report has them; none where no report of it is left."""
    for name in (COMPILED, REPORT):
        try:
            said = json.loads((directory / name).read_bytes())
        except (OSError, ValueError):
            continue
        report = said.get("report", said) if isinstance(said, dict) else {}
        if isinstance(report, dict) and report.get("generation") == generation:
            found: list[dict[str, Any]] = report["lists"]
            return found
    return []
