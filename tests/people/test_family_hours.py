"""Closed hours on a phone: a bedtime like an alarm, the week as a picture, and the kinds of days."""

import pytest
from people.conftest import OpenPhone
from people.parents import HOME, Parent
from people.served import Served

pytestmark = pytest.mark.people
OF_HOME = "article:last-of-type a[href*='/hours/']"


@pytest.mark.parametrize(
    ("language", "scheme", "has_script"),
    [("en", "light", True), ("ur", "dark", True), ("ur", "light", True), ("en", "dark", False), ("ur", "light", False)],
)
def test_a_mother_sets_a_bedtime_like_an_alarm_and_takes_it_back(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    parent = Parent(phone(language, scheme, has_script=has_script), site, axe if has_script else None)
    page = parent.page
    parent.sign_in()
    parent.tap(OF_HOME)
    parent.look("hours-none", language, scheme)

    parent.n_taps = 0
    parent.tap("a[href*='/new/sleep']")
    parent.look("hours-new", language, scheme)
    parent.tap("button[value='start-30']")
    assert page.evaluate("document.activeElement.value") == "start-30" and page.evaluate("scrollY") > 0
    page.uncheck("input[name=day5]")
    parent.n_taps += 1
    assert "9:00" in parent.says()
    parent.tap("button.big >> nth=0")
    assert parent.n_taps == 4 and "✔" not in parent.says()  # it is after nine: it would close her own line at once
    parent.look("hours-sure", language, scheme)
    parent.tap("button[value=now]")
    assert "✔" in parent.says()
    parent.look("hours", language, scheme)
    assert page.eval_on_selector_all(".week span", "all => all.every(e => e.scrollWidth <= e.clientWidth)")
    key, bar = (page.eval_on_selector(each, "e => getComputedStyle(e)") for each in (".key", ".week .shut"))
    assert key["color"] == bar["fill"]
    page.click("summary")
    parent.look("week-in-words", language, scheme)

    parent.tap("form[action*='/undo'] button")
    assert page.locator("article").count() == 0


@pytest.mark.parametrize("language", ["en", "ur"])
def test_hours_are_switched_off_with_the_pin_and_schools_hours_are_a_provinces(
    phone: OpenPhone, axe: str, site: Served, language: str
) -> None:
    parent = Parent(phone(language, has_script=False), site, None)
    page = parent.page
    parent.sign_in()
    parent.tap(OF_HOME)
    parent.tap("a[href*='/new/school']")
    page.select_option("select[name=pack]", "pk-pb/single-boys")
    parent.look("hours-school", language, "light")
    parent.tap("button.big >> nth=0")

    parent.tap("article form[action*='/off'] button")
    parent.look("hours-pin", language, "light")
    page.fill("input[name=pin]", "2468")
    page.fill("input[name=again]", "2468")
    parent.tap("button.big")
    assert page.locator("form[action*='/on']").count() == 1


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ur", "dark")])
def test_ramadan_is_dates_that_a_person_gives(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str
) -> None:
    parent = Parent(phone(language, scheme), site, axe)
    page = parent.page
    parent.sign_in()
    parent.tap(OF_HOME)
    parent.tap("a[href*='/days']")
    parent.look("days", language, scheme)

    page.select_option("select[name=kind]", "ramadan")
    page.fill("input[name=first]", "2027-02-08")
    page.fill("input[name=last]", "2027-03-09")
    parent.tap("form[action*='/add'] button")

    assert page.locator("form[action*='/remove']").count() == 1
    parent.look("days-ramadan", language, scheme)
    page.select_option("select[name=city]", "lahore")
    parent.tap("form[action*='/save'] button")
    page.goto(HOME)

    parent.tap(OF_HOME)
    parent.tap("a[href*='/new/prayer']")
    page.select_option("select[name=begins]", "iftar")
    for kind in ("school", "holidays", "exams"):
        page.uncheck(f"input[name=set-{kind}]")
    parent.look("hours-sun", language, scheme)
    parent.tap("button.big >> nth=0")
    assert page.locator("article").count() == 1
    parent.tap("form[action*='/undo'] button")
    page.goto(HOME)


@pytest.mark.parametrize("language", ["en", "ur"])
def test_the_usual_bedtime_is_three_taps_from_home(phone: OpenPhone, site: Served, language: str) -> None:
    parent = Parent(phone(language, has_script=False), site, None)
    parent.sign_in()

    parent.n_taps = 0
    parent.tap(OF_HOME)
    parent.tap("a[href*='/new/sleep']")
    parent.tap("button.big >> nth=0")

    assert parent.n_taps == 3 and parent.page.locator("article").count() == 1


def test_enter_in_the_name_of_a_card_saves_it_with_the_hours_that_it_shows(phone: OpenPhone, site: Served) -> None:
    parent = Parent(phone("en"), site, None)
    parent.sign_in()
    parent.tap(OF_HOME)
    parent.tap("a[href*='/new/other']")

    parent.page.fill("#label", "Chess")
    with parent.page.expect_navigation():
        parent.page.press("#label", "Enter")

    assert parent.page.locator("article").count() == 1 and "4:00 pm to 5:00 pm" in parent.says()
