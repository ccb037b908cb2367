import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.control.box import database_key

from filterd.cli import main
from filterd.config import load
from filterd.process.database.access import database_of
from mgmt.web.kit.auth import Principal, find_principal
from parental.store.database import open_database, reading
from parental.store.engines import Where


@pytest.fixture
def config(tmp_path: Path, database: Where) -> str:
    path = tmp_path / "f.yaml"
    path.write_text("state_dir: state\ndns: {upstreams: ['192.0.2.53:53']}\n" + database_key(database))
    return str(path)


def test_a_token_opens_the_api_for_its_role(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "regulator", "--issuer", "PTA", "--config", config]) == 0

    token = capsys.readouterr().out.strip()
    engine = open_database(database_of(load(Path(config))))
    with reading(engine) as conn:
        assert find_principal(conn, token, datetime.now(UTC)) == Principal(1, frozenset({"regulator"}), None, "PTA")
    engine.dispose()


@pytest.mark.parametrize(
    "wrong",
    [
        ["regulator"],
        ["operator", "--issuer", "PTA"],
        ["parent"],
        ["parent", "--subscriber", "7"],
        ["operator", "--subscriber", "7"],
        ["create", "root"],
        ["create", "engineer", "--scope", "orders.push"],
        ["create", "engineer", "--days", "0"],
        ["create", "engineer", "--days", "731"],
        ["create", "engineer", "--days", "99999999999999"],
        ["create", "engineer", "--days", "-99999999999999"],
        ["create", "engineer", "--label", "two\nlines"],
    ],
)
def test_a_token_that_cannot_be_is_not_made(wrong: list[str], config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", *wrong, "--config", config]) == 2

    out, err = capsys.readouterr()
    assert (out, "no token created" in err) == ("", True)


def test_a_token_is_listed_without_its_text_and_ends_when_it_is_revoked(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scope = ["--scope", "lines.list", "--label", "billing sync", "--days", "90"]
    assert main(["token", "create", "engineer", *scope, "--config", config]) == 0
    text = capsys.readouterr().out.strip()

    assert main(["token", "list", "--json", "--config", config]) == 0
    listed = capsys.readouterr().out
    (shown,) = (json.loads(line) for line in listed.splitlines())
    assert (shown["roles"], shown["scopes"], shown["label"]) == (["engineer"], ["lines.list"], "billing sync")
    assert text not in listed
    assert main(["token", "list", "--config", config]) == 0
    assert "engineer, only lines.list  ends " in capsys.readouterr().out

    assert main(["token", "revoke", "1", "--config", config]) == 0
    assert main(["token", "revoke", "1", "--config", config]) == 1
    assert "token 1: not there; nothing revoked" in capsys.readouterr().err
    assert main(["token", "list", "--config", config]) == 0
    assert capsys.readouterr().out == ""
