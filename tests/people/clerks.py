"""People of the desk as a browser has them, and what is looked at of their pages."""

from typing import Any

from people.desk_site import ORIGIN, DeskSite, VirtualKey
from people.looks import TAP, check_axe, press, shoot, shown

MAX_OCTETS = 60_000
MOST_TABS = 80
PASSWORD = "correct horse battery"
SIGNED_IN = "You are signed in as"


def look(page: Any, axe: str | None, name: str) -> None:
    assert len(page.content().encode()) <= MAX_OCTETS
    assert axe is None or page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    shoot(page, f"desk-{name}")
    for each in shown(page, "button"):
        assert each.bounding_box()["height"] >= TAP
    if axe is not None:
        check_axe(page, axe)


def enrol(page: Any, site: DeskSite, name: str, role: str = "approver") -> VirtualKey:
    """Enrol with a passkey."""
    key = VirtualKey(page)
    page.goto(f"{ORIGIN}/desk/enrol")
    page.fill("input[name=code]", site.add(name, role))
    press(page, "main button")
    page.click("text=Make a passkey")
    page.wait_for_url(f"{ORIGIN}/desk/login")
    return key


def sign_in(page: Any) -> None:
    page.goto(f"{ORIGIN}/desk/login")
    page.click("text=Sign in with a passkey")
    page.wait_for_selector(f"text={SIGNED_IN}")


def tab_to(page: Any, what: str) -> None:
    """Press Tab until the focus is on a button or link of these words, or on a field of this id."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        words, name = page.evaluate("[document.activeElement.innerText, document.activeElement.id]")
        if what in (words or "").strip() or name == what:
            return
    raise AssertionError(f"no Tab leads to {what!r}")


def enter(page: Any) -> None:
    """Press Enter where that leads to another page."""
    with page.expect_navigation():
        page.keyboard.press("Enter")
