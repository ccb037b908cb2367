import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import database_key
from support.sessions.requests import session

from filterd.cli import main
from filterd.client.name_file import FIRST_BAD
from filterd.config import load
from filterd.process.database.access import database_of
from filterd.radius.journal import Journal, newest_snapshot
from parental.policy.line_names import names_of
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import get_subscriber, put_subscriber
from parental.store.database import open_database, reading, writing
from parental.store.engines import Where
from parental.store.revision import current_revision


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


def test_many_lines_are_named_from_a_file(config: str, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text('7,flat3\n8,"flat,4"\n7,flat5\n')
    assert run(config, "names", str(file)) == 0
    assert (names(engine, 7), names(engine, 8)) == (["flat3", "flat5"], ["flat,4"])

    file = tmp_path / "names.ndjson"
    file.write_text('{"line": 8, "name": "flat3"}\n{"line": 7, "name": "فلیٹ"}\n')
    assert run(config, "names", str(file)) == 0
    assert (names(engine, 7), names(engine, 8)) == (["flat5", "فلیٹ"], ["flat,4", "flat3"])


def test_the_same_file_again_changes_nothing_and_says_so(
    config: str, engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "names.csv"
    file.write_text("7,flat3\n8,flat4\n")
    run(config, "names", str(file))
    with reading(engine) as conn:
        before = current_revision(conn)
    file.write_text("7,flat3\n7,flat4\n7,flat5\n7,flat5\n")

    assert run(config, "names", str(file)) == 0
    assert run(config, "names", str(file)) == 0

    told = capsys.readouterr().out.splitlines()
    assert told[1] == "3 names: 1 new, 1 from another line, 1 as before"
    assert told[2] == "3 names: 0 new, 0 from another line, 3 as before"
    with reading(engine) as conn:
        assert current_revision(conn) == before + 1


def test_what_parents_wish_is_as_it_was_after_an_import(config: str, engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(7, "home", (), Profile(frozenset({"games"}), safe_search="strict")))
        wished = get_subscriber(conn, 7)
    (tmp_path / "names.csv").write_text("7,flat3\n8,flat4\n")

    assert run(config, "names", str(tmp_path / "names.csv")) == 0

    with reading(engine) as conn:
        assert get_subscriber(conn, 7) == wished


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "7,other\n8\n", "a.csv:2: not LINE,NAME"),
        ("a.csv", "7,other\nseven,flat\n", "a.csv:2: not LINE,NAME"),
        ("a.csv", "7,\n", "a.csv:1: no name of a line; not taken; write 1 to 253 octets"),
        ("a.csv", "7,other\n8,x\n8,other\n", "a.csv:3: row 1 gives this name to another line"),
        ("a.csv", f"7,{'x' * 254}\n", "a.csv:1: no name of a line"),
        ("a.csv", "7,a\x07b\n", "a.csv:1: no name of a line"),
        ("a.ndjson", '{"line": 7, "name": "other"}\n{"line": true, "name": "x"}\n', 'a.ndjson:2: not {"line": NUMBER'),
        ("a.csv", "0,flat\n", "a.csv:1: no number of a line"),
        ("a.ndjson", '{"line": 1' + 400 * "0" + ', "name": "x"}\n', "a.ndjson:1: no number of a line"),
        ("a.ndjson", '{"line": 7, "name": "\\ud800"}\n', "a.ndjson:1: no name of a line"),
        ("a.ndjson", "[]\n", "a.ndjson:1: not"),
        ("a.ndjson", "{\n", "a.ndjson:1: not"),
    ],
)
def test_a_bad_row_is_told_with_its_number_and_no_name_is_taken(
    config: str, engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)

    assert run(config, "names", str(tmp_path / name)) == 2

    told = capsys.readouterr().err
    assert said in told and "1 rows cannot be taken; no name was taken" in told
    assert (names(engine, 7), names(engine, 8)) == ([], [])


@pytest.mark.parametrize(
    ("kind", "good", "bad", "why"),
    [
        ("csv", ("7,good\n", "8,good too\n"), "x,y,z\n", "not LINE,NAME"),
        ("csv", ("7,good\n", "8,good too\n"), "8,a\rb\n", "not LINE,NAME"),
        (
            "ndjson",
            ('{"line": 7, "name": "good"}\n', '{"line": 8, "name": "good too"}\n'),
            '{"line": 7}\n',
            'not {"line": NUMBER, "name": "…"}',
        ),
    ],
    ids=["csv", "csv, an end of line in a field", "ndjson"],
)
def test_a_million_bad_rows_are_counted_and_the_first_are_told(
    config: str,
    engine: Engine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    good: tuple[str, str],
    bad: str,
    why: str,
) -> None:
    file = tmp_path / f"a.{kind}"
    with file.open("w", newline="") as out:
        out.write(good[0] + bad * 1_000_000 + good[1])

    assert run(config, "names", str(file)) == 2

    told = capsys.readouterr().err.splitlines()
    assert (told[0].endswith(f"{file}:2: {why}"), len(told)) == (True, FIRST_BAD + 1)
    assert told[-1].startswith("1,000,000 rows cannot be taken; no name was taken")
    assert (names(engine, 7), names(engine, 8)) == ([], [])


def test_lines_that_do_not_exist_are_told_together_and_no_name_is_taken(
    config: str, engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"{number},name{number}\n" for number in range(7, 3000))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rows.encode())))

    assert run(config, "names", "-") == 1

    assert "2991 of its lines do not exist; no name was taken; create them first: 9, 10," in capsys.readouterr().err
    assert (names(engine, 7), names(engine, 8)) == ([], [])


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
