import json

import pytest
from sqlalchemy import Engine, insert, select
from support.mgmt.desk import Desk, DeskOf

from parental.people.phones import Phones
from parental.store.database import reading, writing
from parental.store.schema.access import family_pins
from parental.store.schema.people import caregivers

PATH = "/v1/accounts/7/caregivers"
PHONE = "+923339876543"


async def test_a_pin_that_a_household_has_forgotten_is_removed_by_the_desk_and_written_down(
    desk: DeskOf, engine: Engine
) -> None:
    with writing(engine) as conn:
        conn.execute(insert(family_pins).values(account=7, hash="x", set_s=0, wrong=9, waits_until_s=0))

    assert (await desk("parent", 7).ask("DELETE", "/v1/accounts/7/pin"))[0] == 403
    assert (await desk("operator").ask("DELETE", "/v1/accounts/7/pin"))[0] == 200
    assert (await desk("operator").ask("DELETE", "/v1/accounts/7/pin"))[0] == 404

    history = (await desk("parent", 7).ask("GET", "/v1/accounts/7/history"))[1]["events"]
    assert history[0]["action"] == "pin removed"


async def owner(api: Desk) -> int:
    _, invited = await api.ask("POST", PATH, json={"nickname": "Sana", "role": "owner"})
    return int((await api.ask("POST", "/v1/accounts/7/accept", json={"code": invited["code"]}))[1]["id"])


async def test_a_caregiver_is_invited_accepts_gets_another_role_and_is_removed(desk: DeskOf) -> None:
    api = desk("parent", 7)
    await owner(api)
    status, invited = await api.ask("POST", PATH, json={"nickname": "Aunt", "role": "helper", "phone": PHONE})
    assert (status, invited["state"], invited["has_phone"]) == (201, "invited", True)

    status, accepted = await api.ask("POST", "/v1/accounts/7/accept", json={"code": invited["code"]})
    assert (status, accepted["state"], "code" in accepted) == (200, "active", False)
    one = f"{PATH}/{accepted['id']}"
    assert (await api.ask("PATCH", one, json={"role": "parent"}))[1]["role"] == "parent"
    assert len((await api.ask("DELETE", one))[1]["caregivers"]) == 1
    assert (await api.ask("DELETE", one))[0] == 404


async def test_the_last_owner_stays_with_the_reason(desk: DeskOf) -> None:
    api = desk("parent", 7)
    one = f"{PATH}/{await owner(api)}"

    for refused in (await api.ask("DELETE", one), await api.ask("PATCH", one, json={"role": "helper"})):
        assert (refused[0], "the last owner of account 7" in refused[1]["detail"]) == (422, True)


async def test_a_school_s_last_administrator_is_removed_by_the_desk_alone(desk: DeskOf) -> None:
    household, support = desk("parent", 7), desk("operator")
    _, invited = await support.ask("POST", PATH, json={"nickname": "Head", "role": "school"})
    await household.ask("POST", "/v1/accounts/7/accept", json={"code": invited["code"]})
    one = f"{PATH}/{invited['id']}"

    for refused in (await household.ask("DELETE", one), await household.ask("PATCH", one, json={"role": "helper"})):
        assert (refused[0], "the last school of account 7" in refused[1]["detail"]) == (422, True)
    assert (await support.ask("DELETE", one))[0] == 200


async def test_a_telephone_number_is_sealed_and_stands_in_no_answer_and_no_record(desk: DeskOf, engine: Engine) -> None:
    api = desk("operator")
    answers = [await api.ask("POST", PATH, json={"nickname": "Sana", "role": "owner", "phone": PHONE})]
    answers.append(await api.ask("GET", "/v1/accounts/7"))
    answers.append(await api.ask("POST", PATH, json={"nickname": "Sana", "role": "owner", "phone": PHONE + "x"}))

    assert [status for status, _ in answers] == [201, 200, 422]
    assert PHONE[4:] not in json.dumps([body for _, body in answers])
    with reading(engine) as conn:
        row = conn.execute(select(caregivers)).one()
        told = "".join(conn.exec_driver_sql("SELECT text FROM ledger_events").scalars())
    assert Phones(bytes(32)).open(row.phone) == PHONE
    assert PHONE[1:].encode() not in row.phone + row.phone_digest
    assert "caregiver invited" in told and not {"Sana", PHONE[4:]} & set(told.split('"'))


async def test_a_code_of_another_account_changes_nothing(desk: DeskOf) -> None:
    _, invited = await desk("operator").ask("POST", PATH, json={"nickname": "Sana", "role": "owner"})

    status, _ = await desk("parent", 8).ask("POST", "/v1/accounts/8/accept", json={"code": invited["code"]})

    assert status == 404
    (found,) = (await desk("parent", 7).ask("GET", "/v1/accounts/7"))[1]["caregivers"]
    assert found["state"] == "invited"


async def test_a_school_contact_is_the_operators_to_name(desk: DeskOf) -> None:
    said = {"nickname": "Safeguarding", "role": "school"}

    assert (await desk("parent", 7).ask("POST", PATH, json=said))[0] == 403
    assert (await desk("operator").ask("POST", PATH, json=said))[0] == 201


@pytest.mark.parametrize("said", [{"role": "owner"}, {"nickname": "Sana"}, {"nickname": "Sana", "role": "king"}])
async def test_what_is_no_caregiver_is_refused(desk: DeskOf, said: dict[str, str]) -> None:
    assert (await desk("operator").ask("POST", PATH, json=said))[0] == 422
