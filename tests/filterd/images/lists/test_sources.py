import dataclasses
from pathlib import Path
from typing import Any

import pytest

from fastpath.images.verdict import Action, Mode, Tier
from fastpath.wire.name import to_wire
from filterd.config import read_config
from filterd.images.lists.sources import (
    HELP_LIST,
    ORDERS_LIST,
    config_sources,
    help_rules,
    reading_of,
    shelf_of,
    source_of,
)
from mgmt.orders.phases.shadow_places import SHADOW_LISTS
from rules.base.errors import BadList
from rules.formats.columns import parse_columns
from rules.lists.versions import Version, accepted

LISTS = """
lists:
- {id: pta, file: pta.csv, format: csv, tier: order, issuer: PTA}
- {id: adult, file: a.txt, format: plain, tier: category, category: adult, match: exact}
- {id: malware, file: m.rpz, format: rpz, tier: security, allow_public_suffix: true}
- {id: stop, file: s.txt, format: plain, tier: csam}
help_corridor: {names: [help.test]}
dns: {upstreams: ["192.0.2.53:53"]}
"""


def config(more: str = "") -> Any:
    return read_config((LISTS + more).encode(), "x", Path("/etc/filterd"))


def _without_shadows(sources: list[Any]) -> list[Any]:
    return sources[: -len(SHADOW_LISTS)]


def test_the_lists_stand_in_their_configured_order_and_ours_at_the_end() -> None:
    assert [source.id for source in config_sources(config())] == [
        "pta",
        "adult",
        "malware",
        "stop",
        HELP_LIST,
        ORDERS_LIST,
        *SHADOW_LISTS,
    ]


def test_a_list_is_described_as_configured() -> None:
    pta, adult, malware, stop, *_ = config_sources(config())

    assert (pta.tier, pta.issuer, pta.match, pta.path) == (Tier.ORDER, "PTA", "subtree", None)
    assert (adult.category, adult.match) == (1, "exact")
    assert (malware.match, malware.allow_public_suffix, malware.action) == ("as-written", True, Action.NXDOMAIN)
    assert stop.confidential


def test_what_is_compiled_is_the_last_good_copy_read_as_it_was_when_it_was_judged(tmp_path: Path) -> None:
    described = config("state_dir: s\n")
    own = dataclasses.replace(described, state_dir=tmp_path)
    shelf = shelf_of(own, own.lists[0])
    with shelf.receiving() as part:
        part.write(b"a.test\n")
        version = Version(part.end(), part.octets, "pta.csv", "csv,columns=url:2", 0.0, 1)
        shelf.take(part, version, lambda kept: accepted(kept, version, 0.0))

    pta, adult, *_ = config_sources(own)

    assert (pta.path, pta.format, pta.columns) == (shelf.copy(version), "csv", parse_columns("url:2"))
    assert (pta.tier, pta.issuer) == (Tier.ORDER, "PTA")
    assert adult.path is None
    assert source_of(own, own.lists[0], version) == pta


def test_how_a_list_is_read_is_its_format_with_its_columns() -> None:
    pta, adult, *_ = config().lists

    assert (reading_of(pta), reading_of(adult)) == ("csv", "plain")
    assert reading_of(dataclasses.replace(pta, columns="url:1")) == "csv,columns=url:1"


def test_a_state_that_cannot_be_read_stops_a_compilation(tmp_path: Path) -> None:
    own = dataclasses.replace(config(), state_dir=tmp_path)
    folder = shelf_of(own, own.lists[0]).directory
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{")

    with pytest.raises(BadList, match=r"state\.json"):
        config_sources(own)


def test_without_a_splash_address_what_would_show_it_is_nxdomain() -> None:
    pta, *_, orders = _without_shadows(config_sources(config()))
    with_splash, *_, orders_with = _without_shadows(config_sources(config("splash: {address4: 192.0.2.1}\n")))

    assert pta.action == orders.action == Action.NXDOMAIN
    assert with_splash.action == orders_with.action == Action.SPLASH


def test_the_help_corridor_lets_a_name_and_all_below_it_go() -> None:
    source = _without_shadows(config_sources(config()))[-2]
    (rule,) = help_rules(config())

    assert source.action is Action.PASSTHRU
    assert (rule.wire, rule.mode) == (to_wire(b"help.test"), Mode.SUBTREE)


def test_no_lock_closes_the_names_of_the_families_door_and_of_our_own_resolver() -> None:
    tls = "tls: {name: dns.isp.example, certificate: c, key: k}"
    said = f"dns: {{upstreams: ['192.0.2.53:53'], {tls}}}\n"
    door = "family: {hosts: [family.isp.example], addresses: ['192.0.2.3:443']}\n"

    resolver, family = help_rules(read_config((said + door).encode(), "x", Path("/etc/filterd")))

    assert (resolver.wire, resolver.mode) == (to_wire(b"dns.isp.example"), Mode.SUBTREE)  # a device's token is below
    assert (family.wire, family.mode) == (to_wire(b"family.isp.example"), Mode.EXACT)


def test_where_families_come_in_at_the_desk_s_door_no_lock_closes_its_names() -> None:
    said = "dns: {upstreams: ['192.0.2.53:53']}\napi: {hosts: [portal.isp.example]}\n"

    (rule,) = help_rules(read_config(said.encode(), "x", Path("/etc/filterd")))

    assert (rule.wire, rule.mode) == (to_wire(b"portal.isp.example"), Mode.EXACT)
