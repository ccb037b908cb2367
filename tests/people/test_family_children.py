"""The page of one child on a phone, requests with their answers, screen time a day, and the way out of Help."""

import pytest
from people.conftest import OpenPhone
from people.looks import check_axe, check_layout, shoot
from people.parents import HOME, Parent
from people.served import Served

pytestmark = pytest.mark.people


@pytest.mark.parametrize(
    ("language", "scheme", "has_script"), [("en", "light", True), ("ur", "dark", True), ("ur", "light", False)]
)
def test_a_mother_opens_her_child_in_one_tap_gives_it_a_phone_and_chooses_a_picture(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    parent = Parent(phone(language, scheme, has_script=has_script), site, axe if has_script else None)
    page = parent.page
    site.child_asks(parent.number)
    parent.sign_in()
    parent.n_taps = 0
    parent.tap("article h1 a")
    assert parent.n_taps == 1 and "ali-phone" in parent.says()
    parent.look("child", language, scheme)

    page.select_option("select[name=part]", label="📱 ali-phone · Home")
    parent.tap("form[action*='/give'] button")
    parent.look("child-give", language, scheme)
    parent.give_pin()
    parent.tap("button.big")
    parent.tap("button[value='cat']")
    assert page.locator("button[value='cat'][aria-current]").count() == 1

    assert page.locator("form[action*='/take']").count() == 2
    parent.look("child-given", language, scheme)


@pytest.mark.parametrize(("language", "scheme", "has_script"), [("en", "dark", True), ("ur", "light", False)])
def test_requests_are_a_tap_from_home_and_screen_time_is_set_in_three(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    parent = Parent(phone(language, scheme, has_script=has_script), site, axe if has_script else None)
    page = parent.page
    site.child_asks(parent.number)
    parent.sign_in()
    parent.n_taps = 0
    parent.tap("main a[href*='/requests']")
    assert parent.n_taps == 1
    parent.look("requests", language, scheme)
    parent.tap("form[action*='/answer-no'] button")
    parent.tap("main a[href*='/requests']")
    assert "✖" in parent.says()
    parent.look("requests-answered", language, scheme)

    parent.tap("nav a >> nth=0")
    parent.n_taps = 0
    parent.tap("article:first-of-type a[href*='/hours/']")
    page.select_option("select[name=minutes]", "60")
    parent.n_taps += 1
    parent.tap("form[action*='/quota'] button")
    assert parent.n_taps == 3 and "✔" in parent.says()
    parent.look("hours-limit", language, scheme)


@pytest.mark.parametrize(("language", "has_script"), [("ur", True), ("en", False)])
def test_help_is_left_in_one_tap_and_back_does_not_lead_there_again_where_a_script_runs(
    phone: OpenPhone, axe: str, language: str, has_script: bool
) -> None:
    page = phone(language, has_script=has_script)
    page.goto(HOME)
    page.goto(f"{HOME}/help")
    shoot(page, f"family-leave.{language}.light")
    check_layout(page, language)
    if has_script:
        check_axe(page, axe)

    page.click("a[data-leave]")
    page.wait_for_url("**//isp.example/**")
    page.go_back()

    assert page.url.endswith("/family/help") != has_script


@pytest.mark.parametrize(("language", "scheme", "has_script"), [("en", "light", True), ("ur", "dark", False)])
def test_a_mother_who_adds_a_child_at_night_is_asked_and_her_own_line_stays_open_until_tomorrow(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    began = site.clock.now
    site.clock.forward(hours=1)  # 10 pm
    try:
        parent = Parent(
            phone(language, scheme, has_script=has_script), site, axe if has_script else None, has_child=False
        )
        page = parent.page
        parent.sign_in()
        page.fill("input[name=name]", "Ayesha")
        parent.tap("button[value='10-12']")
        parent.look("child-at-night", language, scheme)
        parent.give_pin()
        assert page.locator("button[name=sure]").first.get_attribute("value") == "next"
        parent.tap("button[value=next]")
        assert "✔" in parent.says() and "⏸" in page.inner_text("article form[action*='/pause']")
        parent.look("child-from-tomorrow", language, scheme)
    finally:
        site.clock.now = began
