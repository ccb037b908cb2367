"""Prefixes as rules: the addresses that a list means, no other; triggers of policy zones, both ways."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.images.verdict import Mode
from fastpath.wire.address import network_of, rule_text, wire_of_address
from rules.base.errors import BadName
from rules.base.prefixes import (
    BACKWARDS,
    HOST_BITS,
    NO_PREFIX,
    NO_TRIGGER,
    TOO_SHORT,
    Network,
    canonical_address,
    is_one_rule,
    is_public,
    read_prefixes,
    read_trigger,
    wire_of_text,
    wires_of,
    write_trigger,
)

LENGTHS = {4: st.integers(8, 32), 6: st.integers(16, 128)}
NETWORKS = st.ip_addresses().flatmap(
    lambda address: LENGTHS[address.version].map(lambda n: ip_network((address, n), strict=False))
)
NOT_MAPPED = NETWORKS.filter(lambda network: not _holds_mapped(network))


def _holds_mapped(network: Network) -> bool:
    return isinstance(network, IPv6Network) and network.overlaps(IPv6Network("::ffff:0:0/96"))


def one(text: str) -> list[str]:
    return [rule_text(wire) for network in read_prefixes(text) for wire, _ in wires_of(network)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("192.0.2.7", ["192.0.2.7"]),
        ("192.0.2.0/24", ["192.0.2.0/24"]),
        ("192.0.2.7/32", ["192.0.2.7"]),
        ("192.0.2.0/23", ["192.0.2.0/24", "192.0.3.0/24"]),
        ("192.0.2.6/31", ["192.0.2.6", "192.0.2.7"]),
        ("192.0.2.254-192.0.3.1", ["192.0.2.254", "192.0.2.255", "192.0.3.0", "192.0.3.1"]),
        ("192.0.2.0 - 192.0.2.255", ["192.0.2.0/24"]),
        ("2001:DB8::/32", ["2001:db8::/32"]),
        ("2001:db8::1", ["2001:db8::1"]),
        ("2001:db8::/31", ["2001:db8::/32", "2001:db9::/32"]),
        ("::ffff:192.0.2.7", ["192.0.2.7"]),
        ("::ffff:192.0.2.0/120", ["192.0.2.0/24"]),
    ],
)
def test_a_text_becomes_the_rules_of_its_addresses(text: str, shown: list[str]) -> None:
    assert one(text) == shown


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.0.2.1/24", HOST_BITS),
        ("2001:db8::1/32", HOST_BITS),
        ("0.0.0.0/0", TOO_SHORT),
        ("::/0", TOO_SHORT),
        ("16.0.0.0/7", TOO_SHORT),
        ("2000::/15", TOO_SHORT),
        ("::ffff:0:0/96", TOO_SHORT),
        ("::fffe:0:0/95", TOO_SHORT),
        ("::fff8:0:0/93", TOO_SHORT),
        ("::/64", TOO_SHORT),
        ("1.0.0.0-9.255.255.255", TOO_SHORT),
        ("192.0.2.9-192.0.2.1", BACKWARDS),
        ("192.0.2.1-2001:db8::1", NO_PREFIX),
        ("192.0.2.1-9", NO_PREFIX),
        ("192.0.2", NO_PREFIX),
        ("192.0.2.0/255.255.255.0", NO_PREFIX),
        ("192.0.2.07", NO_PREFIX),
        ("192.0.2.0/", NO_PREFIX),
        ("192.0.2.0/33", NO_PREFIX),
        ("fe80::1%lo", NO_PREFIX),
        ("fe80::%1/64", NO_PREFIX),
        ("a.example", NO_PREFIX),
        ("", NO_PREFIX),
        ("1" * 5000, NO_PREFIX),
        ("192.0.2.1 192.0.2.2", NO_PREFIX),
        ("١٩٢.0.2.1", NO_PREFIX),
        ("0xc0000207", NO_PREFIX),
        ("3221225985", NO_PREFIX),
    ],
)
def test_a_text_that_is_no_prefix_or_too_much_says_why(text: str, reason: str) -> None:
    with pytest.raises(BadName) as refused:
        read_prefixes(text)

    assert refused.value.reason == reason


@given(NOT_MAPPED)
def test_the_rules_of_a_prefix_are_its_addresses_and_no_other(network: Network) -> None:
    named = [(network_of(wire), mode) for wire, mode in wires_of(network)]

    parts = [part for part, _ in named if part is not None]
    assert len(parts) == len(named) <= (128 if network.version == 4 else 8)
    assert list(collapse_addresses(parts)) == [network]  # type: ignore[type-var]  # all are of its version
    assert {mode for _, mode in named} == {
        Mode.EXACT
        if network.num_addresses == 1
        else Mode.SUBTREE
        if is_one_rule(network) or parts[0].num_addresses == 1
        else Mode.BELOW
    }


@given(NOT_MAPPED)
def test_a_trigger_reads_back_as_its_prefix(network: Network) -> None:
    assert read_trigger(write_trigger(network)) == network


@pytest.mark.parametrize(
    ("trigger", "network"),
    [
        ("24.0.2.0.192.rpz-ip", "192.0.2.0/24"),
        ("32.7.2.0.192.RPZ-IP", "192.0.2.7/32"),
        ("32.zz.db8.2001.rpz-ip", "2001:db8::/32"),
        ("128.1.zz.db8.2001.rpz-ip", "2001:db8::1/128"),
        ("128.57.0.0.0.0.0.0.1.rpz-ip", "1::57/128"),
        ("48.zz.2.2001.rpz-ip", "2001:2::/48"),
        ("128.1.zz.rpz-ip", "::1/128"),
        ("120.200.c000.ffff.zz.rpz-ip", "192.0.2.0/24"),
    ],
)
def test_a_trigger_is_read_in_every_spelling_of_resolvers(trigger: str, network: str) -> None:
    assert read_trigger(trigger) == ip_network(network)


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        ("rpz-ip", NO_TRIGGER),
        ("24.rpz-ip", NO_TRIGGER),
        ("x.0.2.0.192.rpz-ip", NO_TRIGGER),
        ("33.0.2.0.192.rpz-ip", NO_TRIGGER),
        ("24.0.2.0.256.rpz-ip", NO_TRIGGER),
        ("24.1.2.0.192.rpz-ip", HOST_BITS),
        ("0.0.0.0.0.rpz-ip", TOO_SHORT),
        ("128.zz.1.zz.rpz-ip", NO_TRIGGER),
        ("*.24.0.2.0.192.rpz-ip", NO_TRIGGER),
    ],
)
def test_a_trigger_that_is_none_says_why(trigger: str, reason: str) -> None:
    with pytest.raises(BadName) as refused:
        read_trigger(trigger)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("8.8.8.8", True),
        ("192.0.2.0/24", True),
        ("198.51.100.7", True),
        ("203.0.113.0/24", True),
        ("2001:db8::/32", True),
        ("2606:4700::1", True),
        ("172.15.255.255", True),
        ("172.0.0.0/8", False),
        ("10.0.0.0/8", False),
        ("10.9.8.7", False),
        ("172.31.0.0/16", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
        ("169.254.1.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fd00::/16", False),
        ("fe80::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_what_no_blocking_rule_may_hold(text: str, is_it: bool) -> None:
    (network,) = read_prefixes(text)

    assert {is_public(wire) for wire, _ in wires_of(network)} == {is_it}


@given(st.ip_addresses())
def test_an_address_is_found_by_how_it_is_written(address: IPv4Address | IPv6Address) -> None:
    assert wire_of_text(str(address)) == wire_of_address(ip_address(str(address)).packed)
    assert canonical_address(str(address)) == rule_text(wire_of_address(address.packed))
    assert wire_of_text(f"{address}.") is None
    assert canonical_address(f"{address}.") is None
