"""Zones become versions of lists: from a primary that a test plays."""

import asyncio
import random
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.dns.played_primary import APEX, PlayedPrimary, soa
from support.dns.primaries import ZONE, primary, records
from support.dns.pulled_zone import NOW, body, config_of, kept, lines, pull
from support.present import present

from dns.base.errors import TransferFailure
from dns.base.wire_format import AXFR, IXFR, SOA
from filterd.config import Config
from filterd.images.lists.jobs import pull_list, take
from filterd.images.lists.sources import config_sources, shelf_of
from filterd.images.lists.status import faults_of, waiting
from filterd.images.lists.zone_copies import newest_of, zone_timers
from filterd.images.lists.zone_journal import Journal
from filterd.images.lists.zone_transfer import differences_of, key_of, primaries_of, pull_zone
from rules.lists.zone_copy import Difference, record_line


@pytest.fixture
def played() -> Any:
    return PlayedPrimary()


def test_a_zone_is_taken_whole_and_judged_as_any_list(tmp_path: Path, played: Any) -> None:
    config = pull(tmp_path, played)

    assert (present(kept(config).good).n_rules, kept(config).failed, body(config)) == (100, None, lines(range(100)))
    assert "rpz.test serial 1 of 127.0.0.1" in present(kept(config).good).origin
    assert played.asked == [AXFR]
    assert config_sources(config)[0].is_zone and not config_sources(config)[0].folds


def test_what_is_new_is_applied_to_what_is_kept(tmp_path: Path, played: Any) -> None:
    pull(tmp_path, played)
    played.change([3], [200, 201])
    played.change([4], [202])
    config = pull(tmp_path, played)

    assert body(config) == lines({*range(100), 200, 201, 202} - {3, 4})
    assert (played.asked, present(zone_timers(config, config.lists[0], kept(config))).serial) == ([AXFR, IXFR], 3)


def test_changes_of_a_zone_that_was_confidential_make_a_version_that_is_and_the_whole_zone_makes_none(
    tmp_path: Path, played: Any
) -> None:
    config = pull(tmp_path, played)
    assert present(kept(config).good).is_confidential is False
    was = replace(present(kept(config).good), is_confidential=True)
    shelf_of(config, config.lists[0]).change(partial(replace, good=was))

    played.change([3], [200])
    assert present(kept(pull(tmp_path, played)).good).is_confidential is True

    played.change([], [4])  # is there already: the whole zone is asked for
    config = pull(tmp_path, played)
    assert played.asked[-1] == AXFR and present(kept(config).good).is_confidential is False


def test_nothing_new_confirms_what_is_kept(tmp_path: Path, played: Any) -> None:
    pull(tmp_path, played)
    config = pull(tmp_path, played, NOW + 500)

    assert (kept(config).confirmed_s, kept(config).asked_s, len(played.asked)) == (NOW + 500, NOW + 500, 2)


def test_changes_that_do_not_fit_end_in_the_whole_zone(tmp_path: Path, played: Any) -> None:
    pull(tmp_path, played)
    played.change([], [3])  # is there already
    config = pull(tmp_path, played)

    assert played.asked == [AXFR, IXFR, AXFR]
    assert present(zone_timers(config, config.lists[0], kept(config))).serial == 2


def test_a_primary_without_ixfr_is_asked_for_all(tmp_path: Path, played: Any) -> None:
    pull(tmp_path, played)
    played.has_ixfr = False
    pull(tmp_path, played)
    played.change([5], [300])
    config = pull(tmp_path, played)

    assert played.asked == [AXFR, SOA, SOA, AXFR]
    assert body(config) == lines({*range(100), 300} - {5})


def test_a_zone_that_shrinks_is_held_and_the_last_good_version_stays(tmp_path: Path, played: Any) -> None:
    pull(tmp_path, played)
    played.change(range(50))
    config = pull(tmp_path, played)

    assert (present(kept(config).held).n_rules, present(kept(config).good).n_rules) == (50, 100)
    assert "held" in faults_of(config, NOW)["z"]
    played.change([], range(50))  # and what is held is what the next changes join
    config = pull(tmp_path, played)
    assert (kept(config).held, present(kept(config).good).n_rules) == (None, 100)
    assert played.asked == [AXFR, IXFR, IXFR]


def test_a_list_that_is_given_another_zone_begins_with_the_whole_of_it(tmp_path: Path, played: Any) -> None:
    pull(tmp_path, played)
    config = config_of(tmp_path, 1)
    entry = replace(config.lists[0], zone="other.test")

    assert present(newest_of(config, config.lists[0], kept(config))).serial == 1
    assert newest_of(config, entry, kept(config)) is None


def test_a_primary_that_is_gone_is_told_and_leaves_what_is_kept(tmp_path: Path, played: Any) -> None:
    pull(tmp_path, played)
    config = config_of(tmp_path, 1)
    asyncio.run(pull_list(config, config.lists[0], NOW + 9))

    assert present(kept(config).good).n_rules == 100
    assert present(kept(config).failed).why.startswith("zone rpz.test: 127.0.0.1:1: ")
    with pytest.raises(TransferFailure):
        asyncio.run(pull_zone(config, config.lists[0], NOW))


def test_the_second_primary_is_asked_where_the_first_is_gone(tmp_path: Path, played: Any) -> None:
    async def pull_from_second(config: Config, entry: Any, now_s: Any) -> None:
        entry = replace(entry, primaries=(entry.primaries[0]._replace(port=1), *entry.primaries))
        await pull_zone(config, entry, now_s)

    assert present(kept(pull(tmp_path, played, work=pull_from_second)).good).n_rules == 100


def test_changes_of_a_pull_join_those_of_the_journal(tmp_path: Path, played: Any) -> None:
    config = pull(tmp_path, played)
    played.change([1], [500])
    old, removed, added = played.steps[0]
    step = Difference(
        old,
        2,
        record_line(APEX, APEX, SOA, 60, soa(2).rdata),
        [record_line(APEX, each.owner, 5, 60, b"\0") for each in removed],
        [record_line(APEX, each.owner, 5, 60, b"\0") for each in added],
    )
    Journal(shelf_of(config, config.lists[0]).directory).append([step])
    played.change([2], [501])
    config = pull(tmp_path, played)

    assert played.asked == [AXFR, IXFR]
    assert body(config) == lines({*range(100), 500, 501} - {1, 2})


def test_a_key_or_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("no key")
    for more in (", tsig: k", ", tsig: nothing", ", tls_name: ns.test, ca: k"):
        with pytest.raises(TransferFailure, match="key or certificate"):
            primaries_of(config_of(tmp_path, 1, more).lists[0])
    assert key_of(config_of(tmp_path, 1).lists[0]) is None
    assert differences_of(APEX, []) == []


@pytest.mark.services
@pytest.mark.parametrize("kind", ["bind", "knot"])
def test_a_copy_that_was_changed_step_by_step_is_the_zone_of_the_primary(kind: str, tmp_path: Path) -> None:
    draw = random.Random(5)
    names = [f"n{number}.example" for number in range(200)]
    data = ["CNAME .", "CNAME *.", "CNAME rpz-passthru.", "A 192.0.2.1", "AAAA 2001:db8::1", 'TXT "a;b" "c"']
    with primary(kind, tmp_path / kind, records(names)) as server:
        (tmp_path / "k").write_text(server.key)
        config = config_of(tmp_path, server.port, ", tsig: k, shrink_percent: 100")
        for _ in range(6):
            asyncio.run(pull_list(config, config.lists[0], NOW))
            take(config, waiting(config, NOW, 0.0), NOW)
            chosen = draw.sample(names, 8)
            added = [f"update add {name}.{ZONE} 60 {draw.choice(data)}" for name in chosen if draw.random() < 0.7]
            server.update(*(f"update delete {name}.{ZONE}" for name in chosen), *added)
        asyncio.run(pull_list(config, config.lists[0], NOW))
        take(config, waiting(config, NOW, 0.0), NOW)
        (tmp_path / "other").mkdir()
        (tmp_path / "other/k").write_text(server.key)
        other = config_of(tmp_path / "other", server.port, ", tsig: k")
        asyncio.run(pull_list(other, other.lists[0], NOW))
        take(other, waiting(other, NOW, 0.0), NOW)

        assert present(zone_timers(config, config.lists[0], kept(config))).serial == 7
        assert body(config) == body(other)
        assert "AXFR-style" not in server.log() and (server.kind == "knot" or server.log().count("IXFR started") == 6)
