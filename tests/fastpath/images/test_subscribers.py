import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.images.opened import Images

from fastpath.images.subscribers import device_address
from fastpath.images.tables import TableSet


@pytest.fixture
def tables(images: Images) -> TableSet:
    base = images.subscribers(
        [
            ("192.0.2.0/24", 1),
            ("192.0.2.64/26", 2),
            ("192.0.2.65/32", 3),
            ("198.51.100.7/32", 4),
            ("2001:db8:1::/48", 1),
            ("2001:db8:1:2::/64", 2),
            ("2001:db8:ffff::1/128", 4),
        ]
    )
    return TableSet(None, None, base)


@pytest.mark.parametrize(
    ("address", "subscriber"),
    [
        ("192.0.2.0", 1),
        ("192.0.2.63", 1),
        ("192.0.2.64", 2),
        ("192.0.2.65", 3),
        ("192.0.2.66", 2),
        ("192.0.2.127", 2),
        ("192.0.2.128", 1),
        ("192.0.2.255", 1),
        ("192.0.3.0", None),
        ("192.0.1.255", None),
        ("198.51.100.7", 4),
        ("198.51.100.8", None),
        ("0.0.0.0", None),
        ("255.255.255.255", None),
        ("2001:db8:1::", 1),
        ("2001:db8:1:2::5", 2),
        ("2001:db8:1:3::", 1),
        ("2001:db8:2::", None),
        ("2001:db8:ffff::1", 4),
        ("2001:db8:ffff::2", None),
        ("::", None),
        ("ffff:" * 7 + "ffff", None),
    ],
)
def test_the_longest_prefix_around_an_address_names_its_subscriber(
    tables: TableSet, address: str, subscriber: int | None
) -> None:
    assert tables.subscriber_of(address) == subscriber


def test_the_delta_speaks_before_the_base_and_may_say_nobody(images: Images) -> None:
    base = images.subscribers([("192.0.2.0/24", 1), ("2001:db8::/64", 1)])
    delta = images.subscribers([("192.0.2.9/32", 9), ("192.0.2.10/32", None), ("2001:db8::/64", None)], base)
    tables = TableSet(None, None, base, delta)

    assert tables.subscriber_of("192.0.2.9") == 9
    assert tables.subscriber_of("192.0.2.10") is None
    assert tables.subscriber_of("192.0.2.11") == 1
    assert tables.subscriber_of("2001:db8::1") is None


def test_without_an_image_nobody_is_known() -> None:
    assert TableSet().subscriber_of("192.0.2.1") is None


def test_a_prefix_that_stands_twice_is_refused(images: Images) -> None:
    with pytest.raises(ValueError, match="occurs twice"):
        images.subscribers([("192.0.2.0/24", 1), ("192.0.2.0/24", 2)])


def test_a_prefix_up_to_the_last_address_ends_there(images: Images) -> None:
    tables = TableSet(None, None, images.subscribers([("255.255.255.0/24", 5), ("ffff::/16", 6)]))

    assert tables.subscriber_of("255.255.255.255") == 5
    assert tables.subscriber_of("255.255.254.255") is None
    assert tables.subscriber_of("ffff::1") == 6


networks = st.builds(
    lambda address, length: ipaddress.ip_network((address, length), strict=False),
    st.integers(0, 2**32 - 1).map(lambda n: n & 0xFF0000FF),
    st.integers(0, 32),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(networks, st.integers(0, 50), max_size=12), st.lists(st.integers(0, 2**32 - 1), max_size=20))
def test_ranges_agree_with_a_search_of_all_prefixes(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[ipaddress.IPv4Network, int], probes: list[int]
) -> None:
    tables = TableSet(
        None,
        None,
        Images(tmp_path_factory.mktemp("ranges")).subscribers(
            [(str(network), subscriber) for network, subscriber in rows.items()]
        ),
    )
    edges = [int(n.network_address) for n in rows] + [int(n.broadcast_address) for n in rows]

    for number in probes + edges:
        address = ipaddress.ip_address(number)
        around = [network for network in rows if address in network]
        expected = rows[max(around, key=lambda n: n.prefixlen)] if around else None
        assert tables.subscriber_of(str(address)) == expected


def test_a_device_stands_in_an_image_at_an_address_that_nothing_comes_from(images: Images) -> None:
    addresses = [device_address(token) for token in ("a" * 26, "a" * 25 + "b", "234567" + "z" * 20)]
    tables = TableSet(None, None, images.subscribers([(addresses[0], 7), ("2001:db8::/32", 1)]))

    assert len(set(addresses)) == 3
    assert all(ipaddress.ip_address(address).is_multicast for address in addresses)
    assert [tables.subscriber_of(address) for address in addresses] == [7, None, None]


@pytest.mark.parametrize("token", ["", "a" * 25, "a" * 27, "A" * 26, "a" * 25 + "1", "a" * 25 + "é", "a" * 26 + "\n"])
def test_what_is_no_token_has_no_address(token: str) -> None:
    with pytest.raises(ValueError, match=r"^device token: \d+ characters; not used; "):
        device_address(token)
