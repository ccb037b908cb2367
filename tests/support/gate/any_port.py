"""Servers that answer at ports and in protocols of their own, and clients that ask them, as programs of the lab."""

import subprocess
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
one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
one.bind(("", int(sys.argv[5])))
try:
    one.connect((sys.argv[1], int(sys.argv[2])))
    one.send(b"a handshake of nobody's protocol")
    print(one.recv(512).decode())
except (ConnectionRefusedError, ConnectionResetError):
    print("refused")
except OSError:
    print("nothing")
"""

# A server that begins: the other end answers whether or not anything has come, as one that has been told of it does.
ANSWERED = """
import socket, sys
kind, here, there, own_port, port, patience_s = sys.argv[1:]
family = socket.AF_INET6 if ":" in here else socket.AF_INET
one = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
one.bind((here, int(own_port)))
one.settimeout(float(patience_s))
if kind == "tcp":
    one.listen()
print("ready", flush=True)
try:
    if kind == "tcp":
        one, _ = one.accept()
    else:
        one.connect((there, int(port)))
        one.recv(512)
except OSError:
    pass
try:
    one.send(b"here")
except OSError:
    pass
sys.stdin.read()
"""
BEGINNING = """
import socket, sys
kind, here, there, own_port, port, patience_s = sys.argv[1:]
family = socket.AF_INET6 if ":" in here else socket.AF_INET
one = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
one.bind((here, int(own_port)))
one.settimeout(float(patience_s))
try:
    one.connect((there, int(port)))
    one.send(b"begun")
    print(one.recv(512).decode())
except OSError:
    print("nothing")
"""
PINGING = """
import socket, struct, sys
is_v6 = ":" in sys.argv[1]
asked, answered = (128, 129) if is_v6 else (8, 0)
protocol = socket.IPPROTO_ICMPV6 if is_v6 else socket.IPPROTO_ICMP
one = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_RAW, protocol)
one.settimeout(float(sys.argv[2]))
one.connect((sys.argv[1], 0))
one.send(struct.pack("!BBHHH", asked, 0, 0 if is_v6 else 0xFFFF ^ (asked << 8) + 7, 7, 0))
try:
    while one.recv(512)[0 if is_v6 else 20] != answered:
        pass
    print("here")
except OSError:
    print("nothing")
"""
BEGUN_PORTS = {"udp": (51821, 41821), "tcp": (9002, 41822)}  # the server's, and its client's
BEGUN_S = 3.0


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


def ask_tcp(lab: Lab, node: str, address: str, own_port: int = 0) -> str:
    """As ask_udp().   own_port 0: any"""
    return _ask(lab, node, address, TOR_PORT, "SOCK_STREAM", PATIENCE_S, own_port)


def _ask(lab: Lab, node: str, address: str, port: int, kind: str, patience_s: float, own_port: int = 0) -> str:
    argv = [sys.executable, "-c", ASKING, address, str(port), kind, str(patience_s), str(own_port)]
    return lab.run(node, argv).stdout.strip()


def begun_by_server(lab: Lab, node: str, kind: str, server: str, client: str) -> str:
    """What a server gets of a client to which it begins: 'here' or, for so long, 'nothing'."""
    at_server, at_client = map(str, BEGUN_PORTS[kind])
    argv = [sys.executable, "-c", ANSWERED, kind, client, server, at_client, at_server, str(SILENCE_S)]
    with subprocess.Popen(
        lab.inside(node, argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as answering:
        assert answering.stdout is not None and answering.stdout.readline() == "ready\n"
        argv = [sys.executable, "-c", BEGINNING, kind, server, client, at_server, at_client, str(BEGUN_S)]
        said = lab.run("internet", argv).stdout.strip()
        answering.communicate()
    return said


def ping(lab: Lab, node: str, address: str) -> bool:
    """Whether an echo comes back."""
    return lab.run(node, [sys.executable, "-c", PINGING, address, str(BEGUN_S)]).stdout.strip() == "here"
