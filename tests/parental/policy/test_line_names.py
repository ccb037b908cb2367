import pytest
from sqlalchemy import Connection

from parental.people.children import add_child, assign_line
from parental.policy.line_names import drop_name, find_profiles, names_of, put_name
from parental.policy.profile import Profile
from parental.policy.profiles import touch
from parental.policy.subscribers import delete_subscriber
from parental.store.errors import BadSubscriber, NoSubscriber
from parental.store.revision import current_revision

FAR = 1000


def test_a_name_stands_for_the_profile_of_its_line(household: Connection) -> None:
    put_name(household, "flat3@isp.example", 7)

    found = find_profiles(household, ["flat3@isp.example", "unknown"], -1, FAR)

    assert found.profiles == {"flat3@isp.example": 7}
    assert found.revision == current_revision(household)


def test_a_name_that_another_line_gets_is_the_former_ones_no_more(household: Connection) -> None:
    put_name(household, "flat3", 7)
    put_name(household, "flat3", 8)

    assert (names_of(household, 7), names_of(household, 8)) == ([], ["flat3"])


def test_a_line_that_turns_to_a_childs_profile_is_told_as_changed_and_back(household: Connection) -> None:
    put_name(household, "flat3", 7)
    put_name(household, "flat4", 8)
    child = add_child(household, 7, {"nickname": "Ayan"}, Profile())
    before = current_revision(household)

    assign_line(household, 7, 7, child)
    turned = find_profiles(household, [], before, FAR)
    assign_line(household, 7, 7, None)
    back = find_profiles(household, [], turned.revision, FAR)

    assert turned.profiles == {"flat3": child.profile}
    assert back.profiles == {"flat3": 7}
    assert find_profiles(household, [], back.revision, FAR).profiles == {}


def test_changes_come_in_parts_and_none_is_left_out(household: Connection) -> None:
    for number in range(5):
        put_name(household, f"name{number}", 7 if number % 2 else 8)
        touch(household, 7)
        touch(household, 8)
    seen, revision = set[str](), 0
    for _ in range(20):
        found = find_profiles(household, [], revision, 3)
        seen |= found.profiles.keys()
        revision = found.revision

    assert seen == {f"name{number}" for number in range(5)}
    assert revision == current_revision(household)


def test_a_revision_that_the_database_has_not_reached_begins_from_the_start(household: Connection) -> None:
    put_name(household, "flat3", 7)

    assert find_profiles(household, [], 10**6, FAR).profiles == {"flat3": 7}


def test_a_name_that_is_taken_away_stands_for_nothing_and_so_do_those_of_a_line_that_goes(
    household: Connection,
) -> None:
    put_name(household, "flat3", 7)
    put_name(household, "flat4", 8)

    assert drop_name(household, "flat3") and not drop_name(household, "flat3")
    delete_subscriber(household, 8)

    assert find_profiles(household, ["flat3", "flat4"], 0, FAR).profiles == {}


def test_names_that_are_taken_away_are_counted_and_those_that_another_line_gets_are_not(household: Connection) -> None:
    def lost() -> int:
        return find_profiles(household, [], -1, FAR).lost

    put_name(household, "flat3", 7)
    put_name(household, "flat4", 7)
    put_name(household, "flat4", 8)
    drop_name(household, "flat5")
    counted = [lost()]
    drop_name(household, "flat3")
    counted.append(lost())
    delete_subscriber(household, 7)  # without a name by now
    counted.append(lost())
    delete_subscriber(household, 8)
    counted.append(lost())

    assert counted == [0, 1, 1, 2]


@pytest.mark.parametrize("name", ["", "x" * 254, "two\nlines", "\u0635" * 127])
def test_what_no_nas_can_send_is_no_name(household: Connection, name: str) -> None:
    with pytest.raises(BadSubscriber):
        put_name(household, name, 7)


def test_a_line_that_there_is_not_gets_no_name(household: Connection) -> None:
    with pytest.raises(NoSubscriber):
        put_name(household, "flat3", 99)
