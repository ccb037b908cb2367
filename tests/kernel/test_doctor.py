"""`filterd doctor` reads links, rules and routes of the kernel: those of the lab's namespaces."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    ("rules", "found", "is_fault"),
    [
        ([], "none", False),
        (["0x1"], "0x1", False),
        (["0x1", "0x41/0xff"], "0x41", True),
        (["0x6f"], "0x6f", True),
        (["0x80"], "0x80", False),
    ],
)
def test_a_rule_by_the_mark_of_a_verdict_is_a_fault(
    lab: Lab, tmp_path: Path, rules: list[str], found: str, is_fault: bool
) -> None:
    for rule in rules:
        lab.run("gateway", ["ip", "rule", "add", "fwmark", rule, "lookup", "100"])
    shown, cure = findings(lab, "gateway", tmp_path, INLINE)["routing rules by mark"]
    for rule in rules:
        lab.run("gateway", ["ip", "rule", "del", "fwmark", rule, "lookup", "100"])

    assert (shown, bool(cure)) == (found, is_fault)
