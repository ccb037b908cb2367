import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from support.lists.one_list import HOUR, NOW, config_of, faults, file_of, kept, pull, take_in
from support.lists.server import Shelved, serving
from support.present import present

import filterd.images.lists.jobs as lists
from filterd.config import Config
from filterd.config.kinds import Seconds
from filterd.images.lists.sources import shelf_of
from filterd.images.lists.status import age_states, confirmed_s, due, is_due, note_failure, refuse_waiting, waiting
from rules.lists.versions import ListHistory


def test_a_file_that_was_just_written_to_is_left_until_it_has_settled(dropped: Config) -> None:
    written = file_of(dropped).stat().st_mtime

    assert waiting(dropped, written + 4.9, 5.0) == []
    assert waiting(dropped, written + 5.1, 5.0) == ["pta"]
    assert waiting(dropped, written - HOUR, 5.0) == ["pta"]  # by a clock that was set back


def test_a_file_that_vanished_is_told_and_the_last_good_version_stays(dropped: Config) -> None:
    take_in(dropped)
    file_of(dropped).unlink()

    assert "pta.txt is missing; the last good version" in faults(dropped)
    assert (waiting(dropped, NOW, 0.0), present(kept(dropped).good).n_rules) == ([], 100)


def test_the_last_confirmation_of_a_list_is_told_once_it_has_a_good_copy(dropped: Config) -> None:
    assert confirmed_s(dropped) == {}
    take_in(dropped)

    assert confirmed_s(dropped) == {"pta": kept(dropped).confirmed_s}


def test_what_killed_its_reader_is_refused_unread(dropped: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_judged", lambda *_: (_ for _ in ()).throw(OSError("killed")))
    take_in(dropped)
    assert kept(dropped).waiting is not None

    refuse_waiting(dropped, dropped.lists[0], "its reader was ended (signal 9)", NOW)

    assert (kept(dropped).waiting, waiting(dropped, NOW, 0.0)) == (None, [])
    assert "signal 9" in faults(dropped)


def test_a_state_that_cannot_be_read_is_told_and_stops_neither_the_look_nor_the_others(dropped: Config) -> None:
    take_in(dropped)
    (shelf_of(dropped, dropped.lists[0]).directory / "state.json").write_text("{")

    assert "cannot be read" in faults(dropped)
    assert (waiting(dropped, NOW, 0.0), due(dropped, NOW)) == ([], [])


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
async def test_a_list_that_its_source_has_not_confirmed_for_too_long_is_stale(
    pulled: Callable[..., Config], more: str, age_s: float, is_stale: bool
) -> None:
    async with serving(Shelved("a.test\n").answer) as url:
        config = pulled(url, more)
        await pull(config)

    assert ("stale" in faults(config, NOW + age_s)) is is_stale


def test_a_dropped_file_is_stale_only_where_the_configuration_says_when(dropped: Config, tmp_path: Path) -> None:
    take_in(dropped)

    assert faults(dropped, NOW + 1000 * HOUR) == ""
    assert "stale" in faults(config_of(tmp_path, "file: pta.txt, format: plain, max_age: 7d"), NOW + 1000 * HOUR)


def test_boxes_and_lists_ask_at_moments_of_their_own(pulled: Callable[..., Config]) -> None:
    entry = pulled("https://lists.example/x").lists[0]
    waits = set()
    for started in range(50):
        asked = ListHistory(asked_s=NOW + started / 7)
        waits.add(next(wait for wait in range(3000, 4200, 10) if is_due(entry, asked, asked.asked_s + wait)))

    assert len(waits) > 10
    assert min(waits) >= 3240 and max(waits) <= 3970


def test_a_clock_that_was_set_back_asks_at_once(pulled: Callable[..., Config]) -> None:
    assert is_due(pulled("https://lists.example/x").lists[0], ListHistory(asked_s=NOW), NOW - 86_400)


def test_a_pull_that_ended_without_a_word_is_a_failure_and_one_that_spoke_is_not(pulled: Callable[..., Config]) -> None:
    config = pulled("https://lists.example/x")
    note_failure(config, config.lists[0], "signal 9", NOW)
    assert (present(kept(config).failed).why, due(config, NOW + 30)) == ("signal 9", [])

    note_failure(config, config.lists[0], "again", NOW - 1)

    assert present(kept(config).failed).times == 1


def test_lists_are_kept_below_the_state_directory(dropped: Config) -> None:
    assert shelf_of(dropped, dropped.lists[0]).directory == Path(dropped.state_dir) / "lists/pta"


def test_a_list_of_csam_is_stale_after_26_hours_and_alarming_after_three_days_and_says_its_age(tmp_path: Path) -> None:
    (tmp_path / "pta.txt").write_text("a.test\nb.test\n")
    config = config_of(tmp_path, "file: pta.txt, format: plain")
    of_csam = dataclasses.replace(config, lists=(dataclasses.replace(config.lists[0], tier="csam"),))
    take_in(of_csam)

    assert faults(of_csam, NOW + 25 * HOUR) == ""
    assert "stale: not confirmed by its source for 27.0 h, at most 26.0 h" in faults(of_csam, NOW + 27 * HOUR)
    assert "stale for days: not confirmed by its source for 73.0 h" in faults(of_csam, NOW + 73 * HOUR)
    assert faults(config, NOW + 4900 * HOUR) == ""
    states = [age_states(of_csam, NOW + hours * HOUR) for hours in (25, 27, 73)]
    assert states == [{"pta": 0}, {"pta": 1}, {"pta": 2}]
    assert age_states(config, NOW + 4900 * HOUR) == {"pta": 0}
    longer = dataclasses.replace(of_csam.lists[0], max_age=Seconds(100 * 3600))
    assert age_states(dataclasses.replace(of_csam, lists=(longer,)), NOW + 99 * HOUR) == {"pta": 0}
    file_of(config).touch()
    take_in(of_csam, NOW + 49 * HOUR)
    assert faults(of_csam, NOW + 50 * HOUR) == ""


def test_a_first_version_that_is_very_long_waits_for_a_person(tmp_path: Path) -> None:
    (tmp_path / "pta.txt").write_text("a.test\nb.test\nc.test\n")
    config = config_of(tmp_path, "file: pta.txt, format: plain, first_rules: 2")

    assert present(take_in(config).held).n_rules == 3
    assert "it is the first version, and has 3 rules, more than 2" in faults(config)
    assert "filterd lists approve pta" in faults(config)
