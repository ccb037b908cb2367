"""Orders at the desk in a browser: from letter to confirmation, on a phone and a wide screen, and by keyboard."""

from typing import Any

import pytest
from people.clerks import enrol, enter, look, sign_in, tab_to
from people.conftest import WIDE, OpenDesk
from people.desk_site import ORIGIN, DeskSite
from people.looks import press
from support.mgmt.confirmed import SIGNER
from support.mgmt.desk import EARLIER

from mgmt.orders.confirmation.signed import check_document

pytestmark = pytest.mark.people
HELD = "blogspot.com"  # names of many people: a rail holds it for two persons


def take_letter_in(page: Any, ref: str, *entries: str) -> int:
    """Type a letter in, look at what it would do, and take it in; the order's number."""
    page.goto(f"{ORIGIN}/desk/orders/new")
    for field, text in {"issuer": "PTA", "ref": ref, "ground": "peca-37", "entries": "\n".join(entries)}.items():
        page.fill(f"[name={field}]", text)
    press(page, "text=Show what it would do")
    press(page, "text=Take it in as it stands here")
    return int(page.url.rpartition("/")[2])


def test_a_letter_goes_from_the_desk_by_two_persons_to_a_confirmation_and_a_lie_opens_nothing(
    open_desk: OpenDesk, desk: DeskSite
) -> None:
    first, second = open_desk(size=WIDE), open_desk("dark")
    for page, name, role in ((first, "farah", "compliance"), (second, "gul", "approver")):
        enrol(page, desk, name, role)
        sign_in(page)
    desk.vouch()
    order = take_letter_in(first, "WA/1", "bad.test", "bank.test", HELD)
    # The web role knows no name that control alone protects; control has the last word.
    assert [status for status, _ in desk.decided(order)] == ["enforced", "refused_protected", "pending_review"]
    first.reload()
    assert first.inner_text("h2 >> nth=1").startswith("Protected")

    press(first, "text=Propose to enforce entry 3")
    words = {"reason": "a court says so", "reference": "WA/1", "collateral": "all pages of it", "until": "2026-08-20"}
    for field, text in words.items():
        first.fill(f"[name={field}]", text)
    press(first, "main form button")
    desk.lie(order)
    assert [status for status, _ in desk.decided(order)][2] == "pending_review"
    press(first, "text=Approvals")
    assert "None waits, and none holds." in first.inner_text("main")

    press(first, "nav >> text=Orders")
    press(first, f"text={order}: PTA WA/1")
    press(first, "text=Propose to enforce entry 3")
    for field, text in words.items():
        first.fill(f"[name={field}]", text)
    press(first, "main form button")
    for page, then in ((first, "It waits for a person of another group"), (second, "Both have signed")):
        page.goto(f"{ORIGIN}/desk/approvals")
        page.click("text=waits for you")
        page.click("text=Sign with a passkey")
        page.wait_for_selector(f"text={then}")
    assert [status for status, _ in desk.decided(order)] == ["enforced", "refused_protected", "enforced"]

    desk.answered(order)
    second.goto(f"{ORIGIN}/desk/orders/{order}")
    assert "confirmed," in second.inner_text("ol")
    with second.expect_download() as download:
        second.click("text=JSON")
    assert "bad.test" in check_document(download.value.path().read_bytes(), [SIGNER.vkey])


@pytest.mark.parametrize("size", ["phone", "wide"])
def test_every_page_is_accessible_and_fits(open_desk: OpenDesk, axe: str, desk: DeskSite, size: str) -> None:
    page = open_desk("dark", WIDE) if size == "wide" else open_desk()
    enrol(page, desk, f"clerk-{size}", "compliance")
    sign_in(page)
    desk.report(f"wrong-{size}.test")
    long = f"{'a-very-long-name-' * 3}.test"
    order = take_letter_in(page, f"WA/{size}", HELD, "bad.test", "!", f"https://{long}/{'path' * 40}")
    desk.decided(order)

    lists = ("/lists", "/lists/pta", f"/lists/pta/{EARLIER}")
    for path in ("", "/orders", f"/orders/{order}", "/orders/new", "/approvals", "/reports", *lists, "/people"):
        page.goto(f"{ORIGIN}/desk{path}")
        look(page, axe, f"{path.strip('/').replace('/', '-') or 'start'}.{size}")


def test_an_order_is_taken_back_and_a_report_answered_by_keyboard_alone(open_desk: OpenDesk, desk: DeskSite) -> None:
    page = open_desk(size=WIDE)
    enrol(page, desk, "hina", "compliance")
    order, reference = desk.push("slip.test"), desk.report("mistake.test")
    desk.decided(order)
    page.goto(f"{ORIGIN}/desk/login")
    tab_to(page, "Sign in with a passkey")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{ORIGIN}/desk")

    for where in ("Orders", f"{order}: PTA"):
        tab_to(page, where)
        enter(page)
    tab_to(page, "reason")
    page.keyboard.type("a slip of the pen")
    tab_to(page, "Withdraw the whole order")
    enter(page)

    assert "Asked back" in page.inner_text("dl")
    tab_to(page, "Wrong blocks")
    enter(page)
    tab_to(page, f"outcome-{reference}")
    page.keyboard.press("ArrowDown")
    tab_to(page, f"Answer {reference}")
    enter(page)
    assert f"{reference}: mistake.test, category: it is open now" in page.inner_text("main")
    assert [status for status, _ in desk.decided(order)] == ["withdrawn"]


def test_a_list_goes_back_to_an_earlier_version_once_two_persons_have_signed(
    open_desk: OpenDesk, desk: DeskSite
) -> None:
    first, second = open_desk(), open_desk("dark")
    for page, name, role in ((first, "iqra", "engineer"), (second, "jamal", "approver")):
        enrol(page, desk, name, role)
        sign_in(page)
    desk.vouch()
    press(first, "nav >> text=Lists")
    first.goto(f"{ORIGIN}/desk/lists/pta")
    press(first, "text=What going back to it would change >> nth=0")
    assert first.inner_text("h2 >> nth=0").startswith("Stopped by a rail")
    for field, text in {"reason": "shops are blocked", "reference": "T-1"}.items():
        first.fill(f"[name={field}]", text)
    press(first, "main form button")
    where = first.url
    assert desk.taken_back() == []

    for page, then in ((first, "It waits for a person of another group"), (second, "Both have signed")):
        page.goto(where)
        page.click("text=Sign with a passkey")
        page.wait_for_selector(f"text={then}")

    assert desk.taken_back() == [("pta", EARLIER)]
