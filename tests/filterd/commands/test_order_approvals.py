"""`filterd orders approve` on a running box: two persons, one host, and what the box then answers."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.system.daemon import Daemon

UNTIL = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
WORDS = (
    "--reason",
    "the host is ordered",
    "--reference",
    "WA/9",
    "--collateral",
    "all of shared.test",
    "--until",
    UNTIL,
)
KHAN, ALI = ("--name", "A. Khan", "--group", "compliance"), ("--name", "B. Ali", "--group", "approver")
SPLASH = bytes((192, 0, 2, 1))


@pytest.fixture
def regulator(daemon: Daemon) -> str:
    return daemon.token("regulator")


@pytest.mark.services
def test_a_host_is_blocked_for_one_url_once_two_persons_have_said_so(daemon: Daemon, regulator: str) -> None:
    given = ("--issuer", "PTA", "--ref", "A-1")
    daemon.run("orders", "push", "https://shared.test/a", *given, "--ground", "a law", token=regulator)
    config = ("--config", str(daemon.config))
    what = ("orders", "approve", "--issuer", "PTA", "A-1", "--entry", "1", "--as", "broader", "--json", *config)

    proposed = daemon.run(*what, *KHAN, *WORDS)
    assert proposed.returncode == 0, proposed.stderr
    number = str(json.loads(proposed.stdout)["id"])
    assert daemon.ask("shared.test")[1] != SPLASH
    alone = daemon.run("orders", "approve", "--number", number, *KHAN, *config)
    assert (alone.returncode, "another person must" in alone.stderr) == (1, True)

    second = daemon.run("orders", "approve", "--number", number, *ALI, *config)
    assert (second.returncode, second.stderr) == (0, "")
    assert "proposed by A. Khan (compliance), approved by B. Ali (approver)" in second.stdout

    assert daemon.ask("shared.test")[1] == SPLASH
    assert daemon.ask("other.test")[1] != SPLASH
    shown = daemon.run("orders", "confirm", "--issuer", "PTA", "A-1", token=regulator)
    assert "https://shared.test/a: enforced_broader since 20" in shown.stdout
    assert "by WA/9, closes all of shared.test, the host is ordered" in shown.stdout
    assert "approval" in daemon.run("orders", "approve", "--list", *config).stdout


@pytest.mark.services
def test_a_proposal_without_its_words_or_of_no_order_is_refused(daemon: Daemon) -> None:
    config = ("--config", str(daemon.config))
    nobody = daemon.run("orders", "approve", "--number", "1", *config)
    unknown = daemon.run("orders", "approve", "--issuer", "PTA", "none", "--entry", "1", "--as", "held", *KHAN, *config)

    assert (nobody.returncode, "no person named" in nobody.stderr) == (2, True)
    assert (unknown.returncode, "not found; nothing done" in unknown.stderr) == (2, True)
