import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.lists.server import Shelved, serving

import filterd.lists.jobs as lists
from filterd.config import read_config
from filterd.lists.jobs import (
    due,
    faults_of,
    is_due,
    note_failure,
    pull_list,
    refuse_waiting,
    take,
    waiting,
)
from filterd.lists.sources import config_sources, shelf_of
from rules.lists.versions import Kept, approved, rolled_back

NOW = 1_800_000_000.0
HOUR = 3600.0


def names(numbers):
    return "".join(f"n{number}.test\n" for number in numbers)


def config_of(folder, one_list):
    text = f'state_dir: state\ndns: {{upstreams: ["192.0.2.53:53"]}}\nlists: [{{id: pta, tier: order, {one_list}}}]\n'
    (folder / "state").mkdir(exist_ok=True)
    return read_config(text.encode(), "x", folder)


@pytest.fixture
def dropped(tmp_path):
    """A list that is dropped as a file."""
    (tmp_path / "pta.txt").write_text(names(range(100)))
    return config_of(tmp_path, "file: pta.txt, format: plain")


@pytest.fixture
def pulled(tmp_path):
    """A list that is pulled, at a URL that the test fills in."""
    return lambda url, more="": config_of(tmp_path, f'url: "{url}", format: plain{more}')


def kept(config):
    return shelf_of(config, config.lists[0]).kept()


def drop(config, text):
    path = config.lists[0].file
    path.with_name("new").write_text(text)
    path.with_name("new").replace(path)


def take_in(config, now_s=NOW):
    take(config, waiting(config, now_s, 0.0), now_s)
    return kept(config)


def faults(config, now_s=NOW):
    return faults_of(config, now_s).get("pta", "")


async def pull(config, now_s=NOW):
    await pull_list(config, config.lists[0], now_s)
    return take_in(config, now_s)


def good_text(config):
    found = kept(config)
    return shelf_of(config, config.lists[0]).copy(found.good).read_text()


# ----------------------------------------------------------------------------------------------------------- file drops


def test_a_file_that_is_there_is_good_and_is_what_will_be_compiled(dropped):
    take_in(dropped)

    assert good_text(dropped) == names(range(100))
    assert config_sources(dropped)[0].path == shelf_of(dropped, dropped.lists[0]).copy(kept(dropped).good)
    assert (waiting(dropped, NOW, 0.0), faults(dropped)) == ([], "")


def test_a_new_version_of_the_file_takes_the_place_of_the_old_one(dropped):
    take_in(dropped)
    drop(dropped, names(range(101)))

    assert waiting(dropped, NOW, 0.0) == ["pta"]
    assert take_in(dropped).good.n_rules == 101
    assert [each.n_rules for each in kept(dropped).older] == [100]


def test_a_file_that_was_just_written_to_is_left_until_it_has_settled(dropped):
    written = dropped.lists[0].file.stat().st_mtime

    assert waiting(dropped, written + 4.9, 5.0) == []
    assert waiting(dropped, written + 5.1, 5.0) == ["pta"]
    assert waiting(dropped, written - HOUR, 5.0) == ["pta"]  # by a clock that was set back


def test_a_file_that_changes_while_it_is_copied_is_taken_the_next_time(dropped, monkeypatch):
    real = lists._copy

    def copy_while_it_grows(path, write):
        real(path, write)
        with path.open("a") as file:
            file.write("late.test\n")

    monkeypatch.setattr(lists, "_copy", copy_while_it_grows)
    assert take_in(dropped).good is None
    monkeypatch.setattr(lists, "_copy", real)

    assert take_in(dropped).good.n_rules == 101


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("<!doctype html>\n<p>", "web page"),
        ("192.0.2.1\n" * 50, "no rule"),
        (names(range(5)) + "192.0.2.1\n" * 50, "cannot be read"),
    ],
)
def test_what_is_no_list_is_refused_and_the_last_good_version_stays(dropped, text, said):
    take_in(dropped)
    drop(dropped, text)
    take_in(dropped, NOW + 60)

    assert good_text(dropped) == names(range(100))
    assert said in faults(dropped) and "the last good version, of 2027-01-15 08:00:00Z, stays" in faults(dropped)
    assert waiting(dropped, NOW, 0.0) == []  # it is not read again and again


def test_a_version_cut_in_half_is_held_until_it_is_approved(dropped):
    take_in(dropped)
    drop(dropped, names(range(50)))
    found = take_in(dropped)

    assert (found.good.n_rules, found.held.n_rules) == (100, 50)
    assert "filterd lists approve pta" in faults(dropped)
    shelf_of(dropped, dropped.lists[0]).change(lambda now: approved(now, "", NOW))
    assert (kept(dropped).good.n_rules, faults(dropped)) == (50, "")


def test_a_good_version_after_a_held_one_needs_no_approval(dropped):
    take_in(dropped)
    for count in (50, 99):
        drop(dropped, names(range(count)))
        take_in(dropped)

    assert (kept(dropped).good.n_rules, kept(dropped).held, faults(dropped)) == (99, None, "")


def test_a_version_that_was_rolled_back_does_not_come_back_by_itself(dropped):
    take_in(dropped)
    drop(dropped, names(range(110)))
    take_in(dropped)
    shelf_of(dropped, dropped.lists[0]).change(lambda now: rolled_back(now, "somebody has rolled it back"))
    os.utime(dropped.lists[0].file)

    found = take_in(dropped)

    assert (found.good.n_rules, found.held.n_rules, found.waiting) == (100, 110, None)


def test_a_file_that_vanished_is_told_and_the_last_good_version_stays(dropped):
    take_in(dropped)
    dropped.lists[0].file.unlink()

    assert "pta.txt is not there; the last good version" in faults(dropped)
    assert (waiting(dropped, NOW, 0.0), kept(dropped).good.n_rules) == ([], 100)


def test_a_file_that_cannot_be_read_is_told_until_it_can(dropped, monkeypatch):
    def refuse(path, write):
        raise PermissionError(13, "Permission denied")

    real = lists._copy
    monkeypatch.setattr(lists, "_copy", refuse)
    take_in(dropped)
    assert "Permission denied" in faults(dropped)
    assert waiting(dropped, NOW, 0.0) == []
    monkeypatch.setattr(lists, "_copy", real)
    dropped.lists[0].file.chmod(0o600)

    assert take_in(dropped).good.n_rules == 100
    assert faults(dropped) == ""


def test_another_format_of_the_configuration_reads_the_good_copy_anew(dropped, tmp_path):
    take_in(dropped)
    other = config_of(tmp_path, "file: pta.txt, format: hosts")

    assert waiting(other, NOW, 0.0) == ["pta"]
    take_in(other)

    assert kept(other).good.reading == "plain"
    assert config_sources(other)[0].format == "plain"
    assert "refused" in faults(other)
    assert waiting(other, NOW, 0.0) == []


def test_a_reader_that_fails_costs_its_own_list_that_version_only(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("x.test\n")
    config = read_config(
        b"state_dir: s\ndns: {upstreams: ['192.0.2.53:53']}\nlists:\n"
        b"- {id: a, file: a.txt, format: plain, tier: order}\n- {id: b, file: b.txt, format: plain, tier: order}\n",
        "x",
        tmp_path,
    )
    (tmp_path / "s").mkdir()
    real = lists.examine

    def fail_once(path, source):
        if source.id == "a":
            raise RuntimeError("a line of the list")
        return real(path, source)

    monkeypatch.setattr(lists, "examine", fail_once)
    take(config, ["a", "b"], NOW)

    said = faults_of(config, NOW)
    assert said.keys() == {"a"} and "its reader failed (RuntimeError)" in said["a"]
    assert "a line of the list" not in said["a"]
    assert shelf_of(config, config.lists[1]).kept().good.n_rules == 1


def test_reading_that_takes_more_memory_than_there_is_refuses_the_version(dropped, monkeypatch):
    def starve(path, source):
        raise MemoryError

    monkeypatch.setattr(lists, "examine", starve)
    take_in(dropped)

    assert "memory" in faults(dropped)


def test_a_confidential_list_is_told_of_without_its_text(tmp_path, caplog):
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


def replace_tier(config, tier):
    return replace(config, lists=(replace(config.lists[0], tier=tier),))


def test_a_folder_is_dropped_like_a_file(tmp_path):
    (tmp_path / "feed").mkdir()
    event = {"Event": {"Attribute": [{"type": "domain", "value": "a.test", "to_ids": True}]}}
    uuid = "5a5e3f0a-0000-4000-8000-000000000001"
    (tmp_path / "feed/manifest.json").write_text(json.dumps({uuid: {"info": "x"}}))
    (tmp_path / f"feed/{uuid}.json").write_text(json.dumps(event))
    config = config_of(tmp_path, "file: feed, format: misp")

    assert take_in(config).good.n_rules == 1
    assert waiting(config, NOW, 0.0) == []
    event["Event"]["Attribute"].append({"type": "domain", "value": "b.test", "to_ids": True})
    (tmp_path / f"feed/{uuid}.json").write_text(json.dumps(event))
    assert take_in(config).good.n_rules == 2
    (tmp_path / "feed/manifest.json").write_text("{")
    assert (take_in(config).good.n_rules, "refused" in faults(config)) == (2, True)


def test_what_killed_its_reader_is_refused_unread(dropped, monkeypatch):
    monkeypatch.setattr(lists, "_judged", lambda *_: (_ for _ in ()).throw(OSError("killed")))
    take_in(dropped)
    assert kept(dropped).waiting is not None

    refuse_waiting(dropped, dropped.lists[0], "its reader was ended (signal 9)", NOW)

    assert (kept(dropped).waiting, waiting(dropped, NOW, 0.0)) == (None, [])
    assert "signal 9" in faults(dropped)


def test_a_state_that_cannot_be_read_is_told_and_stops_neither_the_look_nor_the_others(dropped):
    take_in(dropped)
    (shelf_of(dropped, dropped.lists[0]).directory / "state.json").write_text("{")

    assert "cannot be read" in faults(dropped)
    assert (waiting(dropped, NOW, 0.0), due(dropped, NOW)) == ([], [])


# ---------------------------------------------------------------------------------------------------------------- pulls


@pytest.mark.services
async def test_a_pulled_list_is_good_and_asked_for_again_only_when_it_is_due(pulled):
    server = Shelved(names(range(100)))
    async with serving(server.answer) as url:
        config = pulled(url)
        assert due(config, NOW) == ["pta"]
        assert "not pulled yet" in faults(config)
        assert (await pull(config)).good.n_rules == 100
        assert (due(config, NOW + 0.8 * HOUR), due(config, NOW + 1.2 * HOUR)) == ([], ["pta"])
        assert faults(config) == ""


@pytest.mark.services
async def test_what_has_not_changed_is_confirmed_and_costs_no_octets(pulled):
    server = Shelved(names(range(100)))
    async with serving(server.answer) as url:
        config = pulled(url)
        await pull(config)
        found = await pull(config, NOW + HOUR)

    assert server.asked == [200, 304]
    assert (found.confirmed_s, found.good.fetched_s) == (NOW + HOUR, NOW)


@pytest.mark.services
async def test_unchanged_does_not_confirm_a_good_version_that_is_not_the_newest(pulled):
    server = Shelved(names(range(100)))
    async with serving(server.answer) as url:
        config = pulled(url)
        await pull(config)
        server.text = names(range(50))
        await pull(config, NOW + HOUR)
        found = await pull(config, NOW + 2 * HOUR)

    assert server.asked == [200, 200, 304]
    assert (found.held.n_rules, found.good.n_rules, found.confirmed_s) == (50, 100, NOW)


@pytest.mark.services
async def test_a_server_that_fails_leaves_the_last_good_version_and_is_asked_again_soon(pulled):
    server = Shelved(names(range(100)))
    async with serving(server.answer) as url:
        config = pulled(url)
        await pull(config)
        server.status = 503
        found = await pull(config, NOW + HOUR)

        assert (found.good.n_rules, faults(config, NOW + HOUR)) == (100, "")  # one failure alone is no alarm
        assert due(config, NOW + 1.2 * HOUR) == ["pta"]
        for minutes in (6, 12):
            await pull(config, NOW + HOUR + minutes * 60)
        assert "status 503, since 2027-01-15 09:00:00Z; the last good" in faults(config, NOW + HOUR)
        server.status = 200
        await pull(config, NOW + 2 * HOUR)
        assert faults(config, NOW + 2 * HOUR) == ""


@pytest.mark.services
async def test_the_first_pull_that_fails_is_told_at_once(pulled):
    server = Shelved("")
    server.status = 404
    async with serving(server.answer) as url:
        config = pulled(f"{url}?key=secret")
        await pull(config)

    assert "status 404" in faults(config) and "nothing of it is in force" in faults(config)
    assert "secret" not in faults(config) + (
        shelf_of(config, config.lists[0]).directory / "state.json"
    ).read_text().replace(f"{url}?key=secret", "")


@pytest.mark.services
async def test_the_same_refused_list_again_is_not_read_again(pulled, monkeypatch):
    server = Shelved("192.0.2.1\n" * 10)
    async with serving(server.answer) as url:
        config = pulled(url)
        await pull(config)
        monkeypatch.setattr(lists, "examine", None)  # calling it would fail
        server.asked.clear()
        found = await pull(config, NOW + HOUR)

    assert (found.waiting, found.refused.at_s) == (None, NOW)


@pytest.mark.services
async def test_another_url_of_the_configuration_is_asked_for_everything(pulled):
    server = Shelved(names(range(100)))
    async with serving(server.answer) as url:
        await pull(pulled(url))
        await pull(pulled(f"{url}?other"))

    assert server.asked == [200, 200]


@pytest.mark.services
async def test_a_seed_is_in_force_until_the_first_good_pull_and_sets_no_limits(pulled, tmp_path):
    (tmp_path / "seed.txt").write_text("seed.test\n")
    server = Shelved("<html>")
    async with serving(server.answer) as url:
        config = pulled(url, ", seed: seed.txt")
        assert take_in(config).good.is_seed
        await pull(config)
        assert good_text(config) == "seed.test\n"
        server.text = names(range(3000))
        found = await pull(config, NOW + HOUR)

    assert (found.good.n_rules, found.good.is_seed) == (3000, False)


def test_a_seed_that_is_no_list_is_refused_once(pulled, tmp_path):
    (tmp_path / "seed.txt").write_text("")
    config = pulled("https://lists.example/x", ", seed: seed.txt")
    take_in(config)

    assert "it is empty" in faults(config)
    assert waiting(config, NOW, 0.0) == []


# ---------------------------------------------------------------------------------------------------------------- clock


@pytest.mark.parametrize(
    ("more", "age_s", "is_stale"),
    [
        ("", 2.9 * HOUR, False),
        ("", 3.1 * HOUR, True),
        (", every: 5m", 0.3 * HOUR, True),
        (", max_age: 12h", 11.9 * HOUR, False),
        (", max_age: 12h", 12.1 * HOUR, True),
        ("", -24 * HOUR, False),
    ],
)
@pytest.mark.services
async def test_a_list_that_its_source_has_not_confirmed_for_too_long_is_stale(pulled, more, age_s, is_stale):
    async with serving(Shelved("a.test\n").answer) as url:
        config = pulled(url, more)
        await pull(config)

    assert ("stale" in faults(config, NOW + age_s)) is is_stale


def test_a_dropped_file_is_stale_only_where_the_configuration_says_when(dropped, tmp_path):
    take_in(dropped)

    assert faults(dropped, NOW + 1000 * HOUR) == ""
    assert "stale" in faults(config_of(tmp_path, "file: pta.txt, format: plain, max_age: 7d"), NOW + 1000 * HOUR)


def test_boxes_and_lists_ask_at_moments_of_their_own(pulled):
    entry = pulled("https://lists.example/x").lists[0]
    waits = set()
    for started in range(50):
        asked = Kept(asked_s=NOW + started / 7)
        waits.add(next(wait for wait in range(3000, 4200, 10) if is_due(entry, asked, asked.asked_s + wait)))

    assert len(waits) > 10
    assert min(waits) >= 3240 and max(waits) <= 3970


def test_a_clock_that_was_set_back_asks_at_once(pulled):
    assert is_due(pulled("https://lists.example/x").lists[0], Kept(asked_s=NOW), NOW - 86_400)


def test_a_pull_that_ended_without_a_word_is_a_failure_and_one_that_spoke_is_not(pulled):
    config = pulled("https://lists.example/x")
    note_failure(config, config.lists[0], "signal 9", NOW)
    assert (kept(config).failed.why, due(config, NOW + 30)) == ("signal 9", [])

    note_failure(config, config.lists[0], "again", NOW - 1)

    assert kept(config).failed.times == 1


def test_lists_are_kept_below_the_state_directory(dropped):
    assert shelf_of(dropped, dropped.lists[0]).directory == Path(dropped.state_dir) / "lists/pta"


def test_a_pull_of_a_server_that_is_not_there_is_noted(pulled):
    config = pulled("https://127.0.0.1:9/list.txt")
    asyncio.run(pull_list(config, config.lists[0], NOW))

    assert "cannot be reached" in kept(config).failed.why
