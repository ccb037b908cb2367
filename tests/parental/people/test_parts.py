import pytest
from sqlalchemy import Connection

from parental.people import accounts, children, devices
from parental.people.children import Child
from parental.people.parts import Part, assign, free_parts, parts_of
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.policy.subscribers import put_subscriber

MAC = parse_prefix("mac:02:00:00:00:00:07")


@pytest.fixture
def ali(household: Connection) -> Child:
    return children.add_child(household, 7, {"nickname": "Ali"}, Profile())


def test_what_is_free_can_be_given_once_and_is_free_again_when_it_is_taken(household: Connection, ali: Child) -> None:
    devices.put_device(household, 7, "phone")
    free = free_parts(household, 7)
    assert {each.kind for each in free} == {"line", "device", "prefix"} and parts_of(household, ali) == []

    for part in free:
        assign(household, 7, part, ali)
    assert set(parts_of(household, ali)) == set(free) and free_parts(household, 7) == []

    for part in free:
        assign(household, 7, part, None)
    assert free_parts(household, 7) == free


def test_each_part_has_a_key_of_its_own_and_is_called_as_a_person_calls_it(household: Connection) -> None:
    devices.put_device(household, 7, "phone")
    put_subscriber(household, Subscriber(9, "SIM 0300", (parse_prefix("192.0.2.9"), parse_prefix("cpe:AB-12"))))
    accounts.move_line(household, 9, 7)
    free = free_parts(household, 7)

    assert len({each.key for each in free}) == len(free)
    assert {"phone", "02:00:00:00:00:07", "AB-12", "192.0.2.9", "SIM 0300", "2001:db8:7::/48"} <= {
        each.words for each in free
    }


def test_the_only_address_of_a_line_is_the_line(household: Connection) -> None:
    accounts.move_line(household, 8, 7)

    assert [each.kind for each in free_parts(household, 7) if each.line == 8] == ["line"]


def test_a_mac_that_the_device_has_made_up_is_known_as_such() -> None:
    private = [Part(7, "Home", prefix=parse_prefix(each)).is_private for each in ("mac:02:00:00:00:00:07", "cpe:7")]

    assert [*private, Part(7, "Home", prefix=parse_prefix("mac:00:00:5e:00:53:07")).is_private] == [True, False, False]
    assert not Part(7, "Home", prefix=parse_prefix("192.0.2.2")).is_private and not Part(7, "Home").is_private


def test_a_device_on_the_line_of_one_child_can_be_another_child_s(household: Connection, ali: Child) -> None:
    sara = children.add_child(household, 7, {"nickname": "Sara"}, Profile())
    children.assign_line(household, 7, 7, ali)

    assign(household, 7, Part(7, "Home", prefix=MAC), sara)

    assert [each.words for each in parts_of(household, sara)] == ["02:00:00:00:00:07"]
    assert [each.kind for each in parts_of(household, ali)] == ["line"]
