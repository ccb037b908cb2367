"""A whole filterd on PostgreSQL, whose server may go away and come back."""

import json
from collections.abc import Iterator
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
