import pytest
from support.lists.outcomes import complaints, items, rules

from fastpath.images.verdict import Mode
from rules.base.errors import BadList
from rules.formats.hosts import ELSEWHERE, NO_ADDRESS, NO_NAMES, iter_rules


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::", "::1", "0"])
def test_a_name_behind_an_address_that_leads_nowhere_is_a_rule(address: str) -> None:
    assert rules(items(iter_rules, f"{address}\tBad.Example\n", Mode.EXACT)) == [("bad.example", Mode.EXACT)]


def test_several_names_of_a_line_are_rules_of_this_line() -> None:
    found = items(iter_rules, "# head\n127.0.0.1 a.example localhost b.example # c.example\n")

    assert rules(found) == [("a.example", Mode.SUBTREE), ("b.example", Mode.SUBTREE)]
    assert [item.line for item in found] == [2, 2]


def test_the_names_of_the_machine_itself_are_passed_over_in_silence() -> None:
    text = (
        "127.0.0.1 localhost\n::1 ip6-localhost ip6-loopback\n255.255.255.255 broadcasthost\n"
        "fe80::1%lo0 localhost\nff02::1 ip6-allnodes\n0.0.0.0 0.0.0.0\n127.0.0.1 LocalHost.LocalDomain\n"
    )

    assert items(iter_rules, text) == []


def test_an_address_that_leads_somewhere_is_reported() -> None:
    assert complaints(items(iter_rules, "  192.0.2.1 bank.example\n2001:db8::1 bank.example\n")) == [
        (1, 3, ELSEWHERE),
        (2, 1, ELSEWHERE),
    ]


def test_a_line_without_an_address_or_without_a_name_is_reported() -> None:
    assert complaints(items(iter_rules, "bad.example\n0.0.0.0\n")) == [(1, 1, NO_ADDRESS), (2, 1, NO_NAMES)]


def test_a_bad_name_costs_only_itself_and_is_located() -> None:
    found = items(iter_rules, "0.0.0.0 a.example a..b.example a.example\n0.0.0.0 192.0.2.7\n")

    assert rules(found) == [("a.example", Mode.SUBTREE), ("a.example", Mode.SUBTREE)]
    assert complaints(found) == [(1, 19, "has an empty label"), (2, 9, "is an address")]


def test_a_page_instead_of_a_list_is_refused() -> None:
    with pytest.raises(BadList):
        items(iter_rules, "\n<html>")
