from ipaddress import ip_network

from fastpath.images.verdict import Action, Mode
from rules.base.canonical import canonical_wire
from rules.base.prefixes import wires_of
from rules.base.protected import PROTECTED, ProtectedNames
from rules.base.rule import Rule, UrlRule
from rules.lists.compiler.dry_run import dry_run, kind_of
from rules.lists.compiler.guards import Rails
from rules.lists.diff import Change
from rules.lists.source import describe_source

RAILS = Rails(describe_source("pta", None, {"tier": "order"}), ProtectedNames(["bank.example"]))


def added(name: str, mode: Mode = Mode.SUBTREE) -> Change:
    return Change(True, Rule(canonical_wire(name), mode, Action.NO_ACTION, 1))


def test_what_a_rail_stops_is_counted_by_its_reason_and_comes_first() -> None:
    changes = [added("a.example"), added("www.bank.example"), added("b.example"), added("bank.example")]

    found = dry_run([*changes, changes[0]._replace(is_added=False)], RAILS, None)

    assert (found.n_added, found.n_removed, found.held) == (4, 1, {PROTECTED: 2})
    assert [told.change.value for told in found.told] == [
        "www.bank.example",
        "bank.example",
        "a.example",
        "b.example",
        "a.example",
    ]


def test_of_many_changes_a_fair_sample_is_kept_and_the_same_each_time() -> None:
    changes = [added(f"n{number}.example") for number in range(1000)]

    first, again = (dry_run(changes, RAILS, 20) for _ in range(2))

    assert first == again and len(first.added) == 20 and first.n_added == 1000
    assert any(told.change.value not in {f"n{number}.example" for number in range(100)} for told in first.added)


def test_what_a_rail_stops_takes_no_place_of_the_sample() -> None:
    stopped = [added("bank.example") for _ in range(5000)]
    changes = [added(f"n{number}.example") for number in range(200)]

    found = dry_run([*stopped, *changes], RAILS, 20)

    assert sum(told.change in changes[100:] for told in found.added) >= 5  # half of 20, but for chance


def test_each_kind_of_rule_is_counted() -> None:
    address, prefix = (next(wires_of(ip_network(text))) for text in ("192.0.2.7/32", "192.0.2.0/24"))
    rules = [
        added("a.example", Mode.EXACT).rule,
        added("a.example").rule,
        UrlRule(b"a.example/x", Mode.EXACT, Action.NO_ACTION, 1),
        *(Rule(wire, mode, Action.NO_ACTION, 1) for wire, mode in (address, prefix)),
    ]

    assert [kind_of(rule) for rule in rules] == ["name", "subtree", "url", "address", "prefix"]
