"""DNS front at half load while its images are swapped: what is lost, what is late, the longest that an answer takes.

A real DNS worker on one core; bench/flood.c on the other asks at half of the rate that the worker can take, by the
clock, and times every answer.  In each second round the worker is told to use another base of 1.1 million names (which
it maps and checks whole), then a delta on it, four swaps a second: `swapping_…`; the rounds between them are the same
without: `still_…`, what the machine does to answers by itself.  The two only mean something side by side.

    lost, late      queries without an answer, and answered after more than 10 ms; all rounds together
    longest_ms      the longest that an answer took, in the worst round (`_median_ms`: in the median one)
    stall_ms        the longest that queries waited and none at all was answered, likewise
    skipped         not sent, because the client was held up at that moment
    swap_ms         the longest from telling the worker to its acknowledgement

Goal: nothing lost by swaps, and nothing later by more than 10 ms than without.   BENCH_NAMES=10000000: another base.
"""

import contextlib
import itertools
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.appliance import Appliance
from bench.corpus import names
from bench.flood import Figures, Flooder, blocked, leave_for_own_network, write_queries
from bench.repetition import repeated
from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire
from filterd.images.compile import remembered
from rules.base.manifest import image_path
from rules.lists.compiler.delta import Changed, Entry, put_entries, write_delta

N_NAMES = int(os.environ.get("BENCH_NAMES", "1100000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))  # a round
N_ROUNDS = 6  # of each kind
PROBE_S = 3
SWAP_EVERY_S = 0.25
N_CHANGED = 1000
N_ASKED = 200_000
SERVER_CORE, CLIENT_CORE = 0, 1
SUMMED = ("sent", "lost", "late", "skipped", "spoiled")
WORST = ("longest_ms", "stall_ms")
TYPICAL = ("p50_us", "p99_us", "per_s")


def write_manifests(images: Path) -> list[Path]:
    """Two equal bases in files of their own, each alone and with a delta: what the worker is told in turn."""
    compiled = remembered(images)
    assert compiled is not None
    base = image_path(images, "names", compiled.generation)
    opened = open_image(base, ImageKind.NAMES)
    changed: Changed = {}
    for number in range(N_CHANGED):
        wire = to_wire(f"n{number}.ordered.test".encode())
        put_entries(changed, TableSet(opened).base_entries, wire, {0}, [Entry(0, Mode.SUBTREE)])
    delta, other = images / "swap-delta.img", images / "swap-base.img"
    write_delta(changed, compiled.lists, opened.key, delta, compiled.generation + 1, compiled.generation)
    shutil.copyfile(base, other)
    manifests = []
    for number, (one, two) in enumerate(itertools.product((base, other), (None, delta.name))):
        manifests.append(images / f"swap-{number}.json")
        manifests[-1].write_text(json.dumps({"names": {"base": one.name, "delta": two}}))
    return manifests


def swapping(
    appliance: Appliance, manifests: Iterator[Path], took: list[float]
) -> contextlib.AbstractContextManager[None]:
    """Swap for as long as the block lasts.   took  gets the milliseconds of each swap"""

    def swap() -> None:
        begin = time.perf_counter()
        reply = appliance.worker(0, {"op": "use", "manifest": next(manifests).name})
        if not reply["ok"]:
            raise RuntimeError(f"swap: {reply}; not measured; look at the log")
        took.append((time.perf_counter() - begin) * 1e3)

    return repeated(SWAP_EVERY_S, swap)


def told(kind: str, rounds: list[Figures]) -> Figures:
    """The rounds of one kind together."""
    found = {f"{kind}_{key}": sum(each[key] for each in rounds) for key in SUMMED}
    for key in (*WORST, *TYPICAL):
        found[f"{kind}_{key.replace('_ms', '_median_ms')}"] = statistics.median(each[key] for each in rounds)
    return found | {f"{kind}_{key}": max(each[key] for each in rounds) for key in WORST}


def figures() -> Figures:
    leave_for_own_network()
    listed = list(names(N_NAMES))
    with tempfile.TemporaryDirectory() as folder:
        appliance, queries = Appliance(Path(folder), listed, 1), Path(folder, "queries")
        flooder = Flooder(Path(folder), CLIENT_CORE)
        rounds: dict[str, list[Figures]] = {"still": [], "swapping": []}
        took: list[float] = []
        with appliance.running(SERVER_CORE):
            write_queries(queries, filter(appliance.blocks, blocked(listed, N_ASKED)))
            most = flooder.flood(appliance.port, queries, PROBE_S)["per_s"]
            manifests = itertools.cycle(write_manifests(appliance.state / "images"))
            for _ in range(N_ROUNDS):
                rounds["still"].append(flooder.paced(appliance.port, queries, SECONDS, most / 2))
                with swapping(appliance, manifests, took):
                    rounds["swapping"].append(flooder.paced(appliance.port, queries, SECONDS, most / 2))
    found = told("still", rounds["still"]) | told("swapping", rounds["swapping"])
    return {"names": N_NAMES, "most_per_s": most, **found, "swaps": len(took), "swap_ms": max(took)}


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:28} {value:,.3f}")
