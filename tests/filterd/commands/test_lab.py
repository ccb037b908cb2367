import argparse

import pytest

from filterd.cli import main


def test_the_laboratory_has_its_three_verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def asked_for(args: argparse.Namespace) -> int:
        asked.append(args.what)
        return 0

    monkeypatch.setattr("filterd.lab.cli.main", asked_for)

    for verb in ("up", "run", "down"):
        assert main(["lab", verb]) == 0

    assert asked == ["up", "run", "down"]
