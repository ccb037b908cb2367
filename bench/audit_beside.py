"""What draining block records costs a DNS worker: the p99 of its answers, with BLOCKS a second drained, and without.

A whole `filterd run` on one core, with one worker that has RATE queries a second out of its cache.  They come one by
one, and are half of that core's work.
The blocks are in a spool of another worker, which does not exist: it is written as a loop writes, and control drains
it on the core of the DNS worker.  The rounds take turns.
"""

import contextlib
import random
import statistics
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hostile.box import OTHER_CORE, Box

from bench.drawn_blocks import SLOTS, drawn_slots, put_segment
from bench.flood import Figures, Flooder, free_port, leave_for_own_network, write_queries

RATE = 20_000
BLOCKS = 20_000
STEP_S = 0.02
SECONDS, ROUNDS = 5.0, 5


def beside(folder: Path) -> Figures:
    """dns_p99_ratio; dns_p99_us with drained records, and without."""
    leave_for_own_network()
    upstream = free_port()
    box = Box(folder, ["listed.test"], upstream)
    flooder, queries = Flooder(folder, OTHER_CORE), folder / "queries"
    write_queries(queries, (f"free{n % 500}.example" for n in range(10_000)))
    found: dict[bool, list[float]] = {True: [], False: []}
    with flooder.echo(upstream, OTHER_CORE), box.running():
        flooder.flood_once(box.port, queries)
        spool = Blocks(box.folder / "state/spool/gate-9")
        for _ in range(ROUNDS):
            for is_drained in (True, False):
                with spool.written() if is_drained else contextlib.nullcontext():
                    said = flooder.paced_first(box.port, queries, SECONDS, RATE)
                if said["lost"] or said["sent"] < 0.95 * RATE * SECONDS:
                    raise RuntimeError(f"queries: {said}; not measured; too much else runs here")
                found[is_drained].append(said["p99_us"])
    p99 = {is_drained: statistics.median(each) for is_drained, each in found.items()}
    return {
        "dns_p99_ratio": p99[True] / p99[False],
        "dns_p99_us": p99[True],
        "dns_p99_without_us": p99[False],
    }


class Blocks:
    """A spool that a loop writes to: BLOCKS a second, in segments that are full one after the other."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder, self._slots, self._n = folder, drawn_slots(random.Random(19)), 0

    @contextmanager
    def written(self) -> Iterator[None]:
        """As long as the block lasts."""
        over = threading.Event()
        writer = threading.Thread(target=self._write, args=(over,))
        writer.start()
        try:
            yield
        finally:
            over.set()
            writer.join()

    def _write(self, over: threading.Event) -> None:
        while not over.wait(STEP_S):
            if self._n % SLOTS == 0:
                self._path = put_segment(self._folder, self._n, self._slots, n_written=0)
            self._n = min(self._n + int(BLOCKS * STEP_S), (self._n // SLOTS + 1) * SLOTS)
            with self._path.open("r+b") as file:
                file.seek(8)
                file.write(((self._n - 1) % SLOTS + 1).to_bytes(8, "little"))
