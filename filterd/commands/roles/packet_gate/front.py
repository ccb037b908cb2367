"""The packet gate of one queue, or of a tap: its loop's thread, and the care for it; the same shape as
dns.front.front.DnsFront.

Invariant: run() raises what ends the loop (no right to the queue, another process has it, an interface that is gone),
so that the role ends and is started again.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypedDict

from dns.base.loop_thread import LoopThread
from fastpath.gate.loop import GateLoop
from fastpath.gate.unfinished import octets_needed
from fastpath.images.image_key import NoKey, label_key
from fastpath.images.tables import Handoff, TableSet
from fastpath.report.spool import Reporter
from fastpath.tap.tap_loop import TapLoop
from filterd.commands.roles.packet_gate.ja4_file import classes_to_count
from filterd.commands.roles.packet_gate.queue_drops import Overrun
from filterd.commands.roles.packet_gate.unfinished_file import map_unfinished
from filterd.config.schema import Gate

TEND_EVERY_S: Final = 0.1


class Limits(TypedDict):
    """See GateLoop."""

    n_flows: int
    n_windows: int
    share: int
    initials_a_second: int
    is_h2c_let: bool


Pages = Mapping[str, Mapping[int, tuple[bytes, bytes]]]  # whole HTTP answers by language and Reason


class GateFront:
    """One queue, or one worker of a tap, which needs neither queue nor pages nor what follows them.

    pages       see GateLoop
    unfinished  file of connections that servers may not have finished; it outlives the worker"""

    def __init__(
        self,
        queue: int,
        config: Gate,
        pages: Pages,
        reporter: Reporter,
        unfinished: Path,
        is_shut_without_images: bool = False,
    ) -> None:
        self._reporter = reporter
        self._handoff = Handoff()
        self._loop = _loop_of(queue, config, pages, self._handoff, reporter, unfinished)
        if is_shut_without_images:
            self._loop.shut_without_images()
        self._thread = LoopThread(self._loop, self._handoff, "gate-loop")
        has_drops = config.mode == "inline" and _is_shut(config)
        self._overrun = Overrun(queue, reporter.counters) if has_drops else None

    def give(self, tables: TableSet) -> None:
        """Serve `tables` from the first packet on: before run()."""
        self._label()
        self._thread.give(tables)

    async def use(self, tables: TableSet) -> None:
        """Serve `tables`, or newer ones given meanwhile; returns once the loop does.

        tables   newer than any given before
        Raises TimeoutError where the loop does not take them in 5 s."""
        self._label()
        await self._thread.use(tables)

    def use_pages(self, pages: Pages) -> None:
        """Show these pages from the loop's next turn on; a tap shows none.   Raises ValueError: those before stay"""
        if isinstance(self._loop, GateLoop):
            self._loop.use_pages(pages)
            self._loop.wake()

    @property
    def n_turns(self) -> int:
        """Turns of the loop so far; one a second at least, as long as it lives."""
        return self._loop.n_turns

    def upstreams(self) -> dict[str, bool]:
        """None: a gate asks no one."""
        return {}

    def connections(self) -> dict[str, int]:
        """None: those that it judges are not its own."""
        return {}

    async def run(self) -> None:
        """Serve the queue until cancelled.   Raises OSError where the queue cannot be had."""
        await self._thread.run(self._tend())

    def _label(self) -> None:
        """Have the kernel keep labels, once there is a key for them; a tap holds no connections."""
        if isinstance(self._loop, GateLoop):
            with contextlib.suppress(NoKey):
                self._loop.label(label_key())

    async def _tend(self) -> None:
        while True:
            self._reporter.tend()
            self._handoff.taken()  # releases tables that the loop has left
            if self._overrun is not None and self._loop.n_turns:  # the queue is there
                self._overrun.tend()
            await asyncio.sleep(TEND_EVERY_S)


def _loop_of(
    queue: int, config: Gate, pages: Pages, handoff: Handoff, reporter: Reporter, unfinished: Path
) -> GateLoop | TapLoop:
    ports = config.tls_ports, config.http_ports
    is_closed = int(config.when_undecidable == "closed")
    limits: Limits = {
        "n_flows": config.flows,
        "n_windows": config.windows,
        "share": config.windows_per_subscriber,
        "initials_a_second": config.quic_initials_per_second,
        "is_h2c_let": config.h2c == "pass",
    }
    classes = classes_to_count(config.ja4_classes) if config.ja4_classes else None
    if config.mode == "tap":
        watched, is_reset = config.tap_interfaces, config.tap_reset
        return TapLoop(watched, handoff, reporter, *ports, is_closed, is_reset=is_reset, ja4_classes=classes, **limits)
    is_shut = int(_is_shut(config))
    return GateLoop(
        queue,
        handoff,
        reporter,
        *ports,
        is_closed,
        pages,
        when_overloaded_closed=is_shut,
        is_asymmetric=config.routing == "asymmetric",
        ja4_classes=classes,
        mark_shift=config.mark_mask.shift,
        unfinished=map_unfinished(unfinished, octets_needed(config.flows)),
        **limits,
    )


def _is_shut(config: Gate) -> bool:
    """Whether a full queue drops what comes."""
    return (config.when_overloaded or config.when_dead) == "closed"
