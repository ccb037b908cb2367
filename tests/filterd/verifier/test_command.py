"""`filterd orders verify`, where nothing can be asked."""

from pathlib import Path

import pytest

from filterd.cli import main
from filterd.config.load import read_config
from filterd.verifier.command import asks_as


@pytest.mark.parametrize("given", [(), ("1", "--watch")])
def test_an_order_or_watch_is_given_and_not_both(given: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["orders", "verify", *given]) == 2
    assert "name one, or give --watch" in capsys.readouterr().err


def test_without_a_probe_it_says_where_to_read_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.yaml").write_text("dns: {upstreams: ['192.0.2.53:53']}\nstate_dir: state\n")
    assert main(["orders", "verify", "1", "--config", str(tmp_path / "f.yaml")]) == 1
    assert "docs/verification.md" in capsys.readouterr().err


@pytest.mark.parametrize(("line", "asks"), [("", None), (", line: 900", "gw1")])
def test_what_is_tried_here_is_asked_only_where_blocks_of_the_probe_do_not_end_the_trial(
    line: str, asks: str | None
) -> None:
    said = f"orders: {{canary: {{gateway: gw1, name: gw1}}}}\nverifier: {{probe: /run/netns/probe{line}}}\n"
    text = f"dns: {{upstreams: ['192.0.2.53:53']}}\n{said}"

    assert asks_as(read_config(text.encode(), "f.yaml", Path("/"))) == asks
