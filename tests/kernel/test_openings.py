"""A connection that its server or both ends open brings no listed name to a server (E11, docs/reference/evasions.md).

Both ends are sockets of Linux that connect to each other.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from support.gate.program import PYTHON, Gate
from support.packets.builders import hello

from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

PORTS = count(29_000)  # none of those that other clients of the lab are given
SERVER_PORT = 443
LISTED = hello(b"www.blocked.test")
# Neither end listens, and none may say that it knows no such connection.
NO_RESETS = f"table inet opener {{ chain out {{ type filter hook output priority 0; \
tcp sport {{ 29000-29099, {SERVER_PORT} }} tcp flags rst drop; }}; }}"
# A split handshake: the server has not seen the client's SYN, and its own is answered with a SYN/ACK.
NO_SYN = "table inet split { chain in { type filter hook input priority 0; \
tcp dport 443 tcp sport 29000-29099 tcp flags & (syn | ack) == syn drop; }; }"
OPEN = """
import socket, sys
source, target, port, target_port, octets = sys.argv[1:]
end = socket.socket()
end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
end.bind((source, int(port)))
end.settimeout(8)
try:
    end.connect((target, int(target_port)))
    if octets:
        end.sendall(bytes.fromhex(octets))
    print(end.recv(65536).hex())
except OSError as reason:
    print(reason)
"""


@contextmanager
def silent_ends(lab: Lab, is_split: bool) -> Iterator[None]:
    tables = [("child", NO_RESETS), ("internet", NO_RESETS), *[("internet", NO_SYN)] * is_split]
    for node, text in tables:
        done = lab.run(node, ["nft", text])
        assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        for node, text in tables:
            lab.run(node, ["nft", f"delete table inet {text.split()[2]}"])


def received(lab: Lab, is_split: bool) -> bytes:
    """What the server gets of a connection that it opens towards its client."""
    child, server, port = lab.addresses.child4, lab.addresses.foreign4, next(PORTS)
    argvs = {
        "child": [child, server, str(port), str(SERVER_PORT), LISTED.hex()],
        "internet": [server, child, str(SERVER_PORT), str(port), ""],
    }
    with silent_ends(lab, is_split):
        ends = [
            subprocess.Popen(lab.inside(node, [*PYTHON, "-c", OPEN, *argv]), stdout=subprocess.PIPE, text=True)
            for node, argv in argvs.items()
        ]
        told = [end.communicate(timeout=30)[0].strip() for end in ends]
    return bytes.fromhex(told[1]) if told[1] and set(told[1]) <= set("0123456789abcdef") else b""


@pytest.mark.parametrize("is_split", [False, True], ids=["at once", "split"])
def test_a_connection_that_its_server_opens_too_carries_no_listed_name(
    lab: Lab, internet: Internet, tmp_path: Path, is_split: bool
) -> None:
    del internet
    assert received(lab, is_split) == LISTED
    gate = Gate(lab, tmp_path / "gate")
    try:
        assert received(lab, is_split) == b""
    finally:
        gate.stop()


ANSWER = """
import socket, sys
source, target, port, target_port, octets = sys.argv[1:]
listener = socket.create_server((source, int(port)))
print("ready", flush=True)
end, _ = listener.accept()
end.settimeout(8)
try:
    if end.recv(100):
        end.sendall(bytes.fromhex(octets))
    end.recv(100)
except OSError as reason:
    print(reason)
"""
ASK = """
import socket, sys
source, target, port, target_port, octets = sys.argv[1:]
end = socket.socket()
end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
end.bind((source, int(port)))
end.settimeout(8)
try:
    end.connect((target, int(target_port)))
    end.sendall(b"hello")
    print(end.recv(65536).hex())
except OSError as reason:
    print(reason)
"""


def answered(lab: Lab, octets: bytes) -> str:
    """What a host outside gets that opens a connection from port 443 to a subscriber which answers with `octets`."""
    child, outside, port = lab.addresses.child4, lab.addresses.foreign4, str(next(PORTS))
    argv = [*PYTHON, "-c", ANSWER, child, outside, port, str(SERVER_PORT), octets.hex()]
    subscriber = subprocess.Popen(lab.inside("child", argv), stdout=subprocess.PIPE, text=True)
    try:
        assert subscriber.stdout is not None
        assert subscriber.stdout.readline() == "ready\n"
        asked = lab.run("internet", [*PYTHON, "-c", ASK, outside, child, str(SERVER_PORT), port, ""])
        return asked.stdout.strip()
    finally:
        subscriber.kill()
        subscriber.communicate()


def test_a_host_that_opens_from_a_judged_port_to_a_subscriber_is_served_and_gets_no_listed_hello(
    lab: Lab, internet: Internet, tmp_path: Path
) -> None:
    del internet
    gate = Gate(lab, tmp_path / "gate")
    try:
        named = f"add element inet filterd subscribers4 {{ {lab.addresses.child4} }}"
        assert lab.run("gateway", ["nft", named]).returncode == 0
        assert answered(lab, b"welcome") == b"welcome".hex()
        assert answered(lab, LISTED) != LISTED.hex()
    finally:
        gate.stop()
