"""Every line of the configured prefixes is behind the resolver from the start: none of them was provisioned."""

import sys
from collections.abc import Iterator

import pytest
import yaml

from filterd.lab.clients import Transport, dig
from filterd.lab.gateway import Folder, Gateway, write_configuration, write_orders
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

START_S = 60.0
# The child's and the adult's lines; the desk is none of them, and the adult runs a resolver.
CLIENTS = ["198.51.100.0/27", "2001:db8:1::/64", "2001:db8:2::/64"]
EXCEPT = ["198.51.100.18/32", "2001:db8:2::/64"]
SERVERS = ("foreign4", "foreign6")

# A server for port 853, and somebody who connects to it.
SERVE = """
import socket, sys
one = socket.create_server((sys.argv[1], 853), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
while True:
    one.accept()[0].close()
"""
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 853), 3).close()
    print("connected")
except ConnectionRefusedError:
    print("refused")
except OSError:
    print("nothing")
"""


@pytest.fixture(scope="module")
def gateway(lab: Lab, internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """filterd with a list, and without a line."""
    running = Gateway(lab, Folder(tmp_path_factory.mktemp("gateway")))
    write_orders(running.folder.orders, 100)
    write_configuration(running, 1)
    said = yaml.safe_load(running.folder.configuration.read_text())
    said["dns"] |= {"clients": CLIENTS, "redirect_except": EXCEPT}
    running.folder.configuration.write_text(yaml.safe_dump(said))
    running.start()
    try:
        wait_until(lambda: "gate-0" in running.workers() and is_redirected(lab, "child", "foreign4"), "rules", START_S)
        yield running
    finally:
        running.stop()


def is_redirected(lab: Lab, node: str, server: str) -> bool:
    """Whether what is asked of a foreign resolver is answered by ours: a listed name with the splash address."""
    answer = dig(lab, node, "listed.test", "A", server=getattr(lab.addresses, server))
    return answer.data == (lab.addresses.gateway4,)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_line_that_nobody_provisioned_gets_our_answer_from_any_resolver(
    gateway: Gateway, lab: Lab, server: str, transport: Transport
) -> None:
    foreign = getattr(lab.addresses, server)

    assert dig(lab, "child", "listed.test", "A", transport, foreign).data == (lab.addresses.gateway4,)
    assert dig(lab, "child", "whoami.test", "TXT", transport, foreign).data == ('"resolver"',)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("node", ["desk", "adult"])
def test_who_is_no_client_and_who_is_excepted_asks_whom_it_likes(
    gateway: Gateway, lab: Lab, server: str, node: str
) -> None:
    assert dig(lab, node, "whoami.test", "TXT", server=getattr(lab.addresses, server)).data == ('"foreign"',)


@pytest.mark.parametrize("server", SERVERS)
def test_a_line_that_nobody_provisioned_reaches_no_resolver_over_tls(gateway: Gateway, lab: Lab, server: str) -> None:
    address = getattr(lab.addresses, server)
    serving = lab.popen("internet", [sys.executable, "-c", SERVE, address])

    def outcome(node: str) -> str:
        return lab.run(node, [sys.executable, "-c", CONNECT, address]).stdout.strip()

    try:
        wait_until(lambda: outcome("internet") == "connected", "a server at port 853")
        assert [outcome(node) for node in ("child", "adult", "desk")] == ["refused", "connected", "connected"]
    finally:
        lab.stop(serving)


def test_the_resolver_that_we_ask_is_not_asked_in_a_circle(gateway: Gateway, lab: Lab) -> None:
    asked = lab.addresses.resolver4

    listed = lab.run("gateway", ["nft", "list", "set", "inet", "filterd", "resolvers4"]).stdout

    assert asked in listed
