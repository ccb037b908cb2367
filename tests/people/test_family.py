"""The family pages on a phone: signing in by a message, a tap that closes, its receipt, the PIN, help.

Taps are counted as a person makes them; what is typed (a number, six digits, a PIN) is none.
"""

import pytest
from people.conftest import OpenPhone
from people.looks import press, shoot
from people.parents import HOME, Parent
from people.served import Served

pytestmark = pytest.mark.people
OF_CHILD = "article:first-of-type"
STATE = f"{OF_CHILD} .state"
MAX_FIRST_VIEW = 60_000
READS_MESSAGES = """window.OTPCredential = class {};
Object.defineProperty(navigator, "credentials", {value: {get: () => new Promise(come => { window.comes = come; })}});
"""  # as Chrome on Android does over HTTPS


@pytest.mark.parametrize("has_script", [True, False])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ur"])
def test_a_mother_signs_in_by_a_message_closes_in_one_tap_and_opens_with_her_pin(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    parent = Parent(phone(language, scheme, has_script=has_script), site, axe if has_script else None)
    page = parent.page

    page.goto(HOME)
    parent.look("sign-in", language, scheme)
    parent.sign_in()
    assert parent.n_taps == 2
    parent.look("home", language, scheme)
    home = page.locator("article").last  # the rest of the home is open

    parent.n_taps = 0
    parent.tap("article:last-of-type form[action*='/pause'] button")
    assert parent.n_taps == 1 and "✔" in home.inner_text()
    parent.look("paused", language, scheme)
    parent.tap("form[action*='/undo'] button")
    assert parent.n_taps == 2 and "⏸" in home.inner_text()

    parent.n_taps = 0
    parent.tap("article:first-of-type form[action*='/tonight'] button")
    parent.look("pin", language, scheme)
    page.fill("input[name=pin]", "2468")
    page.fill("input[name=again]", "2468")
    parent.tap("button.big")
    assert parent.n_taps == 2 and "✔" in parent.says()
    parent.look("tonight-off", language, scheme)

    parent.tap("nav a[href*='/changes']")
    assert "Sana" in parent.says()
    parent.look("changes", language, scheme)
    parent.tap("nav a[href*='/help']")
    parent.look("help", language, scheme)
    parent.tap("nav a >> nth=0")
    parent.tap("form[action*=logout] button")
    assert page.is_visible("input[name=phone]")


@pytest.mark.parametrize("language", ["en", "ur"])
def test_thirty_minutes_are_one_tap_for_a_mother_whose_phone_is_hers_alone(
    phone: OpenPhone, site: Served, language: str
) -> None:
    parent = Parent(phone(language, has_script=False), site, None)
    parent.sign_in()
    parent.tap("article:first-of-type form[action*='/plus'] button")
    parent.page.fill("input[name=pin]", "2468")
    parent.page.fill("input[name=again]", "2468")
    parent.page.check("input[name=alone]")
    parent.tap("button.big")
    parent.tap("article:first-of-type form[action*='/close'] button")

    parent.n_taps = 0
    parent.tap("article:first-of-type form[action*='/plus'] button")

    assert parent.n_taps == 1 and "✔" in parent.says()


def test_everyone_is_paused_in_two_taps(phone: OpenPhone, site: Served) -> None:
    parent = Parent(phone("ur", has_script=False), site, None)
    parent.sign_in()

    parent.page.click("summary")
    parent.tap("form[action*='/everyone'] button")

    assert parent.page.locator("form[action*='/resume']").count() == 2


def test_the_first_view_is_small_and_asks_no_other_host(phone: OpenPhone, site: Served) -> None:
    parent = Parent(phone("ur"), site, None)
    got: list[tuple[str, int]] = []
    parent.page.on("response", lambda answer: got.append((answer.url, len(answer.body()))))

    parent.page.goto(HOME)
    parent.page.wait_for_load_state("networkidle")

    assert sum(octets for _, octets in got) <= MAX_FIRST_VIEW
    assert all(url.startswith("http://family.isp.example/") for url, _ in got)


def test_a_household_without_a_phone_signs_in_with_its_code(phone: OpenPhone, site: Served) -> None:
    page = phone("en", has_script=False)
    page.goto(HOME)
    page.click("summary")
    page.fill("input[name=token]", site.token)
    press(page, "form[action*='/login'] button")

    assert "Ayesha" in page.inner_text("main")


@pytest.mark.parametrize("language", ["en", "ur"])
def test_a_phone_can_keep_the_pages_on_its_first_screen(phone: OpenPhone, site: Served, language: str) -> None:
    page = phone(language)
    page.goto(HOME)
    asked = page.context.new_cdp_session(page)

    manifest = asked.send("Page.getAppManifest")
    lacks = asked.send("Page.getInstallabilityErrors")["installabilityErrors"]

    assert manifest["errors"] == [] and f'"lang": "{language}"' in manifest["data"]
    # the pages are served without TLS here
    assert {each["errorId"] for each in lacks} <= {"not-from-secure-origin", "in-incognito"}


@pytest.mark.parametrize(("language", "scheme", "has_script"), [("en", "light", False), ("ur", "dark", True)])
def test_a_sister_is_invited_from_the_page(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    parent = Parent(phone(language, scheme, has_script=has_script), site, axe if has_script else None)
    page = parent.page
    parent.sign_in()
    parent.tap("nav a[href*='/people']")
    page.fill("input[name=name]", "Hina")
    page.fill("input[name=phone]", f"0{int(parent.number[3:]) + 100_000_000}")
    parent.look("people", language, scheme)
    parent.tap("button.big")
    page.fill("input[name=pin]", "2468")
    page.fill("input[name=again]", "2468")
    parent.tap("button.big")

    assert "Hina" in parent.says()
    parent.look("people-invited", language, scheme)
    parent.tap("form[action*='answers-on'] button")
    assert page.query_selector("form[action*='answers-off']") is not None
    parent.look("people-answers", language, scheme)


def test_a_browser_that_reads_the_message_signs_in_with_its_code(phone: OpenPhone, site: Served) -> None:
    parent = Parent(phone("en"), site, None)
    page = parent.page
    page.add_init_script(READS_MESSAGES)
    page.goto(HOME)
    page.fill("input[name=phone]", "0" + parent.number[3:])
    parent.tap("button.big")

    with page.expect_navigation():
        page.evaluate("code => window.comes({code})", site.message_to(parent.number))

    assert page.locator("form[action*=logout]").count() == 1


@pytest.mark.parametrize(("language", "has_script"), [("en", False), ("ur", True)])
def test_a_finger_that_taps_pause_twice_leaves_the_child_paused(
    phone: OpenPhone, site: Served, language: str, has_script: bool
) -> None:
    page = phone(language, has_script=has_script)
    parent = Parent(page, site, None)
    parent.sign_in()
    parent.tap(f"{OF_CHILD} form[action*='/plus'] button, {OF_CHILD} form[action*='/resume'] button")
    if page.query_selector("input[name=pin]"):
        parent.give_pin()
        parent.tap("button.big")  # from now on what opens takes no PIN on this phone
    parent.read()
    pause = page.locator(f"{OF_CHILD} form[action*='/pause'] button")
    tapped = pause.bounding_box()
    middle = (tapped["x"] + tapped["width"] / 2, tapped["y"] + tapped["height"] / 2)

    with page.expect_navigation():
        page.touchscreen.tap(*middle)
    assert "⏸" in page.inner_text(STATE) and "✔" in page.inner_text(OF_CHILD)
    shoot(page, f"family-paused.{language}")
    undo = page.locator(f"{OF_CHILD} form[action*='/undo'] button").bounding_box()
    assert undo["y"] + undo["height"] <= tapped["y"] or undo["y"] >= tapped["y"] + tapped["height"]
    under = page.evaluate("([x, y]) => document.elementFromPoint(x, y)?.closest('form')?.action ?? ''", list(middle))
    site.clock.forward(seconds=1)
    page.touchscreen.tap(*middle)
    if under:
        page.wait_for_selector("[role=alert]")
    assert "⏸" in page.inner_text(STATE)

    page.goto(HOME)
    press(page, "form[action*='/undo'] button")  # a second after the tap, wherever it is
    assert "⏸" in page.inner_text(STATE) and page.query_selector("[role=alert]") is not None
    shoot(page, f"family-paused-twice.{language}")
    parent.tap("form[action*='/undo'] button")
    assert "⏸" not in page.inner_text(STATE)
