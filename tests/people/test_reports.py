"""The report of a child on a phone."""

import pytest
from people.conftest import OpenPhone
from people.parents import Parent
from people.served import Served

pytestmark = pytest.mark.people


@pytest.mark.parametrize(("language", "scheme", "has_script"), [("en", "dark", True), ("ur", "light", False)])
def test_a_report_is_a_tap_away_and_counts_are_given_up_in_two_more_and_the_pin(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    parent = Parent(phone(language, scheme, has_script=has_script), site, axe if has_script else None)
    site.child_meets(parent.number, "games", "games", "tiktok", "schedule", "bypass")
    parent.sign_in()
    parent.n_taps = 0
    parent.tap("a[href*='/reports/']")
    parent.look("report", language, scheme)
    assert parent.n_taps == 1 and parent.page.locator("svg.bar").count() == 7 + 4

    parent.page.click("summary")
    parent.page.check("input[value='0']")
    parent.tap("form[action*='/keep'] button")
    parent.give_pin()
    parent.tap("button.big")

    assert parent.page.locator("svg.bar").count() == 0
    parent.look("report-none", language, scheme)
