import io
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from sqlalchemy import Connection

from fastpath.images.image import open_image
from fastpath.images.subscribers import device_address
from fastpath.images.tables import TableSet
from parental.people import accounts, children, devices
from parental.people.children import Child
from parental.policy import compile
from parental.policy import subscribers as store
from parental.policy.changed_profiles import ChangedProfiles
from parental.policy.held import iter_held
from parental.policy.locks import LockTable
from parental.policy.profile import Profile
from parental.policy.profiles import iter_holders, iter_profiles, pause, prefixes_of
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.errors import BadPerson, BadSubscriber, NoPerson
from parental.store.revision import current_revision

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
MAC = parse_prefix("mac:02:00:00:00:00:07")
RULES = Profile(frozenset({"adult"}))


@pytest.fixture
def ali(household: Connection) -> Child:
    return children.add_child(household, 7, {"nickname": "Ali", "birth_year": 2015, "drawing": "kite"}, RULES)


@pytest.fixture
def holds(household: Connection, tmp_path: Path) -> Callable[[str], int | None]:
    """Which profile an address has in a base of the beginning with a delta of now, and in a base of now."""
    since = current_revision(household)
    base = io.BytesIO()
    compile.write_subscribers_base(household, base, 1)
    (tmp_path / "base").write_bytes(base.getvalue())

    def of(address: str) -> int | None:
        delta, now = io.BytesIO(), io.BytesIO()
        changed = ChangedProfiles(since)
        changed.add(household, NOON)
        changed.write_subscribers(delta, 2, 1)
        compile.write_subscribers_base(household, now, 3)
        (tmp_path / "delta").write_bytes(delta.getvalue())
        (tmp_path / "now").write_bytes(now.getvalue())
        images = [open_image(tmp_path / name, 4) for name in ("base", "delta", "now")]
        found = TableSet(None, None, *images[:2]).subscriber_of(address)
        assert found == TableSet(None, None, images[2]).subscriber_of(address)
        return found

    return of


def test_a_child_is_added_renamed_and_removed(household: Connection, ali: Child) -> None:
    assert children.children_of(household, 7) == [ali]
    assert (ali.nickname, ali.birth_year, ali.drawing) == ("Ali", 2015, "kite")

    changed = children.change_child(household, 7, ali.id, {"nickname": "علی", "birth_year": None})
    assert (changed.nickname, changed.birth_year, changed.drawing) == ("علی", None, "kite")
    assert children.change_child(household, 7, ali.id, {}) == changed

    children.remove_child(household, 7, ali.id)
    assert children.children_of(household, 7) == []
    assert [found.id for found in iter_holders(household)] == [7, 8]


def test_a_line_a_device_and_a_prefix_answer_to_the_child_and_go_back(
    household: Connection, ali: Child, holds: Callable[[str], int | None]
) -> None:
    token = device_address(devices.put_device(household, 7, "ali-phone"))
    at = (token, "192.0.2.7", "2001:db8:7::1", str(MAC.network_address))
    assert [holds(each) for each in at] == [7, 7, 7, 7]

    children.assign_device(household, 7, 7, "ali-phone", ali)
    assert [holds(each) for each in at] == [ali.profile, 7, 7, 7]
    children.assign_prefix(household, 7, 7, MAC, ali)
    assert [holds(each) for each in at] == [ali.profile, 7, 7, ali.profile]
    children.assign_line(household, 7, 7, ali)
    assert [holds(each) for each in at] == [ali.profile] * 4
    children.assign_line(household, 7, 7, None)
    children.assign_prefix(household, 7, 7, MAC, None)
    children.assign_device(household, 7, 7, "ali-phone", None)
    assert [holds(each) for each in at] == [7, 7, 7, 7]


def test_a_child_that_is_removed_leaves_its_line_and_devices_with_the_home(
    household: Connection, ali: Child, holds: Callable[[str], int | None]
) -> None:
    token = device_address(devices.put_device(household, 7, "ali-phone"))
    children.assign_device(household, 7, 7, "ali-phone", ali)
    children.assign_prefix(household, 7, 7, MAC, ali)
    children.assign_line(household, 7, 7, ali)

    children.remove_child(household, 7, ali.id)

    assert [holds(each) for each in (token, "192.0.2.7", str(MAC.network_address))] == [7, 7, 7]


def test_a_new_token_of_a_childs_device_is_the_childs(
    household: Connection, ali: Child, holds: Callable[[str], int | None]
) -> None:
    devices.put_device(household, 7, "ali-phone")
    children.assign_device(household, 7, 7, "ali-phone", ali)

    assert holds(device_address(devices.put_device(household, 7, "ali-phone"))) == ali.profile


def test_a_pause_of_the_child_locks_what_answers_to_it_and_nothing_else(household: Connection, ali: Child) -> None:
    network = parse_prefix("2001:db8:7::/48")
    children.assign_prefix(household, 7, 7, network, ali)
    pause(household, ali.profile, None)
    table = LockTable()
    table.change(iter_profiles(household), iter_held(household))

    table.advance(NOON)

    assert table.held.columns(table.locked) == {(6, 48): network.network_address.packed}


def test_provisioning_leaves_what_parents_have_given_to_a_child(household: Connection, ali: Child) -> None:
    children.assign_prefix(household, 7, 7, MAC, ali)
    children.assign_line(household, 7, 7, ali)

    store.put_line(household, Subscriber(7, "Moved house", (parse_prefix("198.51.100.7"), MAC)))

    assert prefixes_of(household, [ali.profile])[ali.profile] == [ip_network("198.51.100.7"), MAC]
    assert store.get_subscriber(household, 7).profile == RULES


def test_what_is_changed_of_a_childs_line_is_changed_of_the_child(household: Connection, ali: Child) -> None:
    children.assign_line(household, 7, 7, ali)

    store.pause(household, 7, None)

    assert [found.id for found in iter_holders(household) if found.profile.paused_until_s] == [ali.profile]


def test_a_line_of_a_childs_number_is_refused(household: Connection, ali: Child) -> None:
    with pytest.raises(BadSubscriber, match="is the number of a child's profile; not accepted; give the line another"):
        store.put_subscriber(household, Subscriber(ali.profile, "x", ()))


def test_nothing_of_another_account_is_given_to_a_child_or_found(household: Connection, ali: Child) -> None:
    devices.put_device(household, 8, "tablet")
    for refused in (
        lambda: children.assign_line(household, 7, 8, ali),
        lambda: children.assign_device(household, 7, 8, "tablet", ali),
        lambda: children.assign_prefix(household, 7, 8, parse_prefix("192.0.2.8"), ali),
        lambda: children.get_child(household, 8, ali.id),
        lambda: children.remove_child(household, 8, ali.id),
        lambda: children.change_child(household, 8, ali.id, {"nickname": "x"}),
        lambda: children.add_child(household, 9, {"nickname": "x"}, Profile()),
    ):
        with pytest.raises(NoPerson, match="nothing done"):
            refused()


def test_what_a_line_does_not_hold_is_not_given(household: Connection, ali: Child) -> None:
    with pytest.raises(NoPerson, match=r"line 7: does not hold 192\.0\.2\.0/24"):
        children.assign_prefix(household, 7, 7, ip_network("192.0.2.0/24"), ali)
    with pytest.raises(NoPerson, match="line 7: has no device 'x'"):
        children.assign_device(household, 7, 7, "x", ali)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"nickname": ""},
        {"nickname": "x" * 81},
        {"nickname": "A", "birth_year": 15},
        {"nickname": "A", "drawing": "../kite"},
    ],
)
def test_what_is_no_child_is_refused(household: Connection, said: dict[str, object]) -> None:
    with pytest.raises(BadPerson, match="not accepted"):
        children.add_child(household, 7, said, Profile())


def test_an_account_has_so_many_children(household: Connection) -> None:
    for number in range(children.MAX_CHILDREN):
        children.add_child(household, 7, {"nickname": f"class {number}"}, Profile())

    with pytest.raises(BadPerson, match="one too many; not added"):
        children.add_child(household, 7, {"nickname": "x"}, Profile())


def test_a_childs_line_can_be_deleted(household: Connection, ali: Child) -> None:
    accounts.move_line(household, 8, 7)
    children.assign_line(household, 7, 8, ali)

    store.delete_subscriber(household, 8)

    assert [found.id for found in iter_holders(household)] == [7, ali.profile]
