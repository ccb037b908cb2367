import pytest
from support.dns.local_data import local_data
from support.lists.outcomes import actions, complaints, items, rules

from fastpath.images.verdict import Action, Mode
from rules.base.local_data import APART
from rules.formats.dnsmasq import (
    BAD_ADDRESS,
    EVERY_NAME,
    FORWARDS,
    INSIDE_A_LABEL,
    NO_DOMAIN,
    OTHER_OPTION,
    UNQUALIFIED,
    iter_rules,
)


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("address=/bad.example/", Action.NXDOMAIN),
        ("server=/bad.example/", Action.NXDOMAIN),
        ("local=/Bad.Example./", Action.NXDOMAIN),
        ("address=/bad.example/#", Action.NO_ACTION),
        ("address=/bad.example/0.0.0.0", Action.NO_ACTION),
        ("address=/bad.example/::", Action.NO_ACTION),
        ("address=/bad.example/127.0.0.1", Action.NO_ACTION),
        ("address=/bad.example/::1", Action.NO_ACTION),
        ("server=/bad.example/#", Action.PASSTHRU),
        ("  address = /.bad.example/ # why", Action.NXDOMAIN),
    ],
)
def test_a_domain_means_itself_and_all_below(line: str, action: Action) -> None:
    found = items(iter_rules, line, Mode.EXACT)

    assert actions(found) == [("bad.example", Mode.SUBTREE, action)]


def test_several_domains_of_a_line_are_rules_of_this_line() -> None:
    found = items(iter_rules, "# head\n\naddress=/a.example/b.example/*.c.example/0.0.0.0\n")

    assert rules(found) == [("a.example", Mode.SUBTREE), ("b.example", Mode.SUBTREE), ("c.example", Mode.BELOW)]
    assert [item.line for item in found] == [3, 3, 3]


def test_an_address_that_leads_somewhere_is_local_data() -> None:
    text = "address=/a.example/192.0.2.1\naddress=/a.example/2001:db8::1\naddress=/b.example/c.example/192.0.2.2\n"

    found = items(iter_rules, text)

    assert local_data(found) == [
        ("a.example", Mode.SUBTREE, [(1, bytes([192, 0, 2, 1])), (28, b"\x20\x01\x0d\xb8" + bytes(11) + b"\1")]),
        ("b.example", Mode.SUBTREE, [(1, bytes([192, 0, 2, 2]))]),
        ("c.example", Mode.SUBTREE, [(1, bytes([192, 0, 2, 2]))]),
    ]
    assert complaints(found) == []


def test_addresses_of_one_domain_that_stand_apart_are_reported() -> None:
    text = "address=/a.example/192.0.2.1\naddress=/b.example/192.0.2.1\naddress=/a.example/192.0.2.2\n"

    assert complaints(items(iter_rules, text)) == [(3, 10, APART)]


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("server=/bad.example/192.0.2.53", 9, FORWARDS),
        ("server=192.0.2.53", 1, FORWARDS),
        ("address=/#/0.0.0.0", 10, EVERY_NAME),
        ("local=//", 8, UNQUALIFIED),
        ("address=/*bad.example/", 10, INSIDE_A_LABEL),
        ("address=/bad.example/192.0.2", 10, BAD_ADDRESS),
        ("address=bad.example", 1, NO_DOMAIN),
        ("address", 1, NO_DOMAIN),
        ("cache-size=1000", 1, OTHER_OPTION),
        ("cname=a.example,b.example", 1, OTHER_OPTION),
        ("0.0.0.0 a.example", 1, OTHER_OPTION),
        ("address=/a..example/", 10, "has an empty label"),
        ("address=/192.0.2.1/", 10, "is an address"),
    ],
)
def test_what_is_no_block_is_reported_where_it_stands(line: str, column: int, reason: str) -> None:
    found = items(iter_rules, f"address=/ok.example/\n{line}\n")

    assert rules(found) == [("ok.example", Mode.SUBTREE)]
    assert complaints(found) == [(2, column, reason)]


def test_one_bad_domain_costs_only_itself() -> None:
    found = items(iter_rules, "local=/a.example/b..example/a.example/\n")

    assert rules(found) == [("a.example", Mode.SUBTREE), ("a.example", Mode.SUBTREE)]
    assert complaints(found) == [(1, 18, "has an empty label")]
