"""Drill: a thousand hostile connections of TCP, TLS and HTTPS, next to UDP queries, honest streams and new images.

The worker has one core, the attackers and the load (bench/flood.c) the other, where the load comes first: attackers
have what it leaves.  The same load without the attack comes first, then beside a program that does nothing but work:
what the attackers cost the load by being on its core, and not on machines of their own, is told, and changes no goal.
Goals: all of the load sent, no restart, no query lost, UDP p99 at most UDP_TIMES as long, each `use` within USE_MS, and
half of the honest streams within HONEST_MS.
"""

import asyncio
import contextlib
import itertools
import json
import math
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hostile.attackers import LISTED, framed
from hostile.box import OTHER_CORE, Box

from bench.corpus import names
from bench.flood import Figures, Flooder, free_port, leave_for_own_network, write_queries
from dns.base.thread_priority import come_first
from filterd.process.json_socket import NoAnswer
from rules.base.manifest import MANIFEST, image_path, read_manifest

RATE = 20_000
SECONDS = 10.0
LEAST_SENT = 0.95 * RATE * SECONDS  # with less, it was not this load that went on beside the attack
N_CONNECTIONS = 1000
UDP_TIMES, USE_MS, HONEST_MS = 2.0, 200.0, 50.0
N_NAMES = 100_000  # of the list: what is opened at each `use`
USE_EVERY_S = 0.5
ASK_EVERY_S = 0.1
PATIENCE_S = 5.0
HONEST = "127.0.0.200"
COPY, COPIED = 900_000, "copy.json"
SHOWN = ("dns_streams_", "dns_handshakes_")


class Honest(NamedTuple):
    """What a client saw that does nothing wrong: a new connection for each query, in turns over TCP and TLS."""

    n_asked: int
    n_answered: int
    median_ms: float


class Round(NamedTuple):
    udp: Figures
    uses_ms: list[float]
    honest: Honest


def drill(folder: Path) -> str:
    """One line: what was sent, what was lost, what was shown."""
    leave_for_own_network()
    os.sched_setaffinity(0, {OTHER_CORE})
    upstream = free_port()
    box, flooder = Box(folder, ["listed.test", *names(N_NAMES)], upstream), Flooder(folder, OTHER_CORE)
    write_queries(folder / "queries", ("listed.test" if n % 2 else f"free{n % 500}.example" for n in range(10_000)))
    with flooder.echo(upstream, OTHER_CORE), box.running():
        flooder.paced(box.port, folder / "queries", 2, RATE)  # fills the cache
        copy_names(box.images)
        before = measured(box, flooder)
        with work_beside():
            beside = measured(box, flooder)
        with attack(box) as said:
            under = measured(box, flooder)
        box.wait_until_filtering()
        counted = box.counted()
    n_restarts = box.n_restarts(box.workers)
    line = told(before, under, said, n_restarts, counted)
    line += f"; UDP p99 µs beside a program that only works {beside.udp['p99_us']:,.0f}"
    assert reached(before, under, n_restarts), line
    return line


def reached(before: Round, under: Round, n_restarts: int) -> bool:
    """Whether all goals are."""
    n_lost = int(under.udp["lost"]) + under.honest.n_asked - under.honest.n_answered
    is_prompt = under.udp["p99_us"] <= UDP_TIMES * before.udp["p99_us"] and under.honest.median_ms <= HONEST_MS
    is_all_sent = min(before.udp["sent"], under.udp["sent"]) >= LEAST_SENT
    return n_restarts == n_lost == 0 and is_all_sent and is_prompt and max(under.uses_ms) <= USE_MS


def copy_names(images: Path) -> None:
    """Write the names in force a second time, with a manifest of their own: a worker opens what it does not serve."""
    said = json.loads((images / MANIFEST).read_bytes())
    said["names"]["base"] = image_path(images, "names", COPY).name
    shutil.copy(images / str(read_manifest(images).names.base), images / said["names"]["base"])
    (images / COPIED).write_text(json.dumps(said))


def measured(box: Box, flooder: Flooder) -> Round:
    """Load for SECONDS, with a `use` and honest queries now and then."""
    uses_ms, honest, over = list[float](), list[Honest](), threading.Event()

    def use() -> None:
        for manifest in itertools.cycle((COPIED, MANIFEST)):
            if over.wait(USE_EVERY_S):
                return
            began = time.perf_counter()
            try:
                reply = box.ask(box.workers[0], {"op": "use", "manifest": manifest})
            except NoAnswer:
                reply = {"ok": False}
            uses_ms.append((time.perf_counter() - began) * 1e3 if reply["ok"] else math.inf)

    def ask() -> None:
        come_first()  # this client has a core of its own where it lives
        honest.append(asyncio.run(ask_honestly(box, over)))

    threads = [threading.Thread(target=work) for work in (use, ask)]
    for thread in threads:
        thread.start()
    try:
        udp = flooder.paced_first(box.port, box.folder / "queries", SECONDS, RATE)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return Round(udp, uses_ms, honest[0])


async def ask_honestly(box: Box, over: threading.Event) -> Honest:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    took_ms, n_asked = list[float](), 0
    while not over.is_set():
        began = time.perf_counter()
        with contextlib.suppress(OSError, EOFError):
            async with asyncio.timeout(PATIENCE_S):
                await ask_once(box.tls if n_asked % 2 else box.port, context if n_asked % 2 else None)
            took_ms.append((time.perf_counter() - began) * 1e3)
        n_asked += 1
        await asyncio.sleep(ASK_EVERY_S)
    return Honest(n_asked, len(took_ms), statistics.median(took_ms or [0.0]))


async def ask_once(port: int, context: ssl.SSLContext | None) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=(HONEST, 0))
    try:
        writer.write(framed(LISTED))
        await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.transport.abort()


@contextlib.contextmanager
def work_beside() -> Iterator[None]:
    """One program, as the attackers are one, that takes what it gets of the load's core and attacks nobody."""
    command = ["taskset", "-c", str(OTHER_CORE), sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


@contextlib.contextmanager
def attack(box: Box) -> Iterator[dict[str, int]]:
    """As long as the block lasts; then the dict has the connections by kind."""
    said = dict[str, int]()
    ports = [str(port) for port in (box.port, box.tls, box.https)]
    program = [sys.executable, str(Path(__file__).with_name("attackers.py")), *ports]
    command = ["taskset", "-c", str(OTHER_CORE), *program, str(N_CONNECTIONS), str(int(SECONDS) + 2)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        time.sleep(1)
        try:
            yield said
            said |= json.loads(process.communicate()[0])
        finally:
            process.kill()


def told(before: Round, under: Round, said: dict[str, int], n_restarts: int, counted: dict[str, int]) -> str:
    sent = ", ".join(f"{n:,} {kind}" for kind, n in said.items())
    n_lost = under.honest.n_asked - under.honest.n_answered
    shown = ", ".join(f"{name} {n:,}" for name, n in counted.items() if n and name.startswith(SHOWN))
    return (
        f"streams: sent connections ({sent}) next to {under.udp['sent']:,.0f} UDP queries; "
        f"lost {under.udp['lost']:,.0f} UDP queries, {n_lost} of {under.honest.n_asked} honest queries over streams, "
        f"{n_restarts} restarts; with and without: {_pair(under, before)}; shown {shown}"
    )


def _pair(under: Round, before: Round) -> str:
    def figures(one: Round) -> tuple[float, float, float, float]:
        return one.udp["p50_us"], one.udp["p99_us"], one.honest.median_ms, max(one.uses_ms)

    names = ("UDP p50 µs", "UDP p99 µs", "honest streams ms", "longest use ms")
    both = zip(names, figures(under), figures(before), strict=True)
    return ", ".join(f"{name} {one:,.0f} and {other:,.0f}" for name, one, other in both)
