import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import database_key
from support.mgmt.events import events_of

from filterd.cli import main
from filterd.config import load
from filterd.process.database.access import database_of
from parental.store.database import open_database, reading
from parental.store.engines import Where

FILE = """\
theme: {accent: '#0b5c7a', accent_dark: null}
languages: {first: en}
"""
HELPLINES = """\
helplines:
  - {number: 0800-12345, name_en: shelter, name_ur: پناہ گاہ, note_en: null, verified_on: 2026-08-01}
  - {number: 15, name_en: police, name_ur: پولیس}
languages: {first: en}
"""


@pytest.fixture
def config(tmp_path: Path, database: Where) -> str:
    path = tmp_path / "f.yaml"
    path.write_text(
        "state_dir: state\nrun_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n" + database_key(database), "utf-8"
    )
    return str(path)


@pytest.fixture(autouse=True)
def engine(config: str) -> Iterator[Engine]:
    engine = open_database(database_of(load(Path(config))))
    yield engine
    engine.dispose()


def run(config: str, *argv: str) -> int:
    return main(["settings", *argv, "--config", config])


def listed(config: str, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, object]]:
    """Name → (who has said it, value)."""
    capsys.readouterr()
    assert run(config, "list", "--json") == 0
    said = map(json.loads, capsys.readouterr().out.splitlines())
    return {each["name"]: (each["source"], each["value"]) for each in said}


def test_a_file_is_taken_and_what_it_leaves_out_stays(
    config: str, tmp_path: Path, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listed(config, capsys)
    (tmp_path / "pages.yaml").write_text(FILE, "utf-8")

    run(config, "import", str(tmp_path / "pages.yaml"))

    assert "changed: languages, theme" in capsys.readouterr().out
    after = listed(config, capsys)
    assert after["languages"] == ("desk", {"first": "en"})
    assert after["theme"] == ("desk", {"accent": "#0b5c7a", "accent_dark": None})
    assert {name: after[name] for name in after if name not in ("theme", "languages")} == {
        name: before[name] for name in before if name not in ("theme", "languages")
    }
    with reading(engine) as conn:
        assert {event["actor"]["kind"] for event in events_of(conn, "settings")} == {"account"}


def test_one_account_of_the_box_changes_no_helpline_and_is_told_who_does(
    config: str, tmp_path: Path, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listed(config, capsys)
    (tmp_path / "pages.yaml").write_text(HELPLINES, "utf-8")

    assert run(config, "import", str(tmp_path / "pages.yaml")) == 2
    told = capsys.readouterr().err
    assert "two persons change this: helplines; nothing changed; propose it with PUT /v1/settings" in told
    assert run(config, "set", "complaints", "[{to: help@isp.example}]") == 2

    assert listed(config, capsys) == before
    with reading(engine) as conn:
        assert events_of(conn, "settings") == []


def test_a_value_is_set_and_the_configuration_s_counts_again(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    of_file = listed(config, capsys)["languages"]

    run(config, "set", "languages", '{"first": "en"}')
    assert listed(config, capsys)["languages"] == ("desk", {"first": "en"})
    run(config, "set", "languages", "--as-file")
    assert listed(config, capsys)["languages"] == of_file == ("configuration", {"first": "ur"})


def test_without_control_it_is_stored_and_said_to_be_shown_later(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "set", "languages", "{first: en}") == 1

    assert "stored; control shows it within a minute, once it runs" in capsys.readouterr().err
    assert listed(config, capsys)["languages"][0] == "desk"


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (HELPLINES.encode("cp1256", "replace"), "no UTF-8; nothing changed; save the file as UTF-8"),
        (FILE.encode("utf-16"), "no UTF-8; nothing changed; save the file as UTF-8"),
        (b"helplines: [", "nothing changed; write YAML or JSON"),
        (b"- 1\n", "no NAME: VALUE"),
        (b"", "no NAME: VALUE"),
        (b"help_lines: []\n", "/help_lines: an unknown key; not taken; write helplines"),
        (b"helplines: [{number: call us, name_en: a, name_ur: b}]\n", "/helplines/0/number: "),
        (b"languages: {first: yes}\n", "/languages/first: "),
    ],
)
def test_a_clerk_s_file_that_cannot_be_taken_is_refused_with_its_place_and_changes_nothing(
    config: str, tmp_path: Path, engine: Engine, octets: bytes, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pages.yaml").write_bytes(octets)

    assert run(config, "import", str(tmp_path / "pages.yaml")) == 2

    assert told in capsys.readouterr().err
    with reading(engine) as conn:
        assert events_of(conn, "settings") == []


def test_a_file_with_a_byte_order_mark_is_taken(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pages.yaml").write_bytes(FILE.encode("utf-8-sig"))

    run(config, "import", str(tmp_path / "pages.yaml"))

    assert listed(config, capsys)["languages"][0] == "desk"


def test_a_file_may_come_by_standard_input(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"languages: {first: en}\n")))

    run(config, "import", "-")

    assert listed(config, capsys)["languages"][0] == "desk"


@pytest.mark.parametrize("argv", [("set", "languages"), ("set", "languages", "{first: en}", "--as-file")])
def test_a_value_and_the_configuration_s_exclude_each_other(config: str, argv: tuple[str, ...]) -> None:
    assert run(config, *argv) == 2
