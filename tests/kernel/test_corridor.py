"""The help corridor under a lock, as a whole filterd opens it: its sites in a real client, and nothing else."""

import re
import sys
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
import yaml

from filterd.lab.api_desk import Desk
from filterd.lab.clients import CurlResponse, Download, dig, fetch
from filterd.lab.gateway import Folder, Gateway, write_configuration, write_orders
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

LINE, HELP = 7, "1121.test"
FAMILIES = ("web4", "web6")
OTHER_PORT = 9443
SERVING = """
import socket, sys, threading
def serve(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    one = socket.create_server((address, int(sys.argv[1])), family=family)
    while True:
        peer = one.accept()[0]
        peer.recv(4096)
        peer.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nhere")
        peer.close()
for address in sys.argv[2:]:
    threading.Thread(target=serve, args=[address]).start()
"""


@pytest.fixture(scope="module", params=[True, False], ids=["a gate", "no gate"])
def has_gate(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def locked(has_gate: bool, lab: Lab, internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A filterd whose line in the node child is paused; its corridor has one name."""
    del internet
    folder = Folder(tmp_path_factory.mktemp("corridor"))
    gateway, at = Gateway(lab, folder), lab.addresses
    prefixes6 = [f"{at.child6}/128"]
    write_orders(folder.orders, 10)
    write_configuration(gateway, 1)
    if not has_gate:
        said = yaml.safe_load(folder.configuration.read_text())
        folder.configuration.write_text(yaml.safe_dump(said | {"gate": {"workers": 0}}))
    token = gateway.make_token("operator")
    gateway.start()
    servers = lab.popen("internet", [sys.executable, "-c", SERVING, str(OTHER_PORT), at.web4, at.web6, at.foreign4])
    try:
        desk = Desk(lab, token)
        wait_until(desk.is_up, "the API", 240.0)
        desk.put(f"/v1/subscribers/{LINE}", {"label": "child", "prefixes": [at.child4, *prefixes6]})
        desk.post(f"/v1/subscribers/{LINE}/pause", {"minutes": None})
        wait_until(lambda: opened(lab) == {at.web4, at.web6}, "the corridor's addresses", 120.0)
        yield gateway
    finally:
        lab.stop(servers)
        gateway.stop()
        lab.run("gateway", ["nft", "delete", "table", "inet", "filterd"])


def opened(lab: Lab) -> set[str]:
    """What the kernel has open for names of the corridor."""
    texts = [lab.run("gateway", ["nft", "list", "set", "inet", "filterd", f"corridor{n}"]).stdout for n in (4, 6)]
    listed = [text.partition("elements = {")[2].partition("}")[0] for text in texts]
    return {str(ip_address(word)) for word in re.findall(r"[0-9a-f.:]+", ",".join(listed)) if word.strip(":")}


def https(lab: Lab, internet: Internet, name: str, address: str, port: int = 443, node: str = "child") -> CurlResponse:
    return fetch(lab, node, f"https://{name}:{port}/", address, ["--cacert", str(internet.authority)])


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_help_site_is_reached_under_a_full_lock(lab: Lab, internet: Internet, family: str) -> None:
    qtype = "A" if family == "web4" else "AAAA"
    [address] = dig(lab, "child", HELP, qtype).data

    assert address == getattr(lab.addresses, family)
    assert https(lab, internet, HELP, address).code == 200
    assert fetch(lab, "child", f"http://{HELP}/", address).body == f"origin sni= host={HELP}\n"


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize("family", FAMILIES)
def test_no_other_port_of_its_address_is_reached(lab: Lab, family: str) -> None:
    address = getattr(lab.addresses, family)

    assert fetch(lab, "adult", f"http://{HELP}:{OTHER_PORT}/", address).body == "here"
    assert fetch(lab, "child", f"http://{HELP}:{OTHER_PORT}/", address).exit_code == 7


@pytest.mark.usefixtures("locked")
def test_no_other_address_is_reached(lab: Lab, internet: Internet) -> None:
    at = lab.addresses

    assert fetch(lab, "adult", f"http://{HELP}:{OTHER_PORT}/", at.foreign4).body == "here"
    for port in (80, 443, OTHER_PORT):
        assert https(lab, internet, HELP, at.foreign4, port).code == 0


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize("family", FAMILIES)
def test_another_site_at_its_address_is_stopped_where_a_gate_reads_the_name(
    has_gate: bool, lab: Lab, internet: Internet, family: str
) -> None:
    if not has_gate:
        pytest.skip("nobody reads the name: docs/desk/enforcement.md says so")
    address = getattr(lab.addresses, family)

    assert https(lab, internet, "allowed.test", address).was_reset
    assert "origin" not in fetch(lab, "child", "http://allowed.test/", address).body
    assert https(lab, internet, "allowed.test", address, node="adult").code == 200


@pytest.mark.parametrize("family", FAMILIES)
def test_what_ran_at_its_address_before_the_lock_ends(
    locked: Gateway, lab: Lab, internet: Internet, family: str
) -> None:
    address, trust = getattr(lab.addresses, family), ["--cacert", str(internet.authority)]
    desk = Desk(lab, locked.make_token("operator"))
    desk.post(f"/v1/subscribers/{LINE}/resume", {})
    download = Download(lab, "child", "https://video.test/big", address, trust)
    try:
        download.wait_for(1_000_000, within_s=60.0)
        desk.post(f"/v1/subscribers/{LINE}/pause", {"minutes": None})
        download.wait_for_stop(silence_s=2.0, within_s=60.0)
    finally:
        desk.post(f"/v1/subscribers/{LINE}/pause", {"minutes": None})
        download.stop()
    assert https(lab, internet, HELP, address).code == 200


FORGING = """
import sys
from scapy.all import DNS, DNSQR, DNSRR, IP, UDP, conf, send
conf.verb = 0
source, target, name, address = sys.argv[1:]
answers = [IP(src=source, dst=target) / UDP(sport=53, dport=port) / DNS(id=identity, qr=1, ra=1,
    qd=DNSQR(qname=name), an=DNSRR(rrname=name, rdata=address, ttl=86400))
    for port in range(32768, 61000, 150) for identity in (0, 1, 4711, 65535)]
send(answers)
"""


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize("source", ["resolver4", "gateway4", "loopback"])
def test_answers_that_nobody_asked_for_open_nothing(lab: Lab, source: str) -> None:
    at = lab.addresses
    sender = "127.0.0.1" if source == "loopback" else getattr(at, source)

    forging = [sys.executable, "-c", FORGING, sender, at.gateway4, HELP, at.foreign4]
    assert lab.run("adult", forging, timeout_s=240.0).returncode == 0

    assert dig(lab, "child", HELP).data == (at.web4,)
    assert opened(lab) == {at.web4, at.web6}
