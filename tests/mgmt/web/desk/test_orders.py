"""Orders at the desk: the list, one order, its confirmation, and taking it back."""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from support.mgmt.confirmed import SIGNER, confirmed, verified
from support.mgmt.desk import PlayedControl
from support.mgmt.orders import NOW, publish, push, said, statuses
from support.mgmt.staff_desk import Browser, Come
from support.present import present

from mgmt.orders.confirmation.replies import confirm, due
from mgmt.orders.phases.canary_rules import Policy
from mgmt.orders.phases.canary_store import BlockCount, count_blocks
from mgmt.web.desk.orders import PAGE
from parental.store.database import reading, writing


async def tag_of(browser: Browser, order: int) -> str:
    return present(re.search(r'name="tag" value="([0-9a-f]{32})"', (await browser.get(f"/orders/{order}"))[1]))[1]


async def test_the_newest_orders_stand_first_and_older_ones_a_tap_away(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("auditor")
    with writing(engine) as conn:
        for n in range(PAGE + 2):
            push(conn, f"bad{n}.test", ref=f"WA/{n}")

    _, first = await browser.get("/orders")
    _, older = await browser.get(f"/orders?before={present(re.search(r'before=([0-9]+)', first))[1]}")

    assert first.index(f"PTA WA/{PAGE + 1}<") < first.index("PTA WA/2<") and "PTA WA/1<" not in first
    assert "PTA WA/1<" in older and "PTA WA/2<" not in older


async def test_an_order_is_found_by_issuer_and_reference(browser: Browser, engine: Engine, come: Come) -> None:
    come("approver")
    with writing(engine) as conn:
        push(conn, "bad.test", ref="WA/1")

    assert "Order 1: PTA WA/1" in (await browser.get("/orders/find?issuer=PTA&ref=WA/1"))[1]
    status, text = await browser.get("/orders/find?issuer=PTA&ref=%3Cb%3E")
    assert status == 404 and "There is no order PTA &lt;b&gt;" in text
    assert (await browser.get("/orders/99"))[0] == 404


async def test_what_needs_a_look_stands_first_protected_names_before_all(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance")
    with writing(engine) as conn:
        push(conn, "known.test", ref="0")
        publish(conn)
        push(conn, "known.test", "new.test", "blogspot.com", "bank.test", "!", "new.test")
        publish(conn)

    _, text = await browser.get("/orders/2")

    heads = re.findall(r"<h2>([^<]+: \d+)</h2>", text)
    assert [each.partition(":")[0] for each in heads[:4]] == [
        "Protected",
        "Held by a rail",
        "Neither a name, a URL nor an address",
        "In this order already",
    ]
    assert "bank.test" in text and "PTA 0</bdi> blocks it already" in text
    assert "/desk/approvals?order=2&amp;entry=3&amp;kind=held" in text


async def test_an_order_on_one_gateway_first_says_where_how_long_and_why_it_was_rolled_back(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance")
    here = Policy("gw1", "gw1", 10**6, 100)
    now = datetime.now(UTC)
    with writing(engine) as conn:
        for n in range(2):
            push(conn, f"bad{n}.test", ref=f"WA/{n}", at=now)
        publish(conn, now, canary=here)
        count_blocks(conn, "gw1", [BlockCount(2, int(now.timestamp()), 101)])
        publish(conn, now, canary=here)

    _, running = await browser.get("/orders/1")
    _, back = await browser.get("/orders/2")

    assert "In force on gw1 alone since" in running and " s left. 0 blocks there so far." in running
    assert "Rolled back from gw1" in back and "101 blocks in one minute, more than 100" in back
    assert "/desk/approvals?order=2&amp;entry=1&amp;kind=held" in back


async def test_an_order_is_withdrawn_whole_and_the_ledger_says_by_whom(
    browser: Browser, engine: Engine, come: Come, control: PlayedControl
) -> None:
    come("compliance")
    with writing(engine) as conn:
        order = push(conn, "bad.test")
        publish(conn)

    form = {"csrf": await browser.csrf(), "tag": await tag_of(browser, order), "what": "whole", "reason": "WA/2"}
    status, text = await browser.send(f"/orders/{order}/withdraw", **form)

    assert status == 200 and "Asked back" in text and "orders_changed" in control.asked
    with reading(engine) as conn:
        event = [each for each in said(conn) if each["action"] == "withdrawn"][-1]
    assert (event["actor"]["kind"], event["said"]["reason"]) == ("staff", "WA/2")
    assert "Withdraw the whole order" not in text


async def test_the_entries_that_are_ticked_are_withdrawn_and_no_others(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance")
    with writing(engine) as conn:
        order = push(conn, "one.test", "two.test", "three.test")
        publish(conn)
    form = {"csrf": await browser.csrf(), "tag": await tag_of(browser, order), "what": "chosen", "reason": "WA/2"}

    assert "no entry is ticked" in (await browser.send(f"/orders/{order}/withdraw", **form))[1]
    await browser.send(f"/orders/{order}/withdraw", **form, **{"entry-2": "on", "entry-99": "on", "entry-x": "on"})

    with writing(engine) as conn:
        publish(conn)
        assert [status for status, _ in statuses(conn, order)] == ["enforced", "withdrawn", "enforced"]


async def test_of_two_people_at_once_the_second_reads_that_it_has_changed_and_does_nothing(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance")
    with writing(engine) as conn:
        order = push(conn, "one.test", "two.test")
        publish(conn)
    seen = {"csrf": await browser.csrf(), "tag": await tag_of(browser, order), "what": "chosen"}
    await browser.send(f"/orders/{order}/withdraw", **seen, **{"entry-1": "on", "reason": "first"})
    with writing(engine) as conn:
        publish(conn)

    status, text = await browser.send(f"/orders/{order}/withdraw", **(seen | {"what": "whole"}), reason="second")

    assert status == 409 and "it has changed since you loaded the page" in text and 'value="second"' in text
    with writing(engine) as conn:
        publish(conn)
        assert [status for status, _ in statuses(conn, order)] == ["withdrawn", "enforced"]


async def test_a_withdrawal_without_a_reason_or_of_no_order_says_so(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance")
    with writing(engine) as conn:
        push(conn, "one.test")
    form = {"csrf": await browser.csrf(), "tag": await tag_of(browser, 1), "what": "whole"}

    assert (await browser.send("/orders/1/withdraw", **form, reason=" "))[0] == 422
    assert (await browser.send("/orders/1/withdraw", **form, reason="a\nb"))[0] == 422
    assert (await browser.send("/orders/9/withdraw", **form, reason="a"))[0] == 404


async def test_a_confirmation_is_downloaded_by_who_reads_orders_and_the_ledger_says_so(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("auditor")
    with writing(engine) as conn:
        confirmed(conn, "bad.test", ref="WA/1")
        push(conn, "other.test", ref="WA/2")

    assert "/desk/orders/1/confirmation?format=pdf" in (await browser.get("/orders/1"))[1]
    async with browser.client.get("/desk/orders/1/confirmation?format=csv") as response:
        assert response.status == 200 and "attachment" in response.headers["Content-Disposition"]
        assert b"bad.test" in await response.read()
    with reading(engine) as conn:
        assert said(conn)[-1]["action"] == "confirmation pulled"
    assert "format=pdf" not in (await browser.get("/orders/2"))[1]
    assert (await browser.get("/orders/2/confirmation?format=json"))[0] == 409
    assert (await browser.get("/orders/1/confirmation?format=doc"))[0] == 422


async def test_of_a_sealed_order_the_page_has_counts_and_a_digest_and_no_entry(
    browser: Browser, engine: Engine, come: Come
) -> None:
    come("compliance")
    with writing(engine) as conn:
        number = push(conn, "marker.test", ref="CSAM/7", ground="PECA 2016 s 22")
        publish(conn)
        verified(conn, number)
        assert all(confirm(conn, each, SIGNER, NOW + timedelta(seconds=31)) for each in due(conn, 9))

    for path in ("/orders", "/orders/1", "/orders/1?status=enforced", "/orders/1/confirmation", "/approvals"):
        _, text = await browser.get(path)
        assert "marker" not in text and "CSAM/7" not in text
    assert (await browser.get("/orders/1/confirmation"))[0] == 403
    assert "Enforced: 1" in (await browser.get("/orders/1"))[1]


async def test_all_entries_of_one_status_are_read_page_by_page(browser: Browser, engine: Engine, come: Come) -> None:
    come("approver")
    with writing(engine) as conn:
        push(conn, *(f"n{n}.test" for n in range(230)))

    assert "n19.test" in (await browser.get("/orders/1"))[1] and "n20.test" not in (await browser.get("/orders/1"))[1]
    assert "n199.test" in (await browser.get("/orders/1?status=pending"))[1]
    assert "n229.test" in (await browser.get("/orders/1?status=pending&after=200"))[1]
    assert (await browser.get("/orders/1?status=nothing&after=-1"))[0] == 200
