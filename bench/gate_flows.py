"""Memory of the gate with a million connections that it follows at once.

    begun       of each the first segment of two is there: the hello waits for its end
    allowed     of each the whole hello of 517 octets is there, its name is allowed, and the server has not spoken

`…_mib` is resident, without what the process had before the gate was made; `…_octets` the same by connection; `…_ns` a
call of feed().  `…_file_mib` comes on top: what servers may not have finished (fastpath/gate/unfinished.pyx), which
outlives the gate.  There is no room for the octets of all: `…_without_octets` is how many live connections gave theirs
up to others, `…_over_budget` how many were turned away by their client's share.
Goal: 1 million in 512 MB (488 MiB), nobody turned away.   BENCH_FLOWS=100000: fewer.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.images.opened import Images
from support.packets.builders import ACCEPTED, Client, hello

from fastpath.gate.loop import GateLoop
from fastpath.gate.unfinished import octets_needed
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Mode
from fastpath.report.spool import Reporter

N_FLOWS = int(os.environ.get("BENCH_FLOWS", "1000000"))
PORTS = 500  # of one client, which may hold a share of the memory only
FIRST_PORT = 10_000
SERVER = "2001:db8:ffff::40"
SEGMENT = 1448  # of a 1500-octet link with TCP timestamps
NOW_S = 1_700_000_000
NAME = b"www.allowed.test"
PAYLOADS = {"begun": hello(NAME, padding=1750)[:SEGMENT], "allowed": hello(NAME, padding=400)}


def clients() -> Iterator[Client]:
    for number in range(N_FLOWS):
        client, port = divmod(number, PORTS)
        yield Client(src=f"2001:db8:{client + 1:x}::1", dst=SERVER, sport=FIRST_PORT + port, isn=number * 7919 + 1)


def resident() -> int:
    """Octets of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def fed(gate: GateLoop, payload: bytes) -> float:
    """Feed one segment of every connection; nanoseconds a call."""
    spent = 0
    for client in clients():
        packet, mark = client.segment(0, payload), client.mark(0)
        gate.feed(client.accepted(), ACCEPTED, NOW_S)
        begin = time.perf_counter_ns()
        gate.feed(packet, mark, NOW_S)
        spent += time.perf_counter_ns() - begin
        gate.injected()
    return spent / N_FLOWS


def measured(folder: Path, tables: TableSet, payload: bytes) -> dict[str, float]:
    folder.mkdir()
    handoff, reporter = Handoff(), Reporter(folder / "counters", folder / "spool")
    handoff.give(tables)
    file = bytearray(b"x" * octets_needed(N_FLOWS))  # all of it is in memory, as that of a file in /run
    before = resident()
    gate = GateLoop(0, handoff, reporter, [443], [], 0, {}, N_FLOWS, unfinished=file)
    ns = fed(gate, payload)
    taken = resident() - before
    counted = reporter.counters.values()
    return {
        "mib": taken / 2**20,
        "octets": taken / N_FLOWS,
        "file_mib": len(file) / 2**20,
        "ns": ns,
        "without_octets": counted["gate_flows_evicted"],
        "over_budget": counted["gate_over_budget"],
    }


def figures() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables = TableSet(Images(folder).names([("orders", "blocked.test", Mode.SUBTREE)]))
        return {
            f"{label}_{key}": value
            for label, payload in PAYLOADS.items()
            for key, value in measured(folder / label, tables, payload).items()
        }


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:16} {value:>14,.1f}")
