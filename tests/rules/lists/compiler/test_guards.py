from datetime import date
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.images.verdict import Action, Mode
from rules.base.canonical import canonical_wire
from rules.base.hosts_of_many import Hosting, HostingList
from rules.base.prefixes import NOT_PUBLIC, wires_of
from rules.base.protected import PROTECTED, ProtectedNames
from rules.base.public_suffixes import ICANN_SUFFIX, PRIVATE_SUFFIX, public_suffixes
from rules.base.watched import WatchedNames, WatchList
from rules.lists.compiler.guards import Rails
from rules.lists.source import Source, parse_source

BLOCKING = Source("x", None)
BANK = ProtectedNames(["bank.example"])


def refusal(
    name: str,
    mode: Mode = Mode.SUBTREE,
    action: Action = Action.NO_ACTION,
    source: Source = BLOCKING,
    protected: ProtectedNames = BANK,
) -> str | None:
    return Rails(source, protected).refusal(canonical_wire(name), mode, action)


def test_a_rule_that_reaches_below_a_public_suffix_is_stopped() -> None:
    assert refusal("com.pk") == ICANN_SUFFIX
    assert refusal("com.pk", Mode.BELOW) == ICANN_SUFFIX
    assert refusal("github.io") == PRIVATE_SUFFIX
    assert refusal("com.pk", Mode.EXACT) is None
    assert refusal("site.com.pk") is None


def test_a_name_above_suffixes_may_be_let_go_but_not_blocked() -> None:
    assert refusal("amazonaws.com") == PRIVATE_SUFFIX
    assert refusal("amazonaws.com", action=Action.PASSTHRU) is None
    assert refusal("github.io", action=Action.PASSTHRU) == PRIVATE_SUFFIX


def test_the_suffix_rail_can_be_taken_away_and_the_other_stays() -> None:
    source = parse_source("x.txt,allow_public_suffix=yes")

    assert refusal("com.pk", source=source) is None
    assert refusal("www.bank.example", source=source) == PROTECTED


@pytest.mark.parametrize("mode", [Mode.EXACT, Mode.SUBTREE])
def test_a_rule_that_would_block_a_protected_name_is_held(mode: Mode) -> None:
    assert refusal("bank.example", mode) == PROTECTED
    assert refusal("other.example", mode) is None
    assert refusal("bank.example", mode, protected=ProtectedNames()) is None


def test_a_rule_that_lets_go_is_no_danger_to_a_protected_name() -> None:
    helping = parse_source("x.txt,tier=help")

    assert refusal("bank.example", action=Action.PASSTHRU) is None
    assert refusal("bank.example", source=helping) is None
    assert refusal("bank.example", action=Action.DROP, source=helping) == PROTECTED


def test_a_block_of_addresses_outside_of_the_public_internet_is_refused() -> None:
    rails = Rails(BLOCKING, BANK)
    private, public = (next(wires_of(ip_network(text)))[0] for text in ("10.0.0.0/8", "192.0.2.0/24"))

    assert rails.refusal(private, Mode.SUBTREE, Action.NO_ACTION) == NOT_PUBLIC
    assert rails.refusal(private, Mode.SUBTREE, Action.PASSTHRU) is None
    assert rails.refusal(public, Mode.SUBTREE, Action.NO_ACTION) is None
    assert Rails(parse_source("x.ipset,tier=help"), BANK).refusal(private, Mode.SUBTREE, Action.NO_ACTION) is None


LABELS = st.sampled_from(["www", "bank", "example", "com", "pk", "ck", "github", "io", "kawasaki", "jp", "city"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)


@given(NAMES, st.sampled_from(Mode), st.sampled_from([Action.NO_ACTION, Action.PASSTHRU]), st.lists(NAMES, max_size=3))
def test_the_first_look_turns_away_nothing_that_a_rail_stops(
    name: str, mode: Mode, action: Action, names: list[str]
) -> None:
    wire, protected = canonical_wire(name), ProtectedNames(names)
    expected = None if mode is Mode.EXACT else public_suffixes().refusal(wire, opens=action is Action.PASSTHRU)
    if expected is None and action is Action.NO_ACTION and protected.is_hit(wire, mode):
        expected = PROTECTED

    assert Rails(BLOCKING, protected).refusal(wire, mode, action) == expected


@pytest.mark.parametrize(
    ("prefix", "is_held"),
    [
        ("192.0.2.53/32", True),
        ("192.0.2.0/24", True),
        ("192.0.2.52/32", False),
        ("2001:db8:5::/48", True),
        ("2001:db8:6::/48", False),
    ],
)
def test_a_rule_that_touches_a_protected_prefix_is_held_and_one_that_opens_it_is_not(
    prefix: str, is_held: bool
) -> None:
    rails = Rails(BLOCKING, ProtectedNames(prefixes=["192.0.2.53/32", "2001:db8:5::1/128"]))
    rules = list(wires_of(ip_network(prefix)))

    assert [rails.refusal(wire, mode, Action.NO_ACTION) for wire, mode in rules] == [PROTECTED if is_held else None]
    assert [rails.refusal(wire, mode, Action.PASSTHRU) for wire, mode in rules] == [None]


WATCHED = ProtectedNames(
    ["bank.example"], watched=WatchedNames([WatchList("shops", below=frozenset([canonical_wire("shop.example")]))])
)


@pytest.mark.parametrize(
    ("source", "is_held"),
    [
        ("x.txt,tier=csam", True),
        ("x.txt,tier=order", True),
        ("x.txt,tier=security", True),
        ("x.txt,category=social", False),
        ("x.txt,tier=help", False),
    ],
)
def test_a_list_that_blocks_for_all_does_not_block_a_watched_name(source: str, is_held: bool) -> None:
    said = refusal("pay.shop.example", source=parse_source(source), protected=WATCHED)

    assert said == ("is watched (shops): held for review" if is_held else None)


def test_a_watched_name_may_be_opened_and_a_protected_one_stays_protected() -> None:
    assert refusal("shop.example", action=Action.PASSTHRU, protected=WATCHED) is None
    assert refusal("example", protected=WATCHED, source=parse_source("x.txt,allow_public_suffix=yes")) == PROTECTED


@pytest.mark.parametrize(
    ("source", "prefix", "is_held"),
    [
        ("x.ipset,tier=order", "198.51.100.7/32", True),
        ("x.ipset,tier=order", "198.51.0.0/16", True),
        ("x.ipset,tier=order", "192.0.2.7/32", False),
        ("x.ipset,tier=security", "198.51.100.7/32", False),
    ],
)
def test_a_list_of_orders_does_not_close_an_address_that_many_sites_share(
    source: str, prefix: str, is_held: bool
) -> None:
    cloud = Hosting([HostingList("a cloud", date(2026, 8, 1), (ip_network("198.51.100.0/25"),))])
    rails = Rails(parse_source(source), ProtectedNames(hosting=cloud))
    reasons = {rails.refusal(wire, mode, Action.NO_ACTION) for wire, mode in wires_of(ip_network(prefix))}

    assert reasons == {"many sites are behind it (a cloud of 2026-08-01): held" if is_held else None}


def test_a_list_of_shared_hosting_that_cannot_be_read_takes_nothing_away() -> None:
    ((wire, mode),) = wires_of(ip_network("198.51.100.7/32"))
    source = parse_source("x.ipset,tier=order")

    assert Rails(source, ProtectedNames(hosting=Hosting(fault="cloud.txt: gone"))).refusal(wire, mode, Action.NO_ACTION)
    assert Rails(source, ProtectedNames()).refusal(wire, mode, Action.NO_ACTION) is None
