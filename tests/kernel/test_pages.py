"""What the desk says of the pages reaches the page that the gate sends, while the gate goes on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd.lab.clients import fetch
from filterd.lab.gateway import Folder, Gateway, filterd_command, write_configuration, write_orders
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

START_S = 240.0  # of a busy machine
LINE = {"number": "0800-77777", "name_en": "shelter", "name_ur": "پناہ گاہ"}


@pytest.fixture
def gateway(lab: Lab, internet: Internet, tmp_path: Path) -> Iterator[Gateway]:
    """filterd with all of its roles.   internet: its servers run"""
    del internet
    running = Gateway(lab, Folder(tmp_path))
    write_orders(running.folder.orders, 100)
    write_configuration(running, 1)
    running.start()
    yield running
    running.stop()


def put(gateway: Gateway, said: object) -> int:
    """PUT /v1/settings at the desk's door; the status of the answer, 0: there is none."""
    url = f"{gateway.place.addresses.api}/v1/settings"
    token = f"Authorization: Bearer {gateway.make_token('operator')}"
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "-H", token]
    done = gateway.place.run("gateway", [*curl, "--data-binary", json.dumps(said), url])
    return int(done.stdout or 0)


def test_a_helpline_changed_at_the_desk_is_on_the_gate_s_page_and_the_gate_has_not_restarted(
    gateway: Gateway, lab: Lab
) -> None:
    def seen(text: str) -> bool:
        return text in fetch(lab, "child", "http://blocked.test/", lab.addresses.web4).body

    wait_until(lambda: seen("tel:1121"), "the gate's page", START_S)
    gate = gateway.pids()["gate-0"]

    wait_until(lambda: put(gateway, {"helplines": [LINE]}) == 200, "the desk", START_S)

    assert seen("tel:080077777")
    assert not seen("tel:1121")
    assert put(gateway, {"helplines": None}) == 200
    assert seen("tel:1121")
    command = filterd_command("settings", "set", "languages", "{first: en}")
    done = gateway.place.run("gateway", [*command, "--config", str(gateway.folder.configuration)])
    assert done.returncode == 0, done.stderr
    assert seen('<html lang="en"')
    assert gateway.pids()["gate-0"] == gate
