"""An address in an order, from the push to the packet: it is closed at every port, and its neighbour is not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.gate.any_port import SILENCE_S, ask_tcp, ask_udp, start_servers

from filterd.lab.gateway import Folder, Gateway, filterd_command, write_configuration, write_orders
from filterd.lab.processes import wait_until
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

START_S = 240.0  # of a busy machine
CLOUD = "# a cloud, 2026-11-01\n203.0.113.0/24\n"


@pytest.fixture
def gateway(lab: Lab, tmp_path: Path) -> Iterator[Gateway]:
    """filterd with all of its roles, that knows where many sites are."""
    running = Gateway(lab, Folder(tmp_path))
    write_orders(running.folder.orders, 100)
    write_configuration(running, 1)
    said = yaml.safe_load(running.folder.configuration.read_text())
    (tmp_path / "cloud.txt").write_text(CLOUD)
    said["protected"]["shared_hosting"] = ["cloud.txt"]
    running.folder.configuration.write_text(yaml.safe_dump(said))
    servers = start_servers(lab)
    running.start()
    yield running
    running.stop()
    lab.stop(servers)


def orders(gateway: Gateway, verb: str, *arguments: str) -> dict[str, object]:
    """`filterd orders VERB`, as the operator; its object."""
    command = filterd_command("orders", verb, "--api", gateway.place.addresses.api, "--json", *arguments)
    token = f"FILTERD_TOKEN={gateway.make_token('operator')}"
    done = gateway.place.run("gateway", ["env", token, *command])
    said: dict[str, object] = json.loads(done.stdout) if done.stdout else {"stderr": done.stderr}
    return said


def test_an_address_of_an_order_is_closed_at_every_port_and_its_neighbour_is_not(gateway: Gateway, lab: Lab) -> None:
    at = lab.addresses
    assert ask_tcp(lab, "child", at.web4) == ask_tcp(lab, "child", at.web6) == "here"
    values = [at.web4, f"{at.web6}/127", "203.0.113.9", at.gateway4]
    push = ("--issuer", "PTA", "--ref", "A-1", "--ground", "PECA 37", *values)
    wait_until(lambda: orders(gateway, "push", *push).get("state") == "partly_enforced", "the order", START_S)

    entries = orders(gateway, "show", "--issuer", "PTA", "A-1")["entries"]
    assert isinstance(entries, list)
    assert [each["status"] for each in entries] == ["enforced", "enforced", "pending_review", "refused_protected"]
    for listed, neighbour in ((at.web4, at.foreign4), (at.web6, at.foreign6)):
        wait_until(lambda listed=listed: ask_tcp(lab, "child", listed) == "refused", "the kernel", START_S)  # type: ignore[misc]
        assert ask_udp(lab, "child", listed, SILENCE_S) == "nothing"
        assert ask_tcp(lab, "adult", listed) == "refused"
        assert (ask_tcp(lab, "child", neighbour), ask_udp(lab, "child", neighbour)) == ("here", "here")

    orders(gateway, "withdraw", "--issuer", "PTA", "A-1", "--reason", "a court")
    wait_until(lambda: ask_tcp(lab, "child", at.web4) == ask_tcp(lab, "child", at.web6) == "here", "the end", START_S)
