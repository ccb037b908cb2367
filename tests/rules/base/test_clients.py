import pytest

from rules.base.clients import client_address, client_of


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:db8::7", "2001:db8::7"),
        ("nowhere", None),
        (None, None),
    ],
)
def test_a_client_is_known_by_its_address_without_zone_and_as_ipv4_where_it_is_one(
    remote: str | None, address: str | None
) -> None:
    assert client_address(remote) == address


def test_a_household_is_one_client() -> None:
    assert client_of("192.0.2.7") == "192.0.2.7" != client_of("192.0.2.8")
    assert client_of("2001:db8:0:ff::1") == client_of("2001:db8::2") != client_of("2001:db8:0:100::1")
