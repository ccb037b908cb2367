"""Drill: listed names asked over UDP, TCP, TLS and HTTPS while workers are killed and the box is restarted.

Every query is for a listed name, and every list is NXDOMAIN: an answer with an address is a name that passed.  The
written policy lets names pass only where a box has no image at all, and counts them (`no_tables`); this one has them.
Goal: none passes.   HOSTILE_NAMES=10000000: a longer list.
"""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hostile.box import OTHER_CORE, Box

from bench.corpus import names
from bench.flood import Flooder, free_port, leave_for_own_network

N_NAMES = int(os.environ.get("HOSTILE_NAMES", "200000"))
N_ASKED = 20_000
N_KILLS = 6
LIVES_S = 2.0  # a worker, until it is killed
RATE = 5_000  # of UDP; the streams' queries are as many as are answered
WORKERS = 2
N_TRANSPORTS, ASKED_S = 4, 120.0
# dnsperf 2.14 loses answers that come together over HTTPS.
ONE = ("-q", "1")


class Counted(NamedTuple):
    """Queries: those that had no answer, and those that had an address."""

    n_sent: int
    n_lost: int
    n_passed: int


def drill(folder: Path) -> str:
    """One line: what was sent, what was lost, what was shown."""
    leave_for_own_network()
    listed, upstream = list(names(N_NAMES)), free_port()
    box = Box(folder, listed, upstream, WORKERS)
    with Flooder(folder, OTHER_CORE).echo(upstream, OTHER_CORE):
        with box.running():
            write_asked(folder / "asked", filter(box.blocks, listed))
            with asking(box) as kills:
                kill_in_turn(box)
                wait_until_asked(kills)
        with asking(box) as restart, box.running():
            time.sleep(LIVES_S)
            wait_until_asked(restart)
        with box.running():
            n_restarts, n_without = box.n_restarts(box.workers), box.counted()["no_tables"]
    both = [*kills.values(), *restart.values()]
    n_lost, n_passed = sum(each.n_lost for each in both), sum(each.n_passed for each in both)
    sent = ", ".join(f"{kills[over].n_sent + restart[over].n_sent:,} over {over}" for over in kills)
    line = (
        f"images: sent queries for listed names ({sent}; the list has {N_NAMES:,}) while workers were killed {N_KILLS} "
        f"times and the box was restarted; {n_passed:,} passed, {n_lost:,} had no answer; "
        f"shown {n_restarts} restarts, no_tables {n_without:,}"
    )
    assert n_passed == 0 and n_restarts == N_KILLS and all(each.n_sent for each in both), line
    return line


def write_asked(path: Path, listed: Iterator[str]) -> None:
    path.write_text("".join(f"{name} A\n" for name in itertools.islice(listed, N_ASKED)))


def kill_in_turn(box: Box) -> None:
    for worker in itertools.islice(itertools.cycle(box.workers), N_KILLS):
        time.sleep(LIVES_S)
        box.wait_until_filtering()  # on a loaded machine, the one before may still be starting
        os.kill(box.pid(worker), signal.SIGKILL)
    time.sleep(LIVES_S)
    box.wait_until_filtering()


@contextlib.contextmanager
def asking(box: Box) -> Iterator[dict[str, Counted]]:
    """Ask as long as the block lasts, over all transports at once; the dict has what was counted, by transport."""
    found, over = dict[str, Counted](), threading.Event()
    ways = {
        "UDP": ["-p", str(box.port), "-q", "20", "-Q", str(RATE)],
        "TCP": ["-m", "tcp", "-p", str(box.port), "-q", "20"],
        "TLS": ["-m", "dot", "-p", str(box.tls), "-q", "20"],
        "HTTPS": ["-m", "doh", "-p", str(box.https), "-O", f"doh-uri=https://127.0.0.1:{box.https}/dns-query", *ONE],
    }

    def ask(transport: str, how: list[str]) -> None:
        for total in ask_on(box.folder / "asked", how, over):
            found[transport] = total

    threads = [threading.Thread(target=ask, args=way) for way in ways.items()]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        over.set()
        for thread in threads:
            thread.join()


def wait_until_asked(found: dict[str, Counted]) -> None:
    """Until every transport has been asked: on a loaded machine, handshakes take longer.   Raises TimeoutError."""
    deadline = time.monotonic() + ASKED_S
    while len(found) < N_TRANSPORTS or not all(each.n_sent for each in found.values()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"hostile images: asked so far: {found}; given up; is the machine busy")
        time.sleep(0.05)


def ask_on(queries: Path, how: list[str], over: threading.Event) -> Iterator[Counted]:
    """Run dnsperf again and again: each time with new connections, which a worker that starts meets first.

    Gives the sum after each."""
    total = Counted(0, 0, 0)
    command = ["taskset", "-c", str(OTHER_CORE), "dnsperf", "-s", "127.0.0.1", "-d", str(queries), "-t", "1", "-l", "1"]
    while not over.wait(0.02):
        said = subprocess.run([*command, *how], capture_output=True, text=True, check=False).stdout
        total = Counted(*map(sum, zip(total, counted(said), strict=True)))
        yield total


def counted(said: str) -> Counted:
    """What dnsperf prints."""
    patterns = (r"Queries sent:\s+(\d+)", r"Queries lost:\s+(\d+)", r"NOERROR (\d+)")
    numbers = [re.search(pattern, said) for pattern in patterns]
    return Counted(*(int(number[1]) if number else 0 for number in numbers))
