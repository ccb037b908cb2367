"""Clients that people use: an allowed name is served to each, a listed one to none, over TLS and QUIC."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest
from support.evasion.campaign import Field, gate
from support.gate.detour import detour
from support.gate.program import PYTHON, ROOT, Gate

from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import NETNS_FILES, Lab

pytestmark = pytest.mark.kernel

ALLOWED, LISTED = "www.allowed.test", "www.blocked.test"
SNI, QUIC = "tls.handshake.extensions_server_name", "quic.version"
BROWSER_S = 40.0  # a cold browser on a loaded box


class Gateway(NamedTuple):
    """The lab with a gate in it."""

    lab: Lab
    internet: Internet
    field: Field
    gate: Gate

    def counted(self, name: str) -> int:
        return self.gate.counted(name)


@pytest.fixture(scope="module", params=["symmetric", "asymmetric"])
def gateway(
    evasion_field: Field, internet: Internet, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Gateway]:
    lab, folder = evasion_field.lab, tmp_path_factory.mktemp("real") / "gate"
    way = detour(lab) if request.param == "asymmetric" else nullcontext()
    with way, gate(lab, folder, request.param) as running:
        yield Gateway(lab, internet, evasion_field, running)


def patience_s(name: str) -> str:
    """A busy machine has time to serve what it serves; what is stopped may end in silence."""
    return "2" if name.endswith("blocked.test") else "20"


def curl(*options: str) -> Callable[[Gateway, str, str], bool]:
    def is_served(at: Gateway, name: str, address: str) -> bool:
        host = f"[{address}]" if ":" in address else address
        argv = ["curl", "-sf", "-m", patience_s(name), "--noproxy", "*", "--cacert", str(at.internet.authority)]
        argv += options
        return at.lab.run("child", [*argv, "--connect-to", f"::{host}:", f"https://{name}/"]).returncode == 0

    return is_served


def openssl(*options: str) -> Callable[[Gateway, str, str], bool]:
    def is_served(at: Gateway, name: str, address: str) -> bool:
        host = f"[{address}]" if ":" in address else address
        trust = ["-CAfile", str(at.internet.authority), "-verify_return_error", "-brief"]
        argv = ["openssl", "s_client", "-connect", f"{host}:443", "-servername", name, *trust, *options]
        return at.lab.run("child", argv).returncode == 0

    return is_served


def gnutls(at: Gateway, name: str, address: str) -> bool:
    trust = ["--x509cafile", str(at.internet.authority), "--sni-hostname", name, "--verify-hostname", name]
    return at.lab.run("child", ["gnutls-cli", *trust, "-p", "443", address]).returncode == 0


def aioquic(at: Gateway, name: str, address: str) -> bool:
    argv = [*PYTHON, str(ROOT / "tests/support/evasion/quic_client.py"), name, address, patience_s(name)]
    return at.lab.run("child", argv).stdout.strip() == "connected"


def need(program: str) -> None:
    """Not every distribution has every client."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on this box; apt-get install it where there is one")


def stopped(gateway: Gateway) -> int:
    """What the gate has stopped.  A block without a handshake, as of asymmetric routing, has a counter of its own."""
    return gateway.counted("gate_blocked") + gateway.counted("gate_unproven")


def need_http3() -> None:
    if "HTTP3" not in subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("curl here does not speak HTTP/3")


CLIENTS = {
    "curl, TLS 1.3": curl(),
    "curl, TLS 1.2": curl("--tls-max", "1.2"),
    "curl, a small hello": curl("--http1.1", "--curves", "X25519"),
    "curl, HTTP/3": curl("--http3-only"),
    "openssl, TLS 1.3": openssl(),
    "openssl, TLS 1.2": openssl("-tls1_2"),
    "gnutls-cli": gnutls,
    "aioquic": aioquic,
}


@pytest.mark.parametrize("family", ["web4", "web6"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_listed_name_is_served_to_no_client_and_another_to_each(gateway: Gateway, client: str, family: str) -> None:
    is_served, address = CLIENTS[client], getattr(gateway.lab.addresses, family)
    if client == "gnutls-cli":
        need("gnutls-cli")
    if client == "curl, HTTP/3":
        need_http3()

    assert is_served(gateway, ALLOWED, address)
    assert not is_served(gateway, LISTED, address)


@pytest.fixture
def hosts(gateway: Gateway) -> Iterator[None]:
    """Browsers find all names at the server that keeps a record."""
    path = NETNS_FILES / gateway.lab.namespace("child") / "hosts"
    path.write_text(f"127.0.0.1 localhost\n{gateway.lab.addresses.foreign4} {ALLOWED} {LISTED}\n")
    yield
    path.unlink()


def chromium(profile: Path, name: str, *options: str) -> list[str]:
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run", "--disable-sync"]
    argv = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", *quiet]
    return ["env", f"HOME={profile}", *argv, "--dump-dom", *options, f"https://{name}/"]


def chromium_quic(profile: Path, name: str) -> list[str]:
    return chromium(profile, name, "--enable-quic", f"--origin-to-force-quic-on={name}:443")


def firefox(profile: Path, name: str) -> list[str]:
    picture = str(profile / "picture.png")
    argv = ["firefox-esr", "--headless", "--no-remote", "--profile", str(profile), "--screenshot", picture]
    return ["env", f"HOME={profile}", *argv, f"https://{name}/"]


BROWSERS = {"Chromium": chromium, "Chromium over QUIC": chromium_quic, "Firefox": firefox}


@pytest.mark.parametrize("argv", BROWSERS.values(), ids=BROWSERS)
def test_a_listed_name_reaches_the_server_from_no_browser_and_another_does(
    gateway: Gateway, hosts: None, tmp_path: Path, argv: Callable[[Path, str], list[str]]
) -> None:
    need(argv(tmp_path, ALLOWED)[2])

    def open_until(name: str, holds: Callable[[], bool]) -> None:
        profile = tmp_path / name
        profile.mkdir()
        running = gateway.lab.popen("child", argv(profile, name), "browser")
        try:
            wait_until(holds, f"{name} in the browser", BROWSER_S)
        finally:
            gateway.lab.stop(running)

    before = gateway.field.log.read_text()
    blocked = stopped(gateway)
    open_until(LISTED, lambda: stopped(gateway) > blocked)
    open_until(ALLOWED, lambda: ALLOWED in gateway.field.log.read_text()[len(before) :])
    seen = gateway.field.log.read_text()[len(before) :]

    assert ALLOWED in seen
    assert LISTED not in seen


def test_tshark_reads_the_names_that_the_gate_has_judged(gateway: Gateway, tmp_path: Path) -> None:
    need_http3()
    names = [ALLOWED, LISTED, "allowed.test", "blocked.test", "video.test"]
    hellos, blocks = gateway.counted("gate_hellos"), stopped(gateway)
    capture = tmp_path / "child.pcapng"
    dump = gateway.lab.popen("gateway", ["dumpcap", "-q", "-i", "child", "-w", str(capture)])
    wait_until(lambda: capture.exists() and capture.stat().st_size > 0, "the capture")
    for name in names:
        for options in (("--http3-only", "-m", "4"), ()):
            curl(*options)(gateway, name, gateway.lab.addresses.web4)
    # what has not left its buffer is lost with it
    wait_until(lambda: capture.read_bytes().count(b"video.test") > 0, "the last hello in the capture")
    gateway.lab.stop(dump)

    read = gateway.lab.run(
        "gateway", ["tshark", "-n", "-r", str(capture), "-T", "json", "-Y", SNI, "-e", SNI, "-e", QUIC]
    )
    seen = {
        (layers[SNI][0], QUIC in layers)
        for layers in (packet["_source"]["layers"] for packet in json.loads(read.stdout))
    }
    assert seen == {(name, is_quic) for name in names for is_quic in (False, True)}
    assert gateway.counted("gate_hellos") - hellos == len(seen)
    assert stopped(gateway) - blocks == 4
