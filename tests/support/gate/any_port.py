"""Servers that answer at ports and in protocols of their own, and clients that ask them, as programs of the lab."""

import sys

from filterd.lab.processes import Running, wait_until
from filterd.lab.topology import Lab

VPN_PORT, TOR_PORT = 51820, 9001
PATIENCE_S = 20.0  # of a busy machine, which answers late
SILENCE_S = 0.5  # where nothing shall come

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
one.settimeout(float(sys.argv[4]))
try:
    one.connect((sys.argv[1], int(sys.argv[2])))
    one.send(b"a handshake of nobody's protocol")
    print(one.recv(512).decode())
except (ConnectionRefusedError, ConnectionResetError):
    print("refused")
except OSError:
    print("nothing")
"""


def start_servers(lab: Lab, *more: str) -> Running:
    """Answer at the web servers' and the foreign resolver's addresses, at VPN_PORT by UDP and TOR_PORT by TCP.

    more  addresses of IPv6, to which a way is made"""
    at = lab.addresses
    for address in more:
        lab.run("internet", ["ip", "address", "add", f"{address}/128", "dev", "lo", "nodad"])
        lab.run("gateway", ["ip", "route", "add", f"{address}/128", "via", at.web6])
    addresses = [at.web4, at.web6, at.foreign4, at.foreign6, *more]
    servers = lab.popen("internet", [sys.executable, "-c", ANSWERING, str(VPN_PORT), str(TOR_PORT), *addresses])
    wait_until(
        lambda: ask_tcp(lab, "internet", addresses[-1]) == ask_udp(lab, "internet", addresses[-1]) == "here", "servers"
    )
    return servers


def ask_udp(lab: Lab, node: str, address: str, patience_s: float = PATIENCE_S) -> str:
    """'here', 'refused' or, for so long, 'nothing'."""
    return _ask(lab, node, address, VPN_PORT, "SOCK_DGRAM", patience_s)


def ask_tcp(lab: Lab, node: str, address: str) -> str:
    return _ask(lab, node, address, TOR_PORT, "SOCK_STREAM", PATIENCE_S)


def _ask(lab: Lab, node: str, address: str, port: int, kind: str, patience_s: float) -> str:
    argv = [sys.executable, "-c", ASKING, address, str(port), kind, str(patience_s)]
    return lab.run(node, argv).stdout.strip()
