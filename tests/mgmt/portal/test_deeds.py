from sqlalchemy import Engine
from support.mgmt.desk import PlayedControl
from support.mgmt.phone import Phone, add_caregiver

PIN = {"pin": "2468", "again": "2468"}


async def test_the_pin_page_leads_back_to_the_page_that_asked_in_either_language(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    await phone.with_number()
    await phone.tap("pause", 7)

    _, text = await phone.send("resume", csrf=await phone.csrf(), profile="7")

    assert 'action="/family/resume?lang=en"' in text and '<a class="tap" href="/family?lang=en">' in text
    assert '<a href="/family?lang=ur"' in text


async def test_a_deed_that_is_stored_and_not_in_force_has_no_receipt_and_can_be_taken_back(
    phone: Phone, engine: Engine, control: PlayedControl
) -> None:
    add_caregiver(engine)
    await phone.with_number()
    control.refuses = "no"

    status, said = await phone.tap("pause", 7)
    assert status == 503 and "not in force yet" in said and "Undo" in said

    control.refuses = None
    status, said = await phone.tap("undo", 7)
    assert status == 200 and "taken back" in said
