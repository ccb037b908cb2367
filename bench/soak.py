"""DNS front under every kind of load for minutes, its images swapped all the while: whether anything grows.

Blocked, cached, forwarded and broken queries in turns, as fast as they are answered.  `grown_mib` is the worker's own
memory at the end against a fifth of the time before that: by then its cache is full, and its tables have been swapped.
`grown_descriptors` likewise.   Goal: 0, but for what the allocator keeps.   BENCH_SECONDS=600 soaks for ten minutes.
"""

import itertools
import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.appliance import Appliance
from bench.corpus import names
from bench.dns import CLIENT_CORE, SERVER_CORE, Server
from bench.flood import Figures, Flooder, blocked, free_port, leave_for_own_network, write_messages, write_queries
from bench.peers_dns import HOST
from bench.swap import swapping, write_manifests

SECONDS = float(os.environ.get("BENCH_SECONDS", "120"))
N_NAMES = 100_000
N_ASKED = 100_000
N_UNIQUE = 1_000_000
TURN_S = 2
WARM_SHARE = 0.8  # of the time, before anything is compared
MIXES = ("blocked", "repeated", "unique", "broken")


def write_mixes(folder: Path, listed: list[str], appliance: Appliance) -> None:
    draw = random.Random(6)
    write_queries(folder / "blocked", filter(appliance.blocks, blocked(listed, N_ASKED)))
    write_queries(folder / "repeated", (f"n{draw.randrange(1000)}.unlisted.example" for _ in range(N_ASKED)))
    write_queries(folder / "unique", (f"n{number}.unlisted.example" for number in range(N_UNIQUE)))
    write_messages(folder / "broken", (draw.randbytes(draw.randrange(12, 200)) for _ in range(N_ASKED)))


def size_of(server: Server) -> Figures:
    return {"mib": server.resident()["own_mib"], "descriptors": len(list(Path(f"/proc/{server.pid}/fd").iterdir()))}


def soak(server: Server, flooder: Flooder, folder: Path, seconds: float) -> float:
    """Load for so long; answers."""
    n, end = 0.0, time.monotonic() + seconds
    for mix in itertools.cycle(MIXES):
        if time.monotonic() >= end:
            return n
        n += flooder.flood(server.port, folder / mix, TURN_S)["answered"]
    raise AssertionError("a cycle has no end")


def figures() -> Figures:
    leave_for_own_network()
    listed = list(names(N_NAMES))
    with tempfile.TemporaryDirectory() as name:
        folder, upstream, took = Path(name), free_port(), list[float]()
        flooder = Flooder(folder, CLIENT_CORE)
        appliance = Appliance(folder, listed, 1, f"{HOST}:{upstream}")
        with flooder.echo(upstream, CLIENT_CORE), appliance.running(SERVER_CORE):
            write_mixes(folder, listed, appliance)
            manifests = itertools.cycle(write_manifests(appliance.state / "images"))
            server = Server(appliance.port, appliance.worker(0, {"op": "status"})["pid"])
            with swapping(appliance, manifests, took):
                n = soak(server, flooder, folder, SECONDS * WARM_SHARE)
                before = size_of(server)
                n += soak(server, flooder, folder, SECONDS * (1 - WARM_SHARE))
            after = size_of(server)
    grown = {f"grown_{key}": after[key] - before[key] for key in after}
    return {"answers": n, "swaps": len(took), **grown, **after}


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:20} {value:>14,.2f}")
