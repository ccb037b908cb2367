"""`filterd orders approve` on a running box: two persons, one host, and what the box then answers."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.mgmt.page_settings import proposed_settings
from support.mgmt.signing import signer
from support.system.daemon import Daemon

from filterd.cli import main
from filterd.config import load
from filterd.process.database.access import database_of
from parental.store.database import open_database, writing

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


def test_names_are_refused_where_the_desk_has_passkeys_unless_the_configuration_takes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.yaml"
    api = "api: {desk_origin: 'https://desk.isp.example', approvals_by_name: %s}\n"
    said, asked = [], ("orders", "approve", "--number", "1", *ALI, "--config", str(path))
    for takes in ("false", "true"):
        path.write_text("state_dir: state\ndns: {upstreams: ['192.0.2.53:53']}\n" + api % takes)
        open_database(database_of(load(path))).dispose()
        assert main([*asked]) == 1
        said.append(capsys.readouterr().err)

    assert "two passkeys are demanded" in said[0] and "https://desk.isp.example/desk/approvals" in said[0]
    assert "no proposal waits under this number" in said[1]


def test_the_list_of_approvals_names_the_settings_that_two_persons_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("state_dir: state\ndns: {upstreams: ['192.0.2.53:53']}\n")
    engine = open_database(database_of(load(path)))
    with writing(engine) as conn:
        proposed_settings(conn, signer(conn, "amna", "compliance"))
    engine.dispose()

    assert main(["orders", "approve", "--list", "--config", str(path)]) == 0

    told = capsys.readouterr().out
    assert told.startswith("approval 1: settings helplines, settings, until ") and "waits for a second person" in told


@pytest.mark.services
def test_a_proposal_without_its_words_or_of_no_order_is_refused(daemon: Daemon) -> None:
    config = ("--config", str(daemon.config))
    nobody = daemon.run("orders", "approve", "--number", "1", *config)
    unknown = daemon.run("orders", "approve", "--issuer", "PTA", "none", "--entry", "1", "--as", "held", *KHAN, *config)

    assert (nobody.returncode, "no person named" in nobody.stderr) == (2, True)
    assert (unknown.returncode, "not found; nothing done" in unknown.stderr) == (2, True)
