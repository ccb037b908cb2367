"""The laboratory itself, without filterd in it: everything a later test blocks must work here first."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from filterd.lab import cli, topology
from filterd.lab.api_desk import Desk
from filterd.lab.clients import Download, Transport, dig, fetch
from filterd.lab.gateway import Folder, Gateway
from filterd.lab.seed import families
from filterd.lab.seed.staff import ISSUERS
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

FAMILIES = ("web4", "web6")
MIB = 1024 * 1024


@pytest.mark.parametrize("node", ["child", "adult", "desk"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_client_reaches_a_tls_name_through_the_gateway(lab: Lab, internet: Internet, node: str, family: str) -> None:
    address = getattr(lab.addresses, family)

    seen = fetch(lab, node, "https://allowed.test/", address, ["--cacert", str(internet.authority)])

    assert (seen.exit_code, seen.code, seen.body) == (0, 200, "origin sni=allowed.test host=allowed.test\n")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_client_reaches_a_plain_http_name(lab: Lab, family: str) -> None:
    seen = fetch(lab, "child", "http://blocked.test/", getattr(lab.addresses, family))

    assert (seen.code, seen.body) == (200, "origin sni= host=blocked.test\n")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("server", ["resolver4", "resolver6"])
def test_the_resolver_knows_the_names_of_the_lab(lab: Lab, transport: Transport, server: str) -> None:
    where = getattr(lab.addresses, server)

    assert dig(lab, "child", "allowed.test", "A", transport, where).data == (lab.addresses.web4,)
    assert dig(lab, "child", "x.many.test", "AAAA", transport, where).data == (lab.addresses.web6,)
    assert dig(lab, "child", "nobody.test", "A", transport, where).rcode == "NXDOMAIN"


def test_the_foreign_resolver_is_another_one(lab: Lab) -> None:
    ours = dig(lab, "child", "whoami.test", "TXT", server=lab.addresses.resolver4)
    foreign = dig(lab, "child", "whoami.test", "TXT", server=lab.addresses.foreign4)

    assert (ours.data, foreign.data) == (('"resolver"',), ('"foreign"',))


def test_a_download_of_each_subscriber_runs_at_a_rate(lab: Lab, internet: Internet) -> None:
    trust = ["--cacert", str(internet.authority)]
    child = Download(lab, "child", "https://video.test/big", lab.addresses.web4, trust)
    adult = Download(lab, "adult", "https://video.test/big", lab.addresses.web6, trust)
    try:
        child.wait_for(2 * MIB, 60.0)
        adult.wait_for(2 * MIB, 60.0)
        assert child.program.poll() is None, "the whole download fitted into the test"
    finally:
        child.stop()
        adult.stop()


def test_a_dead_download_is_seen_to_have_stopped(lab: Lab) -> None:
    download = Download(lab, "child", "http://video.test/big", lab.addresses.web4)
    try:
        download.wait_for(1, 60.0)
        download.program.kill()

        last = download.wait_for_stop(silence_s=0.5)

        assert last == pytest.approx(download.file.stat().st_mtime)
    finally:
        download.stop()


def test_every_client_asks_the_gateway_by_default(lab: Lab) -> None:
    assert f"nameserver {lab.addresses.gateway4}\n" in lab.run("child", ["cat", "/etc/resolv.conf"]).stdout


def test_no_address_of_the_lab_waits_for_duplicate_detection(lab: Lab) -> None:
    for node in topology.NODES:
        listed = json.loads(lab.run(node, ["ip", "-json", "address"]).stdout)
        assert [entry for link in listed for entry in link["addr_info"] if entry.get("tentative")] == [], node


def test_a_lab_leaves_nothing_behind_and_removes_what_a_killed_one_has_left(tmp_path: Path) -> None:
    started = "build_lab(f'fd-{os.getpid()}', here).popen('child', ['sleep', '600'])"
    killed = _in_own_process(tmp_path, f"{started}; os.kill(os.getpid(), 9)")
    assert _namespaces(killed.pid) != []

    whole = _in_own_process(tmp_path, "\nwith lab(here) as place: place.popen('adult', ['sleep', '600'])")

    assert whole.returncode == 0
    assert _namespaces(whole.pid) == _namespaces(killed.pid) == []


def _in_own_process(folder: Path, code: str) -> subprocess.Popen[bytes]:
    before = "import os; from pathlib import Path; from filterd.lab.topology import build_lab, lab; "
    before += f"here = Path({str(folder)!r});"
    search = os.environ | {"PYTHONPATH": str(Path(topology.__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", before + code], env=search) as process:
        process.wait(30)
    return process


def _namespaces(pid: int) -> list[str]:
    names = [path.name for base in (topology.MOUNTS, topology.NETNS_FILES) if base.is_dir() for path in base.iterdir()]
    return [name for name in names if name.startswith(f"fd-{pid}-")]


def test_a_seeded_laboratory_has_a_month_behind_it_and_its_first_family_in_the_node_child(
    lab: Lab, internet: Internet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = Gateway(lab, Folder(tmp_path))
    try:
        cli.start_seeded(gateway, 7)
        tokens = dict(re.findall(r"^token: +(\w.*?) +(\S+)$", capsys.readouterr().out, re.MULTILINE))
        engineer, compliance = Desk(lab, tokens["engineer"]), Desk(lab, tokens["compliance"])

        orders = compliance.get("/v1/orders")["orders"]
        line = engineer.get(f"/v1/subscribers/{families.FAMILIES[0].line}")
        assert {order["issuer"] for order in orders} == {*ISSUERS}
        assert {order["state"] for order in orders} >= {"enforced", "withdrawn"}
        assert lab.addresses.child4 in str(line["prefixes"])
        in_force = next(order for order in orders if order["state"] == "enforced" and order["receipt"] is not None)
        name = compliance.get(f"/v1/orders/id/{in_force['id']}")["entries"][0]["value"]
        assert dig(lab, "child", name).data == (lab.addresses.gateway4,)
    finally:
        gateway.stop()
        lab.run("gateway", ["nft", "delete", "table", "inet", "filterd"])
