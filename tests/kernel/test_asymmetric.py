"""A gateway that sees only what clients send: their servers' answers take another way, and nothing else changes."""

import sys
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from support.gate.detour import detour
from support.gate.program import PYTHON, Gate, connections_of_server, https, quickest

from filterd.lab.clients import Download, fetch
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

FAMILIES = pytest.mark.parametrize("family", ["web4", "web6"])
WAIT_S = 60.0  # of a busy machine
LOCK_S = 0.4  # from a lock in the kernel to the last octet
# Requests of one kept connection, together longer than what a gate keeps of any; then one for a listed name.
REQUESTS = """
import socket, sys
one = socket.create_connection((sys.argv[1], 80), 20)
one.settimeout(20)
filling = "X-Filling: " + "y" * 1000 + "\\r\\n"
def ask(host):
    one.sendall(f"GET / HTTP/1.1\\r\\nHost: {host}\\r\\n{filling}\\r\\n".encode())
    answer = b""
    while b"host=" not in answer:
        answer += one.recv(65536) or sys.exit("closed")
for _ in range(200):
    ask("allowed.test")
try:
    ask("www.blocked.test")
except ConnectionResetError:
    print("reset")
"""
UPLOAD_OCTETS = 1_000_000  # nginx takes 1 MiB


@pytest.fixture
def gate(lab: Lab, internet: Internet, tmp_path: Path) -> Iterator[Gate]:
    with detour(lab):
        running = Gate(lab, tmp_path / "gate", "open", "asymmetric")
        yield running
        running.stop()


@FAMILIES
def test_a_listed_name_is_reset_at_both_ends_and_another_is_served(
    gate: Gate, lab: Lab, internet: Internet, family: str
) -> None:
    lab.run("gateway", ["conntrack", "-F"])

    assert https(lab, internet, "www.blocked.test", family).was_reset
    assert https(lab, internet, "allowed.test", family).code == 200
    wait_until(lambda: connections_of_server(lab) == [], "no connection of the server")
    assert gate.counted("gate_verdict_failed") == 0
    tracked = [line for line in lab.run("gateway", ["conntrack", "-L", "-p", "tcp"]).stdout.splitlines()]
    assert all("[UNREPLIED]" in line and "dport=443" in line for line in tracked)


@FAMILIES
def test_the_same_gateway_with_tracked_connections_would_serve_nobody(
    lab: Lab, internet: Internet, tmp_path: Path, family: str
) -> None:
    with detour(lab):
        running = Gate(lab, tmp_path / "gate", "open", "symmetric")
        try:
            assert https(lab, internet, "allowed.test", family, "-m", "1").exit_code == 28
        finally:
            running.stop()


@FAMILIES
def test_a_listed_host_is_reset_at_both_ends_without_a_page_or_a_record(gate: Gate, lab: Lab, family: str) -> None:
    seen = fetch(lab, "child", "http://www.blocked.test/", getattr(lab.addresses, family))

    assert seen.was_reset, seen
    wait_until(lambda: connections_of_server(lab) == [], "no connection of the server")
    assert gate.counted("gate_unproven") >= 1
    assert gate.counted("gate_blocked") == gate.counted("events") == gate.counted("gate_pages_sent") == 0


def test_a_kept_connection_goes_on_and_is_judged_to_its_end(gate: Gate, lab: Lab) -> None:
    done = lab.run("child", [*PYTHON, "-c", REQUESTS, lab.addresses.web4])

    assert done.stdout == "reset\n", done.stderr
    assert gate.counted("gate_requests") == 201
    assert gate.counted("gate_too_big") == 0


def test_a_long_upload_passes_through_the_queue(gate: Gate, lab: Lab, internet: Internet, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(UPLOAD_OCTETS))

    seen = https(lab, internet, "allowed.test", "web4", "-m", "60", "--data-binary", f"@{upload}")

    assert (seen.exit_code, seen.code) == (0, 200), seen
    assert gate.counted("gate_too_big") == 0


@FAMILIES
def test_a_lock_stops_a_download_that_nobody_tracks(gate: Gate, lab: Lab, internet: Internet, family: str) -> None:
    trust, address = ["--cacert", str(internet.authority)], getattr(lab.addresses, family)
    child = getattr(lab.addresses, family.replace("web", "child"))

    def stops_s() -> float:
        """Seconds from the lock to the last octet."""
        gate.kernel(lambda kernel: kernel.set_locked([]))
        download = Download(lab, "child", "https://video.test/big", address, trust)
        try:
            download.wait_for(1 << 20, WAIT_S)
            gate.kernel(lambda kernel: kernel.set_locked([ip_network(child)]))
            returned = time.time()

            return download.wait_for_stop(0.5, WAIT_S) - returned
        finally:
            download.stop()

    assert quickest(stops_s, LOCK_S) < LOCK_S


def test_what_this_box_answers_itself_is_tracked_as_ever(gate: Gate, lab: Lab) -> None:
    at = lab.addresses.gateway4
    pages = lab.popen("gateway", [sys.executable, "-m", "http.server", "80", "--bind", at], "pages")
    try:
        wait_until(lambda: fetch(lab, "child", f"http://{at}/", at).code == 200, "a page of this box")
        assert f"dst={at}" in lab.run("gateway", ["conntrack", "-L", "-p", "tcp"]).stdout
    finally:
        lab.stop(pages)
