"""`filterd doctor` reads links, rules and routes of the kernel: those of the lab's namespaces."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.lab.gateway import Folder, Gateway, write_configuration, write_orders
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

INLINE = "gate: {mode: inline}"
TAP = "gate: {mode: tap, tap_interfaces: [INTERFACES], tap_reset: true}"


@pytest.fixture
def mirror(lab: Lab) -> Iterator[str]:
    """An interface of the gateway that is down."""
    lab.run("gateway", ["ip", "link", "add", "mirror", "type", "veth", "peer", "name", "mirrored"])
    yield "mirror"
    lab.run("gateway", ["ip", "link", "del", "mirror"])


def findings(lab: Lab, node: str, tmp_path: Path, gate: str) -> dict[str, tuple[str, str]]:
    config = tmp_path / "filterd.yaml"
    upstreams = "dns: {upstreams: ['192.0.2.53:53']}"
    config.write_text(f"{upstreams}\nlists: [{{id: a, file: a.txt, format: plain, tier: security}}]\n{gate}\n")
    argv = [sys.executable, "-m", "filterd", "doctor", "--json", "--config", str(config)]
    lines = [json.loads(line) for line in lab.run(node, argv).stdout.splitlines()]
    return {line["what"]: (line["found"], line["cure"]) for line in lines}


def test_the_interfaces_of_a_tap_are_there_and_up(lab: Lab, tmp_path: Path) -> None:
    found = findings(lab, "gateway", tmp_path, TAP.replace("INTERFACES", "child, absent"))

    assert found["tap child"] == ("up", "")
    assert found["tap absent"][0] == "no such interface" and "child" in found["tap absent"][1]


def test_an_interface_of_a_tap_that_is_down_comes_with_its_command(lab: Lab, mirror: str, tmp_path: Path) -> None:
    found = findings(lab, "gateway", tmp_path, TAP.replace("INTERFACES", mirror))

    assert found["tap mirror"] == ("down", "ip link set mirror up")


def test_a_tap_that_resets_needs_a_route_out(lab: Lab, tmp_path: Path) -> None:
    tap = TAP.replace("INTERFACES", "gateway")

    assert findings(lab, "child", tmp_path, tap)["default routes"] == ("IPv4 and IPv6", "")
    found, cure = findings(lab, "gateway", tmp_path, tap)["default routes"]
    assert found == "none" and cure


@pytest.mark.parametrize(
    ("rule", "is_fault"),
    [("0x1", False), ("0x41", False), ("0x41000000/0xff000000", True), ("0x6f000000", True), ("0x1/0xff", False)],
)
def test_a_routing_rule_that_looks_for_our_bits_of_a_mark_is_a_fault(
    lab: Lab, tmp_path: Path, rule: str, is_fault: bool
) -> None:
    lab.run("gateway", ["ip", "rule", "add", "fwmark", rule, "lookup", "100"])
    shown, cure = findings(lab, "gateway", tmp_path, INLINE)["marks"]
    lab.run("gateway", ["ip", "rule", "del", "fwmark", rule, "lookup", "100"])

    assert ("looks for fwmark" in shown, "/gate/mark_mask" in cure) == (is_fault, is_fault)


@pytest.mark.parametrize(
    ("rule", "found", "cure"),
    [
        ("meta mark set 0x1", "no other rule touches filterd's bits 0xff000000", ""),
        ("ct mark set ct mark & 0xff000000 or 0x1", "no other rule touches filterd's bits 0xff000000", ""),
        ("ct mark set 0x1", "overwrites connections' whole marks", "write it with the mask 0x00ffffff"),
        ("ct mark set 0x41000000", "sets 0x41000000 of 0xff000000", "filterd does not start as long as it is there"),
        ("meta mark set 0x1000001", "sets 0x1000000 of 0xff000000", "filterd does not start as long as it is there"),
    ],
)
def test_a_rule_that_writes_our_bits_of_a_mark_is_a_fault(
    lab: Lab, tmp_path: Path, rule: str, found: str, cure: str
) -> None:
    table = f"table ip wan {{ chain pre {{ type filter hook prerouting priority mangle; {rule}; }}; }}"
    assert lab.run("gateway", ["nft", table]).returncode == 0
    shown = findings(lab, "gateway", tmp_path, INLINE)["marks"]
    lab.run("gateway", ["nft", "delete table ip wan"])

    assert found in shown[0] and cure in shown[1] and bool(cure) == bool(shown[1])


@pytest.mark.parametrize("role", ["control", "all"])
def test_filterd_does_not_start_beside_a_rule_that_steers_it(lab: Lab, tmp_path: Path, role: str) -> None:
    table = "table ip wan { chain pre { type filter hook prerouting priority mangle; meta mark set 0x41000000; }; }"
    folder = Folder(tmp_path)
    write_orders(folder.orders, 100)
    write_configuration(Gateway(lab, folder), 1)
    argv = [sys.executable, "-P", "-m", "filterd", "run", "--role", role, "--config", str(folder.configuration)]
    lab.run("gateway", ["nft", table])
    done = lab.run("gateway", argv)
    lab.run("gateway", ["nft", "delete table ip wan"])

    assert done.returncode == 3, done.stderr
    assert "marks: nft rule" in done.stderr and "not started" in done.stderr and "/gate/mark_mask" in done.stderr
    assert "filterd" not in lab.run("gateway", ["nft", "list", "tables"]).stdout


def test_it_says_whose_dns_comes_here(lab: Lab, tmp_path: Path) -> None:
    shown, cure = findings(lab, "gateway", tmp_path, INLINE)["foreign dns"]

    assert "queries to other resolvers come here" in shown and "port 853 of others is refused" in shown
    assert "100.64.0.0/10" in shown and shown.endswith("not from 192.0.2.53/32")
    assert cure == ""
