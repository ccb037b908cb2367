from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from parental.people import accounts, caregivers, children, devices
from parental.people.children import Child
from parental.people.levels import LOCKS, NAMES, PACKETS, FreeLine, Level, Offer, free_lines, offers, rules_of
from parental.policy import subscribers as store
from parental.policy.line_names import put_name
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber, parse_prefix

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
ALL = (*NAMES, *LOCKS, *PACKETS)
MAC = parse_prefix("mac:02:00:00:00:00:07")


@pytest.fixture
def ali(household: Connection) -> Child:
    return children.add_child(household, 7, {"nickname": "Ali"}, Profile())


def test_a_line_with_one_address_is_a_home_which_a_child_can_have_as_a_whole(household: Connection) -> None:
    assert offers(household, 8) == Offer(Level.HOME, ALL, ("line",))


def test_a_line_that_is_a_childs_is_a_childs_network(household: Connection, ali: Child) -> None:
    accounts.move_line(household, 8, 7)
    children.assign_line(household, 7, 8, ali)

    assert offers(household, 8).level is Level.KIDS
    assert rules_of(household, ali.profile) == ALL


def test_the_only_line_of_a_home_stays_the_whole_homes_though_it_is_a_childs(household: Connection) -> None:
    sara = children.add_child(household, 8, {"nickname": "Sara"}, Profile())

    children.assign_line(household, 8, 8, sara)

    assert offers(household, 8).level is Level.HOME


def test_a_line_whose_router_names_devices_tells_them_apart(household: Connection) -> None:
    assert offers(household, 7) == Offer(Level.DEVICES, ALL, ("line", "device"))


def test_a_device_that_only_its_router_names_is_offered_no_lock(household: Connection, ali: Child) -> None:
    children.assign_prefix(household, 7, 7, MAC, ali)
    assert rules_of(household, ali.profile) == NAMES

    children.assign_prefix(household, 7, 7, parse_prefix("2001:db8:7::/48"), ali)
    assert rules_of(household, ali.profile) == ALL


def test_a_device_with_a_token_is_offered_names_alone(household: Connection, ali: Child) -> None:
    devices.put_device(household, 8, "phone")
    assert offers(household, 8) == Offer(Level.HOME, ALL, ("line", "device"))

    devices.put_device(household, 7, "phone")
    children.assign_device(household, 7, 7, "phone", ali)
    assert rules_of(household, ali.profile) == NAMES


def test_a_line_without_addresses_is_offered_what_its_tokens_carry(household: Connection) -> None:
    store.put_subscriber(household, Subscriber(9, "Not yet connected", ()))
    assert offers(household, 9) == Offer(Level.HOME, (), ())

    devices.put_device(household, 9, "phone")
    assert offers(household, 9) == Offer(Level.HOME, NAMES, ("device",))
    assert rules_of(household, 9) == NAMES


def test_a_line_whose_addresses_a_nas_gives_can_be_closed_and_given_to_a_child(
    household: Connection, ali: Child
) -> None:
    store.put_subscriber(household, Subscriber(9, "Of PPPoE", ()))
    accounts.move_line(household, 9, 7)

    put_name(household, "flat3@isp.example", 9)

    assert offers(household, 9) == Offer(Level.HOME, ALL, ("line",))
    assert rules_of(household, 9) == ALL and 9 in {each.id for each in free_lines(household, 7)}
    children.assign_line(household, 7, 9, ali)
    assert rules_of(household, ali.profile) == ALL


def test_a_child_to_whom_nothing_answers_is_offered_nothing(household: Connection, ali: Child) -> None:
    assert rules_of(household, ali.profile) == ()


def test_a_school_is_one_once_its_contact_has_accepted(household: Connection) -> None:
    _, code = caregivers.invite(household, 8, "Safeguarding", "school", NOON)
    assert offers(household, 8).level is Level.HOME

    caregivers.accept(household, code, NOON)
    assert offers(household, 8).level is Level.SCHOOL


def test_a_line_is_free_for_a_child_while_its_rules_are_its_own_and_can_lock_it(
    household: Connection, ali: Child
) -> None:
    store.put_subscriber(household, Subscriber(9, "Not yet connected", ()))
    for line in (8, 9):
        accounts.move_line(household, line, 7)
    (of_seven, of_eight) = free_lines(household, 7)

    children.assign_line(household, 7, of_eight.id, ali)

    assert (of_seven.id, of_eight.id) == (7, 8) and isinstance(of_seven, FreeLine)
    assert free_lines(household, 7) == [of_seven]
