import pytest

from filterd.cli import main


def test_the_laboratory_has_its_three_verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("filterd.lab.cli.main", lambda args: asked.append(args.what) or 0)

    for verb in ("up", "run", "down"):
        assert main(["lab", verb]) == 0

    assert asked == ["up", "run", "down"]
