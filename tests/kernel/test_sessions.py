"""Sessions in the kernel: an address that a NAS gives to a locked line is locked, and what ran there ends."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.sessions.requests import SECRET, START, STOP, told

from filterd.lab.api_desk import Desk
from filterd.lab.clients import Download, dig, fetch
from filterd.lab.gateway import Folder, Gateway, filterd_command, write_configuration, write_orders
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

LINE, OTHER, DEFAULT, PORT = 7, 8, 9, 1813
AWAY_PORT = 5499  # nobody listens there
WAIT_S = 120.0  # of a busy machine, whose control may have to come up first
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SENDING = """
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(1)
for _ in range(20):
    one.sendto(bytes.fromhex(sys.argv[1]), ("127.0.0.1", int(sys.argv[2])))
    try:
        print(len(one.recv(4096)))
        break
    except TimeoutError:
        pass
else:
    sys.exit("no answer to 20 requests")
"""
ECHO = """
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
one.settimeout(3)
one.sendto(bytes.fromhex("0800f7fd00010001"), (sys.argv[1], 0))
while one.recv(2048)[20] != 0:  # what comes may be a refusal
    pass
"""


SWALLOWING = """
import socket, sys, time
there = ("127.0.0.1", int(sys.argv[1]))
listening, held = socket.create_server(there, backlog=0), []
while True:  # fill its queue: the kernel drops the SYNs of all others
    held.append(socket.socket())
    held[-1].settimeout(0.5)
    try:
        held[-1].connect(there)
    except TimeoutError:
        break
print("full", flush=True)
time.sleep(600)
"""


class Network:
    """A filterd whose lines have no addresses but those of sessions."""

    def __init__(self, lab: Lab, gateway: Gateway) -> None:
        self.lab, self.gateway = lab, gateway
        self.desk = Desk(lab, gateway.make_token("operator"))
        self._at_s = int(time.time()) - 600

    def tell(self, status: int, session: str, user: str, *, has_address: bool = True) -> None:
        """Tell of a session of the node child, each a second later than the one before."""
        self._at_s += 1
        at = self.lab.addresses
        where: dict[str, Any] = (
            {"address": at.child4, "prefix": str(ip_network(f"{at.child6}/64", strict=False))} if has_address else {}
        )
        request = told(status, session, user, at_s=self._at_s, **where)
        done = self.lab.run("gateway", [sys.executable, "-c", SENDING, request.hex(), str(PORT)])
        assert done.returncode == 0, done.stderr

    def stop(self, session: str) -> None:
        self.tell(STOP, session, "", has_address=False)

    def is_open(self, family: str) -> bool:
        """Whether the child reaches a server."""
        return fetch(self.lab, "child", "http://allowed.test/", getattr(self.lab.addresses, family)).code == 200

    def _is(self, family: str, is_open: bool) -> bool:
        return self.is_open(family) is is_open

    def wait(self, *, is_open: bool) -> None:
        """Wait for the gate, and for the kernel's sets: they follow the images of sessions, which the gate reads."""
        for family in ("web4", "web6"):
            wait_until(partial(self._is, family, is_open), f"{family} open: {is_open}", WAIT_S)
        wait_until(lambda: self.is_locked() is not is_open, f"the kernel's lock: {not is_open}", WAIT_S)

    def reaches(self) -> bool:
        """Whether an echo of ICMP, which no gate sees, comes back from a server to the child."""
        return self.lab.run("child", [sys.executable, "-c", ECHO, self.lab.addresses.web4]).returncode == 0

    def is_locked(self) -> bool:
        """Whether the child's address is in one of the kernel's sets of locked lines and pools."""
        names = ("locked4_32", "locked6_56", "locked6_64", "locked4", "locked6", "pools4", "pools6")
        texts = (self.lab.run("gateway", ["nft", "list", "set", "inet", "filterd", name]).stdout for name in names)
        return any(self.lab.addresses.child4 in text.partition("elements = {")[2] for text in texts)

    def boot(self) -> None:
        """Stop all, and start as a machine does: without a rule in the kernel."""
        self.gateway.stop()
        self.lab.run("gateway", ["nft", "delete", "table", "inet", "filterd"])
        self.gateway.start()

    def has_rules(self) -> bool:
        """Whether rules are in the kernel, and somebody judges by them."""
        done = self.lab.run("gateway", ["nft", "list", "chain", "inet", "filterd", "whole"])
        return done.returncode == 0 and {"dns-0", "gate-0"} <= set(self.gateway.workers())

    def ways_to_listed(self, trust: list[str]) -> list[str]:
        """Through what a listed name is open to the child now."""
        at, name = self.lab.addresses, "www.blocked.test"
        found = {
            "dns": dig(self.lab, "child", name).data != (at.gateway4,),
            "http": fetch(self.lab, "child", f"http://{name}/", at.web4).code == 200,
            "tls": fetch(self.lab, "child", f"https://{name}/", at.web4, trust).code == 200,
        }
        return [way for way, is_open in found.items() if is_open]

    def status(self) -> dict[str, Any]:
        command = filterd_command("status", "--json", "--config", str(self.gateway.folder.configuration))
        done = self.lab.run("gateway", command)
        return {"faults": {}, **(json.loads(done.stdout) if done.stdout else {})}

    def pause(self, line: int) -> None:
        self.desk.post(f"/v1/subscribers/{line}/pause", {"minutes": None})

    def resume(self, line: int) -> None:
        self.desk.post(f"/v1/subscribers/{line}/resume", {})


@pytest.fixture(scope="module")
def network(lab: Lab, internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    del internet
    folder = Folder(tmp_path_factory.mktemp("sessions"))
    gateway, at = Gateway(lab, folder), lab.addresses
    write_orders(folder.orders, 10)
    write_configuration(gateway, 1)
    secret = folder.root / "secret"
    secret.write_bytes(SECRET)
    pools = [f"{at.child4}/31", str(ip_network(f"{at.child6}/64", strict=False))]
    nas = {"name": "bng", "address": "127.0.0.1", "secret": str(secret), "pools": pools, "default_profile": DEFAULT}
    said = yaml.safe_load(folder.configuration.read_text())
    # the sessions' times begin ten minutes ago and go a second a request: what is told late is no older than it may be
    said["radius"] = {"listen": [f"127.0.0.1:{PORT}"], "nas": [nas], "replay_window": "1d"}
    folder.configuration.write_text(yaml.safe_dump(said))
    gateway.make_token("operator")
    gateway.start()
    try:
        found = Network(lab, gateway)
        wait_until(found.desk.is_up, "the API", 240.0)
        for line in (LINE, OTHER, DEFAULT):
            found.desk.put(f"/v1/subscribers/{line}", {"label": f"line {line}", "prefixes": []})
            name = ("sessions", "name", str(line), f"line{line}", "--config", str(folder.configuration))
            done = lab.run("gateway", filterd_command(*name))
            assert done.returncode == 0, done.stderr
        wait_until(lambda: "radius-0" in gateway.pids(), "the role", 240.0)
        yield found
    finally:
        gateway.stop()
        lab.run("gateway", ["nft", "delete", "table", "inet", "filterd"])


def test_a_lock_closes_the_address_of_a_session_and_its_end_opens_it(network: Network) -> None:
    network.tell(START, "a", f"line{LINE}")
    network.wait(is_open=True)

    network.pause(LINE)
    network.wait(is_open=False)
    network.resume(LINE)

    network.wait(is_open=True)
    network.stop("a")


def test_a_locked_line_that_gets_an_address_is_locked_there_at_once_and_what_ran_ends(
    network: Network, internet: Internet
) -> None:
    network.pause(LINE)
    network.tell(START, "b0", f"line{OTHER}")
    network.wait(is_open=True)
    trust = ["--cacert", str(internet.authority)]
    download = Download(network.lab, "child", "https://video.test/big", network.lab.addresses.web4, trust)
    try:
        download.wait_for(1_000_000, within_s=60.0)
        network.tell(START, "b1", f"line{LINE}")
        download.wait_for_stop(silence_s=2.0, within_s=60.0)
    finally:
        download.stop()

    network.wait(is_open=False)
    network.tell(START, "b2", f"line{OTHER}")
    network.wait(is_open=True)
    network.stop("b2")
    network.resume(LINE)


def test_a_lock_of_the_default_profile_closes_what_no_session_names_and_opens_it_when_a_session_comes(
    network: Network, internet: Internet
) -> None:
    network.wait(is_open=True)
    trust = ["--cacert", str(internet.authority)]
    download = Download(network.lab, "child", "https://video.test/big", network.lab.addresses.web4, trust)
    try:
        download.wait_for(1_000_000, within_s=60.0)
        network.pause(DEFAULT)
        download.wait_for_stop(silence_s=2.0, within_s=60.0)
    finally:
        download.stop()
    network.wait(is_open=False)
    assert not network.reaches()
    assert network.is_locked()

    network.tell(START, "f", f"line{LINE}")  # the start that was lost comes at last
    network.wait(is_open=True)
    wait_until(network.reaches, "the server by its address", WAIT_S)
    assert not network.is_locked()

    network.stop("f")
    network.wait(is_open=False)
    assert not network.reaches()
    network.resume(DEFAULT)
    network.wait(is_open=True)


def test_the_bedtime_of_the_default_profile_closes_its_pool_when_control_was_killed_too(network: Network) -> None:
    whole = [{"day": day, "from": "00:00", "to": "24:00"} for day in DAYS]
    network.desk.put(f"/v1/subscribers/{DEFAULT}/schedule", {"closed": whole})
    network.wait(is_open=False)

    before = network.gateway.kill("control-0")
    wait_until(lambda: network.gateway.pids().get("control-0") not in (None, before), "the role again", 240.0)
    wait_until(network.desk.is_up, "the API", 240.0)
    assert not network.reaches()

    network.tell(START, "g", f"line{OTHER}")
    network.wait(is_open=True)
    network.desk.put(f"/v1/subscribers/{DEFAULT}/schedule", {"closed": []})
    network.stop("g")
    network.wait(is_open=True)


def test_the_stop_of_a_session_takes_its_lock_away_and_ends_its_tracked_connections(network: Network) -> None:
    network.pause(LINE)
    network.tell(START, "c", f"line{LINE}")
    wait_until(network.is_locked, "the lock", WAIT_S)

    network.stop("c")

    wait_until(lambda: not network.is_locked(), "no lock", WAIT_S)
    network.wait(is_open=True)
    network.resume(LINE)


@pytest.mark.parametrize("role", ["control-0", "radius-0"])
def test_a_lock_of_a_session_stands_when_a_role_is_killed_and_comes_back(network: Network, role: str) -> None:
    network.tell(START, f"d-{role}", f"line{LINE}")
    network.pause(LINE)
    network.wait(is_open=False)

    before = network.gateway.kill(role)
    seen_open = False
    wait_until(lambda: network.gateway.pids().get(role) not in (None, before), "the role again", 240.0)
    for _ in range(10):
        seen_open |= network.is_open("web4")
        time.sleep(0.1)
    wait_until(network.desk.is_up, "the API", 240.0)

    assert not seen_open
    assert network.is_locked()
    network.resume(LINE)
    network.wait(is_open=True)
    network.stop(f"d-{role}")


def test_a_schedule_or_pause_that_begins_while_the_radius_role_is_dead_closes_its_sessions(network: Network) -> None:
    network.tell(START, "e", f"line{LINE}")
    network.wait(is_open=True)
    network.gateway.kill("radius-0")

    network.pause(LINE)

    network.wait(is_open=False)
    network.resume(LINE)
    wait_until(lambda: "radius-0" in network.gateway.pids(), "the role again", 240.0)


def test_no_name_of_a_person_is_in_the_log_or_beside_the_database(network: Network) -> None:
    folder = network.gateway.folder
    kept = [path for path in Path(folder.state).rglob("*") if path.is_file() and "database" not in path.parts]
    tells = []
    for path in kept:
        with suppress(FileNotFoundError):  # an image that has another one after it goes
            tells += [path] if b"line7" in path.read_bytes() else []

    assert (tells, len(kept) > 1) == ([], True)


def test_a_box_that_boots_with_a_session_newer_than_the_base_has_its_rules_and_all_locks(
    network: Network, internet: Internet
) -> None:
    trust = ["--cacert", str(internet.authority)]
    network.tell(START, "n", f"line{LINE}")
    network.wait(is_open=True)
    before = network.gateway.kill("control-0")
    network.lab.run("gateway", ["nft", "delete", "table", "inet", "filterd"])
    wait_until(network.has_rules, "the rules", WAIT_S)
    while network.gateway.pids().get("control-0") in (None, before) or not network.desk.is_up():
        assert network.ways_to_listed(trust) == []

    network.pause(LINE)
    network.wait(is_open=False)
    network.boot()
    wait_until(network.has_rules, "the rules", WAIT_S)
    wait_until(network.desk.is_up, "the API", 240.0)
    wait_until(network.is_locked, "the lock", WAIT_S)

    assert not {"locks", "locks of sessions"} & set(network.status()["faults"])
    network.resume(LINE)
    network.wait(is_open=True)


def test_a_box_that_boots_without_its_database_filters_and_says_what_is_missing(
    network: Network, internet: Internet
) -> None:
    trust, configuration = ["--cacert", str(internet.authority)], network.gateway.folder.configuration
    said = configuration.read_text()
    away = {"database": {"url": f"postgresql://x@127.0.0.1:{AWAY_PORT}/x"}}
    configuration.write_text(yaml.safe_dump(yaml.safe_load(said) | away))

    def is_said(what: str) -> bool:
        assert network.ways_to_listed(trust) == []
        return what in network.status()["faults"].get("database", "")

    network.boot()
    wait_until(network.has_rules, "the rules", WAIT_S)
    wait_until(lambda: is_said("Connection refused"), "control, which waits", WAIT_S)
    assert fetch(network.lab, "child", "https://allowed.test/", network.lab.addresses.web4, trust).code == 200

    swallowing = network.lab.popen("gateway", [sys.executable, "-c", SWALLOWING, str(AWAY_PORT)], "swallowing")
    try:
        wait_until(lambda: is_said("timeout"), "control, which hears nothing", WAIT_S)
        before = network.gateway.kill("control-0")
        wait_until(lambda: network.gateway.pids().get("control-0") not in (None, before), "control again", WAIT_S)
        wait_until(lambda: is_said("timeout"), "control again, which waits", WAIT_S)
        network.boot()
        wait_until(network.has_rules, "the rules", WAIT_S)
        wait_until(lambda: is_said("timeout"), "control of the next boot", WAIT_S)
    finally:
        network.lab.stop(swallowing)
        configuration.write_text(said)
    network.boot()
    wait_until(network.desk.is_up, "the API", 240.0)
    assert network.ways_to_listed(trust) == []
