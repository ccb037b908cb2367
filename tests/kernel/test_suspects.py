"""Listed addresses in a real forward path: whatever port and protocol, and for those alone whom they are closed to."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gate.program import Gate

from filterd.lab.processes import Running, wait_until
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

VPN_PORT, TOR_PORT = 51820, 9001

ANSWERING = """
import socket, sys, threading
def answer_udp(one):
    while True:
        one.sendto(b"here", one.recvfrom(512)[1])
def answer_tcp(one):
    while True:
        peer = one.accept()[0]
        peer.sendall(b"here")
        peer.close()
for address in sys.argv[3:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((address, int(sys.argv[1])))
    threading.Thread(target=answer_udp, args=[udp]).start()
    tcp = socket.create_server((address, int(sys.argv[2])), family=family)
    threading.Thread(target=answer_tcp, args=[tcp]).start()
"""
ASKING = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
one = socket.socket(family, getattr(socket, sys.argv[3]))
one.settimeout(0.5)
try:
    one.connect((sys.argv[1], int(sys.argv[2])))
    one.send(b"a handshake of nobody's protocol")
    print(one.recv(512).decode())
except (ConnectionRefusedError, ConnectionResetError):
    print("refused")
except OSError:
    print("nothing")
"""


class Closing(Gate):
    """A gate that closes the address of the web server to the child, and what the others get."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, at = lab, lab.addresses
        answering = [sys.executable, "-c", ANSWERING, str(VPN_PORT), str(TOR_PORT)]
        self.servers: Running = lab.popen("internet", [*answering, at.web4, at.web6, at.foreign4, at.foreign6])
        wait_until(lambda: self.tcp("internet", at.foreign6) == self.udp("internet", at.foreign6) == "here", "servers")
        super().__init__(lab, folder, "open", "symmetric", f"{at.child4},{at.child6}", f"{at.web4}/31,{at.web6}")

    def udp(self, node: str, address: str) -> str:
        return self._ask(node, address, VPN_PORT, "SOCK_DGRAM")

    def tcp(self, node: str, address: str) -> str:
        return self._ask(node, address, TOR_PORT, "SOCK_STREAM")

    def stop(self) -> None:
        super().stop()
        self.lab.stop(self.servers)

    def _ask(self, node: str, address: str, port: int, kind: str) -> str:
        return self.lab.run(node, [sys.executable, "-c", ASKING, address, str(port), kind]).stdout.strip()


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

    assert (gate.udp("child", listed), gate.tcp("child", listed)) == ("nothing", "refused")
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
