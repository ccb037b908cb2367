import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import database_key
from support.sessions.requests import session

from filterd.cli import main
from filterd.config import load
from filterd.database.access import database_of
from parental.database import open_database, reading, writing
from parental.engines import Where
from parental.sessions.journal import Journal, newest_snapshot
from parental.sessions.names import names_of
from parental.store import put_subscriber
from parental.subscriber import Subscriber


@pytest.fixture
def config(tmp_path: Path, database: Where) -> str:
    path = tmp_path / "f.yaml"
    path.write_text("state_dir: state\nrun_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n" + database_key(database))
    return str(path)


@pytest.fixture
def engine(config: str) -> Iterator[Engine]:
    engine = open_database(database_of(load(Path(config))))
    with writing(engine) as conn:
        for number in (7, 8):
            put_subscriber(conn, Subscriber(number, "home", ()))
    yield engine
    engine.dispose()


def run(config: str, *argv: str) -> int:
    return main(["sessions", *argv, "--config", config])


def names(engine: Engine, line: int) -> list[str]:
    with reading(engine) as conn:
        return names_of(conn, line)


def test_a_line_is_named_and_its_name_taken_away(config: str, engine: Engine) -> None:
    assert run(config, "name", "7", "flat3@isp.example") == 0
    assert names(engine, 7) == ["flat3@isp.example"]

    assert run(config, "unname", "flat3@isp.example") == 0
    assert names(engine, 7) == []
    assert run(config, "unname", "flat3@isp.example") == 1


def test_many_lines_are_named_from_a_file_or_none(
    config: str, engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "names.csv"
    file.write_text('7,flat3\n8,"flat,4"\n7,flat5\n')
    assert run(config, "names", str(file)) == 0
    assert (names(engine, 7), names(engine, 8)) == (["flat3", "flat5"], ["flat,4"])

    file.write_text("7,other\n8\n")
    assert run(config, "names", str(file)) == 2
    assert f"{file}:2: is not LINE,NAME; no name was taken" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO("7,other\n9,none\n"))
    assert run(config, "names", "-") == 1

    assert names(engine, 7) == ["flat3", "flat5"]


def test_without_the_role_nothing_is_known_and_the_message_says_what_to_do(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "count") == 3
    assert "set /radius/listen, and start the role" in capsys.readouterr().err


def test_the_job_writes_a_snapshot_and_a_base(config: str, tmp_path: Path) -> None:
    folder = tmp_path / "state/sessions"
    folder.mkdir(parents=True)
    Journal(folder, 1).append([session(1, "192.0.2.7/32").packed()])

    assert run(config, "compact", "--snapshot", "2", "--base", str(tmp_path / "base-3.img")) == 0

    assert newest_snapshot(folder) == 2
    assert (tmp_path / "base-3.img").stat().st_size > 0
