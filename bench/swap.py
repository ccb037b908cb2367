"""DNS front at half load while its images are swapped: what is lost, what is late, the longest that an answer takes.

A real DNS worker on one core; dnsperf on the other sends half of what the worker can take.  All the while the worker is
told to use another base of 1.1 million names (which it maps and checks whole), then a delta on it, four swaps a second.
`still_…` is the same load without swaps: what machine and dnsperf do to the longest answer by themselves.  `late` are
answers that took more than 10 ms.  `swap_ms` is the longest time from telling the worker to its acknowledgement.
Goal: nothing lost, and nothing later by more than 10 ms.   BENCH_NAMES=10000000 takes another base.
"""
import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.appliance import Appliance
from bench.corpus import names
from bench.dns import CLIENT_CORE, CLIENTS, SERVER_CORE, write_queries
from fastpath.image import open_image
from fastpath.layout import ImageKind
from fastpath.name import to_wire
from fastpath.tables import TableSet
from fastpath.verdict import Mode
from filterd.compiling import remembered
from rules.delta import Changed, Entry, put_entries, write_delta
from rules.publish import image_path

N_NAMES = int(os.environ.get("BENCH_NAMES", "1100000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
PROBE_S = 3
SWAP_EVERY_S = 0.25
N_CHANGED = 1000
LATE_MS = 10.0
OUTSTANDING = 30_000    # a stall of 0.2 s must not make dnsperf wait, or it would not see it


def write_manifests(images: Path) -> list[Path]:
    """Two equal bases in files of their own, each alone and with a delta: what the worker is told in turn."""
    compiled = remembered(images)
    assert compiled is not None
    base = image_path(images, "names", compiled.generation)
    opened = open_image(base, ImageKind.NAMES)
    changed: Changed = {}
    for number in range(N_CHANGED):
        wire = to_wire(f"n{number}.ordered.test".encode())
        put_entries(changed, TableSet(opened).base_entries, wire, 0, [Entry(0, Mode.SUBTREE)])
    delta, other = images / "swap-delta.img", images / "swap-base.img"
    write_delta(changed, compiled.lists, opened.key, delta, compiled.generation + 1, compiled.generation)
    shutil.copyfile(base, other)
    manifests = []
    for number, (one, two) in enumerate(itertools.product((base, other), (None, delta.name))):
        manifests.append(images / f"swap-{number}.json")
        manifests[-1].write_text(json.dumps({"names": {"base": one.name, "delta": two}}))
    return manifests


@contextlib.contextmanager
def swapping(appliance: Appliance) -> Iterator[list[float]]:
    """Swap for as long as the block lasts; milliseconds of each swap."""
    manifests, took = itertools.cycle(write_manifests(appliance.state / "images")), []
    over = threading.Event()

    def swap() -> None:
        while not over.wait(SWAP_EVERY_S):
            begin = time.perf_counter()
            reply = appliance.worker(0, {"op": "use", "manifest": str(next(manifests))})
            if not reply["ok"]:
                raise RuntimeError(f"swap: {reply}; not measured; look at the log")
            took.append((time.perf_counter() - begin) * 1e3)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()


def run_dnsperf(port: int, queries: Path, seconds: int, rate: float | None) -> dict[str, float]:
    """What dnsperf saw.   rate  queries a second; None: as many as are answered"""
    limits = ["-q", "500"] if rate is None else ["-q", str(OUTSTANDING), "-Q", str(round(rate))]
    said = subprocess.run(
        ["taskset", "-c", str(CLIENT_CORE), "dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(queries),
         "-l", str(seconds), "-c", str(CLIENTS), "-O", "latency-histogram", *limits],
        check=True, capture_output=True, text=True).stdout
    histogram = re.findall(r"^\s*([\d.]+)\s+-\s+([\d.]+):\s+(\d+)", said, re.MULTILINE)
    return {
        "per_s": float(_one(r"Queries per second:\s+([\d.]+)", said)),
        "lost": float(_one(r"Queries lost:\s+(\d+)", said)),
        "late": float(sum(int(n) for begin, _, n in histogram if float(begin) * 1e3 >= LATE_MS)),
        "mean_ms": 1e3 * float(_one(r"Average Latency \(s\):\s+([\d.]+)", said)),
        "longest_ms": 1e3 * float(_one(r"Average Latency .*max ([\d.]+)", said)),
    }


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"swap: dnsperf did not say {pattern}; not measured; it said {text}")
    return found[1]


def figures() -> dict[str, float]:
    listed = list(names(N_NAMES))
    with tempfile.TemporaryDirectory() as folder:
        appliance, queries = Appliance(Path(folder), listed, 1), Path(folder, "queries")
        write_queries(queries, listed)
        with appliance.running(SERVER_CORE):
            most = run_dnsperf(appliance.port, queries, PROBE_S, None)["per_s"]
            still = run_dnsperf(appliance.port, queries, SECONDS, most / 2)
            with swapping(appliance) as took:
                found = run_dnsperf(appliance.port, queries, SECONDS, most / 2)
        return {"names": N_NAMES, **found, "swaps": len(took), "swap_ms": max(took),
                **{f"still_{key}": value for key, value in still.items()}}


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:20} {value:,.3f}")
