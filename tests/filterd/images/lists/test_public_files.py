"""The files of lists that are public."""

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from filterd.config import Config, load
from filterd.images.lists.jobs import take
from filterd.images.lists.public_files import (
    SIGNED,
    STATEMENT,
    folder_of,
    publish,
    signed_version,
    unpublished,
    write_signed,
)
from filterd.images.lists.sources import shelf_of
from rules.base.errors import BadSource
from rules.lists.versions import accepted

NOW = datetime(2026, 8, 4, 12, tzinfo=UTC)
SAID = """
state_dir: state
run_dir: run
dns: {upstreams: ["192.0.2.53:53"], workers: 1}
gate: {workers: 0}
lists:
  - {id: own, file: own.txt, format: plain, tier: security, public: true}
  - {id: kept, file: own.txt, format: plain, tier: security}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "f.yaml").write_text(SAID)
    (tmp_path / "own.txt").write_text("bad.example\nworse.example\n")
    config = load(tmp_path / "f.yaml")
    take(config, ["own", "kept"], NOW.timestamp())
    return config


def test_only_lists_that_are_public_are_written(config: Config) -> None:
    assert [each.id for each in unpublished(config)] == ["own"]
    publish(config, config.lists[0], NOW)
    with pytest.raises(BadSource, match="nothing written"):
        publish(config, config.lists[1], NOW)

    assert folder_of(config, config.lists[0]).is_dir() and not folder_of(config, config.lists[1]).exists()


def test_another_account_can_read_them_under_the_umask_of_control(config: Config) -> None:
    before = os.umask(0o077)
    try:
        publish(config, config.lists[0], NOW)
    finally:
        os.umask(before)
    folder = folder_of(config, config.lists[0])

    assert [each.stat().st_mode & 0o777 for each in (folder.parent, folder, folder / STATEMENT)] == [
        0o755,
        0o755,
        0o644,
    ]


def test_the_statement_has_the_digest_of_each_file(config: Config) -> None:
    publish(config, config.lists[0], NOW)
    folder = folder_of(config, config.lists[0])
    said = json.loads((folder / STATEMENT).read_text())

    assert said["names"] == 2 and len(said["files"]) == 5
    for name, digest in said["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        assert (folder / name).stat().st_mode & 0o777 == 0o644


def test_names_of_a_letter_about_csam_are_in_no_file_also_where_they_were_before(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(
        SAID.replace("own.txt, format: plain, tier: security", "own.csv, format: csv, tier: order")
    )
    config = load(tmp_path / "f.yaml")
    own, table = config.lists[0], tmp_path / "own.csv"
    for at, letter in enumerate(["PTA/17", "PECA section 22"]):
        table.write_text(f"domain,letter\nbad.example,PTA/16\nhidden.example,{letter}\n")
        take(config, ["own"], NOW.timestamp() + at)
        publish(config, own, NOW)
        texts = [each.read_text() for each in folder_of(config, own).iterdir()]
        assert any("bad.example" in text for text in texts)
        assert any("hidden.example" in text for text in texts) == (letter == "PTA/17")


def test_a_number_whose_row_is_gone_is_known_for_good(config: Config, tmp_path: Path) -> None:
    own = config.lists[0]
    at = NOW
    for names in ("bad.example\nworse.example\n", "bad.example\n", "bad.example\nx.example\n"):
        (tmp_path / "own.txt").write_text(names)
        take(config, ["own"], at.timestamp())
        shelf_of(config, own).change(lambda kept: kept if kept.held is None else accepted(kept, kept.held, 0.0))
        publish(config, own, at)
        at += timedelta(days=400)
    publish(config, own, at)
    rows = json.loads((folder_of(config, own) / "domains.json").read_text())

    assert {row["DomainAddress"]: row["RegisterPositionId"] for row in rows} == {"bad.example": 1, "x.example": 3}


def test_what_came_while_the_id_was_a_confidential_lists_is_not_written_and_the_next_version_is(tmp_path: Path) -> None:
    at = NOW.timestamp()
    (tmp_path / "own.txt").write_text("secret.example\n")
    (tmp_path / "f.yaml").write_text(SAID.replace("tier: security, public: true", "tier: csam"))
    take(load(tmp_path / "f.yaml"), ["own"], at)
    (tmp_path / "f.yaml").write_text(SAID)
    config = load(tmp_path / "f.yaml")
    own = config.lists[0]

    take(config, ["own"], at + 60)
    assert unpublished(config) == [own]
    with pytest.raises(BadSource, match="came when the list was confidential"):
        publish(config, own, NOW)
    assert not folder_of(config, own).exists()

    (tmp_path / "own.txt").write_text("bad.example\n")
    take(config, ["own"], at + 120)
    publish(config, own, NOW)
    assert (folder_of(config, own) / "domains.txt").read_text().splitlines()[-1] == "*.bad.example"


def test_a_version_is_published_until_it_is_signed_and_then_no_more(config: Config) -> None:
    own = config.lists[0]
    publish(config, own, NOW)
    assert unpublished(config) == [own] and signed_version(config, own) is None
    statement = (folder_of(config, own) / STATEMENT).read_bytes()

    write_signed(config, own, b'{"note":"n","statement":' + statement + b"}")
    assert unpublished(config) == []


@pytest.mark.parametrize("damage", ["", "[", "[{}]", "{}"])
def test_what_cannot_be_read_of_before_begins_the_dates_again(config: Config, damage: str) -> None:
    folder = folder_of(config, config.lists[0])
    folder.mkdir(parents=True)
    for name in ("domains.json", SIGNED):
        (folder / name).write_text(damage)
    publish(config, config.lists[0], NOW)

    assert len(json.loads((folder / "domains.json").read_text())) == 2
    assert signed_version(config, config.lists[0]) is None
