"""Rules on a phone: an age in one tap, pictures with words, a pasted link, and what the child sees."""

import pytest
from people.conftest import OpenPhone
from people.parents import Parent
from people.served import Served

pytestmark = pytest.mark.people
OF_HOME = "article:last-of-type a[href*='/rules/']"


@pytest.mark.parametrize(
    ("language", "scheme", "has_script"),
    [("en", "light", True), ("ur", "dark", True), ("ur", "light", True), ("en", "dark", False), ("ur", "light", False)],
)
def test_a_mother_chooses_an_age_closes_a_link_and_sees_what_her_child_sees(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    parent = Parent(phone(language, scheme, has_script=has_script), site, axe if has_script else None)
    page = parent.page
    parent.sign_in()
    parent.n_taps = 0
    parent.tap(OF_HOME)
    parent.look("rules-none", language, scheme)
    parent.tap("button[value='10-12']")
    assert parent.n_taps == 2 and "✔" in parent.says()
    assert page.is_checked("input[name=c-gambling]")

    page.fill("input[name=link]", "https://www.youtube.com/watch?v=1")
    parent.tap("button[value=denied]")
    assert "youtube.com" in parent.says()
    page.click("summary")
    parent.look("rules", language, scheme)

    parent.tap("a[href*='/sees']")
    parent.look("sees", language, scheme)


@pytest.mark.parametrize("language", ["en", "ur"])
def test_what_opens_takes_the_pin_and_says_what_it_opens(phone: OpenPhone, site: Served, language: str) -> None:
    parent = Parent(phone(language, has_script=False), site, None)
    page = parent.page
    parent.sign_in()
    parent.tap(OF_HOME)
    parent.tap("button[value='7-9']")
    page.uncheck("input[name=c-social]")
    parent.tap("button.big")
    parent.look("rules-pin", language, "light")
    page.fill("input[name=pin]", "2468")
    page.fill("input[name=again]", "2468")
    parent.tap("button.big")

    assert not page.is_checked("input[name=c-social]") and page.is_checked("input[name=c-gambling]")
