"""Marks of other programs, beside the gate's: they stay as they are, and none of them steers it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.gate.program import Gate, https

from fastpath.gate.marks import MARK_BITS, MARK_SHIFT, FlowState
from filterd.lab.clients import Download, fetch
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

ALL = 0xFFFFFFFF
OURS = MARK_BITS << MARK_SHIFT
# A program that marks connections and packets with bits of its own, and counts the forwarded ones that have lost them.
CAREFUL = """
table inet operator {{
  counter seen {{ }}
  counter lost {{ }}
  counter left {{ }}
  chain before {{
    type filter hook prerouting priority mangle;
    ct state new ct mark set ct mark & {ours:#x} | {value:#x}
    meta mark set meta mark & {ours:#x} | {value:#x}
  }}
  chain after {{
    type filter hook forward priority 100;
    counter name seen
    ct mark & {theirs:#x} != {value:#x} counter name lost
    meta mark & {theirs:#x} != {value:#x} counter name lost
    meta mark & {ours:#x} != 0 counter name left
  }}
}}
"""
# Programs that know nothing of bits: what they do to the mark of every packet, before filterd and behind it.
CARELESS = {
    "connections 0x1": ("ct mark set 0x1", ""),
    "connections 0x2": ("ct mark set 0x2", ""),
    "connections released": (f"ct state new ct mark set {FlowState.RELEASED << MARK_SHIFT - 8:#x}", ""),
    "packets 0x1": ("meta mark set 0x1", ""),
    "packets 0x41": ("meta mark set 0x41", ""),
    "restored": ("meta mark set ct mark", ""),
    "restored and saved": ("meta mark set ct mark", "ct mark set meta mark"),
    "low bits first": ("ct state new ct mark set 0x41 meta mark set ct mark", "ct mark set meta mark"),
}
RULES = """
table inet operator {{
  chain before {{ type filter hook prerouting priority mangle; {before}; }}
  chain behind {{ type filter hook postrouting priority mangle; {behind}; }}
}}
"""
SECOND = "203.0.113.80"  # a server that only a marked packet finds
ROUTING = f"""
table inet operator {{
  chain before {{
    type filter hook prerouting priority mangle;
    ip daddr {SECOND} ct state new ct mark set ct mark & {OURS:#x} | 0x1
    ct mark & {ALL ^ OURS:#x} == 0x1 meta mark set meta mark & {OURS:#x} | 0x1
  }}
}}
"""


@pytest.fixture
def operate(lab: Lab) -> Iterator[Callable[[str], None]]:
    """Puts another program's table beside ours."""

    def put(rules: str) -> None:
        done = lab.run("gateway", ["nft", "-f", "-"], rules)
        assert done.returncode == 0, done.stderr

    yield put
    lab.run("gateway", ["nft", "delete", "table", "inet", "operator"])


@pytest.fixture(params=[MARK_SHIFT])
def gate(lab: Lab, internet: Internet, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Gate]:
    folder = tmp_path / "gate"
    folder.mkdir()
    (folder / "mark_shift").write_text(f"{request.param}")
    running = Gate(lab, folder)
    lab.run("gateway", ["conntrack", "-F"])
    yield running
    running.stop()


def counted(lab: Lab) -> dict[str, int]:
    """Packets by the counter of the other program's table."""
    listed = json.loads(lab.run("gateway", ["nft", "-j", "list", "counters", "table", "inet", "operator"]).stdout)
    return {each["counter"]["name"]: each["counter"]["packets"] for each in listed["nftables"] if "counter" in each}


def filters(lab: Lab, internet: Internet, family: str) -> None:
    """Names are judged over TLS and HTTP, and what is allowed passes."""
    address = getattr(lab.addresses, family)
    assert https(lab, internet, "www.blocked.test", family).was_reset
    assert https(lab, internet, "allowed.test", family).code == 200
    assert fetch(lab, "child", "http://www.blocked.test/", address).code == 451
    assert fetch(lab, "child", "http://allowed.test/", address).code == 200


@pytest.mark.parametrize(
    ("gate", "value"),
    [
        *((MARK_SHIFT, value) for value in (0x1, 0x2, 0x41, 0x80, 0x410000, 0xFFFFFF)),
        (0, 0x100),
        (0, 0x41000000),
        (0, 0xFFFFFF00),
        (10, 0x40001),
    ],
    indirect=["gate"],
)
@pytest.mark.parametrize("family", ["web4", "web6"])
def test_bits_of_others_survive_on_packets_and_connections(
    gate: Gate, lab: Lab, internet: Internet, operate: Callable[[str], None], value: int, family: str
) -> None:
    shift = int((gate.folder / "mark_shift").read_text())
    ours = MARK_BITS << shift
    operate(CAREFUL.format(ours=ours, theirs=ALL ^ ours, value=value))

    filters(lab, internet, family)
    trust = ["--cacert", str(internet.authority)]
    download = Download(lab, "child", "https://video.test/big", getattr(lab.addresses, family), trust)
    try:
        download.wait_for(1 << 20, 60.0)
        wait_until(lambda: gate.counted("gate_released") >= 1, "the connection's release")
        released = value | FlowState.RELEASED << shift
        wait_until(lambda: f"mark={released}" in tracked(lab, family), f"a connection with mark {released:#x}")
    finally:
        download.stop()

    found = counted(lab)
    assert found["seen"] > 20
    assert (found["lost"], found["left"]) == (0, 0)


def tracked(lab: Lab, family: str) -> str:
    return lab.run("gateway", ["conntrack", "-L", "-p", "tcp", "-f", f"ipv{family[-1]}"]).stdout


@pytest.mark.parametrize("family", ["web4", "web6"])
@pytest.mark.parametrize("careless", CARELESS)
def test_who_overwrites_whole_marks_neither_opens_nor_closes_anything(
    gate: Gate, lab: Lab, internet: Internet, operate: Callable[[str], None], careless: str, family: str
) -> None:
    before, behind = CARELESS[careless]
    operate(RULES.format(before=before, behind=behind or "counter"))

    filters(lab, internet, family)
    filters(lab, internet, family)


def test_a_route_that_is_chosen_by_a_mark_is_taken_before_and_after_the_gate_has_judged(
    gate: Gate, lab: Lab, internet: Internet, operate: Callable[[str], None]
) -> None:
    way = [
        ("internet", ["ip", "addr", "add", f"{SECOND}/32", "dev", "lo"]),
        ("gateway", ["ip", "route", "add", SECOND, "via", lab.addresses.web4, "table", "100"]),
        ("gateway", ["ip", "route", "add", "blackhole", SECOND]),
        ("gateway", ["ip", "rule", "add", "fwmark", "0x1", "lookup", "100"]),
    ]
    back = [
        ("gateway", ["ip", "rule", "del", "fwmark", "0x1"]),
        ("gateway", ["ip", "route", "del", "blackhole", SECOND]),
    ]
    back += [
        ("gateway", ["ip", "route", "flush", "table", "100"]),
        ("internet", [*way[0][1][:2], "del", *way[0][1][3:]]),
    ]
    serving = lab.popen("internet", ["openssl", "s_server", "-accept", f"{SECOND}:443", *certificate(internet), "-www"])
    try:
        for node, argv in way:
            assert lab.run(node, argv).returncode == 0, argv
        operate(ROUTING)
        trust = ["-k"]
        wait_until(lambda: fetch(lab, "child", "https://allowed.test/", SECOND, trust).code == 200, "the marked route")

        assert fetch(lab, "child", "https://www.blocked.test/", SECOND, trust).was_reset
        assert gate.counted("gate_blocked") == 1
    finally:
        lab.stop(serving)
        for node, argv in back:
            lab.run(node, argv)


def certificate(internet: Internet) -> list[str]:
    folder = internet.authority.parent
    return ["-cert", str(folder / "web.pem"), "-key", str(folder / "web.key")]
