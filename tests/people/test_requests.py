"""A child asks from a closed page, and a mother answers on her phone."""

import pytest
from people.conftest import OpenPhone
from people.looks import check_axe, check_layout, press, shoot
from people.parents import Parent
from people.served import PAGES, Served

pytestmark = pytest.mark.people


@pytest.mark.parametrize("has_script", [True, False])
@pytest.mark.parametrize("language", ["en", "ur"])
def test_a_child_asks_in_two_taps(phone: OpenPhone, axe: str, language: str, has_script: bool) -> None:
    page = phone(language, has_script=has_script)
    page.goto(PAGES["category"])

    page.click("summary >> visible=true")
    if has_script:
        check_layout(page, language)
        check_axe(page, axe)
    press(page, "button[name=why] >> visible=true >> nth=0")

    assert "🙋" in page.inner_text("main") and page.is_visible("main a[href='/'] >> visible=true")
    check_layout(page, language)
    shoot(page, f"asked.{language}.light")


@pytest.mark.parametrize(("language", "scheme", "has_script"), [("en", "dark", True), ("ur", "light", False)])
def test_a_mother_answers_in_one_tap(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    parent = Parent(phone(language, scheme, has_script=has_script), site, axe if has_script else None)
    site.child_asks(parent.number)
    parent.sign_in()
    parent.look("request", language, scheme)

    parent.n_taps = 0
    parent.tap("form[action*='/answer-no'] button")

    assert parent.n_taps == 1 and parent.page.locator("form[action*='/answer-']").count() == 0
