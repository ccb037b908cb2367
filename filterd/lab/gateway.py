"""The gateway of the laboratory: a configuration, `filterd run` on it, its tokens and its processes.

Invariants: everything of it lies in one folder; the command is the one of this very installation.
"""

import importlib.util
import json
import os
import signal
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from filterd.box.errors import MissingPart
from filterd.box.places import role_of, worker_socket, worker_sockets
from filterd.lab.addresses import CLIENTS
from filterd.lab.processes import Place, Running, is_alive
from filterd.lab.topology import MOUNTS, Lab
from filterd.process.json_socket import ask_blocking

N_NAMES = 1_100_000
OWN_NAMES = ("listed.test", "blocked.test")  # of the order's list: names that the lab's own servers serve
CORPUS = Path(__file__).parents[2] / "bench/corpus.py"


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of the gateway's folder."""

    root: Path

    @property
    def configuration(self) -> Path:
        return self.root / "filterd.yaml"

    @property
    def orders(self) -> Path:
        """The regulator's list."""
        return self.root / "pta.csv"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def run(self) -> Path:
        return self.root / "run"


class Gateway:
    """filterd in the node `gateway` of a place."""

    def __init__(self, place: Place, folder: Folder) -> None:
        self.place, self.folder = place, folder
        self.program: Running | None = None

    def start(self) -> None:
        command = filterd_command("run", "--config", str(self.folder.configuration))
        self.program = self.place.popen("gateway", command, "filterd")

    def stop(self) -> int:
        """Send SIGTERM and wait; returns the exit code."""
        if self.program is None:
            return 0
        self.place.stop(self.program)
        return int(self.program.returncode)

    def make_token(self, role: str, *options: str) -> str:
        """Create a token for the API.   Raises MissingPart with what `filterd token` said."""
        command = filterd_command("token", role, *options, "--config", str(self.folder.configuration))
        done = self.place.run("gateway", command)
        if done.returncode != 0:
            raise MissingPart(f"filterd token {role}: {done.stderr.strip()}; no token; look at the configuration")
        return done.stdout.strip()

    def pids(self) -> dict[str, int]:
        """Process ids of the running roles, by name: `dns-0`, `gate-0`, `control-0`, `web-0`."""
        found = {}
        for path in self.folder.run.glob("*-*.pid"):
            text = path.read_text().strip() if path.exists() else ""
            if text.isdigit() and is_alive(int(text)):
                found[path.stem] = int(text)
        return found

    def kill(self, role: str) -> int:
        """Send SIGKILL to one role; returns its process id."""
        pid = self.pids()[role]
        os.kill(pid, signal.SIGKILL)
        return pid

    def workers(self) -> list[str]:
        return list(worker_sockets(self.folder.run))

    def ask_worker(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request to a worker's socket.   Raises NoAnswer."""
        return ask_blocking(worker_socket(self.folder.run, name), role_of(name), request)

    def read_manifest(self) -> dict[str, Any]:
        """The manifest of the images in force."""
        said: dict[str, Any] = json.loads((self.folder.state / "images/current.json").read_text())
        return said


def filterd_command(*arguments: str) -> list[str]:
    """The command line of the filterd that runs this."""
    script = Path(sysconfig.get_path("scripts")) / "filterd"
    return [str(script), *arguments] if script.exists() else [sys.executable, "-P", "-m", "filterd", *arguments]


def write_configuration(gateway: Gateway, n_gates: int) -> None:
    """Write filterd.yaml and the small lists next to it.   n_gates: 0 where there are no packets."""
    at, folder = gateway.place.addresses, gateway.folder
    (folder.root / "adult.txt").write_text("adult.test\n")
    (folder.root / "malware.rpz").write_text("$TTL 60\n@ SOA a.test. b.test. 1 60 60 60 60\nmalware.test CNAME .\n")
    loopback = n_gates == 0
    both = [at.gateway4, f"[{at.gateway6}]"] if loopback else ["0.0.0.0", "[::]"]
    said = {
        "state_dir": str(folder.state),
        "run_dir": str(folder.run),
        "isp": {"name": "Example ISP", "url": "https://isp.example", "contact": "help@isp.example"},
        "dns": {
            "listen": [f"{host}:{at.dns_port}" for host in both],
            "upstreams": [f"{at.resolver4}:{at.upstream_port}"],
            "clients": list(CLIENTS),
            "redirect_foreign": not loopback,
        },
        "gate": {"workers": n_gates},
        "splash": {
            "listen": [f"{at.gateway4}:{at.splash_port}", f"[{at.gateway6}]:{at.splash_port}"],
            "address4": at.gateway4,
            "address6": at.gateway6,
            "host": "splash.isp.example",
        },
        "api": {"listen": [f"{at.gateway4}:{at.api_port}"], "cleartext": True},
        "metrics": {"listen": []},  # no one collects here, and the port may be that of this machine's own filterd
        "lists": [
            {
                "id": "pta",
                "file": folder.orders.name,
                "format": "csv",
                "match": "subtree",
                "tier": "order",
                "issuer": "PTA",
                "first_rules": 2_000_000,  # the regulator's whole list, at once
            },
            {"id": "adult", "file": "adult.txt", "format": "plain", "tier": "category", "category": "adult"},
            {"id": "malware", "file": "malware.rpz", "format": "rpz", "tier": "security", "action": "nxdomain"},
        ],
        "help_corridor": {"names": ["1121.test"]},
        "protected": {"names": ["isp.example"]},
    } | ({"verifier": verifier_of(gateway.place)} if isinstance(gateway.place, Lab) else {})
    folder.configuration.write_text(yaml.safe_dump(said, sort_keys=False))


def verifier_of(place: Lab) -> dict[str, str]:
    """The verifier's part of the configuration: it asks from the child's line, and what it sends arrives in the
    internet, at an address of a resolver that serves no web."""
    at = place.addresses
    return {
        "probe": str(MOUNTS / place.namespace("child")),
        "sink": str(MOUNTS / place.namespace("internet")),
        "sink4": at.foreign4,
        "sink6": at.foreign6,
        "dns4": at.gateway4,
        "dns6": at.gateway6,
    }


def write_orders(path: Path, n_names: int = N_NAMES) -> tuple[str, ...]:
    """Write the regulator's list; returns names of it: the lab's own, then those at its start, middle and end."""
    samples = []
    with path.open("w", encoding="ascii") as out:
        out.write("url,reference\n")
        for name in OWN_NAMES:
            out.write(f"https://{name}/,PTA-2026-0001\n")
        for number, name in enumerate(corpus_names(n_names - len(OWN_NAMES))):
            out.write(f"{name},PTA-2026-{number // 1000:04}\n")
            if number in (0, n_names // 2, n_names - len(OWN_NAMES) - 1):
                samples.append(name)
    return (*OWN_NAMES, *samples)


def corpus_names(n_names: int) -> Iterator[str]:
    """The names of bench/corpus.py, which is of the source tree and of no package.   Raises MissingPart."""
    spec = importlib.util.spec_from_file_location("filterd_bench_corpus", CORPUS)
    if spec is None or spec.loader is None or not CORPUS.is_file():
        raise MissingPart(f"{CORPUS}: not there; no list was made; run the demo from the source tree")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield from module.names(n_names)
