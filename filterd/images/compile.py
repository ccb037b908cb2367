"""Compiles the names base of a configuration in a job, and remembers what it was made of.

    copies changed? → `filterd compile --config FILE --kept` (nice) → names-N.img → compiled.json → control publishes it

`compile_base` runs in the control role and starts the job; `compile_config` and `compile_kept` run in it.
Invariants: the images in force are never touched here; a failed compilation leaves them and says why; `compiled.json`
says which lists the base holds by which number, so that a delta can be made for it also when the configuration has
changed since, and up to which change it holds the orders pushed over the API.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from fastpath.images import image_key
from fastpath.images.key_builder import ListSpec
from filterd.box.keys import make_image_key
from filterd.box.places import IMAGES
from filterd.config import Config
from filterd.images.brought_names import write_brought
from filterd.images.lists.jobs import take
from filterd.images.lists.order_rails import OrderRails
from filterd.images.lists.rails import order_rails_of, protected_of, protected_prefixes
from filterd.images.lists.sealed_client import digests_of
from filterd.images.lists.sources import HELP_LIST, ORDERS_LIST, config_sources, help_rules
from filterd.images.lists.status import waiting
from filterd.images.lists.watch import watch_inputs
from filterd.images.people import Level
from filterd.process.database.access import opened_for_control
from filterd.process.jobs import run_job
from mgmt.orders.base.live import live_entries, orders_revision, shadow_entries
from mgmt.orders.phases.shadow_places import SHADOW_LISTS
from mgmt.orders.store import find_order, number_letter
from parental.store.database import reading, writing
from rules.base.atomic_file import writing_whole
from rules.base.manifest import claimed_generation
from rules.base.rule import Rule, UrlRule
from rules.lists.compiler.compile import Progress, compile_sources, list_specs
from rules.lists.compiler.digests import Digests
from rules.lists.compiler.report import CompileReport, report_as_json
from rules.lists.source import Source

REMEMBERED = "compiled.json"
READING = 5  # raise it with what a format or a rail makes of a line: boxes then compile their copies again


class CompileFailure(RuntimeError):
    """The lists could not be compiled; the base in force stays."""


@dataclass(frozen=True, slots=True)
class NamesBase:
    """One names base."""

    generation: int
    inputs: list[Any]
    lists: list[ListSpec]
    report: dict[str, Any]
    orders_revision: int  # of the orders over the API: the last change that the base holds


def inputs_of(config: Config) -> list[Any]:
    """What the base is made of, to be compared: lists, their last good copies, names held open, protected or watched,
    and how lines are read."""
    return _inputs(config, config_sources(config))


def _inputs(config: Config, sources: Sequence[Source]) -> list[Any]:
    listed = [str(source) for source in sources]  # a copy's path holds its digest
    protected = [*config.protected.names, *protected_prefixes(config)]
    helping = [f"{rule.wire.hex()} {rule.mode.name}" for rule in help_rules(config)]
    return [listed, helping, protected, watch_inputs(config), READING]


def remembered(images_dir: Path) -> NamesBase | None:
    """The newest base that was compiled, in force or not; None where nothing is known of one."""
    try:
        said = json.loads((images_dir / REMEMBERED).read_bytes())
        lists = [ListSpec(*row) for row in said["lists"]]
        return NamesBase(said["generation"], said["inputs"], lists, said["report"], said["orders_revision"])
    except (OSError, ValueError, KeyError, TypeError):  # not there, or written by another version: compile again
        return None


def remember(images_dir: Path, compiled: NamesBase) -> None:
    """Note what the newest base is made of.   Its image must be there."""
    said = {
        "generation": compiled.generation,
        "inputs": compiled.inputs,
        "lists": [list(spec) for spec in compiled.lists],
        "report": compiled.report,
        "orders_revision": compiled.orders_revision,
    }
    with writing_whole(images_dir / REMEMBERED) as file:
        file.write(json.dumps(said).encode())


async def compile_base(config: Config, config_file: Path, niceness: int) -> NamesBase:
    """Compile the last good copies into the images directory; not in force yet.   Raises CompileFailure."""
    exit_code, stderr, _ = await run_job(["compile", "--config", str(config_file), "--kept", "--confined"], niceness)
    compiled = remembered(config.state_dir / IMAGES)
    if exit_code != 0 or compiled is None:
        raise CompileFailure(stderr or f"compile: exit code {exit_code}; nothing changed")
    return compiled


async def compile_people(config_file: Path, level: Level, niceness: int) -> None:
    """Write a level of subscribers and policy; not in force yet.   Raises CompileFailure."""
    exit_code, stderr, _ = await run_job(["compile", "--config", str(config_file), "--people", level], niceness)
    if exit_code != 0:
        raise CompileFailure(stderr or f"compile --people {level}: exit code {exit_code}; nothing changed")


@dataclass(frozen=True, slots=True)
class NextBase:
    """What the next base is made of.   sealed  the digests of sealed lists under `key`, by id"""

    sources: list[Source]
    key: bytes
    sealed: dict[str, Digests]


def next_base(config: Config) -> NextBase:
    """Choose the last good copies, and a key.   Raises BadList for a sealed list that cannot be read

    Before the job gives up the network: readers of sealed lists are asked."""
    make_image_key(config.state_dir)
    sources, key = config_sources(config), image_key.new_key()
    return NextBase(sources, key, digests_of(config, sources, key))


def compile_config(config: Config, progress: Progress | None) -> CompileReport:
    """Take in what waits, and compile.   Raises BadList, BadReadBack."""
    take(config, waiting(config, time.time(), settle_s=0.0), time.time())
    with opened_for_control(config) as engine:
        return compile_kept(config, engine, progress, next_base(config))


def compile_kept(config: Config, engine: Engine, progress: Progress | None, base: NextBase) -> CompileReport:
    """Compile what was chosen.   Raises BadList, BadReadBack, DatabaseFault."""
    images = config.state_dir / IMAGES
    images.mkdir(parents=True, exist_ok=True)
    sources, inputs = base.sources, _inputs(config, base.sources)
    before = remembered(images)
    # The generation is claimed: the control role writes deltas meanwhile.
    with claimed_generation(images, "names") as generation:
        rails = order_rails_of(config)
        orders = OrdersInForce(engine, rails)
        counted = {each: ShadowOrders(engine, rails, at) for at, each in enumerate(SHADOW_LISTS, 1)}
        report = compile_sources(
            sources,
            images,
            base.key,
            generation,
            progress,
            protected=protected_of(config),
            live={HELP_LIST: help_rules(config), ORDERS_LIST: orders, **counted},
            number_order=lambda source, ref: _number_of(engine, source, ref),
            sealed=base.sealed,
        )
        specs, said = list_specs(sources), report_as_json(report)
        if before is not None:
            write_brought(config, sources, before.lists, before.report)
        remember(images, NamesBase(generation, inputs, specs, said, orders.revision))
    return report


class OrdersInForce:
    """The orders over the API as rules, read when they are asked for; their letter is the number of their order."""

    def __init__(self, engine: Engine, rails: OrderRails) -> None:
        self._engine, self._rails = engine, rails
        self.revision = 0  # the last change that was read, once it was

    def __iter__(self) -> Iterator[Rule | UrlRule]:
        with reading(self._engine) as conn:
            self.revision = orders_revision(conn)
            for live in live_entries(conn):
                if (rule := self._rails.rule(live)) is not None:
                    yield rule


class ShadowOrders:
    """The order in shadow that has a place, as rules of its list.

    It is read after OrdersInForce, whose revision is earlier then: what has changed meanwhile is in the next delta."""

    def __init__(self, engine: Engine, rails: OrderRails, place: int) -> None:
        self._engine, self._rails, self._place = engine, rails, place

    def __iter__(self) -> Iterator[Rule | UrlRule]:
        with reading(self._engine) as conn:
            for live in shadow_entries(conn):
                if live.place == self._place and (rule := self._rails.rule(live)) is not None:
                    yield rule


def _number_of(engine: Engine, source: Source, ref: str) -> int:
    """The number of an order that a list names by its letter, given now where it has none, so that a record of a block
    can name its order.
    Cost: a commit for a new one; asked once a letter."""
    if source.id in (ORDERS_LIST, *SHADOW_LISTS):
        return int(ref)
    issuer = source.issuer or source.id
    with reading(engine) as conn:
        found = find_order(conn, issuer, ref)
    if found is not None:
        return int(found.id)
    with writing(engine) as conn:
        return number_letter(conn, issuer, ref, datetime.now(UTC))
