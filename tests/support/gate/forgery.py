"""Packets in the name of a neighbour, at a gateway that drops what comes from another interface than its source's.

The victim is an address in the child's prefix that no machine has; what is sent to it reaches the child's wire, where
the forger listens: tests/support/gate/forger.py.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from support.evasion import frames
from support.evasion.frames import Ends
from support.evasion.quic_rows import HELLOS, datagrams, frames_of
from support.evasion.segments import Segment
from support.gate.program import PYTHON, ROOT, Gate
from support.packets.builders import ACK, PSH, SYN, hello, request

from filterd.lab.topology import Lab

VICTIM = {"IPv4": "198.51.100.3", "IPv6": "2001:db8:1::3"}  # in the child's prefix, and nobody
LISTED = b"www.blocked.test"
OCTETS = {80: request(LISTED), 443: hello(LISTED)}
N_GUESSES = 20
# What says of a person or a list that something was blocked.
COUNTED = ("gate_blocked", "events", "events_lost", "gate_pages_sent", "gate_address_blocked", "gate_bypass_blocked")
REFUSED_OCTETS = (1, 400, 1199, 1252)


@contextmanager
def neighbours(lab: Lab) -> Iterator[None]:
    """The victim's packets reach the child's wire, and the gateway's reverse path filter is strict."""
    mac = lab.run("child", ["cat", "/sys/class/net/gateway/address"]).stdout.strip()
    lab.run("gateway", ["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.child.rp_filter=1"])
    for victim in VICTIM.values():
        lab.run("gateway", ["ip", "neigh", "replace", victim, "lladdr", mac, "dev", "child", "nud", "permanent"])
    try:
        yield
    finally:
        for victim in VICTIM.values():
            lab.run("gateway", ["ip", "neigh", "del", victim, "dev", "child"])
        lab.run("gateway", ["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.child.rp_filter=0"])


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


def without_handshake(lab: Lab, family: str, server_port: int) -> list[bytes]:
    """A listed name in eight flows that have not begun."""
    return [
        tcp(ends(lab, family, 41000 + number, server_port), ACK | PSH, 1000, 77777, OCTETS[server_port])
        for number in range(8)
    ]


def behind_a_syn(lab: Lab, family: str, server_port: int) -> list[bytes]:
    """A SYN, which the server answers to the victim, and a listed name with guesses of what it has answered."""
    to = ends(lab, family, 42000, server_port)
    return [tcp(to, SYN, 5000), *[tcp(to, ACK | PSH, 5001, 0, OCTETS[server_port]) for _ in range(N_GUESSES)]]


def over_quic(lab: Lab, family: str, octets: int) -> list[bytes]:
    """The Initials of a listed name, and three datagrams of this many octets: a flow of its own for each number."""
    to = ends(lab, family, 43000 + octets, 443)
    initials = [each.data for each in datagrams(frames_of(HELLOS["QUIC"](LISTED)), bytes(8))]
    return [udp(to, each) for each in (*initials, *[bytes([0xC0]) * octets] * 3)]


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
    """What the gate has recorded and counted of blocks."""
    return {name: gate.counted(name) for name in COUNTED}
