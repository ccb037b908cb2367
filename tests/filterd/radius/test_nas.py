from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from filterd.config.radius import Nas
from filterd.radius.nas import BadSecret, NasTable
from parental.sessions.record import slot_of


@pytest.fixture
def entry(tmp_path: Path) -> Nas:
    secret = tmp_path / "secret"
    secret.write_bytes(b"sixteen octets..\n")
    return Nas(name="bng", address="198.51.100.0/28", secret=secret, pools=("192.0.2.0/24", "2001:db8::/40"))


def test_a_nas_is_found_by_the_address_that_it_sends_from_and_a_stranger_is_none(entry: Nas) -> None:
    table = NasTable([entry, replace(entry, name="all", address="198.51.100.0/24")])

    found = [table.find(host) for host in ("198.51.100.3", "::ffff:198.51.100.3", "198.51.100.20", "203.0.113.1")]

    assert [nas and nas.name for nas in found] == ["bng", "bng", "all", None]
    assert found[0] is not None and found[0].secret == b"sixteen octets.."


@pytest.mark.parametrize(
    ("prefix", "may"),
    [
        ("192.0.2.7/32", True),
        ("192.0.3.7/32", False),
        ("2001:db8:ff::/56", True),
        ("2001:db8:100::/56", False),
        ("2001:db8::/40", True),
        ("2001:d00::/24", False),  # its pool is in it
    ],
)
def test_a_nas_may_give_prefixes_of_its_pools_alone(entry: Nas, prefix: str, may: bool) -> None:
    nas = NasTable([entry]).find("198.51.100.3")

    assert nas is not None and nas.may_give(slot_of(ip_network(prefix))) is may


def test_a_prefix_may_be_given_where_it_is_in_a_pool_of_any_nas(entry: Nas) -> None:
    other = replace(entry, name="bng2", pools=("198.51.100.0/24",))
    table = NasTable([entry, other])

    given = [
        table.may_give(slot_of(ip_network(each))) for each in ("192.0.2.7/32", "198.51.100.7/32", "203.0.113.7/32")
    ]

    assert given == [True, True, False]


def test_the_default_of_the_smallest_pool_around_a_prefix_holds(entry: Nas) -> None:
    small = replace(entry, name="small", pools=("192.0.2.128/25",), default_profile=8)
    table = NasTable([replace(entry, default_profile=7), small])

    defaults = [table.default_of(slot_of(ip_network(text))) for text in ("192.0.2.7/32", "192.0.2.200/32", "10.0.0.1")]

    assert defaults == [7, 8, None]
    assert len(dict(table.pools())) == 3
    assert table.digest != NasTable([entry]).digest


def test_a_short_secret_is_refused(entry: Nas) -> None:
    entry.secret.write_bytes(b"fifteen octets.\n")

    with pytest.raises(BadSecret, match="15 octets"):
        NasTable([entry])
