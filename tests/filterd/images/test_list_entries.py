import json
from pathlib import Path
from typing import Any

import pytest
from support.lists.one_list import config_of

from filterd.box.errors import ApiRefusal
from filterd.box.places import IMAGES
from filterd.config import Config, read_config
from filterd.images import list_entries as entries
from filterd.images.compile import NamesBase, remember
from filterd.images.list_entries import tell_entries, tell_orders

REPORT = {
    "list": "iwf",
    "file": "/state/lists/iwf/iwf-3f2a91c0ab129d4e",
    "enforceability": {"enforced": 5, "enforced_http_only": 2, "invalid": 1, "expired": 0},
    "entries": {"enforced_http_only": [2, 7], "invalid": [9]},
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    one = "{id: iwf, tier: csam, file: iwf.pgp, format: plain, sealed: true}"
    text = f'state_dir: state\ndns: {{upstreams: ["192.0.2.53:53"]}}\nlists: [{one}]\n'
    return read_config(text.encode(), "x", tmp_path)


def compiled(config: Config, report: dict[str, Any]) -> None:
    images = config.state_dir / IMAGES
    images.mkdir(parents=True)
    (images / "names-1.img").touch()
    remember(images, NamesBase(1, [], [], {"lists": [report]}, 0))


def test_an_owner_is_told_of_entries_by_their_lines(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    compiled(config, REPORT)

    assert tell_entries(config, config.lists[0], is_json=True) == 0

    head, *told = map(json.loads, capsys.readouterr().out.splitlines())
    counts = {"enforced": 5, "enforced_http_only": 2, "invalid": 1}
    assert head == {"list": "iwf", "version": "3f2a91c0ab129d4e", "counts": counts}
    assert told == [
        {"entry": "3f2a91c0ab129d4e:2", "state": "enforced_http_only"},
        {"entry": "3f2a91c0ab129d4e:7", "state": "enforced_http_only"},
        {"entry": "3f2a91c0ab129d4e:9", "state": "invalid"},
    ]


def test_a_person_reads_the_same_and_that_there_are_more(
    config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MOST_ENTRIES", 2)
    compiled(config, REPORT)
    tell_entries(config, config.lists[0], is_json=False)

    said = capsys.readouterr().out
    assert said.startswith("version 3f2a91c0ab129d4e: 5 enforced, 2 enforced_http_only, 1 invalid\n")
    assert "  3f2a91c0ab129d4e:9  invalid\n" in said
    assert "the first 2 of enforced_http_only" in said


def test_of_a_list_in_clear_or_one_that_is_not_compiled_nothing_is_told(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ApiRefusal, match="nothing of it is compiled yet"):
        tell_entries(config, config.lists[0], is_json=False)
    clear = config_of(tmp_path, "file: pta.txt, format: plain")
    with pytest.raises(ApiRefusal, match="list pta: not sealed"):
        tell_entries(clear, clear.lists[0], is_json=False)


def test_an_issuer_is_told_of_the_entries_of_a_sealed_order_by_its_number_and_their_lines(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ApiRefusal, match="no sealed order is in force"):
        tell_orders(config, is_json=True)
    report = {"list": "sealed-orders", "file": "/state/lists/sealed-orders/3f.orders"}
    said = {"letters": {"7": {"enforced": 2, "invalid": 1}, "9": {}}, "lines": {"7": {"invalid": [3]}}}
    compiled(config, report | said)

    assert tell_orders(config, is_json=True) == tell_orders(config, is_json=False) == 0

    told = capsys.readouterr().out.splitlines()
    assert list(map(json.loads, told[:3])) == [
        {"order": 7, "counts": {"enforced": 2, "invalid": 1}},
        {"entry": "7:3", "state": "invalid"},
        {"order": 9, "counts": {}},
    ]
    assert told[3:] == ["order 7: 2 enforced, 1 invalid", "  7:3  invalid", "order 9: no entry"]
