import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.lists.one_list import NOW, config_of, drop, faults, file_of, good_text, kept, names, take_in
from support.present import present

import filterd.images.lists.jobs as lists
from filterd.config import Config, read_config
from filterd.images.lists.jobs import take
from filterd.images.lists.reader_client import ReaderFailure
from filterd.images.lists.sources import config_sources, shelf_of
from filterd.images.lists.status import faults_of, waiting
from rules.lists.acceptance import examine
from rules.lists.versions import approved, rolled_back


def test_a_file_that_is_there_is_good_and_is_what_will_be_compiled(dropped: Config) -> None:
    take_in(dropped)

    assert good_text(dropped) == names(range(100))
    assert config_sources(dropped)[0].path == shelf_of(dropped, dropped.lists[0]).copy(present(kept(dropped).good))
    assert (waiting(dropped, NOW, 0.0), faults(dropped)) == ([], "")


def test_a_new_version_of_the_file_takes_the_place_of_the_old_one(dropped: Config) -> None:
    take_in(dropped)
    drop(dropped, names(range(101)))

    assert waiting(dropped, NOW, 0.0) == ["pta"]
    assert present(take_in(dropped).good).n_rules == 101
    assert [each.n_rules for each in kept(dropped).older] == [100]


def test_a_file_that_changes_while_it_is_copied_is_taken_the_next_time(
    dropped: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = lists._copy

    def copy_while_it_grows(path: Path, write: Any) -> None:
        real(path, write)
        with path.open("a") as file:
            file.write("late.test\n")

    monkeypatch.setattr(lists, "_copy", copy_while_it_grows)
    assert take_in(dropped).good is None
    monkeypatch.setattr(lists, "_copy", real)

    assert present(take_in(dropped).good).n_rules == 101


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("<!doctype html>\n<p>", "web page"),
        ("192.0.2.1\n" * 50, "no rule"),
        (names(range(5)) + "192.0.2.1\n" * 50, "cannot be read"),
    ],
)
def test_what_is_no_list_is_refused_and_the_last_good_version_stays(dropped: Config, text: str, said: str) -> None:
    take_in(dropped)
    drop(dropped, text)
    take_in(dropped, NOW + 60)

    assert good_text(dropped) == names(range(100))
    assert said in faults(dropped) and "the last good version, of 2027-01-15 08:00:00Z, stays" in faults(dropped)
    assert waiting(dropped, NOW, 0.0) == []  # it is not read again and again


def test_a_version_cut_in_half_is_held_until_it_is_approved(dropped: Config) -> None:
    take_in(dropped)
    drop(dropped, names(range(50)))
    found = take_in(dropped)

    assert (present(found.good).n_rules, present(found.held).n_rules) == (100, 50)
    assert "filterd lists approve pta" in faults(dropped)
    shelf_of(dropped, dropped.lists[0]).change(lambda now: approved(now, "", NOW))
    assert (present(kept(dropped).good).n_rules, faults(dropped)) == (50, "")


def test_a_good_version_after_a_held_one_needs_no_approval(dropped: Config) -> None:
    take_in(dropped)
    for count in (50, 99):
        drop(dropped, names(range(count)))
        take_in(dropped)

    assert (present(kept(dropped).good).n_rules, kept(dropped).held, faults(dropped)) == (99, None, "")


def test_a_version_that_was_rolled_back_does_not_come_back_by_itself(dropped: Config) -> None:
    take_in(dropped)
    drop(dropped, names(range(110)))
    take_in(dropped)
    shelf_of(dropped, dropped.lists[0]).change(lambda now: rolled_back(now, "somebody"))
    os.utime(file_of(dropped))

    found = take_in(dropped)

    assert (present(found.good).n_rules, present(found.held).n_rules, found.waiting) == (100, 110, None)


def test_a_file_that_cannot_be_read_is_told_until_it_can(dropped: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, write: Any) -> None:
        raise PermissionError(13, "Permission denied")

    real = lists._copy
    monkeypatch.setattr(lists, "_copy", refuse)
    take_in(dropped)
    assert "Permission denied" in faults(dropped)
    assert waiting(dropped, NOW, 0.0) == []
    monkeypatch.setattr(lists, "_copy", real)
    file_of(dropped).chmod(0o600)

    assert present(take_in(dropped).good).n_rules == 100
    assert faults(dropped) == ""


def test_another_format_of_the_configuration_reads_the_good_copy_anew(dropped: Config, tmp_path: Path) -> None:
    take_in(dropped)
    other = config_of(tmp_path, "file: pta.txt, format: hosts")

    assert waiting(other, NOW, 0.0) == ["pta"]
    take_in(other)

    assert present(kept(other).good).reading == "plain"
    assert config_sources(other)[0].format == "plain"
    assert "refused" in faults(other)
    assert waiting(other, NOW, 0.0) == []


def test_a_reader_that_fails_costs_its_own_list_that_version_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("x.test\n")
    config = read_config(
        b"state_dir: s\ndns: {upstreams: ['192.0.2.53:53']}\nlists:\n"
        b"- {id: a, file: a.txt, format: plain, tier: order}\n- {id: b, file: b.txt, format: plain, tier: order}\n",
        "x",
        tmp_path,
    )
    (tmp_path / "s").mkdir()

    def fail_once(path: Path, source: Any, door: Path) -> Any:
        if source.id == "a":
            raise ReaderFailure("its reader failed (RuntimeError)")
        return examine(path, source)

    monkeypatch.setattr(lists, "read_apart", fail_once)
    take(config, ["a", "b"], NOW)

    said = faults_of(config, NOW)
    assert said.keys() == {"a"} and "its reader failed (RuntimeError)" in said["a"]
    assert present(shelf_of(config, config.lists[1]).kept().good).n_rules == 1


def test_a_list_waits_for_a_reader_that_is_not_there_for_the_moment(
    dropped: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def be_away(path: Path, source: Any, door: Path) -> Any:
        raise OSError(f"{door}: no reader")

    with monkeypatch.context() as away:
        away.setattr(lists, "read_apart", be_away)
        take_in(dropped)
    assert kept(dropped).good is None and kept(dropped).refused is None
    assert "reader.sock: no reader" in caplog.text

    take_in(dropped)
    assert present(kept(dropped).good).n_rules == 100


def test_a_confidential_list_is_told_of_without_its_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = replace_tier(config_of(tmp_path, "file: stop.txt, format: csv"), "csam")
    marker = "marker-host.test"
    (tmp_path / "stop.txt").write_text(f"<html>{marker}\n")
    with caplog.at_level("DEBUG"):
        take_in(config)
        (tmp_path / "stop.txt").write_text(f"http://{marker}/\n" + f"ftp://{marker}/ {marker}\n" * 20)
        take_in(config)

    assert kept(config).good is None
    assert marker not in caplog.text + faults(config)
    state = (tmp_path / "state/lists/pta/state.json").read_text()
    assert marker not in state


def replace_tier(config: Config, tier: Any) -> Any:
    return replace(config, lists=(replace(config.lists[0], tier=tier),))


def test_a_folder_is_dropped_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "feed").mkdir()
    event = {"Event": {"Attribute": [{"type": "domain", "value": "a.test", "to_ids": True}]}}
    uuid = "5a5e3f0a-0000-4000-8000-000000000001"
    (tmp_path / "feed/manifest.json").write_text(json.dumps({uuid: {"info": "x"}}))
    (tmp_path / f"feed/{uuid}.json").write_text(json.dumps(event))
    config = config_of(tmp_path, "file: feed, format: misp")

    assert present(take_in(config).good).n_rules == 1
    assert waiting(config, NOW, 0.0) == []
    event["Event"]["Attribute"].append({"type": "domain", "value": "b.test", "to_ids": True})
    (tmp_path / f"feed/{uuid}.json").write_text(json.dumps(event))
    assert present(take_in(config).good).n_rules == 2
    (tmp_path / "feed/manifest.json").write_text("{")
    assert (present(take_in(config).good).n_rules, "refused" in faults(config)) == (2, True)


def test_a_seed_that_is_no_list_is_refused_once(pulled: Callable[..., Config], tmp_path: Path) -> None:
    (tmp_path / "seed.txt").write_text("")
    config = pulled("https://lists.example/x", ", seed: seed.txt")
    take_in(config)

    assert "it is empty" in faults(config)
    assert waiting(config, NOW, 0.0) == []
