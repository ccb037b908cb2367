"""The gate killed and the gate hung, under RATE new connections a second: what its subscribers notice.

filterd runs whole, under its supervisor, with `when_dead: open`; gate and server on one core, the client on the other.
After EVENT_S of RUN_S seconds something happens:

    quiet     nothing: what the machine does by itself
    killed    SIGKILL for the gate, which the supervisor starts again
    hung      SIGSTOP for the gate, SIGCONT after HANG_S
    burst     nothing either, but all cores and WINDOW connections under way, as many as are answered

`…_failed` connections, and how long the others took from SYN to the server's first octet.  `…_unfiltered` is of
another run in which every name is listed: those that were answered nevertheless, which is what *open* means.
Goals: killed_failed 0, hung_p99_ms ≤ 250.
"""
import functools
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.testbed import CORE, OTHER_CORE, Figures, Testbed, testbed, with_filterd

RATE = 1000
RUN_S, EVENT_S, HANG_S = 6.0, 2.0, 2.0
BURST_S = 2.0
WINDOW = 2048

Event = Callable[[Testbed], None]


def kill(bed: Testbed) -> None:
    bed.gateway.kill("gate-0")


def hang(bed: Testbed) -> None:
    pid = bed.gateway.pids()["gate-0"]
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(HANG_S, functools.partial(os.kill, pid, signal.SIGCONT)).start()


EVENTS: dict[str, Event | None] = {"quiet": None, "killed": kill, "hung": hang}


def run(bed: Testbed, event: Event | None, hellos: str) -> Figures:
    """One run with a filterd of its own."""
    with with_filterd(bed), bed.server("serve", CORE):
        if event is not None:
            threading.Timer(EVENT_S, event, (bed,)).start()
        return bed.connect("paced", bed.folder / hellos, RUN_S, RATE, OTHER_CORE)


def noticed(bed: Testbed, event: Event | None) -> Figures:
    said = run(bed, event, "allowed")
    found = {key.replace("_us", "_ms"): said[key] / 1e3 for key in ("p50_us", "p99_us", "p999_us", "longest_us")}
    return found | {key: said[key] for key in ("begun", "failed", "reset", "skipped")}


def burst(bed: Testbed) -> Figures:
    with with_filterd(bed), bed.server("serve", CORE):
        said = bed.connect("flood", bed.folder / "blocked", BURST_S, WINDOW, OTHER_CORE)
    return {"per_s": said["per_s"], "unfiltered": said["answered"], "failed": said["failed"]}


def figures() -> Figures:
    found: Figures = {}
    with tempfile.TemporaryDirectory() as folder, testbed(Path(folder)) as bed:
        bed.offload(False)
        for label, event in EVENTS.items():
            each = noticed(bed, event) | {"unfiltered": run(bed, event, "blocked")["answered"]}
            found |= {f"{label}_{key}": value for key, value in each.items()}
        return found | {f"burst_{key}": value for key, value in burst(bed).items()}


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:24} {value:>12,.3f}")
