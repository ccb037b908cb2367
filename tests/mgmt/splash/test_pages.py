from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mgmt.settings import Settings
from mgmt.splash.pages import OF_THE_GATE, STATUS, Facts, compact_page, headers, page

NOW = datetime(2026, 8, 3, 16, tzinfo=UTC)
VOID = {"meta", "br", "input", "link"}
SPLASH = sorted(STATUS.keys() - set(OF_THE_GATE))
AGREED = Path(__file__).with_name("stop_page.en.txt")


class Outline(HTMLParser):
    """Checks that what is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: Any) -> None:
        self.text.append(data)


def facts(reason: Any) -> Any:
    return Facts(reason, "a.example", "games", datetime(2026, 8, 4, 2, tzinfo=UTC))


def text_of(html: Any) -> Any:
    outline = Outline()
    outline.feed(html)
    outline.close()
    assert outline.open == []
    return " ".join("".join(outline.text).split())


@pytest.mark.parametrize("reason", SPLASH)
@pytest.mark.parametrize("language", ["en", "ur"])
def test_every_page_is_well_formed_and_below_30_kilobytes(settings: Settings, reason: Any, language: str) -> None:
    html = page(facts(reason), language, settings, NOW)

    assert text_of(html)
    assert len(html.encode()) < 30_000


@pytest.mark.parametrize("reason", ["order", "csam", "category", "schedule", "pause", "security"])
def test_every_compact_page_is_well_formed(settings: Settings, reason: str) -> None:
    assert text_of(compact_page(facts(reason), settings))


def test_a_page_works_with_nothing_configured(settings: Settings) -> None:
    bare = type(settings)()

    for reason in SPLASH:
        text = text_of(page(Facts(reason), "en", bare, NOW))
        assert "None" not in text
    assert "Link" not in headers("order", bare)


def test_blocked_by_stands_only_on_what_was_imposed(settings: Settings) -> None:
    assert {reason for reason in STATUS if "Link" in headers(reason, settings)} == {"order", "csam", "law"}


def test_an_urdu_morning_is_called_one(settings: Settings) -> None:
    urdu = page(facts("schedule"), "ur", settings, NOW)

    assert 'صبح <bdi dir="ltr">07:00</bdi> بجے کھلے گا' in urdu
    evening = page(replace(facts("schedule"), until=datetime(2026, 8, 3, 17, tzinfo=UTC)), "ur", settings, NOW)
    assert "صبح" not in evening


def test_the_stop_page_is_the_agreed_text_word_for_word(settings: Settings) -> None:
    full = replace(settings, iwf_portal_url="{iwf_portal_url}", self_help_url="{self_help_url}")
    english = text_of(compact_page(Facts("csam"), full))
    agreed = AGREED.read_text()
    values = {
        "{list_owner}": settings.csam_list_owner,
        "{ISP}": settings.isp_name,
        "{ref}": settings.csam_reference,
        "{list_owner_contact}": settings.csam_list_owner_contact,
    }
    for key, value in values.items():
        agreed = agreed.replace(key, value or "")

    for line in agreed.splitlines():
        assert " ".join(line.split()) in english
