"""A way through the lab's gateway, without a gate or with one in one of its modes, and the escapes played on it."""

import itertools
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from support.evasion.campaign import BELOW, END_PORT, FIRST_PORT, FORBIDDEN, MULTIPATH, PORTS, Field
from support.gate.detour import detour
from support.gate.program import PYTHON, ROOT, START_S, Gate

from filterd.lab.processes import wait_until

WAYS = ("no gate", "symmetric open", "symmetric closed", "asymmetric open", "asymmetric closed")
N_PORTS = 80  # of a row in one family
SERVER_PORT = 80  # where a client is at a server's port
CLOSED_S = 1  # how long the gateway's kernel remembers a closed connection; 10 unless set
FOLDER = ROOT / "tests/support/escapes"
NODES = ("child", "adult", "web", "resolver", "foreign")
BOTH = (False, True)
NO_REDIRECTS = [f"net.ipv6.conf.{name}.accept_redirects=0" for name in ("all", "gateway")]


class Family(TypedDict):
    """What a program gets of one family: ports that were never used, and addresses by node."""

    ports: list[int]
    addresses: dict[str, str]


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a row in one family: the names that servers completed, and what its last connection saw."""

    family: str
    names: frozenset[str]
    outcome: str

    @property
    def is_escape(self) -> bool:
        return bool(self.names & FORBIDDEN)


class Passage:
    """A way, standing."""

    def __init__(self, field: Field, way: str, folder: Path) -> None:
        self.field, self.lab, self.way, self._folder = field, field.lab, way, folder
        self._gates = itertools.count(1)
        self.gate: Gate | None = None
        self.second: Gate | None = None
        self.start()

    @property
    def is_bare(self) -> bool:
        return self.way == WAYS[0]

    def start(self, is_late: bool = False) -> None:
        """Start a gate, where the way has one.   is_late: nothing is listed before publish()"""
        if not self.is_bare:
            routing, policy = self.way.split()
            folder = self._folder / f"gate-{next(self._gates)}"
            if is_late:
                folder.mkdir()
                (folder / "late").touch()
            self.gate = Gate(self.lab, folder, policy, routing)

    def publish(self) -> None:
        """Have the gate take images that list what it shall stop."""
        if self.gate is not None:
            self.gate.program.send_signal(signal.SIGHUP)
            wait_until((self.gate.folder / "published").exists, "other images", START_S)

    def restart(self) -> None:
        """Kill the gate and start another; the kernel keeps what it remembers."""
        if self.gate is not None:
            self.gate.program.kill()
            self.gate.program.wait()
        self.start()

    def move(self) -> None:
        """Start a second gate, to whose queue everything goes from now on, as if the kernel spread flows otherwise.

        The first one stays, with all that it remembers; stop() ends both."""
        if not self.is_bare:
            folder = self._folder / f"second-{next(self._gates)}" / "gate"
            folder.mkdir(parents=True)
            (folder / "queue").write_text("1")
            self.second = Gate(self.lab, folder, *reversed(self.way.split()))

    def stop(self) -> None:
        for gate in (self.gate, self.second):
            if gate is not None:
                gate.stop()
        self.gate = self.second = None

    def play(
        self,
        row: str,
        between: Callable[[], object] | None = None,
        n_ports: int = N_PORTS,
        families: tuple[bool, ...] = BOTH,
        name: str = BELOW,
    ) -> list[Played]:
        """Play a row of the program.   between: what the lab does where the row pauses;  families: False is IPv4"""
        given = [self._family(is_v6, n_ports) for is_v6 in families]
        mac = self.lab.run("gateway", ["cat", "/sys/class/net/child/address"]).stdout.strip()
        job = {"row": row, "name": name, "interface": "gateway", "gateway_mac": mac, "families": given}
        outcomes = self._run("child", ["program.py"], between, json.dumps(job))
        noted = self.field.noted()
        return [
            Played("IPv6" if is_v6 else "IPv4", _names(noted, each["ports"], is_v6), outcome)
            for is_v6, each, outcome in zip(families, given, outcomes, strict=True)
        ]

    def patient(self, between: Callable[[], object]) -> str:
        """What the adult sees of an allowed name whose hello comes in two halves; `between` stands between them."""
        [outcome] = self._run("adult", ["patient.py", self.lab.addresses.foreign6], between)
        return outcome

    def _family(self, is_v6: bool, n_ports: int) -> Family:
        ports = list(itertools.islice(PORTS[is_v6, FIRST_PORT], n_ports))
        assert ports[-1] < END_PORT, "more connections than ports"
        addresses = {node: str(getattr(self.lab.addresses, node + "46"[is_v6])) for node in NODES}
        return {"ports": ports, "addresses": {**addresses, "multipath": MULTIPATH[is_v6]}}

    def _run(self, node: str, argv: list[str], between: Callable[[], object] | None, job: str = "") -> list[str]:
        """Run a program of this folder, and `between` where it pauses; what it says last."""
        whole = self.lab.inside(node, [*PYTHON, str(FOLDER / argv[0]), *argv[1:]])
        said: list[str] = []
        with subprocess.Popen(whole, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as program:
            assert program.stdin is not None and program.stdout is not None
            if job:
                program.stdin.write(job + "\n")
            for line in program.stdout:
                if line == "paused\n":
                    assert between is not None, "nothing to do"
                    between()
                    program.stdin.write("\n")
                else:
                    said = json.loads(line)
        assert said, f"{argv[0]} has failed; see above"
        return said


@contextmanager
def passage(field: Field, way: str, folder: Path) -> Iterator[Passage]:
    """Make the way; a gate on it is gone at the end."""
    lab = field.lab
    lab.run("gateway", ["sysctl", "-qw", f"net.netfilter.nf_conntrack_tcp_timeout_close={CLOSED_S}"])
    lab.run("internet", ["sysctl", "-qw", *NO_REDIRECTS])  # servers are far away: a gateway's do not reach them
    with detour(lab) if way.startswith("asymmetric") else nullcontext():
        made = Passage(field, way, folder)
        try:
            yield made
        finally:
            made.stop()


def _names(noted: dict[tuple[str, int], set[str]], ports: list[int], is_v6: bool) -> frozenset[str]:
    ours = {*ports, SERVER_PORT}
    return frozenset(
        name for (address, port), names in noted.items() if (":" in address) == is_v6 and port in ours for name in names
    )
