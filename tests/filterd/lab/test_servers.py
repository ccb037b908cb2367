"""The lab's servers on the loopback, with the clients of the lab: no root, no namespaces."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.system.ports import free_port

from filterd.lab.addresses import LAB, LOOPBACK
from filterd.lab.clients import Download, dig, fetch
from filterd.lab.loopback import Loopback, loopback
from filterd.lab.servers import (
    NAMES,
    make_certificates,
    resolver_configuration,
    start_resolver,
    start_web,
    web_configuration,
)

SBIN = "/usr/sbin:/sbin"
PROGRAMS = ("nginx", "unbound", "openssl", "dig", "curl")
absent = [name for name in PROGRAMS if not (shutil.which(name) or shutil.which(name, path=SBIN))]
needs_programs = pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} not on this box")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Loopback]:
    upstream, http, https = free_port(), free_port(), free_port()
    addresses = replace(LOOPBACK, dns_port=upstream, upstream_port=upstream, http_port=http, https_port=https)
    with loopback(tmp_path, addresses) as standing:
        yield standing


@needs_programs
@pytest.mark.services
def test_the_resolver_knows_test_and_nothing_else(place: Loopback) -> None:
    server = place.addresses.resolver4
    start_resolver(place, "resolver", server)

    assert dig(place, "child", "allowed.test", server=server).data == (place.addresses.web4,)
    assert dig(place, "child", "allowed.test", "AAAA", "tcp", server).data == ("::1",)
    assert dig(place, "child", "a.b.many.test", server=server).data == (place.addresses.web4,)
    assert dig(place, "child", "whoami.test", "TXT", server=server).data == ('"resolver"',)
    for name in ("nobody.test", "nobody.example"):
        answer = dig(place, "child", name, server=server)
        assert (answer.rcode, len(answer.authority)) == ("NXDOMAIN", 1)


@needs_programs
@pytest.mark.services
def test_the_web_server_has_a_certificate_for_every_name_and_a_slow_download(place: Loopback) -> None:
    folder = place.directory / "internet"
    folder.mkdir()
    trust = ["--cacert", str(make_certificates(folder))]
    start_web(place, folder)
    at = place.addresses

    for name in (*NAMES, "x.many.test"):
        seen = fetch(place, "child", f"https://{name}:{at.https_port}/", at.web4, trust)
        assert (seen.code, seen.body) == (200, f"origin sni={name} host={name}\n")
    stranger = fetch(place, "child", f"https://stranger.example:{at.https_port}/", at.web4, trust)
    assert stranger.exit_code == 60  # CURLE_PEER_FAILED_VERIFICATION
    download = Download(place, "child", f"http://video.test:{at.http_port}/big", at.web4)
    download.wait_for(100_000)
    assert download.program.poll() is None
    download.stop()
    assert not download.file.exists()


def test_the_configurations_name_both_families_of_the_lab() -> None:
    web = web_configuration(LAB, Path("/x"))
    resolver = resolver_configuration(LAB, "foreign", Path("/x"), (LAB.foreign4, LAB.foreign6))

    assert "listen 192.0.2.40:443 ssl" in web
    assert "listen [2001:db8:f::40]:80 " in web
    assert "interface: 2001:db8:f::54@53" in resolver
    assert 'local-data: "listed.test. 30 IN AAAA 2001:db8:f::40"' in resolver
