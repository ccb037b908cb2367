"""The register of lawful requests at the desk."""

from typing import Any

from sqlalchemy import Engine
from support.mgmt.staff_desk import Browser, Come

from mgmt.registers.lawful.store import find, is_answered
from parental.store.database import reading

LETTER = {
    "authority": "<NCCIA>",
    "reference": "NCCIA/2026/17",
    "basis": "PECA 2016, section 31",
    "kind": "preservation",
    "issued": "2026-08-01",
}


async def deed(browser: Browser, path: str, **said: Any) -> tuple[int, str]:
    return await browser.send(path, csrf=await browser.csrf(), **said)


async def test_an_answer_with_an_effect_counts_once_a_colleague_of_another_group_has_agreed(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance")
    status, text = await deed(browser, "/lawful", **LETTER)
    assert status == 200 and "Not answered yet" in text and "&lt;NCCIA&gt;" in text
    _, text = await deed(browser, "/lawful/1/answer", answer="hold")
    assert "Does not count yet" in text and "Agree to the answer" not in text
    assert (await deed(browser, "/lawful/1/agree", was="hold"))[0] == 403

    come("approver")
    assert "Agree to the answer of 1" in (await browser.get("/lawful"))[1]
    status, text = await deed(browser, "/lawful/1/agree", was="hold")

    assert status == 200 and "agreed by staff" in text and "Does not count" not in text
    with reading(engine) as conn:
        assert is_answered(find(conn, 1))


async def test_what_is_refused_keeps_what_was_typed(browser: Browser, come: Come) -> None:
    come("compliance")

    status, text = await deed(browser, "/lawful", **LETTER | {"reference": "about 192.0.2.7"})
    assert status == 422 and "holds an IPv4 address" in text and 'value="PECA 2016, section 31"' in text
    await deed(browser, "/lawful", **LETTER)
    status, text = await deed(browser, "/lawful", **LETTER)
    assert status == 409 and "is in the register" in text


async def test_agreement_is_to_what_was_shown(browser: Browser, come: Come) -> None:
    come("compliance")
    await deed(browser, "/lawful", **LETTER)
    await deed(browser, "/lawful/1/answer", answer="records")
    come("approver")

    status, text = await deed(browser, "/lawful/1/agree", was="hold")
    assert status == 409 and "waits for no such agreement" in text


async def test_an_auditor_reads_and_others_do_not(browser: Browser, come: Come) -> None:
    come("compliance")
    await deed(browser, "/lawful", **LETTER)
    come("auditor")
    _, text = await browser.get("/lawful")
    assert "NCCIA/2026/17" in text and "<form" not in text
    come("engineer")
    assert (await browser.get("/lawful"))[0] == 403
