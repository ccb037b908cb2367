"""DNS front with 1.1 million names, every query blocked: queries a second, server on one core, dnsperf on the other.

Goal: ≥ 100,000/s on one core.  dnsperf has a core of its own and a top rate of its own: a number near that one is the
client's.  `lost` is what dnsperf got no answer to.
"""
import asyncio
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.corpus import names
from dns import AnswerPolicy, Endpoint, serve
from fastpath.counters import read_counters
from fastpath.image import open_image
from fastpath.layout import ImageKind
from fastpath.name import to_wire
from fastpath.pack import ListSpec, NamesBuilder
from fastpath.tables import TableSet
from fastpath.verdict import Action, Mode, Tier

N_NAMES = 1_100_000
N_ASKED = 200_000
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
SERVER_CORE, CLIENT_CORE = 0, 1
CLIENTS, OUTSTANDING = 20, 500


def write_image(path: Path, listed: list[str]) -> None:
    builder = NamesBuilder(bytes(range(16)), [ListSpec("orders", Tier.ORDER, 0, Action.NXDOMAIN, False)])
    for name in listed:
        builder.add(to_wire(name.encode()), 0, Mode.SUBTREE)
    with path.open("wb") as out:
        builder.build(out, 1)


def write_queries(path: Path, listed: list[str]) -> None:
    """Half for listed names themselves, half for something below."""
    draw = random.Random(1)
    chosen = [draw.choice(listed) for _ in range(N_ASKED)]
    path.write_text("".join(f"{'www.' if i % 2 else ''}{name} A\n" for i, name in enumerate(chosen)))


def serve_alone(image: str, port: int, state: str) -> None:
    """The server's process: one worker on one core."""
    os.sched_setaffinity(0, {SERVER_CORE})
    tables = TableSet(open_image(image, ImageKind.NAMES))
    nowhere = Endpoint("127.0.0.1", 9)
    asyncio.run(serve([Endpoint("127.0.0.1", port)], [nowhere], tables, AnswerPolicy(), 1, Path(state)))


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Until the server answers on TCP, which it opens last."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 0.1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError("bench dns: the server did not come up; stopped; run it alone to see why")


def run_dnsperf(port: int, queries: Path) -> dict[str, float]:
    said = subprocess.run(
        ["taskset", "-c", str(CLIENT_CORE), "dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(queries),
         "-l", str(SECONDS), "-c", str(CLIENTS), "-q", str(OUTSTANDING)],
        check=True, capture_output=True, text=True).stdout
    return {
        "blocked_per_s": float(re.search(r"Queries per second:\s+([\d.]+)", said)[1]),
        "lost": float(re.search(r"Queries lost:\s+(\d+)", said)[1]),
        "mean_latency_us": 1e6 * float(re.search(r"Average Latency \(s\):\s+([\d.]+)", said)[1]),
    }


def resident_mib(pid: int) -> dict[str, float]:
    """Of the server: its own memory, and the shared pages of image and spool."""
    said = dict(re.findall(r"(Rss\w+):\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()))
    return {"own_mib": int(said["RssAnon"]) / 1024, "mapped_mib": int(said["RssFile"]) / 1024}


def figures() -> dict[str, float]:
    listed = list(names(N_NAMES))
    with tempfile.TemporaryDirectory() as folder:
        state, image, queries = Path(folder), Path(folder, "names.img"), Path(folder, "queries")
        write_image(image, listed)
        write_queries(queries, listed)
        port = free_port()
        server = subprocess.Popen([sys.executable, __file__, "serve", str(image), str(port), folder])
        try:
            wait_for(port)
            found = run_dnsperf(port, queries) | resident_mib(server.pid)
        finally:
            server.terminate()
            server.wait()
        counted = read_counters(state / "counters" / "dns-0")
    return found | {"blocked_share": counted["dns_blocked"] / max(1, counted["dns_queries"]),
                    "events_lost": counted["events_lost"]}


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve_alone(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        for key, value in figures().items():
            print(f"{key:20} {value:,.2f}")
