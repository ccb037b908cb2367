"""Listed addresses in a real forward path: whatever port and protocol, and for those alone whom they are closed to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gate.any_port import PATIENCE_S, SILENCE_S, ask_tcp, ask_udp, start_servers
from support.gate.program import Gate

from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel


class Closing(Gate):
    """A gate that closes the address of the web server to the child, and what the others get."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, at = lab, lab.addresses
        self.servers = start_servers(lab)
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
