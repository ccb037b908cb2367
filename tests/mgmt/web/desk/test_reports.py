"""Reports of wrong blocks at the desk, and what their senders read."""

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import NOW, PlayedControl
from support.mgmt.events import events_of
from support.mgmt.staff_desk import Browser, Come
from support.present import present

from mgmt.ledger.event import CONTROL
from mgmt.registers.appeals.sealed import MAGIC, SEALED_OCTETS
from mgmt.registers.appeals.store import answer, find_waiting, note_sent, put_appeal
from mgmt.registers.records.wrong_blocks import find_report, report_mistake
from parental.store.database import reading, writing


@pytest.fixture
def reference(engine: Engine) -> str:
    with writing(engine) as conn:
        return present(report_mistake(conn, "category", "wrong.test", NOW, "Asia/Karachi")).reference


async def test_an_answer_is_read_by_who_knows_the_reference(
    browser: Browser, engine: Engine, come: Come, reference: str
) -> None:
    come("support")
    _, text = await browser.get("/reports")
    assert "Waiting: 1" in text and "wrong.test" in text and "due 2026-08-05" in text

    status, text = await browser.send(f"/reports/{reference}", csrf=await browser.csrf(), was="", outcome="opened")

    assert status == 200 and "Waiting: 0" in text and "it is open now" in text
    with reading(engine) as conn:
        assert present(find_report(conn, reference)).outcome == "opened"
        assert events_of(conn, "orders")[-1]["actor"]["role"] == "support"


async def test_that_it_is_open_is_not_said_of_what_is_still_blocked(
    browser: Browser, engine: Engine, come: Come, reference: str, control: PlayedControl
) -> None:
    come("support")
    control.decisions["wrong.test"] = {"action": "splash", "reason": "category", "list": "ads"}

    status, text = await browser.send(f"/reports/{reference}", csrf=await browser.csrf(), was="", outcome="opened")

    assert status == 409 and "wrong.test: is still blocked, by list ads" in text
    with reading(engine) as conn:
        assert present(find_report(conn, reference)).outcome is None


async def test_of_what_the_law_closed_the_name_is_asked_before_it_is_called_open(
    browser: Browser, engine: Engine, come: Come, control: PlayedControl
) -> None:
    with writing(engine) as conn:
        reference = present(report_mistake(conn, "law", None, NOW, "Asia/Karachi")).reference
    come("support")
    control.decisions["wrong.test"] = {"action": "refused", "reason": "order", "order": 7}
    said = {"csrf": await browser.csrf(), "was": "", "outcome": "opened"}

    assert (await browser.send(f"/reports/{reference}", **said, name=""))[0] == 422
    status, text = await browser.send(f"/reports/{reference}", **said, name="wrong.test")
    assert status == 409 and "is still blocked, by law" in text
    assert (await browser.send(f"/reports/{reference}", **said, name="right.test"))[0] == 200


async def test_what_is_past_its_day_is_marked_late_in_words(browser: Browser, come: Come, reference: str) -> None:
    come("support")
    assert "late:" not in (await browser.get("/reports"))[1]
    browser.clock.forward(days=3)
    come("support", "late")

    assert "⚠ late: due 2026-08-05" in (await browser.get("/reports"))[1] and reference


async def test_of_two_answers_at_once_the_second_is_not_noted_and_reads_the_first(
    browser: Browser, engine: Engine, come: Come, reference: str
) -> None:
    come("support")
    csrf = await browser.csrf()
    await browser.send(f"/reports/{reference}", csrf=csrf, was="", outcome="kept")

    status, text = await browser.send(f"/reports/{reference}", csrf=csrf, was="", outcome="opened")

    assert status == 409 and "was answered by a colleague: it stays blocked" in text
    with reading(engine) as conn:
        assert present(find_report(conn, reference)).outcome == "kept"
    assert (await browser.send(f"/reports/{reference}", csrf=csrf, was="kept", outcome="opened"))[0] == 200


async def test_appeals_are_shown_by_number_and_state_and_nothing_of_what_they_say(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("support")
    assert "Appeals" not in (await browser.get("/reports"))[1]
    with writing(engine) as conn:
        waits, sent, done = (present(put_appeal(conn, MAGIC.ljust(SEALED_OCTETS, b"x"), NOW)) for _ in range(3))
        for row in (2, 3):
            note_sent(conn, present(find_waiting(conn, row)), NOW)
        answer(conn, done, "unchanged", NOW, CONTROL)

    _, text = await browser.get("/reports")

    assert f"{waits}</bdi>: waits for the mail server" in text and f"{sent}</bdi>: sent to who opens it" in text
    assert f"{done}</bdi>: the owner has not changed the list, or the address is on none" in text


@pytest.mark.parametrize("said", [{"outcome": "all", "was": ""}, {"outcome": "kept", "was": "opened"}, {}])
async def test_an_answer_that_there_is_not_is_refused(
    browser: Browser, come: Come, reference: str, said: dict[str, str]
) -> None:
    come("support")

    assert (await browser.send(f"/reports/{reference}", csrf=await browser.csrf(), **said))[0] == 409
    assert (await browser.send("/reports/NONE", csrf=await browser.csrf(), was="", outcome="kept"))[0] == 409


async def test_an_engineer_reads_the_queue_and_answers_nothing(browser: Browser, come: Come, reference: str) -> None:
    come("engineer")
    _, text = await browser.get("/reports")

    assert reference in text and "<form" not in text
    assert (await browser.send(f"/reports/{reference}", csrf=await browser.csrf(), was="", outcome="kept"))[0] == 403
