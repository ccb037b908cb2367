"""A whole filterd on PostgreSQL, whose server may go away and come back."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from support.database.postgresql import PostgresqlServer, programs
from support.database.relay import Relay
from support.system.daemon import DEADLINE_S, UPSTREAM_ADDRESS, Daemon, eventually

SPLASH = bytes((192, 0, 2, 1))
pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(programs() is None, reason="Debian's package postgresql is not installed"),
]


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    """One that a test may stop."""
    running = PostgresqlServer()
    yield running
    running.remove()


@pytest.fixture
def own(server: PostgresqlServer, tmp_path: Path) -> Iterator[Daemon]:
    running = Daemon(tmp_path, server.new_database())
    running.start()
    yield running
    running.stop()


def test_without_its_database_server_filtering_goes_on_and_desk_and_control_come_back_with_it(
    own: Daemon, server: PostgresqlServer
) -> None:
    operator, regulator = own.token("operator"), own.token("regulator")
    own.run("subscribers", "put", "7", "--label", "Home", "--prefix", "127.0.0.1/32", token=operator)
    given = ("--issuer", "PTA", "--ref", "T-1", "--ground", "a law")
    assert "T-1: enforced" in own.run("orders", "push", "one.test", *given, token=regulator).stdout

    server.stop()
    refused = own.run("subscribers", "pause", "7", token=operator)

    assert refused.returncode == 1 and "Traceback" not in refused.stderr + own.log()
    assert "database" in refused.stderr
    assert (own.ask("one.test"), own.ask("other.test")) == ((0, SPLASH), (0, UPSTREAM_ADDRESS))

    server.start()
    eventually(lambda: own.run("subscribers", "pause", "7", token=operator).returncode == 0, "the tap")
    assert own.ask("other.test") == (0, SPLASH)
    own.run("subscribers", "resume", "7", token=operator)
    assert own.ask("other.test") == (0, UPSTREAM_ADDRESS)
    shown = json.loads(own.run("orders", "show", "--issuer", "PTA", "T-1", "--json", token=regulator).stdout)
    assert shown["counts"] == {"enforced": 1}


def test_a_box_starts_and_filters_while_its_database_cannot_be_reached_and_goes_on_once_it_can(
    server: PostgresqlServer, tmp_path: Path, stack: ExitStack
) -> None:
    relay = Relay(server.folder / ".s.PGSQL.5432")
    stack.callback(relay.refuse)
    relay.pass_on()
    name = server.new_database_with_tables().partition("@/")[2].partition("?")[0]
    own = Daemon(tmp_path, f"postgresql://postgres@127.0.0.1:{relay.port}/{name}")
    own.start()
    stack.callback(own.stop)
    operator, regulator = own.token("operator"), own.token("regulator")
    own.run("subscribers", "put", "7", "--label", "Home", "--prefix", "127.0.0.1/32", token=operator)
    given = ("--issuer", "PTA", "--ref", "T-1", "--ground", "a law")
    assert "T-1: enforced" in own.run("orders", "push", "one.test", *given, token=regulator).stdout

    def status() -> subprocess.CompletedProcess[str]:
        return own.run("status", "--config", str(own.config))

    own.halt()
    relay.swallow()
    own.start("ready, without")

    assert [own.ask(each) for each in ("listed.test", "one.test")] == [(0, SPLASH)] * 2
    assert own.ask("other.test") == (0, UPSTREAM_ADDRESS)
    told = eventually(lambda: found if (found := status()).stdout.startswith("images names") else None, "control")
    assert told.returncode == 1
    assert f"@127.0.0.1:{relay.port}/{name}: cannot be reached" in told.stdout
    assert "the last images stay in force, nothing new is; tried again each second" in told.stdout
    refused = own.run("reload", "--config", str(own.config))
    assert refused.returncode != 0 and "cannot be reached" in refused.stdout + refused.stderr

    relay.refuse()
    eventually(lambda: "Connection refused" in status().stdout, "what is the matter by now")
    relay.pass_on()
    eventually(lambda: own.run("subscribers", "pause", "7", token=operator).returncode == 0, "the tap")
    assert own.ask("other.test") == (0, SPLASH)
    assert "Traceback" not in own.log() and "control-0: ended" not in own.log()
    said = [line.partition("WARNING")[2] for line in own.log().splitlines() if "tried again each second" in line]
    assert len(said) == len(set(said)) >= 2, "each once"


@pytest.fixture
def pair(server: PostgresqlServer, tmp_path: Path) -> Iterator[tuple[Daemon, Daemon]]:
    """Two gateways with one database; orders are tried on the first one, for a time that no test waits for."""
    url = server.new_database()
    with ExitStack() as stack:
        found = []
        for name in ("first", "other"):
            (tmp_path / name).mkdir()
            gateway = Daemon(tmp_path / name, url)
            said = json.loads(gateway.config.read_text())
            canary = {"gateway": "first", "name": name, "lasts": "24h", "most_blocks": 20}
            gateway.config.write_text(json.dumps(said | {"orders": {"canary": canary}}))
            gateway.start()
            stack.callback(gateway.stop)
            found.append(gateway)
        yield found[0], found[1]


def test_an_order_is_tried_on_one_gateway_first_and_rolled_back_there_once_it_blocks_too_much(
    pair: tuple[Daemon, Daemon],
) -> None:
    first, other = pair
    regulator = other.token("regulator")

    def shown(ref: str) -> dict[str, Any]:
        asked = Request(f"http://127.0.0.1:{other.api}/v1/orders/{ref}?issuer=PTA")
        asked.add_header("Authorization", f"Bearer {regulator}")
        with urlopen(asked, timeout=DEADLINE_S) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def push(ref: str, *more: str) -> str:
        given = ("--issuer", "PTA", "--ref", ref, "--ground", "a law", *more)
        return other.run("orders", "push", f"{ref}.test", *given, token=regulator).stdout

    assert "t-1: pending" in push("t-1") and "t-2: enforced" in push("t-2", "--emergency")
    eventually(lambda: first.ask("t-1.test") == (0, SPLASH), "the order, at the canary gateway")
    assert other.ask("t-2.test") == (0, SPLASH), "an emergency waits for no canary"
    assert other.ask("t-1.test") == (0, UPSTREAM_ADDRESS)
    eventually(lambda: shown("t-1")["canary"]["state"] == "running", "the canary's time")

    def blocks_on() -> bool:
        for _ in range(25):
            first.ask("t-1.test")
        return bool(shown("t-1")["canary"]["state"] == "rolled_back")

    eventually(blocks_on, "the rollback")
    eventually(lambda: first.ask("t-1.test") == (0, UPSTREAM_ADDRESS), "the end of it, at the canary gateway")
    found = shown("t-1")
    assert found["steps"][-1]["state"] == "rolled_back" and found["counts"] == {"pending_review": 1}
    assert "blocks in one minute, more than 20" in other.run("orders", "list", token=regulator).stdout
    assert other.ask("t-1.test") == (0, UPSTREAM_ADDRESS) and first.ask("t-2.test") == (0, SPLASH)


def test_what_is_changed_at_one_gateway_is_in_force_at_another_that_shares_its_database(
    server: PostgresqlServer, tmp_path: Path
) -> None:
    url = server.new_database()
    folders = [tmp_path / name for name in ("first", "other")]
    for folder in folders:
        folder.mkdir()
    first, other = (Daemon(folder, url) for folder in folders)
    with ExitStack() as stack:
        for gateway in (first, other):
            gateway.start()
            stack.callback(gateway.stop)
        operator, regulator = first.token("operator"), first.token("regulator")
        given = ("--issuer", "PTA", "--ref", "T-1", "--ground", "a law")
        assert "T-1: enforced" in first.run("orders", "push", "one.test", *given, token=regulator).stdout
        eventually(lambda: other.ask("one.test") == (0, SPLASH), "the order, at the other gateway")

        assert other.ask("free.test") == (0, UPSTREAM_ADDRESS)
        first.run("subscribers", "put", "7", "--label", "Home", "--prefix", "127.0.0.1/32", token=operator)
        first.run("subscribers", "pause", "7", token=operator)
        eventually(lambda: other.ask("free.test") == (0, SPLASH), "the pause, at the other gateway")

        other.run("subscribers", "resume", "7", token=operator)
        eventually(lambda: first.ask("free.test") == (0, UPSTREAM_ADDRESS), "the end of the pause, at the first")
