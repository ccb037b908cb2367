"""Addresses as names: one name for each, back again, and what a person is shown."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fastpath.wire.address import ADDRESSES, network_of, rule_text, wire_of_address
from fastpath.wire.name import to_text, to_wire

ZEROS = ".".join("0" * 23)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "7.2.0.192.4.rpz-ip"),
        ("0.10.99.255", "255.99.10.0.4.rpz-ip"),
        ("2001:db8::1", f"1.{ZEROS}.8.b.d.0.1.0.0.2.6.rpz-ip"),
    ],
)
def test_an_address_is_a_name_as_in_the_reverse_trees(address: str, name: str) -> None:
    assert to_text(wire_of_address(ip_address(address).packed)) == name


@given(st.ip_addresses())
def test_every_address_has_one_name_that_leads_back_to_it(address: IPv4Address | IPv6Address) -> None:
    wire = wire_of_address(address.packed)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None

    assert wire.endswith(ADDRESSES)
    assert network_of(wire) == ip_network(mapped or address)
    assert rule_text(wire) == str(mapped or address)


@given(
    st.one_of(
        st.tuples(st.ip_addresses(v=4), st.sampled_from([8, 16, 24])),
        st.tuples(st.ip_addresses(v=6), st.integers(1, 31).map(lambda n: 4 * n)),
    )
)
def test_a_suffix_of_an_address_is_the_prefix_of_so_many_octets_or_nibbles(
    found: tuple[IPv4Address | IPv6Address, int],
) -> None:
    address, bits = found
    assume(not (isinstance(address, IPv6Address) and address.ipv4_mapped))
    wire = wire_of_address(address.packed)
    n_gone = (address.max_prefixlen - bits) // (8 if address.version == 4 else 4)
    for _ in range(n_gone):
        wire = wire[1 + wire[0] :]

    assert network_of(wire) == ip_network((address, bits), strict=False)


def test_the_mapped_part_of_ipv6_is_ipv4() -> None:
    assert wire_of_address(IPv6Address("::ffff:192.0.2.7").packed) == wire_of_address(bytes([192, 0, 2, 7]))


@pytest.mark.parametrize(
    "name",
    [
        "a.test",
        "rpz-ip",
        "5.rpz-ip",
        "01.4.rpz-ip",
        "256.4.rpz-ip",
        "1.2.3.4.5.4.rpz-ip",
        "1_0.4.rpz-ip",
        "a.4.rpz-ip",
        "10.6.rpz-ip",
        "g.6.rpz-ip",
        "24.0.2.0.192.rpz-ip",
        "4.rpz-ip.test",
    ],
)
def test_other_names_stand_for_no_prefix_and_are_shown_as_they_are(name: str) -> None:
    assert network_of(to_wire(name.encode())) is None
    assert rule_text(to_wire(name.encode())) == name


def test_a_mapped_prefix_as_ipv6_stands_for_nothing() -> None:
    nibbles = IPv6Network("::ffff:c000:200/120").network_address.packed.hex()[:30]

    assert network_of(to_wire(".".join([*reversed(nibbles), "6", "rpz-ip"]).encode())) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("2.0.192.4.rpz-ip", "192.0.2.0/24"),
        ("7.2.0.192.4.rpz-ip", "192.0.2.7"),
        ("8.b.d.0.1.0.0.2.6.rpz-ip", "2001:db8::/32"),
    ],
)
def test_a_person_is_shown_addresses_and_prefixes(name: str, shown: str) -> None:
    assert rule_text(to_wire(name.encode())) == shown


@pytest.mark.parametrize("packed", [b"", b"abc", bytes(5), bytes(17)])
def test_what_is_no_address_is_refused_with_its_length(packed: bytes) -> None:
    with pytest.raises(ValueError, match=f"{len(packed)} octets: no address"):
        wire_of_address(packed)
