"""What is had of a zone, when it is asked for, and what becomes of its journal."""

from pathlib import Path
from typing import Any

import pytest
from support.dns.played_primary import APEX, PlayedPrimary, rule, soa
from support.dns.pulled_zone import NOW, body, config_of, kept, lines, pull
from support.present import present

from dns.base.wire_format import AXFR, SOA
from filterd.images.lists.jobs import take
from filterd.images.lists.sources import shelf_of
from filterd.images.lists.status import due, faults_of, max_age_s, waiting
from filterd.images.lists.zone_copies import LONG_RECORDS, OLD_S, has_long_journal, newest_of, wait_of, zone_timers
from filterd.images.lists.zone_journal import Journal
from rules.lists.zone_copy import Difference, ZoneTimers, record_line


@pytest.fixture
def played() -> Any:
    return PlayedPrimary()


def test_a_seed_is_in_force_until_the_zone_comes(tmp_path: Path, played: Any) -> None:
    (tmp_path / "seed.rpz").write_text("seeded.test CNAME .\n")
    config = config_of(tmp_path, 1, ", seed: seed.rpz")
    take(config, waiting(config, NOW, 0.0), NOW)
    assert (present(kept(config).good).is_seed, present(kept(config).good).n_rules) == (True, 1)
    assert newest_of(config, config.lists[0], kept(config)) is None

    config = pull(tmp_path, played, more=", seed: seed.rpz")
    assert (present(kept(config).good).is_seed, present(kept(config).good).n_rules, played.asked) == (
        False,
        100,
        [AXFR],
    )


def test_it_is_asked_when_its_soa_says_so(tmp_path: Path, played: Any) -> None:
    config = pull(tmp_path, played)

    assert due(config, NOW + 200) == []  # refresh is 300 s
    assert due(config, NOW + 400) == ["z"]
    timers = ZoneTimers(1, 300, 60, 86400, 60)
    entry = config.lists[0]
    assert (wait_of(entry, timers, False), wait_of(entry, timers, True), wait_of(entry, None, False)) == (300, 60, 3600)
    assert wait_of(entry, ZoneTimers(1, 0, 0, 0, 0), False) == 30
    assert wait_of(entry, ZoneTimers(1, 2**31, 0, 0, 0), False) == 3600


def test_it_is_stale_when_its_soa_says_so_and_stays_in_force(tmp_path: Path, played: Any) -> None:
    config = pull(tmp_path, played)

    assert "z" not in faults_of(config, NOW + 86000)
    assert "stale" in faults_of(config, NOW + 86500)["z"]
    assert max_age_s(config.lists[0], ZoneTimers(1, 2, 3, 4, 5)) == 4


def test_a_journal_that_is_long_or_old_becomes_part_of_the_copy(tmp_path: Path, played: Any) -> None:
    config = pull(tmp_path, played)
    entry = config.lists[0]
    journal = Journal(shelf_of(config, entry).directory)
    added = [record_line(APEX, each.owner, 5, 60, b"\0") for each in map(rule, range(1000, 1000 + 50))]
    line = record_line(APEX, APEX, SOA, 60, soa(2).rdata)
    journal.append([Difference(1, 2, line, [], added)])

    assert present(newest_of(config, entry, kept(config))).serial == 2
    assert not has_long_journal(config, entry, kept(config), NOW)
    assert has_long_journal(config, entry, kept(config), NOW + OLD_S + 1)
    take(config, waiting(config, NOW + OLD_S + 1, 0.0), NOW + OLD_S + 1)
    assert (present(kept(config).good).n_rules, body(config)) == (150, lines([*range(100), *range(1000, 1050)]))
    assert present(zone_timers(config, entry, kept(config))).serial == 2
    assert not has_long_journal(config, entry, kept(config), NOW + 9 * OLD_S)
    assert LONG_RECORDS == 1000
