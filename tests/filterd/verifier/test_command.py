"""`filterd orders verify`, where nothing can be asked."""

from pathlib import Path

import pytest

from filterd.cli import main


@pytest.mark.parametrize("given", [(), ("1", "--watch")])
def test_an_order_or_watch_is_given_and_not_both(given: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["orders", "verify", *given]) == 2
    assert "name one, or give --watch" in capsys.readouterr().err


def test_without_a_probe_it_says_where_to_read_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.yaml").write_text("dns: {upstreams: ['192.0.2.53:53']}\nstate_dir: state\n")
    assert main(["orders", "verify", "1", "--config", str(tmp_path / "f.yaml")]) == 1
    assert "docs/verification.md" in capsys.readouterr().err
