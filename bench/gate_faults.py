"""The gate killed, hung, and busy with new images, under RATE new connections a second: what its subscribers notice.

filterd runs whole, under its supervisor, with `when_dead: open`; gate and server on one core, the client on the other.
After EVENT_S of RUN_S seconds something happens:

    quiet     nothing: what the machine does by itself
    killed    SIGKILL for the gate, which the supervisor starts again
    held      SIGSTOP for the gate, SIGCONT after HOLD_S, before the watchdog ends it
    hung      SIGSTOP for the gate: the watchdog ends it, and another one begins
    burst     nothing either, but all cores and WINDOW connections under way, as many as are answered
    swapping  the same for SWAPPING_S, and every SWAP_EVERY_S the gate opens, checks and takes another base of all names
              on its own core: `…_swaps` of them, `…_restarts` by the watchdog, which has no reason, and `…_still_ms`
              the longest that its loop took no packet, as seen from the other core

`…_failed` connections, and how long the others took from SYN to the server's first octet.  `…_unfiltered` is of
another run in which every name is listed: those that were answered nevertheless, which is what *open* means.
`…_back_s` is from the fault until another gate has its images.
Goals: killed_failed 0, held_p99_ms ≤ 250, hung_back_s ≤ 3.5, swapping_restarts 0.
"""

import functools
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.repetition import repeated
from bench.testbed import CORE, OTHER_CORE, Figures, Testbed, is_filtering, testbed, with_filterd
from fastpath.report.counters import read_counters
from filterd.box.places import counters_folder
from filterd.lab.processes import wait_until

RATE = 1000
RUN_S, EVENT_S, HOLD_S = 9.0, 2.0, 0.9
BURST_S, SWAPPING_S = 2.0, 20.0
WINDOW = 2048
SWAP_EVERY_S, LOOK_S = 0.25, 0.002
GATE = "gate-0"

Event = Callable[[Testbed], None]


def kill(bed: Testbed) -> None:
    bed.gateway.kill(GATE)


def hold(bed: Testbed) -> None:
    pid = bed.gateway.pids()[GATE]
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(HOLD_S, functools.partial(os.kill, pid, signal.SIGCONT)).start()


def hang(bed: Testbed) -> None:
    os.kill(bed.gateway.pids()[GATE], signal.SIGSTOP)


EVENTS: dict[str, Event | None] = {"quiet": None, "killed": kill, "held": hold, "hung": hang}
ENDS = ("killed", "hung")  # the gate


def run(bed: Testbed, event: Event | None, hellos: str) -> Figures:
    """One run with a filterd of its own."""
    with with_filterd(bed), bed.server("serve", CORE):
        if event is not None:
            threading.Timer(EVENT_S, event, (bed,)).start()
        return bed.connect("paced", bed.folder / hellos, RUN_S, RATE, OTHER_CORE)


def back(bed: Testbed, event: Event) -> Figures:
    """How long it takes until another gate has its images, with nobody who connects."""
    with with_filterd(bed):
        pid = bed.gateway.pids()[GATE]
        event(bed)
        is_another = lambda: bed.gateway.pids().get(GATE, pid) != pid and is_filtering(bed)  # noqa: E731
        return {"back_s": wait_until(is_another, GATE, 60.0)}


def noticed(bed: Testbed, event: Event | None) -> Figures:
    said = run(bed, event, "allowed")
    found = {key.replace("_us", "_ms"): said[key] / 1e3 for key in ("p50_us", "p99_us", "p999_us", "longest_us")}
    return found | {key: said[key] for key in ("begun", "failed", "reset", "skipped")}


def burst(bed: Testbed) -> Figures:
    with with_filterd(bed), bed.server("serve", CORE):
        said = bed.connect("flood", bed.folder / "blocked", BURST_S, WINDOW, OTHER_CORE)
    return {"per_s": said["per_s"], "unfiltered": said["answered"], "failed": said["failed"]}


def manifests(bed: Testbed) -> Iterator[Path]:
    """What is in force and the same with another file for its names, in turn: each is opened and read as a whole."""
    images, said = bed.gateway.folder.state / "images", bed.gateway.read_manifest()
    shutil.copyfile(images / said["names"]["base"], images / "swap.img")
    for number, base in enumerate((said["names"]["base"], "swap.img")):
        (images / f"swap-{number}.json").write_text(json.dumps(said | {"names": {"base": base, "delta": None}}))
    return itertools.cycle((images / "swap-1.json", images / "swap-0.json"))


def swapping(bed: Testbed) -> Figures:
    with with_filterd(bed), bed.server("serve", CORE):
        pid, counters, given = (
            bed.gateway.pids()[GATE],
            counters_folder(bed.gateway.folder.run, GATE) / GATE,
            manifests(bed),
        )
        swaps: list[bool] = []
        looks: list[tuple[float, int]] = []

        def swap() -> None:
            swaps.append(bed.gateway.ask_worker(GATE, {"op": "use", "manifest": next(given).name})["ok"])

        def look() -> None:
            n = read_counters(counters)["gate_packets"]
            if not looks or looks[-1][1] != n:
                looks.append((time.monotonic(), n))

        with repeated(SWAP_EVERY_S, swap), repeated(LOOK_S, look):
            said = bed.connect("flood", bed.folder / "allowed", SWAPPING_S, WINDOW, OTHER_CORE)
        return {
            "per_s": said["per_s"],
            "swaps": sum(swaps),
            "refused": len(swaps) - sum(swaps),
            "restarts": float(bed.gateway.pids().get(GATE) != pid),
            "still_ms": max(after[0] - before[0] for before, after in itertools.pairwise(looks)) * 1e3,
        }


def figures() -> Figures:
    found: Figures = {}
    with tempfile.TemporaryDirectory() as folder, testbed(Path(folder)) as bed:
        bed.offload(False)
        for label, event in EVENTS.items():
            each = noticed(bed, event) | {"unfiltered": run(bed, event, "blocked")["answered"]}
            each |= back(bed, event) if event is not None and label in ENDS else {}
            found |= {f"{label}_{key}": value for key, value in each.items()}
        found |= {f"swapping_{key}": value for key, value in swapping(bed).items()}
        return found | {f"burst_{key}": value for key, value in burst(bed).items()}


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:24} {value:>12,.3f}")
