"""The permissions' table decides what each role sees and does at the desk."""

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import EARLIER, NOW
from support.mgmt.orders import push
from support.mgmt.staff_desk import Browser, Come
from support.present import present

from mgmt.registers.records.wrong_blocks import report_mistake, waiting_reports
from mgmt.staff.permissions import DESK_ROLES, PERMISSIONS, Reach
from parental.store.database import reading, writing
from parental.store.schema.ledger import events

PAGES = {
    "/orders": "orders.read",
    "/orders/1": "orders.read",
    "/orders/find?issuer=PTA&ref=1": "orders.read",
    "/orders/new": "orders.push",
    "/approvals": "orders.approve",
    "/audit": "audit.blocks",
    "/audit/blocks": "audit.blocks",
    "/audit/blocks.csv": "audit.blocks",
    "/holds": "holds.read",
    "/reports": "reports.read",
    "/lists": "status.read",
    "/lists/pta": "lists.read",
    f"/lists/pta/{EARLIER}": "lists.read",
    "/people": "staff.read",
}
TABS = ("/orders", "/approvals", "/audit", "/holds", "/reports", "/lists", "/people")
DEEDS = {
    "/orders/new": "orders.push",
    "/orders/1/withdraw": "orders.withdraw",
    "/approvals": "orders.approve",
    "/approvals/1/refuse": "orders.approve",
    "/audit/verify": "audit.ledger",
    "/holds": "orders.approve",
    "/holds/1/release": "orders.approve",
    f"/lists/pta/{EARLIER}": "orders.approve",
    "/people/reviewed": "staff.read",
}


def may(role: str, permission: str) -> bool:
    """A person has no issuer of its own: whoever reaches its own alone reaches nothing here."""
    return PERMISSIONS[permission].get(role) is Reach.ALL


@pytest.fixture(autouse=True)
def order(engine: Engine) -> None:
    with writing(engine) as conn:
        push(conn, "bad.test")


@pytest.mark.parametrize("role", DESK_ROLES)
async def test_a_role_sees_and_does_what_its_row_says_and_its_tabs_lead_nowhere_else(
    browser: Browser, come: Come, role: str
) -> None:
    come(role)
    seen = {path: (await browser.get(path))[0] for path in PAGES}
    assert seen == {path: 200 if may(role, needed) else 403 for path, needed in PAGES.items()}

    csrf = await browser.csrf()
    did = {path: (await browser.send(path, csrf=csrf))[0] != 403 for path in DEEDS}
    assert did == {path: may(role, needed) for path, needed in DEEDS.items()}

    _, home = await browser.get()
    tabs = {path for path in TABS if f'"/desk{path}"' in home}
    assert tabs == {path for path in TABS if may(role, PAGES[path])}


async def test_who_is_not_signed_in_reads_nothing_and_is_led_to_the_sign_in(browser: Browser) -> None:
    for path in PAGES:
        async with browser.client.get("/desk" + path, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/desk/login"), path
            assert "bad.test" not in await response.text()


async def test_nothing_is_done_without_the_forms_token_or_from_another_page(
    browser: Browser, engine: Engine, come: Come
) -> None:
    with writing(engine) as conn:
        reference = present(report_mistake(conn, "category", "wrong.test", NOW, "Asia/Karachi")).reference
    come("compliance")
    csrf = await browser.csrf()
    with reading(engine) as conn:
        before = conn.execute(events.select()).all()

    for path in (*DEEDS, f"/reports/{reference}"):
        assert (await browser.send(path, csrf="0" * 64, was="", outcome="kept"))[0] == 403, path
        assert (await browser.send(path, origin="https://evil.example", csrf=csrf, was="", outcome="kept"))[0] == 403
    with reading(engine) as conn:
        assert conn.execute(events.select()).all() == before
        assert [each.outcome for _, each in waiting_reports(conn, 9)] == [None]
