"""Client, gateway and server in namespaces, and what the gateway does: nothing, track connections, or filter.

The lab's own network (`filterd/lab/topology.py`), with no server in it but the one of bench/connections.c, and no
client but that one's.  Every gateway is started for a round and gone after it: the rounds of all kinds take turns.

    none        forwards; connections are not tracked
    conntrack   tracks them, and drops what belongs to none: the least that any filter by connection needs
    filterd     `filterd run` with a list of N_NAMES names and one gate, every role of it on CORE.  It is measured once
                all roles are ready and at rest: what they read and compile at their start is no cost of a connection
"""

import contextlib
import functools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.packets.builders import hello

from bench.appliance import NOWHERE
from bench.corpus import names
from bench.flood import write_messages
from fastpath.images.tables import TableSet
from filterd.box.keys import hold_image_key
from filterd.lab.gateway import Folder, Gateway, filterd_command
from filterd.lab.processes import tail, wait_until
from filterd.lab.topology import Lab, lab
from filterd.process.json_socket import NoAnswer
from rules.base.manifest import MANIFEST

N_NAMES = 1_000_000
SOURCE = Path(__file__).with_name("connections.c")
CORE, OTHER_CORE = 0, 1
PORT = 443
N_HELLOS = 5000
CLIENTS, FIRST_CLIENT = "203.0.113.0/24", "203.0.113.1"  # 250 of them connect, behind the lab's one
OWN_NAME = "blocked.test"
HELLO_OCTETS = 1950  # Chromium's and Firefox's: 1890 to 2058, always two segments
START_S = 300.0
READY = "all roles ready"  # as the supervisor says it
REST_S, REST_SHARE = 1.0, 0.05  # together they have taken less than this of a core for so long
QUEUES = "/proc/net/netfilter/nfnetlink_queue"
QUEUED = 7  # its column: how many packets the queue has had
LINKS = (("gateway", "child"), ("gateway", "internet"), ("child", "gateway"), ("internet", "gateway"))
# 10,000 connections a second in TIME_WAIT for two minutes would fill conntrack's table; alike for everybody who tracks.
SHORT_TIMES = {"nf_conntrack_tcp_timeout_time_wait": 5, "nf_conntrack_tcp_timeout_close": 1}
CONNTRACK = """
table inet bench {
  chain forward {
    type filter hook forward priority -160; policy accept;
    ct state invalid drop
  }
}
"""

Figures = dict[str, float]


class Testbed:
    """One lab.   folder  holds programs, hellos, lists and logs"""

    def __init__(self, place: Lab, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.program = folder / "connections"
        self.gateway = Gateway(place, Folder(folder))
        self.client, self.web = place.addresses.child4, place.addresses.web4
        subprocess.run(["gcc", "-O2", "-o", self.program, SOURCE], check=True)
        self.set("gateway", {f"net.netfilter.{name}": value for name, value in SHORT_TIMES.items()})
        self.must("child", "ip", "route", "add", "local", CLIENTS, "dev", "lo")
        self.must("gateway", "ip", "route", "add", CLIENTS, "via", self.client)

    def set(self, node: str, settings: dict[str, int]) -> None:
        self.must(node, "sysctl", "-qw", *(f"{name}={value}" for name, value in settings.items()))

    def must(self, node: str, *argv: str, stdin: str = "") -> str:
        """Run a program to its end; what it printed.   Raises RuntimeError."""
        done = self.place.run(node, argv, stdin, START_S)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}; not measured; see above")
        return done.stdout

    def offload(self, is_on: bool) -> None:
        """Let packets cross the links as one large one, as network cards do, or each by itself."""
        state = "on" if is_on else "off"
        for node, link in LINKS:
            self.must(node, "ethtool", "-K", link, "tso", state, "gso", state, "gro", state)

    @contextlib.contextmanager
    def server(self, mode: str, core: int) -> Iterator[None]:
        """Serve or pour as long as the block lasts."""
        argv = ["taskset", "-c", str(core), str(self.program), mode, self.web, str(PORT)]
        program = self.place.popen("internet", argv, mode)
        try:
            wait_until(lambda: f":{PORT} " in self.must("internet", "ss", "-Hltn"), "the server")
            yield
        finally:
            self.place.stop(program)

    def connect(self, mode: str, hellos: Path, seconds: float, value: float, core: int) -> Figures:
        """One run of the client.   value  window or rate"""
        argv = [self.program, mode, self.web, PORT, hellos, seconds, FIRST_CLIENT, round(value)]
        found: Figures = json.loads(self.must("child", "taskset", "-c", str(core), *(str(word) for word in argv)))
        return found

    def queued(self) -> int:
        """Packets that all queues of the gateway have had."""
        lines = self.must("gateway", "cat", QUEUES).splitlines()
        return sum(int(line.split()[QUEUED]) for line in lines)

    def established(self) -> int:
        """Connections that the server believes to be alive."""
        return len(self.must("internet", "ss", "-Htn", "state", "established").splitlines())


@contextlib.contextmanager
def testbed(folder: Path) -> Iterator[Testbed]:
    """One, gone at the end.   Raises Missing without root or a program."""
    with lab(folder) as place:
        bed = Testbed(place, folder)
        write_hellos(folder / "allowed", (f"www.site{number}.com" for number in range(N_HELLOS)))
        yield bed


@functools.cache
def listed() -> list[str]:
    return list(names(N_NAMES))


def write_hellos(path: Path, asked: Iterable[str]) -> None:
    empty = len(hello(b""))
    write_messages(path, (hello(name.encode(), padding=HELLO_OCTETS - empty - len(name)) for name in asked))


# -- gateways ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def with_none(bed: Testbed) -> Iterator[None]:
    try:
        yield
    finally:
        clear(bed)


@contextlib.contextmanager
def with_conntrack(bed: Testbed) -> Iterator[None]:
    bed.must("gateway", "nft", "-f", "-", stdin=CONNTRACK)
    try:
        yield
    finally:
        clear(bed)


@contextlib.contextmanager
def with_filterd(bed: Testbed, routing: str = "symmetric") -> Iterator[None]:
    folder = bed.gateway.folder
    write_configuration(folder, routing)
    command = ["taskset", "-c", str(CORE), *filterd_command("run", "--config", str(folder.configuration))]
    program = bed.place.popen("gateway", command, "filterd")
    try:
        log = bed.place.directory / "logs/gateway-filterd.log"
        wait_until(lambda: is_filtering(bed) or program.poll() is not None, f"{log}: filterd", START_S)
        wait_until(lambda: READY in log.read_text() or program.poll() is not None, f"{log}: all roles", START_S)
        if program.poll() is not None:
            raise RuntimeError(f"filterd: ended with {program.returncode}; not measured; {tail(log)}")
        wait_until(lambda: is_at_rest(bed), f"{log}: roles at rest", START_S)
        if not (bed.folder / "blocked").exists():
            write_hellos(bed.folder / "blocked", (f"www.{name}" for name in enforced(bed)))
        yield
    finally:
        bed.place.stop(program)
        clear(bed)


Filtering = Callable[[Testbed], contextlib.AbstractContextManager[None]]
GATEWAYS: dict[str, Filtering] = {
    "none": with_none,
    "conntrack": with_conntrack,
    "filterd": with_filterd,
}
ASYMMETRIC: dict[str, Filtering] = {"asymmetric": functools.partial(with_filterd, routing="asymmetric")}


def write_configuration(folder: Folder, routing: str) -> None:
    names_file = folder.root / "names.txt"
    if not names_file.exists():
        names_file.write_text("".join(f"{name}\n" for name in (*listed(), OWN_NAME)))
    folder.configuration.write_text(
        json.dumps(
            {
                "state_dir": str(folder.state),
                "run_dir": str(folder.run),
                "gate": {"workers": 1, "routing": routing},
                "dns": {"workers": 0, "upstreams": [NOWHERE]},
                "lists": [
                    {
                        "id": "orders-file",
                        "file": "names.txt",
                        "format": "plain",
                        "tier": "order",
                        "first_rules": 10_000_000,
                    }
                ],
            }
        )
    )


def enforced(bed: Testbed) -> Iterator[str]:
    """Some listed names: a few that are listed are skipped, as public suffixes."""
    hold_image_key(bed.gateway.folder.state)
    tables = TableSet.open(bed.gateway.folder.state / "images" / MANIFEST)
    return (name for name in listed()[:: N_NAMES // N_HELLOS] if tables.matched(name.encode()))


def is_filtering(bed: Testbed) -> bool:
    """Whether the gate has what control published, and the kernel its rules."""
    with contextlib.suppress(NoAnswer):
        status = bed.gateway.ask_worker("gate-0", {"op": "status"})
        rules = bed.place.run("gateway", ["nft", "list", "table", "inet", "filterd"])
        return status["generations"]["names"][0] > 0 and rules.returncode == 0
    return False


def is_at_rest(bed: Testbed) -> bool:
    """Whether the roles had next to nothing to do for the last REST_S seconds, by the CPU time of their threads."""
    before_ns = cpu_ns(bed)
    time.sleep(REST_S)
    return cpu_ns(bed) - before_ns < REST_S * REST_SHARE * 1e9


def cpu_ns(bed: Testbed) -> int:
    """Of all threads of the roles (proc(5): schedstat)."""
    tasks = [task for pid in bed.gateway.pids().values() for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def clear(bed: Testbed) -> None:
    """No rules, and nothing tracked."""
    bed.must("gateway", "nft", "flush", "ruleset")
    bed.place.run("gateway", ["conntrack", "-F"])


def median(rounds: Sequence[Figures]) -> Figures:
    return {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
