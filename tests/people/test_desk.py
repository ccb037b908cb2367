"""The desk in a browser: passkeys with Chromium's virtual authenticator, and passwords without a script."""

import pyotp
import pytest
from people.clerks import PASSWORD, SIGNED_IN, enrol, look, sign_in
from people.conftest import OpenDesk
from people.desk_site import FOREIGN, ORIGIN, DeskSite, VirtualKey
from people.looks import press

pytestmark = pytest.mark.people


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_enrols_a_passkey_signs_in_with_it_and_out(
    open_desk: OpenDesk, axe: str, desk: DeskSite, scheme: str
) -> None:
    page, name = open_desk(scheme), f"amna-{scheme}"
    VirtualKey(page)
    page.goto(f"{ORIGIN}/desk/enrol")
    look(page, axe, f"enrol.{scheme}")
    page.fill("input[name=code]", desk.add(name))
    press(page, "main button")
    look(page, axe, f"choice.{scheme}")
    page.click("text=Make a passkey")
    page.wait_for_url(f"{ORIGIN}/desk/login")
    look(page, axe, f"login.{scheme}")

    sign_in(page)

    look(page, axe, f"home.{scheme}")
    assert f"{name}@isp.example" in page.inner_text("main") and "My passkey" in page.inner_text("main")
    assert desk.said()[-2:] == ["passkey set", "signed in"]
    press(page, "text=Sign out")
    assert page.is_visible("input[name=password]")


def test_one_passkey_more_is_added_by_whoever_has_just_signed_in(open_desk: OpenDesk, desk: DeskSite) -> None:
    page = open_desk()
    first = enrol(page, desk, "bilal")
    sign_in(page)
    first.remove()  # two keys at once answer one request each, and the one that is known may be faster
    VirtualKey(page)
    page.fill("#label", "The other key")

    page.click("text=Add a passkey")

    page.wait_for_selector("text=The other key")


def test_a_copy_of_a_passkey_is_refused_and_written_down(open_desk: OpenDesk, desk: DeskSite) -> None:
    page = open_desk()
    key = enrol(page, desk, "chand")
    copied = key.credential()
    for _ in range(2):
        sign_in(page)
        press(page, "text=Sign out")
    key.become(copied)

    page.click("text=Sign in with a passkey")

    page.wait_for_selector("text=does not open the desk")
    assert desk.said()[-1] == "passkey refused as a copy"
    assert page.is_visible("input[name=password]")


def test_the_desk_under_another_name_signs_nobody_in(open_desk: OpenDesk, desk: DeskSite) -> None:
    page = open_desk()
    enrol(page, desk, "daud")
    before = desk.said()
    page.goto(f"{FOREIGN}/desk/login")

    page.click("text=Sign in with a passkey")

    page.wait_for_selector("[data-passkey] [role=alert]:not([hidden])")
    assert desk.said() == before
    page.goto(f"{FOREIGN}/desk")
    assert page.is_visible("input[name=password]")


def test_a_password_and_codes_work_without_a_script(open_desk: OpenDesk, desk: DeskSite) -> None:
    page = open_desk(has_script=False)
    page.goto(f"{ORIGIN}/desk/enrol")
    page.fill("input[name=code]", desk.add("esha"))
    press(page, "main button")
    assert not page.is_visible("text=Make a passkey")
    secret = page.inner_text("p:has(a[href^=otpauth]) bdi")
    for field in ("password", "again"):
        page.fill(f"input[name={field}]", PASSWORD)
    page.fill("input[name=typed]", pyotp.TOTP(secret).at(desk.now))
    press(page, "text=Set both")
    look(page, None, "login.no-script")
    desk.wait()

    page.fill("input[name=mail]", "esha@isp.example")
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=code]", pyotp.TOTP(secret).at(desk.now))
    press(page, "main button:visible")

    assert SIGNED_IN in page.inner_text("main")


def test_no_page_of_the_desk_breaks_its_own_policy(open_desk: OpenDesk) -> None:
    page, said = open_desk(), []
    page.on("console", lambda message: said.append(message.text))
    for path in ("/desk/login", "/desk/enrol"):
        page.goto(ORIGIN + path)
        page.wait_for_load_state("networkidle")

    assert said == []


def test_two_people_sign_an_approval_with_their_passkeys_and_control_believes_it(
    open_desk: OpenDesk, axe: str, desk: DeskSite
) -> None:
    order = desk.push("https://shared.test/a")
    first, second = open_desk(), open_desk("dark")
    for page, name, role in ((first, "farah", "compliance"), (second, "gul", "approver")):
        enrol(page, desk, name, role)
        sign_in(page)
    desk.vouch()
    first.click("text=Approvals")
    look(first, axe, "approvals")
    words = {"order": str(order), "entry": "1", "reason": "ordered", "reference": "WA/9", "collateral": "all of it"}
    for field, text in words.items():
        first.fill(f"[name={field}]", text)
    first.fill("[name=until]", "2026-08-20")
    press(first, "main form button")

    for page, then in ((first, "It waits for a person of another group"), (second, "Both have signed")):
        page.goto(f"{ORIGIN}/desk/approvals")
        page.click("text=waits for you")
        look(page, axe, f"approval.{then[:4]}")
        page.click("text=Sign with a passkey")
        page.wait_for_selector(f"text={then}")

    assert desk.decided(order) == [("enforced_broader", "ordered")]
    second.reload()
    assert "gul@isp.example (approval)" in second.inner_text("main") and "It holds" in second.inner_text("main")
