"""DNS front beside dnsdist, Unbound and PowerDNS Recursor: a million names blocked, one core a server.

The client (bench/flood.c) and the upstream behind all servers, which has its answer ready, share the other core.

    blocked     every query is for a listed name or one below it
    isp         2 % of them blocked, the rest by Zipf over 200,000 allowed names, all of them cached before
    unique      every query for another allowed name, forwarded
    half        the isp mix at half of the rate that dnsdist answers it with: how long answers take

`…_per_s` counts right answers only, `…_cpu_us` is what the server's threads used for one, `…_lost` is what had none.
`echo_…` is the ceiling: a C program that takes and sends batches of 64 and has its answer ready.  Memory is read when
all of it is done: `…_mib` with the pages of files, `…_own_mib` without, which is what another worker of filterd takes.
BENCH_SECONDS each measure, BENCH_ROUNDS of each: the median counts.
Goals: blocked ≥ 1.6 × dnsdist and ≥ 0.85 × echo, isp ≥ 1.6 × the best, unique ≥ 1.5 × dnsdist, half_…_p99_us ≤
dnsdist's, filterd_own_mib ≤ 150.
"""

import contextlib
import os
import random
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.appliance import Appliance
from bench.corpus import free_names, names
from bench.flood import Figures, Flooder, blocked, free_port, leave_for_own_network, write_queries
from bench.peers_dns import HOST, PEERS, hold, start, write_lists

N_NAMES = 1_000_000
N_ASKED = 200_000
N_ALLOWED = 200_000
BLOCKED_SHARE = 0.02
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "1"))
N_UNIQUE = int(300_000 * SECONDS)  # of a round: more than anybody answers, so that none comes twice
SERVER_CORE, CLIENT_CORE = 0, 1
MIXES = ("blocked", "isp", "unique")
IDLE_S, IDLE_SHARE = 0.5, 0.1
HALF_OF = "dnsdist"  # where it is not installed: of filterd's


def write_mixes(folder: Path, listed: list[str], is_blocked: Sequence[str]) -> None:
    """One file of queries a mix, and all allowed names once: asked before, they fill the caches."""
    draw = random.Random(5)
    allowed = list(dict.fromkeys(free_names(set(listed), N_ALLOWED)))
    weights = [1 / rank for rank in range(1, len(allowed) + 1)]
    popular = iter(draw.choices(allowed, weights, k=N_ASKED))
    write_queries(folder / "allowed", allowed)
    write_queries(folder / "blocked", is_blocked)
    write_queries(
        folder / "isp", (draw.choice(is_blocked) if draw.random() < BLOCKED_SHARE else name for name in popular)
    )
    for part in range(ROUNDS):
        write_queries(folder / f"unique-{part}", (f"n{number}.unlisted{part}.example" for number in range(N_UNIQUE)))


class Server(NamedTuple):
    """One that is ready and held on its core."""

    port: int
    pid: int
    pids: tuple[int, ...] = ()  # of all its processes, where there are more

    def signal(self, number: int) -> None:
        for pid in self.pids or (self.pid,):
            os.kill(pid, number)

    def cpu_ns(self) -> int:
        """Of all its threads so far, but of those that write down what was blocked."""
        return self._cpu_ns((self.pid,))

    def whole_cpu_ns(self) -> int:
        return self._cpu_ns(self.pids or (self.pid,))

    @staticmethod
    def _cpu_ns(pids: Iterable[int]) -> int:
        tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def resident(self) -> Figures:
        said = dict(re.findall(r"(Rss\w+):\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text()))
        own, files = (int(said[key]) / 1024 for key in ("RssAnon", "RssFile"))
        return {"own_mib": own, "mib": own + files}


@contextlib.contextmanager
def serving(folder: Path, flooder: Flooder, listed: list[str]) -> Iterator[dict[str, Server]]:
    """All servers, and their queries in `folder`, as long as the block lasts."""
    upstream, echo = free_port(), free_port()
    appliance = Appliance(folder, listed, 1, f"{HOST}:{upstream}")
    with contextlib.ExitStack() as stack:
        stack.enter_context(flooder.echo(upstream, CLIENT_CORE))
        found = {"echo": Server(echo, stack.enter_context(flooder.echo(echo, SERVER_CORE)))}
        stack.enter_context(appliance.running())
        asked = list(filter(appliance.blocks, blocked(listed, N_ASKED)))
        write_mixes(folder, listed, asked)
        found["filterd"] = Server(appliance.port, appliance.worker(0, {"op": "status"})["pid"], tuple(appliance.pids))
        for pid in appliance.pids:  # control records what is blocked: that is part of the price
            hold(pid, SERVER_CORE)
        for peer in PEERS:
            port = free_port()
            pid = start(peer, folder, port, upstream, asked[0], stack)
            if pid is not None:
                found[peer] = Server(port, pid)
        for server in found.values():
            hold(server.pid, SERVER_CORE)
        try:
            yield found
        finally:
            for server in found.values():
                server.signal(signal.SIGCONT)


@contextlib.contextmanager
def alone(servers: dict[str, Server], name: str) -> Iterator[Server]:
    """The others stand still meanwhile: one that still writes down what it has done would take their core."""
    for other, server in servers.items():
        server.signal(signal.SIGCONT if other == name else signal.SIGSTOP)
    settle(servers[name])
    yield servers[name]


def settle(server: Server) -> None:
    """Until it has written down what it was asked, and sleeps."""
    while True:
        before = server.whole_cpu_ns()
        time.sleep(IDLE_S)
        if server.whole_cpu_ns() - before < IDLE_SHARE * IDLE_S * 1e9:
            return


def flooded(server: Server, flooder: Flooder, files: Iterable[Path]) -> Figures:
    """The median of rounds, one with each of `files`."""
    rounds: list[Figures] = []
    for queries in files:
        before = server.cpu_ns()
        said = flooder.flood(server.port, queries, SECONDS)
        cpu_us = (server.cpu_ns() - before) / 1e3
        n_right = said["noerror"] + said["nxdomain"]
        share = n_right / max(1.0, said["answered"])
        rounds.append({"per_s": said["per_s"] * share, "cpu_us": cpu_us / max(1.0, n_right), "lost": said["lost"]})
    return median(rounds)


def timed(server: Server, flooder: Flooder, queries: Path, rate: float) -> Figures:
    """The median of ROUNDS."""
    keys = ("p50_us", "p99_us", "lost", "skipped")
    rounds = [flooder.paced(server.port, queries, SECONDS, rate) for _ in range(ROUNDS)]
    return median([{key: said[key] for key in keys} for said in rounds])


def median(rounds: list[Figures]) -> Figures:
    return {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}


def measure(servers: dict[str, Server], flooder: Flooder, folder: Path) -> Iterator[tuple[str, Figures]]:
    """Each figure's name but its last part, and the parts."""
    with alone(servers, "echo") as echo:
        yield "echo", flooded(echo, flooder, [folder / "blocked"] * ROUNDS)
    names = [name for name in servers if name != "echo"]
    for name in names:
        with alone(servers, name) as server:
            for queries in ("allowed", "blocked"):
                flooder.flood_once(server.port, folder / queries)
    rates = {}
    for mix in MIXES:
        files = [folder / (f"{mix}-{part}" if mix == "unique" else mix) for part in range(ROUNDS)]
        for name in names:
            with alone(servers, name) as server:
                found = flooded(server, flooder, files)
            rates[mix, name] = found["per_s"]
            yield f"{mix}_{name}", found
    rate = rates["isp", HALF_OF if HALF_OF in servers else "filterd"] / 2
    for name in names:
        with alone(servers, name) as server:
            yield f"half_{name}", timed(server, flooder, folder / "isp", rate)
    for name in names:
        yield name, servers[name].resident()


def figures() -> Figures:
    leave_for_own_network()
    listed = list(names(N_NAMES))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flooder = Flooder(folder, CLIENT_CORE)
        write_lists(folder, listed)
        with serving(folder, flooder, listed) as servers:
            return {
                f"{name}_{key}": value
                for name, found in measure(servers, flooder, folder)
                for key, value in found.items()
            }


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:28} {value:>14,.1f}")
