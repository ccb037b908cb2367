from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lists.outcomes import complaints, items, rules

from fastpath.images.verdict import Mode
from fastpath.wire.address import rule_text
from rules.base.errors import BadList
from rules.base.lines import HAS_NUL
from rules.base.prefixes import HOST_BITS, NO_PREFIX, TOO_SHORT
from rules.base.rule import Rule
from rules.formats.addresslist import iter_rules


def shown(text: str) -> list[tuple[str, Mode, int]]:
    return [(rule_text(item.wire), item.mode, item.line) for item in items(iter_rules, text) if isinstance(item, Rule)]


def test_an_address_or_a_prefix_a_line_is_a_rule_with_its_line() -> None:
    text = "# Spamhaus\n\n192.0.2.0/24 ; SBL1\n  192.0.2.7\r\n2001:db8::/32\t# why\n; end\n198.51.100.1-198.51.100.1\n"

    assert shown(text) == [
        ("192.0.2.0/24", Mode.SUBTREE, 3),
        ("192.0.2.7", Mode.EXACT, 4),
        ("2001:db8::/32", Mode.SUBTREE, 5),
        ("198.51.100.1", Mode.EXACT, 7),
    ]


def test_a_prefix_that_ends_inside_of_an_octet_is_several_rules_of_its_line() -> None:
    assert shown("192.0.2.6/31\n") == [("192.0.2.6", Mode.SUBTREE, 1), ("192.0.2.7", Mode.SUBTREE, 1)]
    assert len(shown("\n203.0.112.0/22\n192.0.2.0/25\n2001:db8::/33\n")) == 4 + 128 + 8


def test_a_line_that_is_none_is_reported_with_its_place_and_costs_only_itself() -> None:
    text = "192.0.2.1\n  192.0.2.1/24 # x\nbad.example\n0.0.0.0/0\n192.0.2.\0\n192.0.2.2#x\n192.0.2.3\n"
    found = items(iter_rules, text)

    assert [name for name, _ in rules(found)] == ["1.2.0.192.4.rpz-ip", "3.2.0.192.4.rpz-ip"]
    assert complaints(found) == [
        (2, 3, HOST_BITS),
        (3, 1, NO_PREFIX),
        (4, 1, TOO_SHORT),
        (5, 9, HAS_NUL),
        (6, 1, NO_PREFIX),
    ]


def test_a_page_instead_of_a_list_is_refused() -> None:
    with pytest.raises(BadList, match="line 2: a web page"):
        items(iter_rules, "\n<html>")


@given(
    st.lists(
        st.ip_addresses(v=4).flatmap(
            lambda address: st.integers(20, 32).map(lambda n: ip_network((address, n), strict=False))
        ),
        max_size=5,
    )
)
def test_every_prefix_is_a_rule_or_several_of_just_its_addresses(networks: list[object]) -> None:
    found = items(iter_rules, "".join(f"{network}\n" for network in networks))

    assert complaints(found) == []
    for number, network in enumerate(networks, 1):
        parts = [ip_network(rule_text(item.wire)) for item in found if isinstance(item, Rule) and item.line == number]
        assert sum(part.num_addresses for part in parts) == network.num_addresses  # type: ignore[attr-defined]
