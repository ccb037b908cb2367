from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from parental.people import caregivers
from parental.people.school import Contact, contact_of, is_school, put_contact
from parental.store.errors import BadPerson, NoPerson

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)


def test_an_account_is_a_school_s_while_a_caregiver_of_that_role_is_active(household: Connection) -> None:
    assert not is_school(household, 7)
    who, code = caregivers.invite(household, 7, "Head", "school", NOON)
    assert not is_school(household, 7)

    caregivers.accept(household, code, NOON)
    assert is_school(household, 7) and not is_school(household, 8)

    caregivers.remove_caregiver(household, 7, who.id)
    assert not is_school(household, 7)


def test_a_contact_takes_the_place_of_the_one_before_and_is_of_one_account(household: Connection) -> None:
    assert contact_of(household, 7) is None

    put_contact(household, 7, Contact("Ms Khan", "0300-1234567"))
    put_contact(household, 7, Contact("Ms Malik", "+924212345678"))

    assert contact_of(household, 7) == Contact("Ms Malik", "+924212345678") and contact_of(household, 8) is None
    with pytest.raises(NoPerson):
        put_contact(household, 99, Contact("Ms Khan", "1121"))


@pytest.mark.parametrize(
    ("name", "number"), [("", "1121"), ("a\nb", "1121"), ("Ms Khan", ""), ("Ms Khan", "tel:1"), ("Ms Khan", "1" * 30)]
)
def test_what_cannot_be_shown_or_dialled_is_refused(name: str, number: str) -> None:
    with pytest.raises(BadPerson):
        Contact(name, number)
