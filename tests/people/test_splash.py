"""Every page of the splash and of the gate on a phone: both languages, light and dark, with and without JavaScript."""

from typing import Any

import pytest
from people.conftest import OpenPhone
from people.looks import check_axe, check_language, check_layout, press, shoot, shown
from people.served import PAGES

pytestmark = pytest.mark.people
MAX_OCTETS = 30_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ur"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_small_fits_a_phone_offers_help_first_and_is_accessible(
    phone: OpenPhone, axe: str, name: str, language: str, scheme: str
) -> None:
    page = phone(language, scheme)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    response = page.goto(PAGES[name])

    assert len(response.body()) <= MAX_OCTETS
    assert [url for url in asked if not url.endswith("/favicon.ico")] == [PAGES[name]]
    assert page.context.cookies() == []
    check_language(page, language)
    shoot(page, f"{name}.{language}.{scheme}")
    check_layout(page, language)
    check_axe(page, axe)


@pytest.mark.parametrize("name", PAGES)
def test_without_javascript_a_page_says_and_does_the_same(phone: OpenPhone, name: str) -> None:
    said = []
    for has_script in (True, False):
        page = phone("ur", has_script=has_script)
        page.goto(PAGES[name])
        press(page, "header a[hreflang=en] >> visible=true")
        english = page.inner_text("main")
        check_language(page, "en")
        press(page, "header a[hreflang=ur] >> visible=true")
        check_language(page, "ur")
        said.append((english, page.inner_text("main")))

    assert said[0] == said[1]


@pytest.mark.parametrize("has_script", [True, False])
@pytest.mark.parametrize("start", ["category", "gate-category"])
def test_a_wrong_block_is_reported_in_two_taps_and_its_answer_is_one_tap_away(
    phone: OpenPhone, start: str, has_script: bool
) -> None:
    page = phone("en", has_script=has_script)
    page.goto(PAGES[start])
    if start.startswith("gate-"):
        press(page, "button >> visible=true")  # to the page of the line, about this name
    if page.url.startswith("http://why."):
        page.goto("http://why.isp.example/?name=category.example")

    press(page, "button >> visible=true")

    assert "Your reference is ABCD2345." in page.inner_text("main")
    shoot(page, "report-taken.en.light")
    press(page, "main a[href*=ref] >> visible=true")
    assert page.url == "http://why.isp.example/?ref=ABCD2345"
    assert "It was a mistake. The site is open." in page.inner_text("main")


def test_the_page_of_the_line_finds_out_about_what_a_person_writes(phone: OpenPhone) -> None:
    page = phone("ur", has_script=False)
    page.goto(PAGES["why"])

    page.fill("input[name=name] >> visible=true", "https://category.example/page")
    press(page, "button >> visible=true >> nth=0")

    assert "آپ کے گھر والوں نے اس طرح کے صفحے بند رکھے ہیں" in page.inner_text("main")


def test_every_link_of_the_stop_page_leads_somewhere(phone: OpenPhone) -> None:
    page = phone("ur")
    page.goto(PAGES["gate-csam"])

    found: list[Any] = [each.get_attribute("href") for each in shown(page, "main a")]

    assert {"tel:1121", "mailto:owner@list.example", "https://portal.example", "https://selfhelp.example"} <= set(found)
    assert all(href.startswith(("tel:", "mailto:", "https://", "#")) for href in found)
