"""An approval at the desk: proposed on a page, signed by two people, refused to everybody else."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, update
from support.mgmt.authenticator import Authenticator
from support.mgmt.desk import PlayedControl
from support.mgmt.orders import NOW, publish, push
from support.mgmt.page_settings import HELPED
from support.mgmt.signing import BY_PASSKEYS, row_of_approval, vouch_for
from support.mgmt.staff_desk import ORIGIN, AddPerson, Browser

from filterd.control.pages.agreed_settings import look
from mgmt.ledger.event import CONTROL
from mgmt.orders.store import withdraw_order
from mgmt.registers.settings.page_settings import Settings
from mgmt.registers.settings.proposals import Words, propose_settings
from mgmt.staff.people import list_people
from mgmt.web.splash.canned import check_pages
from parental.store.database import reading, writing
from parental.store.schema.orders import entries

UNTIL = (NOW + timedelta(days=20)).date().isoformat()
FORM = {
    "kind": "broader",
    "order": "1",
    "entry": "1",
    "reason": "the host is ordered",
    "reference": "WA/9",
    "collateral": "all of <shared.test>",
    "until": UNTIL,
}


@pytest.fixture
def control() -> PlayedControl:
    """It is asked to publish, and decides when the test says so."""
    return PlayedControl()


@pytest.fixture(autouse=True)
def order(engine: Engine) -> None:
    with writing(engine) as conn:
        push(conn, "https://shared.test/a")


async def enter(browser: Browser, engine: Engine, add: AddPerson, name: str, role: str) -> Authenticator:
    """Enrol and sign in with a passkey that somebody has vouched for."""
    key = Authenticator(ORIGIN)
    assert (await browser.make_passkey(add(name, role)[1], key))[0] == 200
    assert (await browser.use_passkey(key))[0] == 200
    with writing(engine) as conn:
        vouch_for(conn, *list_people(conn))
    return key


async def sign(browser: Browser, key: Authenticator, number: int = 1) -> tuple[int, Any]:
    csrf = await browser.csrf()
    status, options = await browser.ask("/sign/options", csrf=csrf, number=number)
    if status != 200:
        return status, options
    return await browser.ask("/sign", csrf=csrf, number=number, response=key.get(options))


async def test_what_is_not_as_it_was_proposed_any_more_says_so_and_no_one_can_sign_it(
    browser: Browser, engine: Engine, add: AddPerson
) -> None:
    amna = await enter(browser, engine, add, "amna", "compliance")
    await browser.send("/approvals", csrf=await browser.csrf(), **FORM)
    with writing(engine) as conn:
        conn.execute(update(entries).values(value="https://other.test/a"))

    assert "No one can sign it any more" in (await browser.get("/approvals/1"))[1]
    assert "can not be signed any more" in (await browser.get("/approvals"))[1]
    status, said = await sign(browser, amna)
    assert status == 403 and "is of another order, entry or words than are here now; nothing signed" in str(said)


async def test_of_an_order_that_is_over_the_page_says_so_and_no_one_can_sign_it(
    browser: Browser, engine: Engine, add: AddPerson
) -> None:
    amna = await enter(browser, engine, add, "amna", "compliance")
    with writing(engine) as conn:
        order = push(conn, "a.test", ref="2", emergency=True)
    await browser.send("/approvals", csrf=await browser.csrf(), **(FORM | {"kind": "emergency", "order": str(order)}))
    with writing(engine) as conn:
        withdraw_order(conn, order, "a court", browser.clock(), CONTROL)

    told = (await browser.get("/approvals/1"))[1]
    assert f"is of order {order}: withdrawn. No one can sign it any more: it needs a new order." in told
    status, said = await sign(browser, amna)
    assert status == 403 and f"is of order {order}: withdrawn; nothing signed; it needs a new order" in str(said)


async def test_two_people_sign_on_the_page_and_control_puts_it_in_force(
    browser: Browser, engine: Engine, add: AddPerson
) -> None:
    amna = await enter(browser, engine, add, "amna", "compliance")
    status, text = await browser.send("/approvals", csrf=await browser.csrf(), **FORM)
    assert (status, "Sign with a passkey" in text) == (200, True)
    assert "all of &lt;shared.test&gt;" in text and "https://shared.test/a" in text

    assert await sign(browser, amna) == (200, {"location": "/desk/approvals/1"})
    assert "Sign with a passkey" not in (await browser.get("/approvals/1"))[1]
    assert (await sign(browser, amna))[0] == 403

    bilal = await enter(browser, engine, add, "bilal", "approver")
    assert "waits for you" in (await browser.get("/approvals"))[1]
    assert (await sign(browser, bilal))[0] == 200
    assert "Both have signed" in (await browser.get("/approvals/1"))[1]
    with writing(engine) as conn:
        publish(conn, browser.clock(), proof=BY_PASSKEYS)
        assert row_of_approval(conn, 1).approver == "bilal@isp.example"
    assert "It holds" in (await browser.get("/approvals/1"))[1]


async def test_the_second_person_sees_which_helpline_becomes_which_and_signs_it(
    browser: Browser, engine: Engine, add: AddPerson
) -> None:
    amna = await enter(browser, engine, add, "amna", "compliance")
    with writing(engine) as conn:
        words = Words("amna@isp.example", "a shelter <has> opened", "T-1")
        number = int(propose_settings(conn, Settings(), HELPED, words, "token 1", NOW, check_pages).id)
    assert (await sign(browser, amna, number))[0] == 200

    bilal = await enter(browser, engine, add, "bilal", "approver")
    assert "settings, settings of pages: helplines: <b>waits for you" in (await browser.get("/approvals"))[1]
    _, text = await browser.get(f"/approvals/{number}")
    before, after = text.split("<dt>After</dt>")
    assert "number 1121" in before and "number 0800-77777" not in before and "number 0800-77777" in after
    assert (await sign(browser, bilal, number))[0] == 200
    with writing(engine) as conn:
        look(conn, BY_PASSKEYS, int(NOW.timestamp()), NOW)
    assert "Control has put it in force" in (await browser.get(f"/approvals/{number}"))[1]


async def test_the_passkey_of_a_colleague_does_not_sign_in_my_session(
    browser: Browser, engine: Engine, add: AddPerson
) -> None:
    bilal = await enter(browser, engine, add, "bilal", "approver")
    amna = await enter(browser, engine, add, "amna", "compliance")
    await browser.send("/approvals", csrf=await browser.csrf(), **FORM)

    status, told = await sign(browser, bilal)

    assert (status, "of another person" in told["detail"]) == (403, True)
    assert (await sign(browser, amna))[0] == 200


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"order": "9"}, "not found"),
        ({"order": "x"}, "no number"),
        ({"entry": ""}, "no number"),
        ({"kind": "all"}, "unknown"),
        ({"until": "soon"}, "no day"),
        ({"until": "2027-01-01"}, "30 days"),
        ({"collateral": " "}, "missing"),
    ],
)
async def test_a_proposal_that_cannot_be_taken_says_why(
    browser: Browser, engine: Engine, add: AddPerson, said: dict[str, str], why: str
) -> None:
    await enter(browser, engine, add, "amna", "compliance")

    status, text = await browser.send("/approvals", csrf=await browser.csrf(), **(FORM | said))

    assert (status, why in text) == (422, True)
    assert 'value="the host is ordered"' in text


async def test_who_approves_nothing_sees_no_approvals_and_proposes_none(
    browser: Browser, engine: Engine, add: AddPerson
) -> None:
    key = await enter(browser, engine, add, "chand", "support")

    assert "Approvals" not in (await browser.get())[1]
    assert "Propose one" not in (await browser.get("/approvals"))[1]
    assert (await browser.send("/approvals", csrf=await browser.csrf(), **FORM))[0] == 403
    assert (await sign(browser, key))[0] == 403


async def test_nothing_is_proposed_or_signed_without_the_forms_token_or_from_another_page(
    browser: Browser, engine: Engine, add: AddPerson
) -> None:
    await enter(browser, engine, add, "amna", "compliance")
    csrf = await browser.csrf()

    assert (await browser.send("/approvals", csrf="0" * 64, **FORM))[0] == 403
    assert (await browser.send("/approvals", origin="https://evil.example", csrf=csrf, **FORM))[0] == 403
    assert (await browser.ask("/sign/options", csrf="0" * 64, number=1))[0] == 403
    with reading(engine) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM approvals").scalar_one() == 0


async def test_a_passkey_shows_what_somebody_on_the_box_compares(
    browser: Browser, engine: Engine, add: AddPerson
) -> None:
    key = Authenticator(ORIGIN)
    await browser.make_passkey(add("amna", "approver")[1], key)
    await browser.use_passkey(key)
    _, text = await browser.get()
    assert re.search(r"([0-9a-f]{4} ){3}[0-9a-f]{4}", text) is not None
    assert "signs nothing until" in text


async def test_an_approval_that_is_not_there_is_said_so(browser: Browser, engine: Engine, add: AddPerson) -> None:
    await enter(browser, engine, add, "amna", "approver")

    assert (await browser.get("/approvals/7"))[0] == 404
    assert (await sign(browser, Authenticator(ORIGIN), 7))[0] == 403


async def test_one_person_refuses_a_proposal_and_it_can_be_signed_no_more(
    browser: Browser, engine: Engine, add: AddPerson
) -> None:
    amna = await enter(browser, engine, add, "amna", "compliance")
    await browser.send("/approvals", csrf=await browser.csrf(), **FORM)
    browser.come_as(engine, add("bilal", "approver")[0])
    form = {"csrf": await browser.csrf()}
    assert (await browser.send("/approvals/1/refuse", **form, why=" "))[0] == 409

    status, text = await browser.send("/approvals/1/refuse", **form, why="not <b>ordered</b>")

    assert status == 200 and "Refused by" in text and "not &lt;b&gt;ordered" in text
    assert (await browser.send("/approvals/1/refuse", **form, why="again"))[0] == 409
    assert (await browser.send("/approvals/9/refuse", **form, why="none"))[0] == 404
    assert (await browser.use_passkey(amna))[0] == 200
    assert (await sign(browser, amna))[0] == 403 and "refused" in (await browser.get("/approvals"))[1]


async def test_the_page_of_an_order_fills_the_form_of_a_proposal(
    browser: Browser, engine: Engine, add: AddPerson
) -> None:
    browser.come_as(engine, add("amna", "approver")[0])

    _, text = await browser.get("/approvals?order=1&entry=2&kind=held")

    assert 'name="order" inputmode="numeric" value="1"' in text and '<option value="held" selected>' in text


@pytest.mark.parametrize("text", ["a\0b", "one\ntwo", "\u202egnp.exe"])
async def test_a_field_that_is_no_plain_line_is_refused_as_the_api_refuses_it(
    browser: Browser, engine: Engine, add: AddPerson, text: str
) -> None:
    await enter(browser, engine, add, "amna", "compliance")
    csrf = await browser.csrf()
    for field in ("reason", "reference", "collateral", "owner_consent"):
        status, page = await browser.send("/approvals", csrf=csrf, **FORM | {field: text})
        assert (status, f"{field}: holds an end of a line" in page) == (422, True)
    assert (await browser.send("/approvals", csrf=csrf, **FORM))[0] == 200

    assert (await browser.send("/approvals/1/refuse", csrf=csrf, why=text))[0] == 409
