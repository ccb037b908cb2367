"""A letter that is typed in: shown first, stored then."""

import re

import pytest
from sqlalchemy import Engine, func, select
from support.mgmt.desk import NOW, PlayedControl
from support.mgmt.orders import publish, push, said
from support.mgmt.staff_desk import Browser, Come
from support.present import present

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.judge import judge_entries
from mgmt.orders.base.model import Order
from mgmt.orders.phases.shadow_store import count
from mgmt.orders.store import put_order, withdraw_order
from mgmt.staff.issuers import Issuer, put_issuer
from parental.store.database import reading, writing
from parental.store.schema.access import issuer_keys
from parental.store.schema.orders import orders
from rules.base.protected import ProtectedNames

FORM = {
    "issuer": "PTA",
    "ref": "WA/7",
    "ground": "peca-37",
    "scope": "subtree",
    "deadline": "2026-08-04T12:00",
    "entries": "bad.test\r\n\r\n portal.isp.example \r\nknown.test",
}


def stored(engine: Engine) -> int:
    with reading(engine) as conn:
        return conn.execute(select(func.count()).select_from(orders)).scalar_one()


async def shown(browser: Browser, **fields: str) -> tuple[int, str, str]:
    """What the first form shows, and the digest that its second form has."""
    status, text = await browser.send("/orders/new", csrf=await browser.csrf(), **fields)
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', text)
    return status, text, "" if found is None else found[1]


async def test_a_letter_is_shown_with_protected_names_first_and_stored_when_it_is_sent_again(
    browser: Browser, engine: Engine, come: Come, control: PlayedControl
) -> None:
    come("compliance", "amna")
    with writing(engine) as conn:
        push(conn, "known.test", ref="0")
        publish(conn)

    status, text, seen = await shown(browser, **FORM)

    assert status == 200 and stored(engine) == 1 and "Nothing is stored yet" in text
    assert text.index("Protected: never blocked: 1") < text.index("To be enforced: 2")
    assert "PTA 0</bdi> blocks it already" in text

    status, text = await browser.send("/orders/new", csrf=await browser.csrf(), seen=seen, **FORM)

    assert status == 200 and "Order 2: PTA WA/7" in text
    assert "Due 2026-08-04 12:00" in text or "before its time" in text  # control may have been faster
    assert "orders_changed" in control.asked
    with reading(engine) as conn:
        event = next(each for each in said(conn) if each["action"] == "pushed" and each["about"]["ref"] == "WA/7")
    assert (event["actor"]["kind"], event["actor"]["role"]) == ("staff", "compliance")


async def test_a_letter_that_is_taken_in_for_shadow_says_so_before_and_after_and_offers_to_let_it_in(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance", "amna")
    _, text, seen = await shown(browser, **FORM, shadow="on")
    assert "<b>Not enforced: shadow.</b>" in text
    await browser.send("/orders/new", csrf=await browser.csrf(), seen=seen, **FORM, shadow="on")
    with writing(engine) as conn:
        publish(conn)
        for channel in ("dns", "sni"):
            count(conn, 1, channel, 7)

    _, text = await browser.get("/orders/1")
    assert "<b>shadow</b>" in text and "Not enforced: shadow: 2" in text and "Counted since" in text
    assert "beyond all that is in force</dt><dd>14</dd>" in text and "by sni</dt><dd>7</dd>" in text
    assert "that are protected, and not counted</dt><dd>1</dd>" in text
    assert '/desk/approvals?order=1&amp;kind=enforce">Propose to let it in' in text


async def test_a_letter_that_is_an_emergency_and_in_shadow_is_not_taken(browser: Browser, come: Come) -> None:
    come("compliance", "amna")
    status, text, _ = await shown(browser, **FORM, shadow="on", emergency="on")

    assert status == 422 and "an emergency order, which is to block at once" in text


async def test_what_was_changed_after_it_was_shown_is_shown_again_and_not_stored(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance")
    *_, seen = await shown(browser, **FORM)

    status, text, again = await shown(browser, **(FORM | {"entries": "other.test"}), seen=seen)

    assert status == 409 and "changed after it was shown" in text and again != seen
    assert stored(engine) == 0


async def test_the_same_letter_twice_is_one_order_and_another_under_its_reference_is_refused(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance")
    *_, seen = await shown(browser, **FORM)
    for _ in range(2):
        assert "Order 1: PTA WA/7" in (await shown(browser, **FORM, seen=seen))[1]
    other = FORM | {"entries": "other.test"}
    *_, seen = await shown(browser, **other)

    status, text, _ = await shown(browser, **other, seen=seen)

    assert status == 409 and "an order of other content has this reference" in text
    assert stored(engine) == 1


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"entries": " \n "}, "entries"),
        ({"issuer": " "}, "issuer"),
        ({"ground": "PECA 2016 s 22"}, "child abuse material"),
        ({"deadline": "soon"}, "is no time"),
        ({"deadline": "2026-08-01T12:00"}, "is past"),
        ({"scope": "all"}, "scope"),
        ({"ref": "<b>"}, "&lt;b&gt;"),
    ],
)
async def test_what_cannot_be_taken_says_why_and_keeps_what_was_typed(
    browser: Browser, engine: Engine, come: Come, said: dict[str, str], why: str
) -> None:
    come("compliance")

    status, text, _ = await shown(browser, **(FORM | said))

    assert why in text and (status == 422 or "ref" in said)
    assert stored(engine) == 0 and ("portal.isp.example" in text or "entries" in said)


async def test_of_an_issuer_that_signs_nothing_is_typed_in(browser: Browser, engine: Engine, come: Come) -> None:
    come("compliance")
    with writing(engine) as conn:
        put_issuer(conn, Issuer("PTA", None, None, "", is_active=True), CONTROL, NOW)
        row = {"public_key": bytes(32), "issuer": "PTA", "from_s": 0, "until_s": 1}
        conn.execute(issuer_keys.insert().values(row))

    status, text, _ = await shown(browser, **FORM)

    assert status == 403 and "signs its orders; not taken" in text


async def test_an_order_of_ten_thousand_names_is_shown_by_its_first_ones(browser: Browser, come: Come) -> None:
    come("compliance")

    status, text, _ = await shown(browser, **(FORM | {"entries": "\n".join(f"n{n}.test" for n in range(10_000))}))

    assert status == 200 and "To be enforced: 10000" in text and "And 9950 more" in text


async def test_a_form_that_is_too_large_is_refused(browser: Browser, come: Come) -> None:
    come("compliance")
    csrf = present(await browser.csrf())

    async with browser.client.post(
        "/desk/orders/new", data=FORM | {"csrf": csrf, "entries": "x" * 600_000}, headers={"Origin": browser.origin}
    ) as response:
        assert response.status == 413


async def test_a_correction_begins_with_what_the_order_says_and_is_shown_with_what_it_opens(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance")
    with writing(engine) as conn:
        push(conn, "stays.test", "opens.test", ref="WA/1")
        publish(conn)

    _, text = await browser.get("/orders/new?corrects=1")
    assert "stays.test\nopens.test</textarea>" in text and 'name="corrects" maxlength="200" value="WA/1"' in text

    correction = FORM | {"corrects": "WA/1", "entries": "stays.test\nportal.isp.example", "expires": "2026-12-20"}
    _, text, seen = await shown(browser, **correction)
    assert text.index("Protected: never blocked: 1") < text.index("Opens: 1") < text.index("opens.test")
    assert "1 open, 1 are new, 1 stay" in text and stored(engine) == 1

    await shown(browser, **correction, seen=seen)
    with writing(engine) as conn:
        publish(conn)
    _, text = await browser.get("/orders/2")
    assert "Last day" in text and "2026-12-20" in text and "Against the version before: 1 open" in text
    _, text = await browser.get("/orders/1")
    assert "Order 2 has corrected it" in text and "Withdraw the whole order" not in text
    assert "by <bdi" in text


async def test_a_correction_of_a_withdrawn_order_is_refused_on_the_page(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance")
    with writing(engine) as conn:
        withdraw_order(conn, push(conn, "a.test", ref="WA/1"), "court", NOW, CONTROL)

    status, text, _ = await shown(browser, **(FORM | {"corrects": "WA/1"}))

    assert status == 409 and "it was withdrawn; not corrected, nothing stored" in text and stored(engine) == 1


@pytest.mark.parametrize("case", ["a scope of its own", "too long", "two lines"])
async def test_a_page_that_cannot_say_all_that_an_order_says_begins_no_correction_of_it(
    browser: Browser, engine: Engine, come: Come, case: str
) -> None:
    come("compliance")
    long = tuple((f"{'n' * 60}{n}.test", "subtree") for n in range(8000))
    said = {
        "a scope of its own": (("one.test", "exact"),),
        "too long": long,
        "two lines": (("a.test\nb.test", "subtree"),),
    }
    order = Order("PTA", "WA/1", "g", "subtree", None, False, said[case])
    with writing(engine) as conn:
        put_order(conn, order, judge_entries(order, ProtectedNames()), b"{}", NOW, CONTROL)

    status, text = await browser.get("/orders/new?corrects=1")

    assert status == 409 and "nothing filled in; push the correction over the API" in text
    assert 'name="corrects" maxlength="200" value=""' in text and "one.test" not in text


async def test_a_sealed_order_is_shown_on_no_page_of_a_correction(browser: Browser, engine: Engine, come: Come) -> None:
    come("compliance")
    with writing(engine) as conn:
        push(conn, "secret.test", ref="WA/1", ground="PECA 22")

    assert "secret.test" not in (await browser.get("/orders/new?corrects=1"))[1]
