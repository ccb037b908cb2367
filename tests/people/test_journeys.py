"""Two journeys on a phone, and how many taps they take: a mother's from her first message on, and a child's.

Taps are counted as a person makes them; what is typed (a number, six digits, a name, a PIN) is none.
"""

import pytest
from people.conftest import OpenPhone
from people.looks import check_axe, check_layout, press, shoot, shown
from people.parents import Parent
from people.served import PAGES, Served

pytestmark = pytest.mark.people
MINE = "http://child.isp.example/family/mine"
OF_CHILD = "article:first-of-type"
MOST = {"set up": 6, "pause": 1, "plus": 1, "tonight": 2, "bedtime": 4, "helpline": 1, "ticket": 1}


@pytest.mark.parametrize(
    ("language", "scheme", "has_script"), [("en", "light", True), ("ur", "dark", True), ("ur", "light", False)]
)
def test_a_mother_sets_everything_up_from_her_first_message_and_keeps_it(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    page = phone(language, scheme, has_script=has_script)
    parent = Parent(page, site, axe if has_script else None, has_child=False)
    taps: dict[str, int] = {}

    def took(what: str) -> None:
        taps[what] = parent.n_taps
        parent.n_taps = 0

    parent.sign_in()
    parent.look("begin", language, scheme)
    page.fill("input[name=name]", "Ayesha")
    parent.tap("button[value='10-12']")
    parent.give_pin()
    parent.n_taps += 1  # it is her phone alone
    parent.look("begin-pin", language, scheme)
    parent.tap("button.big")
    took("set up")
    assert "Ayesha" in parent.says() and "✔" in parent.says()
    parent.look("begun", language, scheme)

    parent.tap(f"{OF_CHILD} form[action*='/pause'] button")
    took("pause")
    assert "⏸" in parent.says()
    parent.tap("form[action*='/undo'] button")
    parent.n_taps = 0
    parent.tap(f"{OF_CHILD} form[action*='/plus'] button")
    took("plus")
    parent.tap("form[action*='/undo'] button")
    parent.n_taps = 0
    parent.tap(f"{OF_CHILD} form[action*='/tonight'] button")
    took("tonight")
    parent.tap(f"{OF_CHILD} a[href*='/hours/']")
    assert page.locator("article").count() == 1  # the bedtime that came with the age
    parent.tap("a[href*='/new/homework']")
    parent.tap("button.big >> nth=0")
    took("bedtime")
    assert page.locator("article").count() == 2

    assert {what: n for what, n in taps.items() if n > MOST[what]} == {}
    parent.tap("nav a[href*='/people']")
    parent.tap("main a[href*='/children']")
    parent.look("children", language, scheme)


@pytest.mark.parametrize(
    ("language", "scheme", "has_script"), [("en", "dark", True), ("ur", "light", True), ("ur", "dark", False)]
)
def test_a_child_reads_what_holds_and_why_and_reaches_a_helpline_or_uses_a_ticket_in_one_tap(
    phone: OpenPhone, axe: str, language: str, scheme: str, has_script: bool
) -> None:
    page = phone(language, scheme, has_script=has_script)
    for where, name in (
        (MINE, "mine"),
        (MINE.replace("mine", "learn"), "learn"),
        (MINE.replace("mine", "help"), "help-child"),
    ):
        page.goto(where)
        shoot(page, f"family-{name}.{language}.{scheme}")
        check_layout(page, language)
        if has_script:
            check_axe(page, axe)
    page.goto(MINE)
    said = page.inner_text("main")
    assert "🌙" in said and "1121" in said and "Ayesha" not in said and page.context.cookies() == []

    page.goto(PAGES["schedule"])
    assert shown(page, "a[href='tel:1121']")  # one tap calls
    page.fill("input[name=code] >> visible=true", "123 456 789")
    press(page, "form[action*=ticket] button >> visible=true")
    assert "✅" in page.inner_text("main")


def test_no_other_site_can_put_the_pages_in_a_frame_of_its_own(phone: OpenPhone) -> None:
    page, where = phone("en"), MINE.removesuffix("/mine")
    with page.expect_response(where):  # it is asked for, and not shown
        page.set_content(f"<h1>Win a telephone</h1><iframe src={where}></iframe>")
    page.wait_for_load_state("networkidle")

    (frame,) = [each for each in page.frames if each is not page.main_frame]
    assert frame.url.startswith("chrome-error:") and frame.query_selector_all("form") == []


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ur", "dark")])
def test_a_school_sees_its_lines_and_names_whom_children_can_speak_to(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str
) -> None:
    page = phone(language, scheme)
    parent = Parent(page, site, axe, role="school")
    parent.sign_in()
    parent.tap("main a[href*='/school']")
    page.fill("input[name=name]", "Ms Khan")
    page.fill("input[name=number]", "0300-1234567")
    parent.tap("button.big")
    parent.give_pin()
    parent.tap("button.big")

    assert "Ms Khan" in parent.says()
    parent.look("school", language, scheme)
