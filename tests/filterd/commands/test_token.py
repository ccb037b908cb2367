from pathlib import Path

import pytest

from filterd.cli import main
from filterd.places import database_file
from mgmt.auth import find_principal
from parental.database import open_database, reading


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "f.yaml"
    path.write_text("state_dir: state\ndns: {upstreams: ['192.0.2.53:53']}\n")
    return str(path)


def test_a_token_opens_the_api_for_its_role(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "regulator", "--config", config]) == 0

    token = capsys.readouterr().out.strip()
    engine = open_database(database_file(tmp_path / "state"))
    with reading(engine) as conn:
        assert find_principal(conn, token).role == "regulator"
    engine.dispose()


@pytest.mark.parametrize("wrong", [["parent"], ["parent", "--subscriber", "7"], ["operator", "--subscriber", "7"]])
def test_a_token_that_cannot_be_is_not_made(wrong: list[str], config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", *wrong, "--config", config]) == 2

    out, err = capsys.readouterr()
    assert (out, "no token created" in err) == ("", True)
