"""A mother makes a sheet of tickets and prints it."""

import pytest
from people.conftest import OpenPhone
from people.looks import check_axe, check_layout, shoot
from people.parents import Parent
from people.served import Served

pytestmark = pytest.mark.people


@pytest.mark.parametrize(("language", "scheme", "has_script"), [("en", "dark", True), ("ur", "light", False)])
def test_a_sheet_of_tickets_is_made_in_four_taps(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    parent = Parent(phone(language, scheme, has_script=has_script), site, axe if has_script else None)
    page = parent.page
    parent.sign_in()
    parent.n_taps = 0
    parent.tap("a[href*='/tickets']")
    parent.tap("form[action*='/make'] button")
    page.fill("input[name=pin]", "2468")
    page.fill("input[name=again]", "2468")
    parent.tap("button.big")
    parent.look("tickets", language, scheme)
    parent.tap("form[action*='/sheet'] button")

    assert parent.n_taps == 4 and page.locator("svg.qr").count() == 10
    shoot(page, f"family-sheet.{language}.{scheme}")
    check_layout(page, language)
    if has_script:
        check_axe(page, axe)
    page.emulate_media(media="print")
    assert not page.is_visible("nav") and page.is_visible("svg.qr >> nth=9")
