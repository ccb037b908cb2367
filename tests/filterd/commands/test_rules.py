from pathlib import Path

import pytest

from filterd.cli import main
from filterd.commands import rules
from filterd.config import Config


def test_a_kernel_that_refuses_is_told_to_whoever_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(config: Config) -> None:
        del config
        raise RuntimeError("nft: busy; rules stay as they were; run 'filterd doctor'")

    monkeypatch.setattr(rules, "leave", refuse)
    file = tmp_path / "f.yaml"
    file.write_text("dns: {upstreams: ['192.0.2.53:53']}\n")

    assert main(["rules", "leave", "--config", str(file)]) == 1

    assert "nft: busy" in capsys.readouterr().err
