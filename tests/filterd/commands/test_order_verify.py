"""`filterd orders verify`, where nothing can be asked."""

import time
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Engine
from support.mgmt.orders import publish, push

from filterd.box.errors import ApiRefusal
from filterd.cli import main
from filterd.commands import order_verify as command
from filterd.commands.order_verify import _is_of_another, asks_as
from filterd.commands.verifier.verification import Place
from filterd.config.load import read_config
from filterd.process import json_socket
from filterd.process.control_messages import Explain
from parental.store.database import writing


@pytest.mark.parametrize("given", [(), ("1", "--watch")])
def test_an_order_or_watch_is_given_and_not_both(given: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["orders", "verify", *given]) == 2
    assert "name one, or give --watch" in capsys.readouterr().err


def test_without_a_probe_it_says_where_to_read_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.yaml").write_text("dns: {upstreams: ['192.0.2.53:53']}\nstate_dir: state\n")
    assert main(["orders", "verify", "1", "--config", str(tmp_path / "f.yaml")]) == 1
    assert "docs/audit/verification.md" in capsys.readouterr().err


@pytest.mark.parametrize(("line", "asks"), [("", None), (", line: 900", "gw1")])
def test_what_is_tried_here_is_asked_only_where_blocks_of_the_probe_do_not_end_the_trial(
    line: str, asks: str | None
) -> None:
    said = f"orders: {{canary: {{gateway: gw1, name: gw1}}}}\nverifier: {{probe: /run/netns/probe{line}}}\n"
    text = f"dns: {{upstreams: ['192.0.2.53:53']}}\n{said}"

    assert asks_as(read_config(text.encode(), "f.yaml", Path("/"))) == asks


def test_an_order_that_cannot_be_asked_is_named_and_put_off_and_those_behind_it_are_asked(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with writing(engine) as conn:
        first, second = push(conn, "a.test"), push(conn, "b.test", ref="2")
        publish(conn)
    asked: list[int] = []

    def ask(config: object, engine: object, place: object, number: int) -> None:
        del config, engine, place
        asked.append(number)
        raise TypeError("no name") if number == first else ApiRefusal("order 2: nothing of it is in force")

    def sleep(seconds: float) -> None:
        del seconds
        if len(asked) > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(command, "verify_order", ask)
    monkeypatch.setattr(command, "AT_ONCE", 1)
    monkeypatch.setattr(time, "sleep", sleep)
    config, place = read_config(b"dns: {upstreams: ['192.0.2.53:53']}\n", "f.yaml", Path("/")), cast(Place, None)
    with pytest.raises(KeyboardInterrupt):
        command._watch(config, engine, place, as_json=False)

    assert asked == [first, second]
    said = "order 1: TypeError: no name; not verified; it is asked again in 10 minutes, and the others meanwhile\n"
    assert capsys.readouterr().out == f"{said}order 2: nothing of it is in force\n"


@pytest.mark.parametrize(
    ("said", "reason", "is_excused"),
    [
        ({"action": "refused", "order": 3}, "law", False),  # the order itself, on what it does not say
        ({"action": "refused", "order": 2}, "law", True),
        ({"action": "refused", "order": None}, "category", True),  # what the line of the probe has chosen
        ({"action": "passthru", "order": None}, "law", True),  # a confidential list, which is not explained
        ({"action": "passthru", "order": None}, "default", False),  # nothing that control knows of
        ({"error": "no name"}, "law", False),
    ],
)
def test_a_neighbour_is_excused_by_what_else_closes_it_and_not_by_what_nothing_explains(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, object], reason: str, is_excused: bool
) -> None:
    asked = []

    def ask(path: Path, role: str, request: object) -> dict[str, object]:
        del path, role
        asked.append(request)
        return said if isinstance(request, Explain) else {"reason": reason}

    monkeypatch.setattr(json_socket, "ask_blocking", ask)
    config = read_config(b"dns: {upstreams: ['192.0.2.53:53']}\n", "f.yaml", Path("/"))

    assert _is_of_another(config, "http://a.example/b", "198.51.100.50", 3) is is_excused
    assert asked[0] == Explain("http://a.example/b", "198.51.100.50", "http")
