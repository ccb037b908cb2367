"""The names base of a configuration: compiled in a process of its own, remembered with what it was made of.

    inputs changed? → `filterd compile --config FILE` (nice) → names-N.img → compiled.json → control puts it in force

Invariants: the images in force are never touched here; a failed compilation leaves them and says why; `compiled.json`
tells which lists the base holds by which number, so that a delta can be made for it also when the configuration has
changed since.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from fastpath.pack import ListSpec
from filterd.config import Config
from filterd.keys import image_key
from filterd.sources import HELP_LIST, config_sources, help_rules
from mgmt.orders import find_order, number_letter
from parental.database import opened, reading, writing
from rules.compile import Progress, compile_sources, list_specs
from rules.protected import Protected
from rules.publish import next_generation
from rules.report import CompileReport, report_as_json
from rules.source import Source
from rules.whole import writing_whole

REMEMBERED = "compiled.json"


class CompileFailed(RuntimeError):
    """The lists could not be compiled; the base in force stays."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """One names base."""

    generation: int
    inputs: list[Any]
    lists: list[ListSpec]
    report: dict[str, Any]


def inputs_of(config: Config) -> list[Any]:
    """What the base is made of, to be compared: lists, time and length of their files, names held open or protected."""
    listed: list[Any] = []
    for source in config_sources(config):
        is_file = source.path is not None and source.path.is_file()
        stat = source.path.stat() if source.path is not None and is_file else None
        listed.append([str(source), stat.st_mtime_ns if stat else 0, stat.st_size if stat else -1])
    return [listed, [rule.wire.hex() for rule in help_rules(config)], list(config.protected.names)]


def remembered(images_dir: Path) -> Compiled | None:
    """The newest base that was compiled, in force or not; None where nothing is known of one."""
    try:
        said = json.loads((images_dir / REMEMBERED).read_bytes())
        return Compiled(said["generation"], said["inputs"], [ListSpec(*row) for row in said["lists"]], said["report"])
    except (OSError, ValueError, KeyError, TypeError):  # not there, or written by another version: compile again
        return None


def remember(images_dir: Path, compiled: Compiled) -> None:
    """Note what the newest base is made of.   Its image must be there."""
    said = {
        "generation": compiled.generation,
        "inputs": compiled.inputs,
        "lists": [list(spec) for spec in compiled.lists],
        "report": compiled.report,
    }
    with writing_whole(images_dir / REMEMBERED) as file:
        file.write(json.dumps(said).encode())


async def compile_base(config: Config, config_file: Path, niceness: int) -> Compiled:
    """Compile the lists of a configuration into the images directory; not in force yet.   Raises CompileFailed."""
    nice = ["nice", "-n", str(niceness)]
    command = [*nice, sys.executable, "-P", "-m", "filterd", "compile", "--config", str(config_file)]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=asyncio.subprocess.PIPE)
    try:
        _, told = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    compiled = remembered(config.state_dir / "images")
    if process.returncode != 0 or compiled is None:
        why = told.decode(errors="replace").strip() or f"compile: exit code {process.returncode}; nothing changed"
        raise CompileFailed(why)
    return compiled


def compile_config(config: Config, progress: Progress | None) -> CompileReport:
    """The work of that process.   Raises BadList, BadReadBack."""
    images = config.state_dir / "images"
    images.mkdir(parents=True, exist_ok=True)
    sources, inputs = config_sources(config), inputs_of(config)
    with opened(config.state_dir / "filterd.db") as engine:
        report = compile_sources(
            sources,
            images,
            image_key(config.state_dir),
            next_generation(images, "names"),
            progress,
            protected=Protected(config.protected.names),
            live={HELP_LIST: help_rules(config)},
            number_order=lambda source, ref: _number_of(engine, source, ref),
        )
    remember(images, Compiled(report.generation, inputs, list_specs(sources), report_as_json(report)))
    return report


def _number_of(engine: Engine, source: Source, ref: str) -> int:
    """The number of an order that a list names by its letter, given now where it has none, so that a record of a block
    can name its order.   Cost: a commit for a new one; asked once a letter."""
    issuer = source.issuer or source.id
    with reading(engine) as conn:
        found = find_order(conn, issuer, ref)
    if found is not None:
        return int(found.id)
    with writing(engine) as conn:
        return number_letter(conn, issuer, ref, datetime.now(UTC))
