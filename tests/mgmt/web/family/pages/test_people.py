from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine
from support.mgmt.desk import NOW, Clock
from support.mgmt.phone import Phone, add_caregiver
from support.present import present

from mgmt.web.family.pin import is_fresh
from mgmt.web.family.session import begin_for, find_session, keep_pin
from parental.people.caregivers import Caregiver, accept, caregivers_of, invite
from parental.people.household import history
from parental.people.request_messages import has_chosen
from parental.store.database import reading, writing

PIN = {"pin": "2468", "again": "2468"}
SISTER = {"name": "  Hina ", "phone": "0301 7654321", "role": "helper"}


def people(engine: Engine, account: int = 7) -> list[Caregiver]:
    with reading(engine) as conn:
        return caregivers_of(conn, account)


def add_foreign(conn: Connection) -> int:
    """A caregiver of another household."""
    _, code = invite(conn, 8, "Noor", "owner", NOW)
    return accept(conn, code, NOW).id


async def send(at: Phone, did: str, **fields: Any) -> tuple[int, str]:
    return await at.fill_in(f"people/{did}", **fields)


async def test_a_sister_is_invited_with_the_pin_and_signs_in_with_her_own_number(parent: Phone, engine: Engine) -> None:
    status, said = await send(parent, "invite", **SISTER)
    assert "Choose a family PIN" in said and len(people(engine)) == 1
    status, said = await send(parent, "invite", **SISTER, **PIN)
    assert status == 200 and "Hina · Helper" in said and "Invited" in said and "7654321" not in said
    with reading(engine) as conn:
        assert history(conn, 7)[0].action == "caregiver invited"

    await parent.send("logout", csrf=await parent.csrf())
    await parent.with_number("0301 7654321")
    assert "Home 7" in await parent.words() and [each.state for each in people(engine)] == ["active", "active"]


async def test_a_caregiver_is_removed_with_the_pin_and_all_read_it(parent: Phone, engine: Engine) -> None:
    hina = add_caregiver(engine, "parent", number="+923017654321", name="Hina")

    _, said = await send(parent, "remove", caregiver=str(hina))
    assert "Choose a family PIN" in said and len(people(engine)) == 2
    await send(parent, "remove", caregiver=str(hina), **PIN)
    assert [each.nickname for each in people(engine)] == ["Sana"]
    assert "Caregiver removed" in await parent.words("/changes")


async def test_a_child_with_the_phone_but_without_the_pin_invites_no_one(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    await send(parent, "invite", **SISTER, **PIN)
    clock.forward(minutes=6)

    status, said = await send(parent, "invite", name="Me", phone="0302 1111111", role="parent", pin="1357")

    assert status == 403 and "This is not the PIN" in said and len(people(engine)) == 2


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"phone": "12"}, 422),
        ({"phone": "042 35761234"}, 422),
        ({"phone": ""}, 422),
        ({"name": " "}, 409),
        ({"phone": "0300 1234567"}, 409),
    ],
)
async def test_what_is_no_number_or_no_name_or_is_used_is_refused(
    parent: Phone, engine: Engine, wrong: dict[str, str], status: int
) -> None:
    assert (await send(parent, "invite", **{**SISTER, **wrong}, **PIN))[0] == status
    assert len(people(engine)) == 1


async def test_a_second_person_of_one_name_is_refused_and_the_same_invitation_again_is_not(
    parent: Phone, engine: Engine
) -> None:
    await send(parent, "invite", **SISTER, **PIN)

    status, said = await send(parent, "invite", **{**SISTER, "phone": "0301 7654322"}, **PIN)
    assert status == 409 and "has this name already" in said and len(people(engine)) == 2
    assert (await send(parent, "invite", **SISTER, **PIN))[0] == 200 and len(people(engine)) == 2


async def test_a_name_in_urdu_keeps_its_joiners(parent: Phone, engine: Engine) -> None:
    status, _ = await send(parent, "invite", **{**SISTER, "name": "ماہ\u200cنور \U0001f468\u200d\U0001f469"}, **PIN)

    assert status == 200 and people(engine)[-1].nickname == "ماہ\u200cنور \U0001f468\u200d\U0001f469"


async def test_what_was_typed_stays_in_the_page_that_refuses_it(parent: Phone) -> None:
    _, text = await parent.send("people/invite", csrf=await parent.csrf(), **{**SISTER, "phone": "<0301"}, **PIN)

    assert 'value="  Hina "' in text and 'value="&lt;0301"' in text and 'value="helper" checked' in text
    assert 'value="2468"' not in text and "Hina" not in (await parent.get("/people"))[2]


@pytest.mark.parametrize("role", ["owner", "school", "x", ""])
async def test_no_role_is_given_that_the_page_does_not_offer(parent: Phone, engine: Engine, role: str) -> None:
    await send(parent, "invite", **{**SISTER, "role": role}, **PIN)

    assert people(engine)[-1].role == "helper"


async def test_the_last_owner_stays_and_those_of_another_household_are_not_found(parent: Phone, engine: Engine) -> None:
    other = add_caregiver(engine, account=8, number="+923017654321")

    assert (await send(parent, "remove", caregiver=str(people(engine)[0].id), **PIN))[0] == 409
    for number in (str(other), "0", "x"):
        assert (await send(parent, "remove", caregiver=number))[0] == 404
    assert len(people(engine)) == 1 and len(people(engine, 8)) == 1


async def test_a_teacher_cannot_take_the_schools_last_administrator_out(phone: Phone, engine: Engine) -> None:
    head = add_caregiver(engine, "school", number="+923017654321")
    add_caregiver(engine, "parent")
    await phone.with_number()

    status, said = await send(phone, "remove", caregiver=str(head), **PIN)
    assert status == 409 and "the last who has a school's pages" in said

    add_caregiver(engine, "school", number="+923027654321")
    assert (await send(phone, "remove", caregiver=str(head)))[0] == 200
    assert head not in {each.id for each in people(engine)}


async def test_a_helper_sees_who_is_there_and_changes_no_one(phone: Phone, engine: Engine) -> None:
    helper = add_caregiver(engine, "helper")
    await phone.with_number()

    said = await phone.words("/people")
    assert "Sana · Helper" in said and "Invite" not in said and "Remove" not in said
    assert (await send(phone, "invite", **SISTER, **PIN))[0] == 403
    assert (await send(phone, "remove", caregiver=str(helper)))[0] == 403


async def test_from_another_site_or_without_a_session_no_one_is_invited(parent: Phone, engine: Engine) -> None:
    csrf = await parent.csrf()
    for did in ("invite", "remove"):
        assert (await parent.send(f"people/{did}", csrf=csrf, origin="https://evil.example", **SISTER))[0] == 403
    parent.client.session.cookie_jar.clear()
    assert "Your mobile number" in await parent.words("/people") and len(people(engine)) == 1


async def test_a_mother_chooses_answers_by_message_with_the_pin_and_ends_them_without(
    answering: Phone, engine: Engine, clock: Clock
) -> None:
    who = add_caregiver(engine)
    await answering.with_number()
    before = await answering.words("/people")
    assert "anyone who holds this phone can then say yes without the PIN. 💬 Answer by message" in before

    _, said = await send(answering, "answers-on")
    assert "Choose a family PIN" in said
    _, said = await send(answering, "answers-on", **PIN)
    assert "without the PIN, by anyone who holds it" in said
    clock.forward(minutes=6)
    _, said = await send(answering, "answers-off")

    assert "Answer by message" in said
    with reading(engine) as conn:
        assert [each.action for each in history(conn, 7)][:2] == ["answers by message off", "answers by message on"]
        assert not has_chosen(conn, who)
    assert "Answers by message allowed" in await answering.words("/changes")


async def test_a_box_that_takes_no_answers_offers_none(parent: Phone, engine: Engine) -> None:
    assert "Answer by message" not in await parent.words("/people")
    assert (await send(parent, "answers-on", **PIN))[0] == 409


async def test_a_pin_that_a_child_has_seen_is_changed_with_the_present_one_and_all_read_it(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    assert "Change the PIN" not in await parent.words("/people")  # there is none
    await send(parent, "invite", **SISTER, **PIN)
    assert "Change the PIN" in await parent.words("/people")

    status, said = await send(parent, "pin", pin="2468", new_pin="8642", again="8642")

    assert status == 200 and "PIN changed Sana" in said
    clock.forward(minutes=6)
    assert "This is not the PIN" in (await send(parent, "invite", **SISTER, pin="2468"))[1]
    assert (await send(parent, "pin", pin="8642", new_pin="9753", again="9753"))[0] == 200


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"new_pin": "8642", "again": "8642"}, "This is not the PIN"),
        ({"pin": "1357", "new_pin": "8642", "again": "8642"}, "This is not the PIN"),
        ({"pin": "2468", "new_pin": "8642", "again": "8641"}, "The two are not the same"),
        ({"pin": "2468", "new_pin": "1234", "again": "1234"}, "A child tries this PIN first"),
    ],
)
async def test_a_child_with_the_phone_and_a_fresh_pin_sets_no_other(
    parent: Phone, engine: Engine, clock: Clock, form: dict[str, str], why: str
) -> None:
    await send(parent, "invite", **SISTER, **PIN)

    status, said = await send(parent, "pin", **form)

    assert status == 403 and why in said
    clock.forward(minutes=6)
    ada = {"name": "Ada", "phone": "0302 7654321", "role": "helper"}
    assert (await send(parent, "invite", **ada, pin="2468"))[0] == 200
    assert "PIN changed" not in await parent.words("/changes")


async def test_another_pin_is_asked_on_every_other_phone_also_where_it_was_not_for_30_days(
    parent: Phone, engine: Engine
) -> None:
    await send(parent, "invite", **SISTER, **PIN, alone="1")
    with writing(engine) as conn:
        (caregiver,) = [each for each in caregivers_of(conn, 7) if each.nickname == "Sana"]
        foreign = begin_for(conn, add_foreign(conn), NOW)
        other = begin_for(conn, caregiver.id, NOW)
        for secret in (other, foreign):
            keep_pin(conn, secret, NOW, NOW + timedelta(days=30))

    await send(parent, "pin", pin="2468", new_pin="8642", again="8642")

    with reading(engine) as conn:
        fresh = [is_fresh(present(find_session(conn, secret, NOW)), NOW) for secret in (other, foreign)]
    assert fresh == [False, True]
    assert "Invited" in (await send(parent, "invite", name="Ada", phone="0302 7654321", role="helper"))[1]


async def test_a_helper_changes_no_pin(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine, "helper")
    await phone.with_number()

    assert (await send(phone, "pin", pin="2468", new_pin="8642", again="8642"))[0] == 403
    assert "Change the PIN" not in await phone.words("/people")
