"""What has closed the wrong names elsewhere, played again: wrong files that came as versions of a list."""

from pathlib import Path

import pytest
from support.lists.one_list import NOW, drop, faults, kept, names, take_in

from filterd.config import Config, read_config
from filterd.images.lists.rails import protected_of
from filterd.images.lists.sources import config_sources, shelf_of
from rules.lists.compiler.compile import compile_sources
from rules.lists.compiler.report import SourceReport
from rules.lists.versions import approved

KEY = bytes(range(16))
EVERYONES = 8000  # legitimate names of the wrong file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ranking.csv").write_text("".join(f"{n},site{n}.example\n" for n in range(1, EVERYONES + 1)))
    return tmp_path


def box(folder: Path, text: str, tier: str = "csam") -> Config:
    (folder / "pta.txt").write_text(text)
    said = (
        'state_dir: state\ndns: {upstreams: ["192.0.2.53:53"]}\nprotected: {watch: [ranking.csv]}\n'
        f"lists: [{{id: pta, file: pta.txt, format: plain, tier: {tier}}}]\n"
    )
    (folder / "state").mkdir()
    config = read_config(said.encode(), "test", folder)
    take_in(config)
    return config


def compiled(config: Config, folder: Path) -> SourceReport:
    """The report of the list, as the compiler makes it of the version in force."""
    source = config_sources(config)[0]
    return compile_sources([source], folder, KEY, 1, protected=protected_of(config)).sources[0]


def test_denmark_2012_a_wrong_file_of_8000_names_in_a_csam_list_is_held_as_too_much_that_is_new(folder: Path) -> None:
    good = names(range(10_000))
    config = box(folder, good)
    drop(config, good + "".join(f"site{n}.example\n" for n in range(1, EVERYONES + 1)))
    now = take_in(config)

    assert now.held is not None and now.good is not None and now.good.n_rules == 10_000
    assert "rules are new, more than 5 %" in now.held_why and "filterd lists approve" in faults(config)


def test_denmark_2012_of_a_wrong_file_that_was_let_in_the_watched_names_stay_open(folder: Path) -> None:
    config = box(folder, names(range(100)))
    drop(config, names(range(100)) + "".join(f"site{n}.example\n" for n in range(1, EVERYONES + 1)))
    held = take_in(config).held
    assert held is not None
    shelf_of(config, config.lists[0]).change(lambda now: approved(now, held.sha256, NOW))

    report = compiled(config, folder)
    assert report.skipped == {"is watched (ranking): held for review": EVERYONES}
    assert (report.n_rules, report.n_held) == (100, EVERYONES)
    assert {sample.text for kind in report.samples.values() for sample in kind} == {""}


def test_wikipedia_2008_a_page_in_a_list_closes_that_page_and_never_its_site(folder: Path) -> None:
    config = box(folder, "http://en.wikipedia.org/wiki/A_page\nen.wikipedia.org\n")

    report = compiled(config, folder)
    assert (report.n_name_rules, report.n_url_rules) == (0, 1)
    assert report.skipped == {"is watched (pk-critical, platform): held for review": 1}


def test_italy_2024_a_host_of_a_platform_in_a_list_of_orders_is_held(folder: Path) -> None:
    report = compiled(box(folder, "drive.usercontent.google.com\nbad.test\n", "order"), folder)

    assert report.skipped == {"is watched (pk-critical, platform): held for review": 1}
    assert report.n_name_rules == 1


def test_what_households_choose_by_category_is_not_held(folder: Path) -> None:
    report = compiled(box(folder, "facebook.com\n", "category, category: social"), folder)

    assert (report.skipped, report.n_name_rules) == ({}, 1)


def test_a_list_that_shrinks_to_nothing_is_refused_and_the_last_good_version_stays(folder: Path) -> None:
    config = box(folder, names(range(100)))
    drop(config, "# nothing today\n")

    assert take_in(config).refused is not None
    assert (good := kept(config).good) is not None and good.n_rules == 100
