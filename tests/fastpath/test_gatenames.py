"""What the names of a hello, or the lack of them, mean for its packet."""

from pathlib import Path

import pytest
from support.gatelab import ALLOWED, BLOCKED, DECOY, NOW_S, REAL, RELEASED, SPOKEN, Lab
from support.packets import Client, hello

from fastpath.loop_gate import GateLoop
from fastpath.spool import Reporter
from fastpath.tables import Handoff

UNDECIDABLE = [
    ("not TLS", b"SSH-2.0-client\r\n", "gate_not_tls"),
    ("no name", hello(), "gate_no_name"),
    ("an address for a name", hello(b"192.0.2.1"), "gate_malformed"),
    ("a name with a blank", hello(b"www blocked"), "gate_malformed"),
    ("lengths that do not nest", hello(b"allowed.test")[:43] + b"\xff" + hello(b"allowed.test")[44:], "gate_malformed"),
]


def test_any_listed_name_among_several_blocks(lab: Lab) -> None:
    assert lab.send(Client(), 0, hello(b"www.allowed.test", b"blocked.test")) == BLOCKED


@pytest.mark.parametrize(("why", "octets", "counter"), UNDECIDABLE)
def test_what_cannot_be_decided_is_counted_and_goes_by_the_policy(
    lab: Lab, closed_lab: Lab, why: str, octets: bytes, counter: str
) -> None:
    assert lab.send(Client(), 0, octets) == ALLOWED
    assert lab.send(Client(), len(octets), b"more", SPOKEN) == RELEASED
    assert closed_lab.send(Client(), 0, octets) == BLOCKED
    assert lab.counted(counter) == 1
    assert closed_lab.counted(counter) == 1


def test_a_packet_of_a_locked_subscriber_is_blocked_even_without_a_name(lab: Lab) -> None:
    assert lab.send(Client("192.0.2.66"), 0, hello()) == BLOCKED
    assert lab.send(Client("2001:db8::66", "2001:db8:1::1"), 0, DECOY) == BLOCKED
    assert lab.send(Client("192.0.2.66", sport=1), 0, hello(b"help.test")) == ALLOWED


def test_without_tables_packets_are_let_go_and_counted(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path / "counters", tmp_path / "spool")
    gate = GateLoop(0, Handoff(), reporter, [443], [80], 0, {}, 4)

    assert gate.feed(Client().segment(0, REAL), Client().mark(0), NOW_S) == 0x40 | ALLOWED
    assert reporter.counters.values()["no_tables"] == 1
