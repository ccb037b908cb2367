"""The access review at the desk."""

import re
from datetime import timedelta

from sqlalchemy import Engine
from support.mgmt.desk import NOW
from support.mgmt.events import events_of
from support.mgmt.staff_desk import AddPerson, Browser, Come
from support.present import present

from mgmt.ledger.event import CONTROL
from mgmt.staff.tokens import create_token
from parental.store.database import reading, writing

ENDS = NOW.replace(microsecond=0) + timedelta(minutes=20)


async def tag(browser: Browser) -> str:
    return present(re.search(r'name="tag" value="([0-9a-f]+)"', (await browser.get("/people"))[1]))[1]


async def test_people_and_tokens_stand_with_what_needs_a_look_and_no_household_is_named(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("auditor", "amna")
    with writing(engine) as conn:
        create_token(conn, "support", None, CONTROL, lambda: NOW)
        create_token(conn, "parent", 7, CONTROL, lambda: NOW)

    _, text = await browser.get("/people")

    assert "amna@isp.example" in text and "has not enrolled: no second factor" in text
    assert "Tokens: 1" in text and "has no label" in text and "parent" not in text


async def test_the_end_of_an_account_stands_in_the_operators_time(browser: Browser, come: Come, add: AddPerson) -> None:
    come("auditor", "amna")
    add("bilal", "auditor", ENDS)

    for minutes, state in ((0, "active"), (20, "ended")):
        browser.clock.forward(minutes=minutes)
        assert f"group audit, {state}, end 2026-08-03 21:20;" in (await browser.get("/people"))[1]


async def test_who_has_read_it_says_so_and_the_ledger_keeps_it(browser: Browser, engine: Engine, come: Come) -> None:
    come("auditor")

    status, text = await browser.send("/people/reviewed", csrf=await browser.csrf(), tag=await tag(browser))

    assert status == 200 and "you have read this review" in text
    with reading(engine) as conn:
        event = events_of(conn, "staff")[-1]
    assert (event["action"], event["actor"]["role"], event["said"]["people"]) == ("access reviewed", "auditor", 1)


async def test_a_review_that_has_changed_since_it_was_shown_is_not_written_down(
    browser: Browser, engine: Engine, come: Come, add: AddPerson
) -> None:
    come("auditor")
    shown = await tag(browser)
    add("new", "engineer")

    status, text = await browser.send("/people/reviewed", csrf=await browser.csrf(), tag=shown)

    assert status == 409 and "has changed since you loaded the page" in text and "new@isp.example" in text
    with reading(engine) as conn:
        assert events_of(conn, "staff")[-1]["action"] == "person added"
