import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.control.box import make
from support.present import present
from support.system.daemon import UPSTREAM_ADDRESS, Daemon, eventually
from support.system.namespace import a_network_of_its_own
from support.system.ports import free_port

from filterd.commands.roles import control as role
from filterd.commands.roles.control import _remove_left
from filterd.kernel.firewall import Kernel, run_program
from filterd.kernel.ruleset import Rules

SPLASH = bytes((192, 0, 2, 1))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Any]:
    running = Daemon(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.mark.services
def test_filtering_goes_on_while_control_is_dead_and_control_comes_back(own: Daemon) -> None:
    pid = int((own.folder / "run/control-0.pid").read_text())

    os.kill(pid, signal.SIGKILL)

    assert own.ask("listed.test") == (0, SPLASH)
    assert own.ask("other.test") == (0, UPSTREAM_ADDRESS)
    eventually(own.is_well, "control")


@pytest.mark.services
def test_control_works_where_it_cannot_answer_the_splash_and_says_so(tmp_path: Path, stack: ExitStack) -> None:
    own = Daemon(tmp_path)
    (tmp_path / "run").mkdir(exist_ok=True)
    (tmp_path / "run/control-splash").touch()
    own.start()
    stack.callback(own.stop)

    told = eventually(lambda: own.fault("splash"), "the fault")

    assert "the splash gives no reasons; run systemd-tmpfiles" in present(told)
    assert own.ask("listed.test") == (0, SPLASH)


@pytest.mark.kernel
def test_rules_that_the_configuration_wants_no_more_are_gone_once_control_has_started(tmp_path: Path) -> None:
    with a_network_of_its_own() as call, closing(Kernel()) as kernel:
        call(kernel.apply, Rules(dns_port=5300))
        own = Daemon(tmp_path)
        call(own.start)
        try:
            left = call(run_program, ("nft", "list", "ruleset"), "").output
        finally:
            call(own.stop)

    assert left == ""
    assert "wants none any more" in own.log()


async def test_rules_that_are_left_and_that_the_kernel_does_not_remove_are_a_fault(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        def remove_left(self, port: int) -> bool:
            raise RuntimeError(f"nft: busy, {port}")

    monkeypatch.setattr(role, "Kernel", Refusing)
    control = make(place, engine)

    await _remove_left(control)

    assert control.faults == {"kernel rules": "nft: busy, 5300"}


@pytest.mark.long
def test_an_order_is_in_force_and_its_alarm_waits_where_the_receiver_is_dead(tmp_path: Path, stack: ExitStack) -> None:
    own = Daemon(tmp_path)
    said = json.loads(own.config.read_text())
    said["orders"] = {"contacts": [{"role": "compliance", "webhook": "http://127.0.0.1:1/"}]}
    own.config.write_text(json.dumps(said))
    own.start()
    stack.callback(own.stop)
    names = ("--issuer", "PTA", "--ref", "D-1", "--ground", "a law", "due.test")
    token = own.token("regulator")  # before: the deadline must not have passed when the order comes
    soon = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()

    pushed = own.run("orders", "push", *names, "--deadline", soon, "--json", token=token)

    def fault() -> str | None:
        found = json.loads(own.run("status", "--json", "--config", str(own.config)).stdout)
        return found["faults"].get("alarms") if found["notices"]["waiting"] else None

    assert json.loads(pushed.stdout)["clock"]["by"] == "letter", pushed.stderr
    dead = eventually(fault, "the alarm")
    assert present(dead).startswith("webhook http://127.0.0.1:1: ")  # its place, and nothing of its path
    assert own.ask("due.test") == (0, SPLASH)


@pytest.mark.services
def test_a_list_that_changed_is_live_after_sighup(own: Daemon) -> None:
    assert own.ask("late.test") == (0, UPSTREAM_ADDRESS)

    with (own.folder / "pta.csv").open("a") as file:
        file.write("https://late.test/,PTA-2\n")
    present(own.process).send_signal(signal.SIGHUP)

    eventually(lambda: own.ask("late.test") == (0, SPLASH), "the new list")


@pytest.mark.services
def test_a_list_that_cannot_be_compiled_leaves_the_old_one_in_force_and_is_told(own: Daemon) -> None:
    (own.folder / "pta.csv").unlink()
    present(own.process).send_signal(signal.SIGHUP)

    assert "pta.csv is missing" in present(eventually(lambda: own.fault("list pta"), "the fault"))
    assert own.ask("listed.test") == (0, SPLASH)


@pytest.mark.services
def test_a_damaged_base_is_compiled_again_at_the_next_start(own: Daemon) -> None:
    images = own.folder / "state/images"
    name = json.loads((images / "current.json").read_text())["names"]["base"]
    damaged = bytearray((images / name).read_bytes())
    damaged[-1] ^= 0xFF
    (images / "damaged").write_bytes(damaged)
    (images / "damaged").rename(images / name)

    os.kill(int((own.folder / "run/control-0.pid").read_text()), signal.SIGKILL)

    eventually(lambda: json.loads((images / "current.json").read_text())["names"]["base"] != name, "a new base")
    assert own.ask("listed.test") == (0, SPLASH)


@pytest.mark.services
def test_a_block_is_a_record_that_names_the_order_and_an_allowed_name_is_none(daemon: Daemon) -> None:
    daemon.ask("other.test")
    daemon.ask("x.listed.test")
    auditor = daemon.token("auditor")

    def records() -> Any:  # other tests block names, too: theirs may be there before ours is drained
        lines = daemon.run("audit", "pull", token=auditor).stdout.splitlines()
        found = [json.loads(line) for line in lines]
        said = {(each["rule"], each["order"], each["issuer"]) for each in found}
        return found if ("listed.test", "PTA-1", "PTA") in said else None

    found = eventually(records, "the record")

    assert "other.test" not in json.dumps(found)


@pytest.mark.services
def test_zones_are_served_to_other_resolvers_and_the_status_tells_of_them(tmp_path: Path) -> None:
    own, port = Daemon(tmp_path), free_port()
    (tmp_path / "rpz.key").write_text('key "k" { algorithm hmac-sha256; secret "MDEyMzQ1Njc4OWFiY2RlZg=="; };')
    zone = {"name": "rpz.test", "lists": ["orders", "pta"], "allow": ["127.0.0.1/32"], "tsig": "rpz.key"}
    said = json.loads(own.config.read_text()) | {"rpz": {"listen": [f"127.0.0.1:{port}"], "zones": [zone]}}
    own.config.write_text(json.dumps(said))
    own.start()
    try:
        told = eventually(lambda: zones_told(own), "the zone in the status")
    finally:
        own.stop()

    # of listed.test and of what is below it: the splash page's address
    assert re.fullmatch(r"zone rpz\.test: serial \d+, 2 records, 0 left out", told)


def zones_told(daemon: Daemon) -> Any:
    """The line of the status that tells of a zone."""
    lines = daemon.run("status", "--config", str(daemon.config)).stdout.splitlines()
    return next((line for line in lines if line.startswith("zone ")), "")
