from ipaddress import ip_network

import pytest
from sqlalchemy import Connection, insert, update

from parental.policy import profiles
from parental.policy import subscribers as store
from parental.policy.addresses import is_of, released_since
from parental.policy.holder import Holder
from parental.policy.profile import MAX_SPANS, Profile
from parental.policy.profiles import FIRST_GIVEN
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import MAX_ID, Subscriber, parse_prefix
from parental.store.errors import BadSubscriber, NoSubscriber
from parental.store.revision import current_revision, raise_revision
from parental.store.schema.calendar import time_spans
from parental.store.schema.lines import addresses, revisions

MAC = parse_prefix("mac:02:00:00:00:00:07")
HOURS = Interval(0, 60, 5), Interval(1, 60, 5, frozenset({"education", "zoom"})), Interval(2, 60, 5, frozenset())
RULES = Profile(
    frozenset({"adult", "tiktok"}),
    Schedule(HOURS, "UTC"),
    9,
    "strict",
    canaries=True,
    youtube="moderate",
    allowed=frozenset({"ok.example"}),
    denied=frozenset({"a.example", "b.example"}),
)


def given(conn: Connection, account: int = 7, profile: Profile = RULES) -> int:
    number = profiles.new_number(conn)
    profiles.create_profile(conn, number, account, profile, raise_revision(conn, "parental"))
    return number


def test_a_profile_comes_back_as_it_was_made_and_as_it_was_put(household: Connection) -> None:
    number = given(household)
    assert profiles.get_profile(household, number) == RULES

    profiles.put_profile(household, number, Profile())
    assert profiles.get_profile(household, number) == Profile()


def test_hours_are_read_as_they_were_written_whether_all_nothing_or_something_is_closed_in_them(
    household: Connection,
) -> None:
    number = given(household)
    names = (None, frozenset[str](), frozenset({"social"}), frozenset({"gambling", "social"}))
    week = tuple(Interval(day, 60 * day, 30, names[day % 4]) for day in range(7))
    wanted = Profile(frozenset({"adult", "gambling"}), Schedule(week, "Asia/Karachi"))

    profiles.put_profile(household, number, wanted)

    assert profiles.get_profile(household, number) == wanted
    assert dict(profiles.iter_profiles(household))[number] == wanted


def test_numbers_that_are_given_are_above_the_operators_and_never_the_same(household: Connection) -> None:
    store.put_subscriber(household, Subscriber(FIRST_GIVEN + 1, "of a large number", ()))

    assert [profiles.new_number(household) for _ in range(3)] == [FIRST_GIVEN, FIRST_GIVEN + 2, FIRST_GIVEN + 3]


def test_no_number_is_given_twice_where_all_were(household: Connection) -> None:
    profiles.new_number(household)
    household.execute(update(revisions).where(revisions.c.name == "profiles").values(value=MAX_ID - FIRST_GIVEN + 1))

    with pytest.raises(BadSubscriber, match="every number up to"):
        profiles.new_number(household)


def test_a_holder_has_the_prefixes_of_its_lines_but_for_devices_of_other_profiles(household: Connection) -> None:
    number = given(household)
    household.execute(update(addresses).where(is_of(MAC)).values(profile=number))

    assert list(profiles.iter_holders(household)) == [
        Holder(7, (ip_network("192.0.2.7"), ip_network("2001:db8:7::/48")), Profile()),
        Holder(8, (ip_network("192.0.2.8"),), Profile()),
        Holder(number, (MAC,), RULES),
    ]


def test_only_what_changed_since_a_revision_is_told(household: Connection) -> None:
    base = current_revision(household)
    profiles.pause(household, 8, None)
    assert [found.id for found in profiles.iter_holders(household, base)] == [8]

    store.put_line(household, Subscriber(7, "Home", (parse_prefix("192.0.2.9"),)))
    assert [found.id for found in profiles.iter_holders(household, base)] == [7, 8]
    assert ip_network("192.0.2.7") in released_since(household, base)


def test_more_profiles_than_a_batch_come_once_each_and_in_order(household: Connection) -> None:
    for number in range(1000, 1600):
        profiles.create_profile(household, number, 7, Profile(), 50)

    assert [found.id for found in profiles.iter_holders(household, 49)] == list(range(1000, 1600))


def test_nobody_is_told_apart_from_somebody(household: Connection) -> None:
    for change in (profiles.resume, profiles.touch, profiles.get_profile):
        with pytest.raises(NoSubscriber, match="profile 9: does not exist"):
            change(household, 9)


def test_a_profile_that_two_taps_at_once_gave_more_grants_than_one_may_have_is_still_read(
    household: Connection,
) -> None:
    row = {"profile": 7, "kind": "plus", "from_s": 1, "by_kind": "caregiver", "by_name": "", "made_s": 1}
    household.execute(insert(time_spans), [row | {"until_s": 2 + n} for n in range(MAX_SPANS + 1)])

    assert len(profiles.get_profile(household, 7).grants) == MAX_SPANS + 1
