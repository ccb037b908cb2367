"""A gate that runs in the lab's gateway, as a process of its own: tests/support/gate/gateway.py."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import yaml
from pyroute2 import netns

from fastpath.report.counters import read_counters
from filterd.kernel.firewall import Kernel
from filterd.lab.clients import CurlResponse, fetch
from filterd.lab.gateway import Folder, Gateway, write_configuration, write_orders
from filterd.lab.processes import Running, wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

ROOT = Path(__file__).parents[3]
START_S = 60.0  # of a busy machine
TRIES = 5  # on a machine that others use, one alone may wait for the processor for a second
PYTHON = ["env", f"PYTHONPATH={ROOT}:{ROOT / 'tests'}", sys.executable]
T = TypeVar("T")


class Gate:
    """Serves as soon as it is made; stop() takes its rules out, too."""

    def __init__(self, lab: Lab, folder: Path, policy: str = "open", routing: str = "symmetric", *told: str) -> None:
        """told   whom addresses are closed to, and which"""
        self.lab, self.folder = lab, folder
        folder.mkdir(exist_ok=True)
        argv = [*PYTHON, str(ROOT / "tests/support/gate/gateway.py"), str(folder), policy, routing, *told]
        self.program: Running = lab.popen("gateway", argv, "gate")
        try:
            wait_until(lambda: (folder / "ready").exists() or self.program.poll() is not None, "the gate", START_S)
        except TimeoutError:
            self.stop()
            raise
        assert self.program.poll() is None, "the gate has ended; see logs/gateway-gate.log"

    def counted(self, name: str) -> int:
        return read_counters(self.folder / "counters")[name]

    def kernel(self, call: Callable[[Kernel], T]) -> T:
        """in_kernel(), in this gate's lab"""
        return in_kernel(self.lab, call)

    def stop(self) -> None:
        self.lab.stop(self.program)
        self.kernel(Kernel.remove)


@contextmanager
def whole_filterd(lab: Lab, folder: Path, n_gates: int, **policies: str) -> Iterator[Gateway]:
    """filterd with all of its roles, starting, in the lab's gateway.   policies: of /gate, where not the defaults"""
    running = Gateway(lab, Folder(folder))
    write_orders(running.folder.orders, 100)
    write_configuration(running, n_gates)
    said = yaml.safe_load(running.folder.configuration.read_text())
    said["gate"] |= policies
    running.folder.configuration.write_text(yaml.safe_dump(said))
    running.start()
    try:
        yield running
    finally:
        running.stop()
        in_kernel(lab, Kernel.remove)  # what a closed policy leaves would close the lab to the next test


def in_kernel(lab: Lab, call: Callable[[Kernel], T]) -> T:
    """What `call` returns of the gateway's kernel.   A thread of this process enters the gateway: no program starts."""

    def enter() -> T:
        netns.setns(lab.namespace("gateway"))
        kernel = Kernel()
        try:
            return call(kernel)
        finally:
            kernel.close()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(enter).result()


def https(lab: Lab, internet: Internet, name: str, family: str, *options: str) -> CurlResponse:
    """What the child sees of a name at one of the lab's servers.   family: web4, say"""
    trust = ["--cacert", str(internet.authority), *options]
    return fetch(lab, "child", f"https://{name}/", getattr(lab.addresses, family), trust)


def quickest(takes_s: Callable[[], float], most_s: float) -> float:
    """The seconds of the quickest of TRIES; the first that takes less than `most_s` is the last."""
    took_s: list[float] = []
    while not took_s or (min(took_s) >= most_s and len(took_s) < TRIES):
        took_s.append(takes_s())
    return min(took_s)


def connections_of_server(lab: Lab) -> list[str]:
    """What is open at the servers of the internet's web ports."""
    done = lab.run("internet", ["ss", "-Htn", "state", "established"])
    return [line for line in done.stdout.splitlines() if ":443 " in line or ":80 " in line]
