from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest
from sqlalchemy import Connection

from parental.people import accounts, children, intake
from parental.people.accounts import Account
from parental.people.intake import LineSpec, Outcome
from parental.policy import subscribers as store
from parental.policy.profile import Profile
from parental.policy.profiles import iter_holders, prefixes_of
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.errors import BadPerson
from parental.store.revision import current_revision

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
MAC = "mac:02:00:00:00:00:07"
HOME = ("192.0.2.7", "2001:db8:7::/48", MAC)


def wanted(number: int, *prefixes: str, label: str = "Line", **more: Any) -> LineSpec:
    return LineSpec(Subscriber(number, label, tuple(map(parse_prefix, prefixes))), **more)


def put(conn: Connection, *rows: LineSpec) -> Outcome:
    return intake.provision(conn, list(enumerate(rows)), NOON)


def test_new_lines_are_made_with_accounts_and_profiles_of_their_numbers(household: Connection) -> None:
    before = current_revision(household)
    found = put(household, wanted(20, "198.51.100.0/25", "2001:db8:20::/56"), wanted(21, province="PK-PB"))

    assert found == Outcome(new=[20, 21])
    held = store.get_subscriber(household, 20).prefixes
    assert held == (ip_network("198.51.100.0/25"), ip_network("2001:db8:20::/56"))
    assert accounts.get_account(household, 21) == Account(21, None, None, int(NOON.timestamp()))
    assert accounts.lines_of(household, 21)[0].province == "PK-PB"
    assert [found.id for found in iter_holders(household, before)] == [20, 21]
    assert current_revision(household) == before + 2  # so that a base is written where a delta would be too large


def test_the_same_rows_again_change_nothing(household: Connection) -> None:
    rows = wanted(20, "198.51.100.1"), wanted(7, *HOME, label="Home")
    assert put(household, *rows) == Outcome(new=[20], same=1)
    before = current_revision(household)

    assert put(household, *rows) == Outcome(same=2)
    assert current_revision(household) == before


def test_what_parents_wish_and_have_given_to_children_stays(household: Connection) -> None:
    rules = Profile(frozenset({"adult"}), Schedule((Interval(0, 60, 5),), "UTC"), 2**40, "strict", canaries=True)
    store.put_subscriber(household, Subscriber(7, "Home", tuple(map(parse_prefix, HOME)), rules))
    ali = children.add_child(household, 7, {"nickname": "Ali"}, rules)
    children.assign_prefix(household, 7, 7, parse_prefix(MAC), ali)

    found = put(household, wanted(7, "198.51.100.7", MAC, label="Moved"))

    assert found == Outcome(changed=[7])
    line = store.get_subscriber(household, 7)
    assert (line.label, line.profile) == ("Moved", rules)
    assert prefixes_of(household, [ali.profile]) == {ali.profile: [parse_prefix(MAC)]}
    assert children.children_of(household, 7) == [ali]


def test_a_row_that_cannot_be_taken_changes_nothing_and_the_others_are_taken(household: Connection) -> None:
    child = children.add_child(household, 7, {"nickname": "Ali"}, Profile())
    rows = (
        wanted(20, "192.0.2.8"),
        wanted(21, "198.51.100.0/24"),
        wanted(22, "198.51.100.7"),
        wanted(23, "198.51.0.0/16"),
        wanted(21, "203.0.113.1"),
        wanted(8, "192.0.2.8", "192.0.2.7", label="Changed"),
        wanted(child.profile),
        wanted(24, account=99),
        wanted(8, "192.0.2.8", label="Other", account=99),
    )

    found = put(household, *rows)

    assert (found.new, found.changed) == ([21], [])
    whys = dict(found.refused)
    assert sorted(whys) == [0, 2, 3, 4, 5, 6, 7, 8]
    assert "192.0.2.8/32 of subscriber 8; not taken; release it there first" in whys[0]
    assert all("with a row before; not taken" in whys[place] for place in (2, 3))
    assert "21 stands in a row before" in whys[4]
    assert "192.0.2.7/32 of subscriber 7" in whys[5]
    assert "a child's profile" in whys[6]
    assert "99 does not exist; not taken; make it first" in whys[7]
    assert "account 99: does not exist" in whys[8]
    other = store.get_subscriber(household, 8)
    assert (other.label, other.prefixes) == ("Other", (ip_network("192.0.2.8"),))


def test_a_line_begins_in_an_account_that_is_there_and_moves_to_one(household: Connection) -> None:
    put(household, wanted(20, account=7), wanted(8, "192.0.2.8", label="Other", account=7, province="PK-SD"))

    assert [row.id for row in accounts.lines_of(household, 7)] == [7, 8, 20]
    assert [found.id for found in accounts.iter_accounts(household)] == [7]
    assert store.profile_of(household, 20) == 20


def test_more_rows_than_a_batch_are_compared_each_with_its_own(household: Connection) -> None:
    rows = [wanted(number, f"198.51.{number // 256}.{number % 256}") for number in range(1000, 1700)]

    assert len(put(household, *rows).new) == 700
    assert put(household, *rows) == Outcome(same=700)


def test_a_province_that_is_none_is_refused() -> None:
    with pytest.raises(BadPerson, match="'Punjab' is not a code; not taken"):
        wanted(7, province="Punjab")
