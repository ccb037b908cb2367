from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from parental.people import caregivers
from parental.people.caregivers import INVITATION, MAX_CAREGIVERS, CaregiverState
from parental.people.phones import Phones
from parental.store.errors import BadPerson, NoPerson
from parental.store.schema.people import caregivers as rows

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
PHONES = Phones(bytes(32))


def active(conn: Connection, role: str = "owner", account: int = 7) -> int:
    _, code = caregivers.invite(conn, account, "Sana", role, NOON)
    return caregivers.accept(conn, code, NOON).id


def test_who_is_invited_accepts_once_with_the_code(household: Connection) -> None:
    invited, code = caregivers.invite(household, 7, "Sana", "parent", NOON, phone=PHONES.seal("+923001234567"))
    assert (invited.state, invited.role, invited.has_phone) == (CaregiverState.INVITED, "parent", True)

    accepted = caregivers.accept(household, f" {code.upper()} ", NOON)
    assert (accepted.id, accepted.state) == (invited.id, CaregiverState.ACTIVE)
    with pytest.raises(NoPerson, match="unknown, used or too old"):
        caregivers.accept(household, code, NOON)


def test_a_code_is_stored_nowhere_and_ends(household: Connection) -> None:
    _, code = caregivers.invite(household, 7, "Sana", "parent", NOON)

    assert code.encode() not in repr(household.execute(select(rows)).all()).encode()
    with pytest.raises(NoPerson, match="ask for a new invitation"):
        caregivers.accept(household, code, NOON + INVITATION)
    assert caregivers.accept(household, code, NOON + INVITATION - timedelta(seconds=1)).state == CaregiverState.ACTIVE


def test_the_same_number_again_is_the_same_caregiver_with_a_new_code(household: Connection) -> None:
    first, old = caregivers.invite(household, 7, "Sana", "parent", NOON, phone=PHONES.seal("+923001234567"))
    again, code = caregivers.invite(household, 7, "Sana", "helper", NOON, phone=PHONES.seal("+92 300 1234567"))

    assert (again.id, again.role) == (first.id, "helper")
    with pytest.raises(NoPerson):
        caregivers.accept(household, old, NOON)
    caregivers.accept(household, code, NOON)
    with pytest.raises(BadPerson, match=f"caregiver {first.id} of this account has it; not invited"):
        caregivers.invite(household, 7, "Sana", "owner", NOON, phone=PHONES.seal("+923001234567"))
    other, _ = caregivers.invite(household, 8, "Sana", "owner", NOON, phone=PHONES.seal("+923001234567"))
    assert other.id != first.id


def test_the_last_owner_neither_goes_nor_becomes_anything_else(household: Connection) -> None:
    owner = active(household)
    caregivers.invite(household, 7, "Not yet", "owner", NOON)
    with pytest.raises(BadPerson, match="the last owner of account 7; not removed; make another first"):
        caregivers.remove_caregiver(household, 7, owner)
    with pytest.raises(BadPerson, match="its role is not changed"):
        caregivers.change_role(household, 7, owner, "parent")
    assert caregivers.change_role(household, 7, owner, "owner").role == "owner"

    second = active(household)
    assert caregivers.change_role(household, 7, owner, "helper").role == "helper"
    caregivers.remove_caregiver(household, 7, owner)
    with pytest.raises(BadPerson, match="the last owner"):
        caregivers.remove_caregiver(household, 7, second)


def test_a_school_cannot_lose_its_last_of_that_role_by_itself(household: Connection) -> None:
    head, other = active(household, "school"), active(household, "school")
    caregivers.keep_last_school(household, 7, other)
    caregivers.remove_caregiver(household, 7, other)

    with pytest.raises(BadPerson, match="the last school of account 7; nothing changed; make another first"):
        caregivers.keep_last_school(household, 7, head)


def test_who_is_removed_keeps_a_nickname_alone_and_is_nobody(household: Connection) -> None:
    active(household)
    helper, code = caregivers.invite(household, 7, "Aunt", "helper", NOON, phone=PHONES.seal("+923001234567"))

    caregivers.remove_caregiver(household, 7, helper.id)

    row = household.execute(select(rows).where(rows.c.id == helper.id)).one()
    assert (row.nickname, row.phone, row.phone_digest, row.invitation) == ("Aunt", None, None, None)
    assert len(caregivers.caregivers_of(household, 7)) == 1
    for refused in (
        lambda: caregivers.accept(household, code, NOON),
        lambda: caregivers.get_caregiver(household, 7, helper.id),
        lambda: caregivers.change_role(household, 7, helper.id, "owner"),
        lambda: caregivers.remove_caregiver(household, 7, helper.id),
    ):
        with pytest.raises(NoPerson):
            refused()


def test_nobody_of_another_account_is_found(household: Connection) -> None:
    owner = active(household)

    with pytest.raises(NoPerson, match=f"caregiver {owner}: not one of account 8"):
        caregivers.change_role(household, 8, owner, "helper")
    with pytest.raises(NoPerson, match="account 9: does not exist"):
        caregivers.invite(household, 9, "x", "owner", NOON)


def test_unknown_roles_empty_names_and_one_too_many_are_refused(household: Connection) -> None:
    for nickname, role in (("Sana", "king"), ("", "owner"), ("a\nb", "owner")):
        with pytest.raises(BadPerson, match="not accepted"):
            caregivers.invite(household, 7, nickname, role, NOON)
    for _ in range(MAX_CAREGIVERS):
        caregivers.invite(household, 7, "Teacher", "helper", NOON)
    with pytest.raises(BadPerson, match="one too many; not invited"):
        caregivers.invite(household, 7, "Teacher", "helper", NOON)


def test_a_telephone_finds_its_caregivers_of_all_households_while_they_may_come_in(household: Connection) -> None:
    phone = PHONES.seal("+923001234567")
    first, code = caregivers.invite(household, 7, "Sana", "owner", NOON, phone=phone)
    caregivers.accept(household, code, NOON)
    second, _ = caregivers.invite(household, 8, "Sana", "helper", NOON, phone=phone)

    found = caregivers.by_phone(household, phone.digest, NOON)
    assert [(each.id, each.state) for each in found] == [
        (first.id, CaregiverState.ACTIVE),
        (second.id, CaregiverState.INVITED),
    ]
    assert [each.id for each in caregivers.by_phone(household, phone.digest, NOON + INVITATION)] == [first.id]
    assert [each.id for each in caregivers.with_same_phone(household, first.id)] == [first.id]

    caregivers.accept_by_phone(household, second.id)
    assert [each.id for each in caregivers.with_same_phone(household, first.id)] == [first.id, second.id]
    caregivers.remove_caregiver(household, 8, second.id)
    caregivers.accept_by_phone(household, second.id)
    assert [each.id for each in caregivers.by_phone(household, phone.digest, NOON)] == [first.id]


def test_who_has_no_telephone_shares_it_with_no_one(household: Connection) -> None:
    one, other = active(household), active(household)

    assert caregivers.with_same_phone(household, one) == [] == caregivers.with_same_phone(household, other)
