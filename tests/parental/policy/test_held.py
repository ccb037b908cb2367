from ipaddress import ip_network

from sqlalchemy import Connection

from fastpath.images.subscribers import device_address
from parental.people import children
from parental.people.devices import put_device
from parental.policy.held import BATCH, Held, iter_held, iter_tokens
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.policy.subscribers import put_subscriber


def held(prefix: str, number: int) -> Held:
    network = ip_network(prefix)
    return network.version, network.network_address.packed, network.prefixlen, number


def put(conn: Connection, number: int, *prefixes: str) -> None:
    put_subscriber(conn, Subscriber(number, "home", tuple(map(parse_prefix, prefixes))))


def test_everything_that_is_held_is_a_row_of_the_profile_that_answers(household: Connection) -> None:
    put(household, 20, "203.0.113.20", "2001:db8:20::/56")
    put(household, 21, "203.0.113.21")
    ali = children.add_child(household, 21, {"nickname": "Ali"}, Profile())
    children.assign_line(household, 21, 21, ali)

    rows = {row for row in iter_held(household) if row[3] in (20, 21, ali.profile)}

    assert rows == {
        held("203.0.113.20", 20),
        held("2001:db8:20::/56", 20),
        held("203.0.113.21", ali.profile),
    }
    assert set(iter_held(household, [20, 21])) == {row for row in rows if row[3] == 20}
    assert list(iter_held(household, [])) == []


def test_a_device_with_a_token_is_a_row_of_its_line_or_of_its_own_profile(household: Connection) -> None:
    put(household, 20)
    token = device_address(put_device(household, 20, "phone"))

    assert held(f"{token}/128", 20) in set(iter_tokens(household))
    assert list(iter_tokens(household, [20])) == [held(f"{token}/128", 20)]
    assert list(iter_tokens(household, [21])) == []


def test_more_profiles_than_one_statement_takes_are_all_read(household: Connection) -> None:
    numbers = range(1000, 1000 + BATCH + 50)
    for number in numbers:
        put(household, number, f"10.0.{number >> 8}.{number & 255}")

    assert sorted(row[3] for row in iter_held(household, numbers)) == [*numbers]
