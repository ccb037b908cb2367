"""Uploads in chunks to port 80, through the gate in each mode and without a gate: `curl -T -` to a server that counts.

    near, far         the server's packets come at once, or FAR_S later (tests/support/gate/far_server.py)
    mib3, mib10       of that many octets;  paced: of 3 MiB, at 1 MB/s
    …_s               from curl's start to the server's answer, the median of ROUNDS
    …_whole           1: the server has counted every octet in every round

Each figure of a gate stands next to that of the same upload without one.   Needs root.
Goals: all whole; the time within a tenth of that without a gate.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.escapes.passage import WAYS
from support.gate.detour import detour
from support.gate.program import PYTHON, ROOT, Gate

from filterd.lab.processes import wait_until
from filterd.lab.servers import start_servers
from filterd.lab.topology import Lab, lab

SUPPORT = ROOT / "tests/support/gate"
COUNTING, NAME = "192.0.2.44", "www.allowed.test"
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
MIB = 1 << 20
FAR_S = 0.1
MOST_S = 60
UPLOADS = {"mib3": (3, ()), "mib10": (10, ()), "paced": (3, ("--limit-rate", "1M"))}


@contextmanager
def far_away(place: Lab) -> Iterator[None]:
    program = place.popen("internet", [*PYTHON, str(SUPPORT / "far_server.py"), str(FAR_S)], "far-server")
    listing = ["nft", "list", "table", "inet", "far_server"]
    try:
        wait_until(lambda: "queue" in place.run("internet", listing).stdout, "a server far away")
        yield
    finally:
        place.run("internet", ["nft", "delete", "table", "inet", "far_server"])
        place.stop(program)


def upload(place: Lab, file: Path, options: tuple[str, ...]) -> tuple[bool, float]:
    """Whether the server has counted all of a file, and the seconds that it took."""
    ask = ["curl", "-sS", "-m", str(MOST_S), "-H", f"Host: {NAME}", "-H", "Expect:", "-T", "-", *options]
    ask += ["-w", " %{time_total}", f"http://{COUNTING}/"]
    done = place.run("child", ["sh", "-c", f'exec "$@" < {file}', "sh", *ask], timeout_s=2 * MOST_S)
    counted, _, took_s = done.stdout.rpartition(" ")
    return counted == str(file.stat().st_size), float(took_s)


def figures_of(place: Lab, folder: Path, name: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for where in ("near", "far"):
        with far_away(place) if where == "far" else ExitStack():
            for what, (n_mib, options) in UPLOADS.items():
                file = folder / f"{n_mib}"
                file.write_bytes(bytes(range(256)) * (n_mib * MIB // 256))
                rounds = [upload(place, file, options) for _ in range(ROUNDS)]
                found[f"{name}_{where}_{what}_s"] = statistics.median(took_s for _, took_s in rounds)
                found[f"{name}_{where}_{what}_whole"] = float(all(is_whole for is_whole, _ in rounds))
    return found


def figures() -> dict[str, float]:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory, lab(Path(directory) / "lab") as place:
        folder = Path(directory)
        start_servers(place)
        place.run("internet", ["ip", "address", "add", f"{COUNTING}/32", "dev", "gateway"])
        place.popen("internet", [*PYTHON, str(SUPPORT / "upload_server.py"), COUNTING, "80"], "upload-server")
        answers = ["curl", "-s", "-m", "2", f"http://{COUNTING}/"]
        wait_until(lambda: place.run("internet", answers).returncode == 0, "the server that counts")
        for way in WAYS:
            with ExitStack() as stack:
                if way != WAYS[0]:
                    routing, policy = way.split()
                    if routing == "asymmetric":
                        stack.enter_context(detour(place))
                    stack.callback(Gate(place, folder / way.replace(" ", "-"), policy, routing).stop)
                found |= figures_of(place, folder, way.replace(" ", "_"))
    return found
