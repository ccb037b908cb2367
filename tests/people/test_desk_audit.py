"""Legal holds and the auditor's pages in a browser: signed by two passkeys, read on a phone and by keyboard."""

from typing import Any

import pytest
from people.clerks import enrol, enter, look, sign_in, tab_to
from people.conftest import WIDE, OpenDesk
from people.desk_site import ORIGIN, DeskSite
from people.looks import press

pytestmark = pytest.mark.people


def propose_hold(page: Any) -> None:
    press(page, "nav >> text=Legal holds")
    words = {
        "until": "2026-08-01",
        "list": "pta",
        "reason": "a court asks",
        "reference": "WP 1/2026",
        "ends": "2027-02-01",
    }
    for field, text in words.items():
        page.fill(f"form[action$='/holds'] [name={field}]", text)
    press(page, "text=Propose >> nth=-1")


def test_a_legal_hold_is_signed_by_two_kept_to_and_released_by_two_and_a_lie_does_neither(
    open_desk: OpenDesk, desk: DeskSite
) -> None:
    first, second = open_desk(), open_desk("dark", WIDE)
    for page, name, role in ((first, "karim", "compliance"), (second, "laila", "approver")):
        enrol(page, desk, name, role)
        sign_in(page)
    desk.vouch()
    propose_hold(first)
    where = first.url
    desk.lie_of_holds()
    assert desk.held() == []

    propose_hold(first)
    where = first.url
    for page, then in ((first, "It waits for a person of another group"), (second, "Both have signed")):
        page.goto(where)
        page.click("text=Sign with a passkey")
        page.wait_for_selector(f"text={then}")
    assert [scope.list for scope in desk.held()] == ["pta"]

    second.goto(f"{ORIGIN}/desk/holds")
    assert "In force: 1" in second.inner_text("main")
    second.click("summary")
    for field, text in {"reason": "it is over", "reference": "WP 1/2026"}.items():
        second.fill(f"details [name={field}]", text)
    press(second, "text=Propose to end it")
    where = second.url
    for page, then in ((second, "It waits for a person of another group"), (first, "Both have signed")):
        page.goto(where)
        page.click("text=Sign with a passkey")
        page.wait_for_selector(f"text={then}")
    assert desk.held() == []


@pytest.mark.parametrize("size", ["phone", "wide"])
def test_every_page_of_an_auditor_is_accessible_and_fits(
    open_desk: OpenDesk, axe: str, desk: DeskSite, size: str
) -> None:
    page = open_desk("dark", WIDE) if size == "wide" else open_desk()
    desk.blocked("a-very-long-name-of-a-site-that-is-blocked.test", "bad.test")
    desk.publish()
    enrol(page, desk, f"auditor-{size}", "auditor")
    sign_in(page)

    for path in ("/audit", "/audit/blocks", "/audit/statistics/2026-Q2", "/holds"):
        page.goto(f"{ORIGIN}/desk{path}")
        look(page, axe, f"{path.strip('/').replace('/', '-')}.{size}")
    page.goto(f"{ORIGIN}/desk/audit")
    press(page, "text=Verify the ledger")
    look(page, axe, f"audit-verified.{size}")
    assert "What it does not show" in page.inner_text("main")


def test_an_auditor_finds_takes_and_verifies_by_keyboard_alone(open_desk: OpenDesk, desk: DeskSite) -> None:
    page = open_desk(size=WIDE)
    desk.blocked("found.test")
    enrol(page, desk, "maryam", "auditor")
    desk.publish()
    page.goto(f"{ORIGIN}/desk/login")
    tab_to(page, "Sign in with a passkey")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{ORIGIN}/desk")

    tab_to(page, "Records")
    enter(page)
    tab_to(page, "list")
    page.keyboard.type("pta")
    tab_to(page, "Find records")
    enter(page)

    assert "found.test" in page.inner_text("table")
    with page.expect_download() as download:
        page.click("text=CSV >> nth=0")
    assert "found.test" in download.value.path().read_text()
    press(page, "nav >> text=Records")
    press(page, "text=Verify the ledger")
    assert "No fault" in page.inner_text("main")
    assert desk.pulled()[-3:] == ["blocks pulled", "blocks pulled", "ledger verified"]
