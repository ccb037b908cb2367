"""Listed addresses in a real forward path: whatever port and protocol, and for those alone whom they are closed to."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from pathlib import Path

import pytest
from support.gate.any_port import PATIENCE_S, SILENCE_S, ask_tcp, ask_udp, begun_by_server, ping, start_servers
from support.gate.program import Gate

from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel


NAT64, SIX_TO_FOUR = IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16")


def embedded(prefix: IPv6Network, address: str) -> str:
    """The address of IPv6 that leads to one of IPv4."""
    return str(IPv6Address(int(prefix[0]) | int(IPv4Address(address)) << 96 - prefix.prefixlen))


class Closing(Gate):
    """A gate that closes the address of the web server to the child, and what the others get."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, at = lab, lab.addresses
        inside = [embedded(prefix, each) for prefix in (NAT64, SIX_TO_FOUR) for each in (at.web4, at.foreign4)]
        self.servers = start_servers(lab, *inside)
        super().__init__(lab, folder, "open", "symmetric", f"{at.child4},{at.child6}", f"{at.web4}/31,{at.web6}")

    def udp(self, node: str, address: str, patience_s: float = PATIENCE_S) -> str:
        return ask_udp(self.lab, node, address, patience_s)

    def tcp(self, node: str, address: str) -> str:
        return ask_tcp(self.lab, node, address)

    def stop(self) -> None:
        super().stop()
        self.lab.stop(self.servers)


@pytest.fixture
def gate(lab: Lab, tmp_path: Path) -> Iterator[Closing]:
    running = Closing(lab, tmp_path / "gate")
    yield running
    running.stop()


@pytest.mark.parametrize("family", ["4", "6"])
def test_a_listed_address_is_closed_to_the_child_at_every_port_and_open_to_the_adult(
    gate: Closing, family: str
) -> None:
    listed = getattr(gate.lab.addresses, f"web{family}")

    assert (gate.udp("child", listed, SILENCE_S), gate.tcp("child", listed)) == ("nothing", "refused")
    assert (gate.udp("adult", listed), gate.tcp("adult", listed)) == ("here", "here")
    assert gate.counted("gate_address_blocked") == 2
    assert gate.counted("gate_verdict_failed") == 0


@pytest.mark.parametrize("family", ["4", "6"])
def test_an_unlisted_address_is_never_queued_and_an_open_one_only_until_it_answers(gate: Closing, family: str) -> None:
    unlisted, listed = (getattr(gate.lab.addresses, f"{place}{family}") for place in ("foreign", "web"))

    assert (gate.udp("child", unlisted), gate.tcp("child", unlisted)) == ("here", "here")
    assert gate.counted("gate_packets") == 0
    assert (gate.udp("adult", listed), gate.tcp("adult", listed)) == ("here", "here")
    assert gate.counted("gate_packets") == 2


@pytest.mark.parametrize("prefix", [NAT64, SIX_TO_FOUR])
def test_a_listed_address_of_ipv4_is_closed_inside_of_one_of_ipv6_too(gate: Closing, prefix: IPv6Network) -> None:
    at = gate.lab.addresses
    listed, unlisted = embedded(prefix, at.web4), embedded(prefix, at.foreign4)

    assert (gate.udp("child", unlisted), gate.tcp("child", unlisted)) == ("here", "here")
    assert gate.counted("gate_packets") == 0
    assert (gate.udp("child", listed, SILENCE_S), gate.tcp("child", listed)) == ("nothing", "refused")
    assert (gate.udp("adult", listed), gate.tcp("adult", listed)) == ("here", "here")
    assert gate.counted("gate_address_blocked") == 2
    assert gate.counted("gate_verdict_failed") == 0


@pytest.mark.parametrize("family", ["4", "6"])
def test_a_listed_server_that_begins_reaches_the_child_by_nothing_and_the_adult(gate: Closing, family: str) -> None:
    server = getattr(gate.lab.addresses, f"web{family}")
    for node, expected in (("child", "nothing"), ("adult", "here")):
        client = getattr(gate.lab.addresses, f"{node}{family}")
        for kind in ("udp", "tcp"):
            assert begun_by_server(gate.lab, node, kind, server, client) == expected


@pytest.mark.parametrize("family", ["4", "6"])
def test_a_listed_address_is_closed_to_the_child_in_other_protocols_too(gate: Closing, family: str) -> None:
    listed, unlisted = (getattr(gate.lab.addresses, f"{place}{family}") for place in ("web", "foreign"))

    assert ping(gate.lab, "child", unlisted)
    assert ping(gate.lab, "adult", listed)
    assert not ping(gate.lab, "child", listed)
