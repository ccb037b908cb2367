from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from parental.people import accounts, caregivers, children
from parental.people.accounts import Account
from parental.policy import subscribers as store
from parental.policy.profile import Profile
from parental.policy.profiles import iter_holders
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.errors import BadPerson, NoPerson, NoSubscriber
from parental.store.revision import current_revision

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)


def test_a_new_line_gets_an_account_of_its_number_which_begins_then(household: Connection) -> None:
    store.put_subscriber(household, Subscriber(9, "New", ()), NOON)

    assert accounts.get_account(household, 9) == Account(9, None, None, int(NOON.timestamp()))
    assert accounts.account_of(household, 9) == 9
    assert [found.id for found in accounts.iter_accounts(household, after=7)] == [8, 9]


def test_an_account_that_was_there_first_gets_the_line_of_its_number(household: Connection) -> None:
    assert accounts.put_account(household, Account(9, "A school", "en", 5))

    store.put_subscriber(household, Subscriber(9, "New", ()), NOON)

    assert accounts.get_account(household, 9) == Account(9, "A school", "en", 5)
    assert not accounts.put_account(household, Account(9, "Another name", "ur", 6))
    assert accounts.get_account(household, 9) == Account(9, "Another name", "ur", 5)


@pytest.mark.parametrize(
    "said", [{"id": 0}, {"id": 7, "name": ""}, {"id": 7, "name": "a\nb"}, {"id": 7, "language": "Urdu"}]
)
def test_what_is_no_account_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(BadPerson, match="not accepted"):
        Account(**said)  # type: ignore[arg-type]


def test_a_line_moves_to_another_account_with_its_own_profile_alone(household: Connection) -> None:
    child = children.add_child(household, 8, {"nickname": "Ali"}, Profile())
    store.put_subscriber(household, Subscriber(9, "Kids", (parse_prefix("192.0.2.9"),)))
    accounts.move_line(household, 9, 8)
    children.assign_line(household, 8, 9, child)
    before = current_revision(household)

    accounts.move_line(household, 9, 7)

    assert [row.id for row in accounts.lines_of(household, 7)] == [7, 9]
    assert store.profile_of(household, 9) == 9
    changed = {found.id: len(found.prefixes) for found in iter_holders(household, before)}
    assert changed == {9: 1, child.profile: 0}
    with pytest.raises(NoPerson, match="line 9: not one of account 8"):
        children.assign_line(household, 8, 9, child)


def test_an_account_without_people_ends_with_its_last_line_and_one_with_people_keeps_it(household: Connection) -> None:
    accounts.move_line(household, 8, 7)
    with pytest.raises(NoPerson, match="account 8: does not exist"):
        accounts.get_account(household, 8)

    accounts.put_account(household, Account(9))
    store.put_subscriber(household, Subscriber(9, "x", ()))
    caregivers.invite(household, 9, "Sana", "owner", NOON)
    with pytest.raises(BadPerson, match="the last of account 9, which has children or caregivers; not moved"):
        accounts.move_line(household, 9, 7)


def test_the_last_line_takes_the_account_with_all_that_is_in_it(household: Connection) -> None:
    child = children.add_child(household, 7, {"nickname": "Ali"}, Profile())
    children.assign_line(household, 7, 7, child)
    caregivers.invite(household, 7, "Sana", "owner", NOON)

    store.delete_subscriber(household, 7)

    assert [found.id for found in accounts.iter_accounts(household)] == [8]
    assert [found.id for found in iter_holders(household)] == [8]


def test_a_line_that_goes_leaves_the_others_of_its_account(household: Connection) -> None:
    accounts.move_line(household, 8, 7)

    store.delete_subscriber(household, 7)

    assert [row.id for row in accounts.lines_of(household, 7)] == [8]


def test_a_province_is_said_by_its_code_and_can_be_taken_back(household: Connection) -> None:
    accounts.set_province(household, 7, "PK-PB")
    assert accounts.lines_of(household, 7)[0].province == "PK-PB"
    accounts.set_province(household, 7, None)
    assert accounts.lines_of(household, 7)[0].province is None

    with pytest.raises(BadPerson, match="'Punjab' is not a code; not accepted"):
        accounts.set_province(household, 7, "Punjab")
    with pytest.raises(NoSubscriber):
        accounts.set_province(household, 9, "PK-PB")
