"""What an operator sets while the gate runs is put right, or said, and what ends is said no more."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.gate.program import PYTHON, START_S, whole_filterd

from filterd.box.places import CONTROL, control_socket
from filterd.kernel.box_settings import CHECKING, TURNED_LEAST
from filterd.lab.gateway import Gateway
from filterd.lab.processes import wait_until
from filterd.lab.topology import Lab
from filterd.process.json_socket import NoAnswer, ask_blocking

pytestmark = pytest.mark.kernel

LIBERAL = f"net.netfilter.{CHECKING[0].name}"
NEIGHBOUR = "192.0.2.200"
OFFLOADING = """table inet operator {
  flowtable fast { hook ingress priority 0; devices = { child, internet }; }
  chain f { type filter hook forward priority 0; ct state established flow add @fast; }
}"""
UNTRACKING = """table inet operator {
  chain raw { type filter hook prerouting priority raw; tcp dport 443 notrack; tcp sport 443 notrack; }
}"""
CONNECT = f"""
import socket
for _ in range({TURNED_LEAST}):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(("{NEIGHBOUR}", 443))
"""


def faults_of(box: Gateway) -> dict[str, str] | None:
    """The faults of this box.   None: control does not answer yet"""
    try:
        said = ask_blocking(control_socket(box.folder.run), CONTROL, {"op": "status"}, START_S)
    except NoAnswer:
        return None
    return {name: text for name, text in said["faults"].items() if name.startswith("box: ")}


@contextmanager
def wrong(lab: Lab) -> Iterator[set[str]]:
    """All of it at once, as far as this kernel goes; the faults that it makes."""
    way = [f"{NEIGHBOUR}/32", "via", lab.addresses.child4]
    made = {"box: untracked connections", "box: interfaces"}
    try:
        must(lab, "sysctl", "-qw", f"{LIBERAL}=1")
        must(lab, "ip", "route", "add", *way)
        must(lab, "nft", UNTRACKING)
        if lab.run("gateway", ["nft", OFFLOADING]).returncode == 0:  # not every kernel has flowtables
            made.add("box: offload")
        lab.run("child", [*PYTHON, "-c", CONNECT])
        lab.run("child", ["curl", "-sk", "--noproxy", "*", "-m", "10", f"https://{lab.addresses.web4}/"])
        yield made
    finally:
        lab.run("gateway", ["ip", "route", "del", *way])
        lab.run("gateway", ["nft", "delete table inet operator"])


def must(lab: Lab, *argv: str) -> None:
    done = lab.run("gateway", argv)
    assert done.returncode == 0, done.stderr


def test_what_is_set_wrong_while_the_gate_runs_is_put_right_or_a_fault_of_the_status(lab: Lab, tmp_path: Path) -> None:
    with whole_filterd(lab, tmp_path, 1) as box:
        wait_until(lambda: faults_of(box) is not None, "filterd", 4 * START_S, 0.5)
        before = faults_of(box)

        with wrong(lab) as made:
            wait_until(lambda: made <= (faults_of(box) or {}).keys(), "the faults", 2 * START_S, 0.5)
            now = lab.run("gateway", ["sysctl", "-n", LIBERAL]).stdout

    assert before == {}
    assert now == "0\n"
