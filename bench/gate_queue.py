"""One packet queue emptied by one gate on one core: a full queue, and nobody who sends.

The gate stands still (SIGSTOP) while N_PACKETS hellos, each of another connection, fill its queue; then it goes on.
`…_per_s` is their number by the time until the queue is empty, as a watcher on the other core sees it; `…_cpu_us` is
what the gate's threads used for one, with the kernel's way back into the forward path and to the server's link, where
all are dropped.  Hellos of 517 octets, of 1400 octets, and of 517 with a listed name (`blocked`).

The gate has seen each connection begin.  Its memory was used before, as it is in service; `cold` is a gate that has
just begun, and each of whose hellos takes memory that nobody has touched.  The queue is longer here (QUEUE_MAXLEN
packets) than the loop makes it, as the kernel would let the rest pass by.
Goal: hello_517_per_s ≥ 250,000.
"""

import contextlib
import itertools
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.evasion.frames import checksum
from support.packets.builders import ACCEPTED, Client, hello

from bench.flood import write_messages
from bench.names import write_image
from bench.testbed import CORE, OTHER_CORE, PORT, QUEUES, Figures, Testbed, clear, listed, median, testbed
from fastpath.gate import nfqueue
from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import FlowState
from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import Handoff, TableSet
from fastpath.report.spool import Reporter
from fastpath.wire.name import to_wire
from filterd.kernel.firewall import Kernel
from filterd.kernel.ruleset import Rules
from filterd.lab.processes import wait_until

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
N_PACKETS = 40_000
QUEUE_MAXLEN = 65_536
RECEIVE_BUFFER = 256 << 20
FIRST_PORT = 2000
N_CLIENTS = 250  # each may hold a share of the gate's memory only
LOOK_S = 0.0005
QUEUE_TOTAL = 2  # a column of QUEUES: packets that wait
DROP_ALL = "table netdev far { chain in { type filter hook ingress device gateway priority 0; drop; }; }"
IP_OCTETS, TCP_CHECKSUM = 20, 36


def serve(folder: Path, state: str, server: str) -> None:
    """A gate on queue 0 of this network namespace, until SIGTERM; FOLDER/ready appears once it serves.

    state   warm: its memory was used before;  server: it has seen all connections to it begin"""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    nfqueue.FIRST_MAXLEN, nfqueue.RECEIVE_BUFFER = QUEUE_MAXLEN, RECEIVE_BUFFER
    handoff, reporter = Handoff(), Reporter(folder / "counters", folder / "spool")
    handoff.give(TableSet(open_image(folder / "names.img", ImageKind.NAMES)))
    gate = GateLoop(0, handoff, reporter, [PORT], [], 0, {})
    if state == "warm":
        warm(gate)
    for client in clients(server):
        gate.feed(client.accepted(), ACCEPTED, int(time.time()))
    loop = threading.Thread(target=gate.run)
    loop.start()
    Kernel().apply(Rules(ports=(PORT,), n_queues=1))
    (folder / "ready").touch()
    while not stopped.wait(0.1):
        reporter.tend()
    gate.stop()
    loop.join()


def warm(gate: GateLoop) -> None:
    """As many connections as are measured, all of them ended: the gate has had its memory in its hands before."""
    octets = hello(b"www.warm.test", padding=400)
    others = [
        Client(
            src=f"2001:db8:{number // 500:x}::1",
            dst="2001:db8:ffff::1",
            sport=FIRST_PORT + number % 500,
            isn=number * 7919 + 1,
        )
        for number in range(N_PACKETS)
    ]
    for client in others:
        gate.feed(client.accepted(), ACCEPTED, int(time.time()))
    for at, state in ((0, FlowState.OPENED), (len(octets), FlowState.ALLOWED_SPOKEN)):
        for client in others:
            gate.feed(client.segment(at, octets), client.mark(state), int(time.time()))
            gate.injected()


def send(path: Path, target: str) -> None:
    """Send the packets of a file as they are, as fast as it goes."""
    octets, at = path.read_bytes(), 0
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    while at < len(octets):
        n = int.from_bytes(octets[at : at + 2], "big")
        raw.sendto(octets[at + 2 : at + 2 + n], (target, 0))
        at += 2 + n


def again(core: int, *arguments: str) -> list[str]:
    """The command line that runs this file on a core."""
    root = Path(__file__).parents[1]
    paths = f"PYTHONPATH={root}:{root / 'tests'}"
    return ["taskset", "-c", str(core), "env", paths, sys.executable, "-P", __file__, *arguments]


@contextlib.contextmanager
def gate(bed: Testbed, state: str) -> Iterator[int]:
    """One that serves as long as the block lasts: its process."""
    program = bed.place.popen("gateway", again(CORE, "serve", str(bed.folder), state, bed.web), "gate")
    try:
        wait_until((bed.folder / "ready").exists, f"{bed.place.directory}/logs/gateway-gate.log: the gate")
        (bed.folder / "ready").unlink()
        yield program.pid
    finally:
        os.kill(program.pid, signal.SIGCONT)
        bed.place.stop(program)
        clear(bed)


def clients(server: str) -> Iterator[Client]:
    for number in range(N_PACKETS):
        port, subscriber = divmod(number, N_CLIENTS)
        source = f"203.0.113.{subscriber + 1}"
        yield Client(src=source, dst=server, sport=FIRST_PORT + port, dport=PORT, isn=number * 7919 + 1)


def packets(bed: Testbed, octets: int, asked: list[bytes]) -> Iterator[bytes]:
    """Hellos of `octets`, each of another connection; their checksums are right."""
    for client, name in zip(clients(bed.web), itertools.cycle(asked), strict=False):
        packet = client.segment(0, hello(name, padding=octets - len(hello(b"")) - len(name)))
        pseudo = packet[12:20] + bytes((0, socket.IPPROTO_TCP)) + (len(packet) - IP_OCTETS).to_bytes(2, "big")
        found = checksum(pseudo + packet[IP_OCTETS:]).to_bytes(2, "big")
        yield packet[:TCP_CHECKSUM] + found + packet[TCP_CHECKSUM + 2 :]


def emptied(bed: Testbed, sent: Path, state: str) -> Figures:
    """One round, by a gate of its own.   Raises RuntimeError where the queue does not hold all of them."""
    with gate(bed, state) as pid:
        os.kill(pid, signal.SIGSTOP)
        bed.must("child", *again(OTHER_CORE, "send", str(sent), bed.web))
        n = waiting(pid)
        if n != N_PACKETS:
            raise RuntimeError(f"queue: holds {n} of {N_PACKETS} packets; not measured; look at {QUEUES}")
        before_ns, begin = cpu_ns(pid), time.perf_counter()
        os.kill(pid, signal.SIGCONT)
        while waiting(pid):
            time.sleep(LOOK_S)
        return {"per_s": n / (time.perf_counter() - begin), "cpu_us": (cpu_ns(pid) - before_ns) / 1e3 / n}


def waiting(pid: int) -> int:
    """Packets in the queue of the namespace of a process."""
    said = Path(f"/proc/{pid}/net/netfilter/nfnetlink_queue").read_text()
    return int(said.split()[QUEUE_TOTAL])


def cpu_ns(pid: int) -> int:
    """Of all its threads."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def figures() -> Figures:
    allowed = [f"www.site{number}.com".encode() for number in range(5000)]
    blocked = [f"www.{name}".encode() for name in listed()[::200]]
    cases = {
        "hello_517": (517, allowed, "warm"),
        "hello_1400": (1400, allowed, "warm"),
        "blocked_517": (517, blocked, "warm"),
        "cold_517": (517, allowed, "cold"),
    }
    found: Figures = {}
    with tempfile.TemporaryDirectory() as folder, testbed(Path(folder)) as bed:
        write_image(bed.folder / "names.img", [to_wire(name.encode()) for name in listed()])
        bed.must("internet", "nft", DROP_ALL)
        for label, (octets, asked, state) in cases.items():
            sent = bed.folder / label
            write_messages(sent, packets(bed, octets, asked))
            each = median([emptied(bed, sent, state) for _ in range(ROUNDS)])
            found |= {f"{label}_{key}": value for key, value in each.items()}
    return found


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", folder, state, server]:
            serve(Path(folder), state, server)
        case ["send", path, target]:
            send(Path(path), target)
        case _:
            for key, value in figures().items():
                print(f"{key:28} {value:>12,.2f}")
