"""A parent on a line that is closed: the family pages open there by their name, in a real browser, and nothing else."""

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from support.system.certificates import make_certificate

from filterd.lab.api_desk import Desk
from filterd.lab.clients import dig, fetch
from filterd.lab.gateway import Folder, Gateway, write_configuration, write_orders
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet, resolver_configuration
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

LINE = 7
FAMILY, RESOLVER, ELSEWHERE = "family.isp.test", "dns.isp.test", "families.isp.test"
DOOR4, DOOR6 = "198.51.100.33", "2001:db8:3::1"  # of the gateway; its other address is the splash's
DOH_PORT, DOOR_PORT, OTHER_PORT = 8443, 9443, 9444
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SERVING = """
import socket, sys, threading
def serve(address, port):
    one = socket.create_server((address, int(port)), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    while True:
        peer = one.accept()[0]
        peer.recv(4096)
        peer.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nhere")
        peer.close()
for place in sys.argv[1:]:
    threading.Thread(target=serve, args=place.rsplit("=", 1)).start()
"""


class House(NamedTuple):
    """A box with a families' door, at its own address and on another box, and a line on it."""

    lab: Lab
    desk: Desk
    token: str

    def pause(self) -> None:
        self.desk.post(f"/v1/subscribers/{LINE}/pause", {"minutes": None})

    def resume(self) -> None:
        self.desk.post(f"/v1/subscribers/{LINE}/resume", {})


@pytest.fixture(scope="module")
def house(lab: Lab, internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    del internet
    folder = Folder(tmp_path_factory.mktemp("door"))
    gateway, at = Gateway(lab, folder), lab.addresses
    certificate, key = map(str, make_certificate(folder.root, "isp.test"))
    write_orders(folder.orders, 10)
    write_configuration(gateway, 1)
    said = yaml.safe_load(folder.configuration.read_text())
    said["family"] = {
        "listen": [f"{DOOR4}:443", f"[{DOOR6}]:443"],
        "certificate": certificate,
        "key": key,
        "hosts": [FAMILY, ELSEWHERE],
        "addresses": [f"{at.foreign4}:{DOOR_PORT}", f"[{at.foreign6}]:{DOOR_PORT}"],
    }
    said["splash"]["listen"] = ["0.0.0.0:80", "[::]:80"]
    said["help_corridor"] = {}
    said["dns"]["upstreams"] = [f"{at.web4}:53"]
    said["dns"]["tls"] = {"certificate": certificate, "key": key, "name": RESOLVER}
    said["dns"]["https"] = {"listen": [f"{at.gateway4}:{DOH_PORT}"]}
    folder.configuration.write_text(yaml.safe_dump(said))
    token = gateway.make_token("operator")
    programs = [lab.popen("internet", ["unbound", "-d", "-p", "-c", str(_resolver(lab, folder.root))], "unbound-isp")]
    places = [f"{host}={port}" for host in (at.foreign4, at.foreign6) for port in (DOOR_PORT, OTHER_PORT)]
    programs.append(lab.popen("internet", [sys.executable, "-c", SERVING, *places], "other-box"))
    gateway.start()
    try:
        desk = Desk(lab, token)
        wait_until(desk.is_up, "the API", 240.0)
        held = [at.child4, f"{at.child6}/128"]
        desk.put(f"/v1/subscribers/{LINE}", {"label": "Home", "prefixes": held})
        wait_until(lambda: dig(lab, "child", FAMILY).data == (DOOR4,), "the name of the door", 60.0)
        yield House(lab, desk, gateway.make_token("parent", "--subscriber", str(LINE)))
    finally:
        for program in programs:
            lab.stop(program)
        gateway.stop()
        lab.run("gateway", ["nft", "delete", "table", "inet", "filterd"])


def _resolver(lab: Lab, root: Path) -> Path:
    """The provider's resolver, which has the names of its own pages."""
    at, folder = lab.addresses, root / "unbound"
    folder.mkdir()
    own = f'  local-data: "{FAMILY}. 30 IN A {DOOR4}"\n  local-data: "{FAMILY}. 30 IN AAAA {DOOR6}"\n'
    own += f'  local-data: "{RESOLVER}. 30 IN A {at.gateway4}"\n  local-data: "{ELSEWHERE}. 30 IN A {at.foreign4}"\n'
    path = folder / "unbound.conf"
    text = resolver_configuration(at, "isp", folder, (at.web4,))
    path.write_text(text.replace("remote-control:", f"{own}remote-control:"))
    return path


@pytest.fixture(params=["pause", "schedule", "soft hours", "screen time", "closed until"])
def closed(request: pytest.FixtureRequest, house: House) -> Iterator[None]:
    """The line is closed, each time by something else."""
    desk, at = house.desk, house.lab.addresses
    line, profile = f"/v1/subscribers/{LINE}", f"/v1/accounts/{LINE}/profiles/{LINE}"
    soft = {"open": ["education"]} if request.param == "soft hours" else {}
    whole_week = [{"day": day, "from": "00:00", "to": "24:00", **soft} for day in DAYS]
    match request.param:
        case "pause":
            house.pause()
        case "schedule" | "soft hours":
            desk.put(f"{line}/schedule", {"closed": whole_week})
        case "screen time":
            desk.put(f"{profile}/quota", {"minutes": 30})
        case _:
            desk.post(f"{profile}/closed-until", {"until": (datetime.now(UTC) + timedelta(hours=2)).isoformat()})
    wait_until(lambda: dig(house.lab, "child", "allowed.test").data == (at.gateway4,), "the lock", 60.0)
    yield
    house.resume()
    desk.put(f"{line}/schedule", {"closed": []})
    desk.put(f"{profile}/quota", {"minutes": None})
    for each in desk.get(f"{profile}/time")["exceptions"]:
        desk.ask("DELETE", f"{profile}/exceptions/{each['id']}")
    wait_until(lambda: dig(house.lab, "child", "allowed.test").data == (at.web4,), "its end", 60.0)


@pytest.mark.usefixtures("closed")
def test_the_name_of_the_door_leads_to_the_door_under_every_lock_by_every_way_of_asking(house: House) -> None:
    lab, at = house.lab, house.lab.addresses

    assert dig(lab, "child", FAMILY).data == (DOOR4,)
    assert dig(lab, "child", FAMILY, "AAAA").data == (DOOR6,)
    assert dig(lab, "child", FAMILY, transport="tcp").data == (DOOR4,)
    assert dig(lab, "child", FAMILY, server=at.foreign4).data == (DOOR4,)  # another resolver's, which is ours
    over_https = ["dig", "+short", "+https", "-p", str(DOH_PORT), f"@{at.gateway4}", FAMILY, "A"]
    assert lab.run("child", over_https).stdout.split() == [DOOR4]
    assert dig(lab, "child", RESOLVER).data == (at.gateway4,)  # where a phone's own DNS over TLS asks for it

    assert fetch(lab, "child", f"https://{FAMILY}/family", DOOR4, ["-k"]).code == 200
    assert fetch(lab, "child", f"https://{FAMILY}/family/mine", DOOR6, ["-k"]).code == 200
    typed = fetch(lab, "child", f"http://{FAMILY}/", DOOR4)
    assert (typed.code, typed.headers["location"]) == (307, f"https://{FAMILY}:{DOOR_PORT}/family")


@pytest.mark.usefixtures("closed")
def test_nothing_else_opens_by_it(house: House) -> None:
    lab, at = house.lab, house.lab.addresses

    for name in (f"www.{FAMILY}", "isp.test", "allowed.test"):
        assert dig(lab, "child", name).data == (at.gateway4,)
    for address in (at.foreign4, at.foreign6):
        assert fetch(lab, "child", f"http://{ELSEWHERE}:{DOOR_PORT}/", address).body == "here"
        assert fetch(lab, "adult", f"http://{ELSEWHERE}:{OTHER_PORT}/", address).body == "here"


@pytest.fixture
def browser(house: House, tmp_path: Path) -> Iterator[Any]:
    """A page of Chromium on the line, which asks the box for names as every program there does."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright: `make people` installs it")
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not on this box; apt-get install it where there is one")
    start = tmp_path / "chromium"
    start.write_text(f'#!/bin/sh\nexec ip netns exec {house.lab.namespace("child")} chromium "$@"\n')
    start.chmod(0o755)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(start), args=["--no-sandbox"])
        page = browser.new_context(ignore_https_errors=True, locale="en-GB").new_page()
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def press(page: Any, selector: str) -> None:
    with page.expect_navigation():
        page.click(selector)


def test_a_parent_on_the_closed_line_types_the_name_signs_in_lifts_the_pause_and_pauses_again(
    house: House, browser: Any
) -> None:
    lab, at = house.lab, house.lab.addresses
    house.pause()
    wait_until(lambda: fetch(lab, "child", "http://allowed.test/", at.web4).code == 0, "the pause", 60.0)
    for address in (at.web4, at.web6):  # the name at an address that is not the door's
        assert fetch(lab, "child", f"http://{FAMILY}/", address).code == 0
        assert fetch(lab, "child", f"https://{FAMILY}/", address, ["-k"]).code == 0
    for address in (at.foreign4, at.foreign6):  # another port of the door's
        assert fetch(lab, "child", f"http://{ELSEWHERE}:{OTHER_PORT}/", address).code == 0

    browser.goto(f"https://{FAMILY}/family")
    browser.fill("input[name=token]", house.token)
    press(browser, "form[action*='/login'] button")
    press(browser, "form[action*='/resume'] button")
    for field in ("pin", "again"):
        browser.fill(f"input[name={field}]", "2468")
    press(browser, "button.big")
    assert "✔" in browser.inner_text("main")
    assert fetch(lab, "child", "http://allowed.test/", at.web4).body.startswith("origin")

    press(browser, "form[action*='/pause'] button")
    assert "⏸" in browser.inner_text("main") and "✔" in browser.inner_text("main")
    assert fetch(lab, "child", "http://allowed.test/", at.web4).code == 0
    house.resume()
