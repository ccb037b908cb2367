"""What of the lists the kernel asks the gate about."""

from ipaddress import collapse_addresses, ip_network
from pathlib import Path

import pytest
from support.images.opened import Images
from support.images.prefixes import entries

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from filterd.kernel.suspect_addresses import Suspects
from rules.base.prefixes import read_prefixes


def nets(*texts: str) -> set[object]:
    return {ip_network(text) for text in texts}


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path)


def test_they_are_the_addresses_and_prefixes_that_any_list_closes_to_anybody(images: Images) -> None:
    listed = [
        *entries("orders", "203.0.113.0/24"),
        *entries("adult", "198.51.100.6/31"),
        *entries("games", "2001:db8::1"),
        *entries("malware", "2001:db8:bad::/48"),
        *entries("orders", "198.51.100.9", Action.TCP_ONLY),
        ("orders", "blocked.test", Mode.SUBTREE),
    ]
    v4 = nets("203.0.113.0/24", "198.51.100.6", "198.51.100.7", "198.51.100.9")

    assert Suspects().of(TableSet(images.names(listed))) == v4 | nets("2001:db8:bad::/48", "2001:db8::1")


def test_what_is_open_to_everybody_or_confidential_is_not_among_them(images: Images) -> None:
    listed = [
        *entries("help", "203.0.113.1"),
        *entries("malware", "203.0.113.1"),
        *entries("csam", "203.0.113.2"),
        *entries("malware", "203.0.113.3", Action.PASSTHRU),
        *entries("malware", "203.0.113.4"),
    ]

    assert Suspects().of(TableSet(images.names(listed))) == nets("203.0.113.4")


def test_a_delta_adds_some_and_takes_some_away(images: Images) -> None:
    base = images.names([*entries("orders", "203.0.113.1"), *entries("orders", "203.0.113.2")])
    delta = images.names(entries("orders", "203.0.113.3"), base, drops=[entries("orders", "203.0.113.1")[0][1]])
    suspects = Suspects()

    assert suspects.of(TableSet(base)) == nets("203.0.113.1", "203.0.113.2")
    assert suspects.of(TableSet(base, delta)) == nets("203.0.113.2", "203.0.113.3")


def test_where_nothing_has_changed_they_are_the_same_object(images: Images) -> None:
    suspects = Suspects()
    found = suspects.of(TableSet(images.names(entries("orders", "203.0.113.0/28"))))

    again = [*entries("orders", "203.0.113.0/28"), ("orders", "blocked.test", Mode.SUBTREE)]
    assert suspects.of(TableSet(images.names(again))) is found
    assert suspects.of(TableSet(images.names([("orders", "blocked.test", Mode.SUBTREE)]))) == set()


def test_none_is_left_out_where_they_are_many(images: Images) -> None:
    names = [("orders", f"n{number}.test", Mode.SUBTREE) for number in range(9000)]
    listed = [*entries("orders", "203.0.0.0-203.0.63.252"), *names]

    found = Suspects().of(TableSet(images.names(listed)))

    parts = collapse_addresses(found)  # type: ignore[type-var]  # all are of IPv4
    assert sorted(parts) == sorted(read_prefixes("203.0.0.0-203.0.63.252"))


def test_names_that_end_almost_like_addresses_are_none(images: Images) -> None:
    listed = [("orders", "1.113.0.203.4.rpz-ip.test", Mode.SUBTREE), *entries("orders", "203.0.113.5")]

    assert Suspects().of(TableSet(images.names(listed))) == nets("203.0.113.5")
