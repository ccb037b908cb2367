import importlib.util

import pytest

from filterd.cli import main, parser_for
from filterd.commands import lab
from filterd.lab.seed import life


def test_the_laboratory_has_its_three_verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[tuple[str, int | None]]()

    def note(what: str, seed: int | None) -> int:
        asked.append((what, seed))
        return 0

    monkeypatch.setattr("filterd.lab.cli.main", note)

    for verb in ("up", "run", "down"):
        assert main(["lab", verb]) == 0

    assert asked == [("up", None), ("run", None), ("down", None)]


def test_anything_else_is_wrong_use() -> None:
    with pytest.raises(SystemExit):
        main(["lab", "sideways"])


def test_a_seed_without_a_number_is_that_of_the_demo() -> None:
    parse = parser_for(["lab"]).parse_args

    assert lab.SEED == life.SEED
    assert [parse(["lab", "up", *said]).seed for said in (["--seed"], ["--seed", "7"], [])] == [life.SEED, 7, None]


def test_where_it_is_not_installed_a_part_is_missing_and_the_sentence_says_where_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    assert main(["lab", "run"]) == 3
    assert capsys.readouterr().err == (
        "filterd lab: the laboratory: not installed, it is a part of the source tree alone; nothing done; "
        "run it there: make demo, or .venv/bin/filterd lab\n"
    )
