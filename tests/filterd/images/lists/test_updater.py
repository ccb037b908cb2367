import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.lists.server import Shelved, serving_apart
from support.present import present

import filterd.images.lists.updater as listkeeper
from filterd.config import Config, load
from filterd.images.lists.sources import shelf_of
from filterd.images.lists.updater import ListsFailure, ListsRefusal, ListUpdater
from filterd.process.jobs import JobExit, run_job
from rules.lists.versions import Failure

SAID = """
state_dir: state
dns: {upstreams: ["192.0.2.53:53"]}
lists:
- {id: a, file: a.txt, format: plain, tier: order}
- {id: b, file: b.txt, format: plain, tier: order}
"""


@pytest.fixture
def place(tmp_path: Path) -> Any:
    (tmp_path / "f.yaml").write_text(SAID)
    (tmp_path / "state").mkdir()
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(f"{name}.test\n")
    return tmp_path


@pytest.fixture
def config(place: Path) -> Any:
    return load(place / "f.yaml")


@pytest.fixture
def keeper(place: Path) -> Any:
    return ListUpdater(place / "f.yaml")


def kept(config: Config, number: int = 0) -> Any:
    return shelf_of(config, config.lists[number]).kept()


@pytest.mark.services
async def test_what_waits_is_taken_in_a_process_of_its_own(
    config: Config, keeper: ListUpdater, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeper.take(config, 0.0)

    assert [kept(config, number).good.n_rules for number in (0, 1)] == [1, 1]
    monkeypatch.setattr(listkeeper, "run_job", None)  # calling it would fail: nothing waits any more
    await keeper.take(config, 0.0)


@pytest.mark.services
async def test_a_list_that_kills_its_reader_is_refused_and_the_others_are_taken(
    config: Config, keeper: ListUpdater, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = run_job

    async def bring_in(arguments: Any, niceness: Any, timeout_s: Any) -> Any:
        # The reader has copied the file in before it dies of it.
        if "a" in arguments:
            with shelf_of(config, config.lists[0]).receiving() as part:
                part.write(b"x")
                version = replace(kept_version, sha256=part.end())
                shelf_of(config, config.lists[0]).take(part, version, lambda now: replace(now, waiting=version))
            return JobExit(-9, "")
        return await real(arguments, niceness, timeout_s)

    await keeper.take(config, 0.0)
    kept_version = kept(config).good
    for name in "ab":
        (present(config.lists[0].file).parent / f"{name}.txt").write_text(f"{name}.test\nnew.test\n")
    monkeypatch.setattr(listkeeper, "run_job", bring_in)
    await keeper.take(config, 0.0)

    assert "signal 9" in keeper.faults(config)["list a"]
    assert kept(config, 0).good == kept_version
    assert kept(config, 1).good.n_rules == 2


@pytest.mark.services
async def test_a_command_that_could_not_do_its_work_refuses_nothing(
    config: Config, keeper: ListUpdater, place: Path
) -> None:
    (place / "f.yaml").write_text("nonsense: 1\n")

    with pytest.raises(ListsFailure, match="nonsense"):
        await keeper.take(config, 0.0)

    assert kept(config).refused is None


@pytest.mark.services
async def test_a_pull_is_a_process_of_its_own(place: Path, keeper: ListUpdater) -> None:
    server = Shelved("far.test\n")
    with serving_apart(server.answer) as url:
        (place / "f.yaml").write_text(SAID + f'- {{id: far, url: "{url}", format: plain, tier: order}}\n')
        config = load(place / "f.yaml")
        assert await keeper.due(config) == ["far"]
        await keeper.pull(config, ["a", "far"])

    assert kept(config, 2).waiting.octets == 9
    assert (await keeper.due(config), server.asked) == ([], [200])


async def test_a_zone_is_a_job_of_its_own_that_keeps_no_other_waiting_and_runs_once_at_a_time(
    place: Path, keeper: ListUpdater, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = '- {{id: {0}, zone: {0}.test, primaries: ["192.0.2.54:53"], format: rpz, tier: security}}\n'
    url = '- {id: far, url: "https://lists.example/x", format: plain, tier: order}\n'
    (place / "f.yaml").write_text(SAID + zone.format("slow") + zone.format("quick") + url)
    config, running, most, ended = load(place / "f.yaml"), [], [], []
    all_run, others_ended = asyncio.Event(), asyncio.Event()

    async def run(arguments: Any, niceness: Any, timeout_s: Any) -> Any:
        running.append(arguments[-1])
        most.append(sorted(running))
        if {"far", "quick", "slow"} <= {*running}:
            all_run.set()
        await (others_ended if "slow" in arguments else all_run).wait()
        running.remove(arguments[-1])
        ended.append(arguments[-1])
        if {"far", "quick"} <= {*ended}:
            others_ended.set()
        return JobExit(0, "")

    monkeypatch.setattr(listkeeper, "run_job", run)
    assert await keeper.due(config) == ["slow", "quick", "far"]
    async with asyncio.timeout(60):
        await asyncio.gather(keeper.pull(config, ["a", "slow", "quick", "far"]), keeper.pull(config, ["slow"]))

    assert sorted(ended) == ["far", "quick", "slow", "slow"] and ended[-2:] == ["slow", "slow"]
    assert ["far", "quick", "slow"] in most and all(each.count("slow") < 2 for each in most)


async def test_a_pull_that_dies_is_not_tried_again_at_once(
    place: Path, keeper: ListUpdater, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "f.yaml").write_text(SAID + '- {id: far, url: "https://lists.example/x", format: plain, tier: order}\n')
    config = load(place / "f.yaml")

    async def die(arguments: Any, niceness: Any, timeout_s: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(listkeeper, "run_job", die)
    await keeper.pull(config, ["far"])

    assert "no end within 180 s" in kept(config, 2).failed.why
    assert await keeper.due(config) == []


def test_a_fault_is_logged_when_it_begins_and_when_it_ends_and_not_each_time_its_age_grows(
    config: Config, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    keeper = ListUpdater(place / "f.yaml", lambda: now[0])
    caplog.set_level("INFO")
    (place / "a.txt").rename(place / "away")
    shelf_of(config, config.lists[1]).change(lambda kept: replace(kept, failed=Failure("busy", 1.0, 1)))

    for _ in range(3):
        assert keeper.faults(config).keys() == {"list a", "list b"}
        now[0] += 60
    (place / "away").rename(place / "a.txt")
    shelf_of(config, config.lists[1]).change(lambda kept: replace(kept, failed=None))
    assert keeper.faults(config) == {}

    assert sorted(record.levelname for record in caplog.records) == ["INFO", "INFO", "WARNING", "WARNING"]


@pytest.mark.services
async def test_a_decision_names_who_took_it_and_which_version_is_good_now(
    config: Config, keeper: ListUpdater, caplog: pytest.LogCaptureFixture
) -> None:
    await keeper.take(config, 0.0)
    present(config.lists[0].file).write_text("a.test\nmore.test\n")
    await keeper.take(config, 0.0)

    version = keeper.roll_back(config, "a", "", "a person")

    assert version == kept(config).good.sha256
    assert "a person" in caplog.text and "a person" in kept(config).held_why


@pytest.mark.services
async def test_a_refresh_reads_anew_what_was_refused(config: Config, keeper: ListUpdater) -> None:
    present(config.lists[0].file).write_text("")
    await keeper.take(config, 0.0)
    assert kept(config).refused is not None

    await keeper.refresh(config, ["a"])

    assert (kept(config).refused, kept(config).seen) == (None, "")


async def test_what_cannot_be_decided_says_why(config: Config, keeper: ListUpdater) -> None:
    with pytest.raises(ListsRefusal, match="list 'c': not in the configuration; nothing done; a, b are"):
        await keeper.refresh(config, ["a", "c"])
    with pytest.raises(ListsRefusal, match=r"list a: .*; nothing changed"):
        keeper.approve(config, "a", "", "a person")
