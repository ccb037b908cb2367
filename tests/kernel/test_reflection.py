"""Whoever forges a subscriber's packets brings that one no more octets than they cost, no record, and no count.

The gateway drops what does not come from the interface that leads to its source (rp_filter=1): the forger and its
victim are neighbours.
"""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from support.evasion import frames
from support.evasion.frames import Ends
from support.evasion.quic_rows import HELLOS, datagrams, frames_of
from support.evasion.segments import Segment
from support.gate.detour import detour
from support.gate.program import PYTHON, ROOT, Gate
from support.packets.builders import ACK, PSH, SYN, hello, request

from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

VICTIM = {"IPv4": "198.51.100.3", "IPv6": "2001:db8:1::3"}  # in the child's prefix, and nobody
FAMILIES = pytest.mark.parametrize("family", VICTIM)
LISTED = b"www.blocked.test"
OCTETS = {80: request(LISTED), 443: hello(LISTED)}
N_GUESSES = 20
# What says of a person or a list that something was blocked.
COUNTED = ("gate_blocked", "events", "events_lost", "gate_pages_sent", "gate_address_blocked", "gate_bypass_blocked")


@pytest.fixture(scope="module")
def neighbours(lab: Lab, internet: Internet) -> Iterator[Lab]:
    """The victim's packets reach the child's wire, where the forger listens."""
    del internet
    mac = lab.run("child", ["cat", "/sys/class/net/gateway/address"]).stdout.strip()
    lab.run("gateway", ["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.child.rp_filter=1"])
    for victim in VICTIM.values():
        lab.run("gateway", ["ip", "neigh", "replace", victim, "lladdr", mac, "dev", "child", "nud", "permanent"])
    yield lab
    for victim in VICTIM.values():
        lab.run("gateway", ["ip", "neigh", "del", victim, "dev", "child"])
    lab.run("gateway", ["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.child.rp_filter=0"])


@pytest.fixture(params=["symmetric", "asymmetric"])
def gate(request: pytest.FixtureRequest, neighbours: Lab, tmp_path: Path) -> Iterator[Gate]:
    with detour(neighbours) if request.param == "asymmetric" else nullcontext():
        running = Gate(neighbours, tmp_path / "gate", "open", request.param)
        yield running
        running.stop()


def ends(lab: Lab, family: str, port: int, server_port: int) -> Ends:
    return Ends(VICTIM[family], str(getattr(lab.addresses, f"web{family[-1]}")), port, server_port, family)


def tcp(to: Ends, flags: int, seq: int, ack: int = 0, octets: bytes = b"") -> bytes:
    one = Segment(at=0, data=octets, flags=flags)
    [packet] = frames.packets(to, one, frames.TCP, frames.segment(to, one, seq, ack, 64000))
    return packet


def udp(to: Ends, octets: bytes) -> bytes:
    one = Segment(at=0, data=octets)
    [packet] = frames.packets(to, one, frames.UDP, frames.datagram(to, one))
    return packet


def forge(lab: Lab, family: str, packets: list[bytes]) -> tuple[int, int]:
    """Send packets in the victim's name; the octets that were sent, and those that the victim got."""
    mac = lab.run("gateway", ["cat", "/sys/class/net/child/address"]).stdout.strip()
    sent = [(family == "IPv6", packet.hex()) for packet in packets]
    job = {"interface": "gateway", "gateway_mac": mac, "victim": VICTIM[family], "frames": sent}
    argv = [*PYTHON, str(ROOT / "tests/support/gate/forger.py")]
    done = lab.run("child", argv, json.dumps(job))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return said["sent"], said["received"]


def counts(gate: Gate) -> dict[str, int]:
    return {name: gate.counted(name) for name in COUNTED}


@FAMILIES
@pytest.mark.parametrize("server_port", OCTETS)
def test_a_listed_name_without_a_handshake_brings_no_more_than_was_sent(
    gate: Gate, family: str, server_port: int
) -> None:
    before, judged = counts(gate), gate.counted("gate_packets")
    octets = OCTETS[server_port]
    forged = [
        tcp(ends(gate.lab, family, 41000 + number, server_port), ACK | PSH, 1000, 77777, octets) for number in range(8)
    ]

    sent, received = forge(gate.lab, family, forged)

    assert gate.counted("gate_packets") == judged + len(forged)
    assert received <= sent
    assert counts(gate) == before


@FAMILIES
@pytest.mark.parametrize("server_port", OCTETS)
def test_a_forged_syn_and_guessed_acknowledgements_bring_no_more_than_was_sent(
    gate: Gate, family: str, server_port: int
) -> None:
    before = counts(gate)
    to = ends(gate.lab, family, 42000, server_port)
    guesses = [tcp(to, ACK | PSH, 5001, 0, OCTETS[server_port]) for _ in range(N_GUESSES)]

    sent, received = forge(gate.lab, family, [tcp(to, SYN, 5000), *guesses])

    assert received <= sent
    assert counts(gate) == before


@FAMILIES
@pytest.mark.parametrize("octets", [1, 400, 1199, 1252], ids=lambda n: f"{n} octets")
@pytest.mark.parametrize("rules", ["is_quic_rejected=True", "refused_udp=(443,)"])
def test_a_datagram_that_is_refused_brings_no_more_than_was_sent(
    neighbours: Lab, tmp_path: Path, family: str, octets: int, rules: str
) -> None:
    gate = Gate(neighbours, tmp_path / "gate")
    try:
        gate.kernel(f"kernel.apply(Rules(ports=(80, 443), http_ports=(80,), quic_ports=(443,), n_queues=1, {rules}))")
        to = ends(neighbours, family, 43000, 443)
        initials = [each.data for each in datagrams(frames_of(HELLOS["QUIC"](LISTED)), bytes(8))]
        forged = [udp(to, each) for each in (*initials, *[bytes([0xC0]) * octets] * 3)]

        sent, received = forge(neighbours, family, forged)

        assert received <= sent
    finally:
        gate.stop()


@FAMILIES
def test_a_locked_neighbour_s_forged_datagrams_bring_no_more_than_was_sent(
    neighbours: Lab, tmp_path: Path, family: str
) -> None:
    gate = Gate(neighbours, tmp_path / "gate")
    try:
        gate.kernel(f"kernel.set_locked([net('{VICTIM[family]}')])")

        sent, received = forge(
            neighbours, family, [udp(ends(neighbours, family, 44000 + n, 9999), b"x") for n in range(5)]
        )

        assert received <= sent
    finally:
        gate.stop()
