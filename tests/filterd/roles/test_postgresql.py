"""A whole filterd on PostgreSQL, whose server may go away and come back."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.database.postgresql import PostgresqlServer, programs
from support.system.daemon import UPSTREAM_ADDRESS, Daemon, eventually

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
