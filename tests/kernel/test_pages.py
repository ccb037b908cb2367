"""What the desk says of the pages reaches the page that the gate sends, while the gate goes on."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from sqlalchemy import func, select
from support.mgmt.signing import ORIGIN, Signer, keep_vouched, signed, signer

from filterd.config import load
from filterd.lab.clients import fetch
from filterd.lab.gateway import Folder, Gateway, filterd_command, write_configuration, write_orders
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab
from filterd.process.database.access import database_of
from parental.store.database import open_database, writing
from parental.store.schema.orders import approvals

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
    said = yaml.safe_load(running.folder.configuration.read_text())
    said["api"] |= {"desk_origin": ORIGIN} | yaml.safe_load(keep_vouched(tmp_path))
    running.folder.configuration.write_text(yaml.safe_dump(said, sort_keys=False))
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


def agree(gateway: Gateway, said: dict[str, object], people: tuple[Signer, Signer]) -> None:
    """Propose it, and have both sign."""
    words = {"proposer": people[0].person.mail, "reason": "a shelter has opened", "reference": "T-1"}
    assert put(gateway, said | words) == 202
    engine = open_database(database_of(load(gateway.folder.configuration)))
    with writing(engine) as conn:
        number = conn.execute(select(func.max(approvals.c.id))).scalar_one()
        assert signed(conn, number, *people, at=datetime.now(UTC)) is None
    engine.dispose()


def test_a_helpline_that_two_have_signed_is_on_the_gate_s_page_and_the_gate_has_not_restarted(
    gateway: Gateway, lab: Lab
) -> None:
    def seen(text: str) -> bool:
        return text in fetch(lab, "child", "http://blocked.test/", lab.addresses.web4).body

    def set_language(code: str) -> None:
        """Have control look, and all who show pages take what it finds."""
        command = filterd_command("settings", "set", "languages", f"{{first: {code}}}")
        done = gateway.place.run("gateway", [*command, "--config", str(gateway.folder.configuration)])
        assert done.returncode == 0, done.stderr
        assert seen(f'<html lang="{code}"')

    wait_until(lambda: seen("tel:1121"), "the gate's page", START_S)
    gate = gateway.pids()["gate-0"]
    engine = open_database(database_of(load(gateway.folder.configuration)))
    with writing(engine) as conn:
        people = signer(conn, "amna", "compliance"), signer(conn, "bilal", "approver")
    engine.dispose()
    wait_until(lambda: put(gateway, {"languages": {"first": "ur"}}) == 200, "the desk", START_S)

    assert put(gateway, {"helplines": [LINE]}) == 422
    agree(gateway, {"helplines": [LINE]}, people)
    set_language("en")
    assert seen("tel:080077777")
    assert not seen("tel:1121")
    agree(gateway, {"helplines": None}, people)
    set_language("ur")
    assert seen("tel:1121")
    assert gateway.pids()["gate-0"] == gate
