from pathlib import Path

import pytest
from support.control.box import database_key

from filterd.cli import main
from filterd.config import load
from filterd.database.access import database_of
from mgmt.auth import Principal, find_principal
from parental.database import open_database, reading
from parental.engines import Where


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
        assert find_principal(conn, token) == Principal(1, "regulator", None, "PTA")
    engine.dispose()


@pytest.mark.parametrize(
    "wrong",
    [
        ["regulator"],
        ["operator", "--issuer", "PTA"],
        ["parent"],
        ["parent", "--subscriber", "7"],
        ["operator", "--subscriber", "7"],
    ],
)
def test_a_token_that_cannot_be_is_not_made(wrong: list[str], config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", *wrong, "--config", config]) == 2

    out, err = capsys.readouterr()
    assert (out, "no token created" in err) == ("", True)
