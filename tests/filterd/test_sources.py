from pathlib import Path

from fastpath.name import to_wire
from fastpath.verdict import Action, Mode, Tier
from filterd.config import read_config
from filterd.sources import HELP_LIST, ORDERS_LIST, config_sources, help_rules

LISTS = """
lists:
- {id: pta, file: pta.csv, format: csv, tier: order, issuer: PTA}
- {id: adult, file: a.txt, format: plain, tier: category, category: adult, match: exact}
- {id: malware, file: m.rpz, format: rpz, tier: security, allow_public_suffix: true}
- {id: stop, file: s.txt, format: plain, tier: csam}
help_corridor: {names: [help.test]}
dns: {upstreams: ["192.0.2.53:53"]}
"""


def config(more=""):
    return read_config((LISTS + more).encode(), "x", Path("/etc/filterd"))


def test_the_lists_stand_in_their_configured_order_and_ours_at_the_end():
    assert [source.id for source in config_sources(config())] == [
        "pta", "adult", "malware", "stop", HELP_LIST, ORDERS_LIST,
    ]  # fmt: skip


def test_a_list_is_described_as_configured():
    pta, adult, malware, stop, *_ = config_sources(config())

    assert (pta.tier, pta.issuer, pta.match, pta.path) == (Tier.ORDER, "PTA", "subtree", Path("/etc/filterd/pta.csv"))
    assert (adult.category, adult.match) == (1, "exact")
    assert (malware.match, malware.allow_public_suffix, malware.action) == ("as-written", True, Action.NXDOMAIN)
    assert stop.confidential


def test_without_a_splash_address_what_would_show_it_is_nxdomain():
    pta, *_, orders = config_sources(config())
    with_splash, *_, orders_with = config_sources(config("splash: {address4: 192.0.2.1}\n"))

    assert pta.action == orders.action == Action.NXDOMAIN
    assert with_splash.action == orders_with.action == Action.SPLASH


def test_the_help_corridor_lets_a_name_and_all_below_it_go():
    source = config_sources(config())[-2]
    (rule,) = help_rules(config())

    assert source.action is Action.PASSTHRU
    assert (rule.wire, rule.mode) == (to_wire(b"help.test"), Mode.SUBTREE)
