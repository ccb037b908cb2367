"""The family page on a phone: signing in, the card, pause and resume."""

import pytest
from people.conftest import OpenPhone
from people.looks import check_axe, check_layout, press, shoot
from people.served import Served

pytestmark = pytest.mark.people
HOME = "http://family.isp.example/family"
MAX_OCTETS = 60_000


@pytest.mark.parametrize("has_script", [True, False])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ur"])
def test_a_parent_signs_in_pauses_in_one_tap_reads_the_receipt_and_resumes(
    phone: OpenPhone, axe: str, site: Served, language: str, scheme: str, has_script: bool
) -> None:
    page = phone(language, scheme, has_script=has_script)

    def look(name: str) -> None:
        assert len(page.content().encode()) <= MAX_OCTETS
        assert page.get_attribute("html", "lang") == language
        shoot(page, f"family-{name}.{language}.{scheme}")
        check_layout(page, language)
        if has_script:
            check_axe(page, axe)

    page.goto(HOME)
    look("sign-in")
    page.fill("input[name=token]", site.token)
    press(page, "button")
    look("open")
    press(page, "form[action*=pause] button")
    assert "✔" in page.inner_text("main")
    look("paused")
    press(page, "form[action*=resume] button")
    assert "⏸" in page.inner_text("main")
    press(page, "form[action*=logout] button")
    assert page.is_visible("input[name=token]")
