import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec import structs
from support.mgmt.desk import REPORT
from support.mgmt.outline import text_of

from mgmt.registers.settings.page_settings import Settings, StopPage, Theme
from mgmt.web.splash.pages import (
    ICONS,
    MISTAKABLE,
    NAMELESS,
    STATUS,
    TAKES_APPEALS,
    Facts,
    Form,
    headers,
    is_night,
    page,
)

NOW = datetime(2026, 8, 3, 16, tzinfo=UTC)  # Monday, 21:00 in Karachi
AGREED = Path(__file__).with_name("stop_page.en.txt")
FORM = Form("/filterd/mistake", fields={"token": "0" * 32})


def facts(reason: Any) -> Any:
    return Facts(reason, "a.example", "games", datetime(2026, 8, 4, 2, tzinfo=UTC), REPORT)


def section(html: str, language: str) -> str:
    return html.partition(f'<section id="{language}"')[2].partition("</section>")[0]


@pytest.mark.parametrize("reason", STATUS)
@pytest.mark.parametrize("language", ["en", "ur"])
def test_every_page_is_well_formed_below_30_kilobytes_and_says_the_same_in_both_languages(
    settings: Settings, reason: Any, language: str
) -> None:
    html = page(facts(reason), language, settings, NOW, FORM)

    assert text_of(html)
    assert len(html.encode()) < 30_000
    english, urdu = (section(html, code) for code in ("en", "ur"))
    for piece in (r"<h1>", r"<p>", r'href="tel:[0-9]+"', r'href="mailto:[^"]+"', r"<button", r'class="tile"'):
        assert len(re.findall(piece, english)) == len(re.findall(piece, urdu)), piece


def test_every_reason_has_a_sign() -> None:
    assert ICONS.keys() == STATUS.keys()


@pytest.mark.parametrize("reason", STATUS)
def test_help_comes_before_the_reason(settings: Settings, reason: Any) -> None:
    for code in ("en", "ur"):
        html = section(page(facts(reason), code, settings, NOW), code)
        assert reason == "help" or html.index('class="help" href="tel:1121"') < html.index("<h1>")


def test_a_page_works_with_nothing_configured() -> None:
    bare = Settings(helplines=(), complaints=(), report_url=None, stop_page=StopPage(report_to=None, law=None))

    for reason in STATUS:
        text = text_of(page(replace(facts(reason), category=None, until=None), "en", bare, NOW))
        assert "None" not in text
    assert "Link" not in headers("order", bare)


def test_blocked_by_stands_only_on_what_was_imposed(settings: Settings) -> None:
    assert {reason for reason in STATUS if "Link" in headers(reason, settings)} == {"order", "csam", "law"}


@pytest.mark.parametrize("reason", STATUS)
def test_a_form_goes_where_its_page_has_one_and_nowhere_else(settings: Settings, reason: Any) -> None:
    appeal = FORM if reason in TAKES_APPEALS else None
    html, policy = page(facts(reason), "en", settings, NOW, FORM, None, appeal), headers(reason, settings, FORM)

    allowed = policy["Content-Security-Policy"].rpartition("form-action ")[2]
    assert ('<form id="mistake"' in html) == (reason in MISTAKABLE)
    assert allowed == ("'self'" if "<form" in html else "'none'")


def test_what_the_law_closes_is_named_on_no_page(settings: Settings) -> None:
    for reason in NAMELESS:
        assert page(facts(reason), "en", settings, NOW) == page(Facts(reason, "other.test"), "en", settings, NOW)


def test_units_times_and_dates_are_urdu_inside_of_urdu(settings: Settings) -> None:
    urdu = section(page(facts("schedule"), "ur", settings, NOW), "ur")
    taken = section(page(facts("taken"), "ur", settings, NOW), "ur")

    assert "انٹرنیٹ صبح 7:00 بجے کھلے گا (10 گھنٹے باقی)" in text_of(f"<section{urdu}</section>")
    assert "بدھ، 5 اگست، 2026 تک جواب دے گا" in text_of(f"<section{taken}</section>")
    assert not re.search(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|\bmin\b|\bhours?\b", urdu + taken)


def test_a_page_names_no_authority_and_no_law_that_nobody_has_configured(settings: Settings) -> None:
    html = page(facts("order"), "en", replace(settings, complaints=()), NOW)

    assert "An authority ordered this address to be blocked." in html
    assert not re.search(r"PTA|PECA|section 37", html)


@pytest.mark.parametrize(("log", "is_said"), [("counts-only", True), ("recorded", False)])
def test_that_no_person_is_recorded_is_said_only_while_it_is_so(
    settings: Settings, log: Literal["counts-only", "recorded"], is_said: bool
) -> None:
    settings.stop_page = structs.replace(settings.stop_page, log=log)
    html = page(Facts("csam"), "en", settings, NOW)

    assert ("This page does not record who you are." in html) is is_said
    assert ("یہ صفحہ یہ درج نہیں کرتا کہ آپ کون ہیں۔" in html) is is_said


@pytest.mark.parametrize(("hour", "night"), [(19, False), (20, True), (3, True), (7, False)])
def test_sleep_time_is_from_evening_to_morning(settings: Settings, hour: int, night: bool) -> None:
    assert is_night(NOW.replace(hour=hour)) is night
    said = page(facts("schedule"), "en", replace(settings, zone="UTC"), NOW.replace(hour=hour))
    assert ("Sleep time." in said) is night


def test_the_answer_to_a_report_is_dated_locally(settings: Settings) -> None:
    late = replace(REPORT, outcome="kept", answered=datetime(2026, 8, 4, 20, tzinfo=UTC), due=date(2026, 8, 5))

    said = text_of(page(Facts("report", report=late), "en", settings, NOW))

    assert "The site stays closed." in said and "answered on Wednesday, 5 August 2026" in said


def test_the_stop_page_is_the_agreed_text_word_for_word(settings: Settings) -> None:
    stop = structs.replace(settings.stop_page, portal="{iwf_portal_url}", self_help="{self_help_url}")
    english = text_of(
        f"<section{section(page(Facts('csam'), 'en', replace(settings, stop_page=stop), NOW), 'en')}</section>"
    )
    agreed = AGREED.read_text()
    values = {
        "{list_owner}": stop.owner,
        "{ISP}": settings.isp_name,
        "{ref}": stop.reference,
        "{list_owner_contact}": stop.contact,
    }
    for key, value in values.items():
        agreed = agreed.replace(key, value or "")

    for line in agreed.splitlines():
        assert " ".join(line.split()) in english


def test_the_operator_s_colours_are_used_on_light_and_dark_pages_each_where_it_is_set(settings: Settings) -> None:
    plain = page(Facts("none"), "en", settings, NOW)
    settings.theme = Theme(accent="#123456")
    light = page(Facts("none"), "en", settings, NOW)
    settings.theme = Theme(accent="#123456", accent_dark="#abcdef")
    both = page(Facts("none"), "en", settings, NOW)

    on_light = "@media(prefers-color-scheme:light){:root{--link:#123456;--deed:#123456}}"
    on_dark = "@media(prefers-color-scheme:dark){:root{--link:#abcdef;--deed:#abcdef}}"
    assert [[css in html for css in (on_light, on_dark)] for html in (plain, light, both)] == [
        [False, False],
        [True, False],
        [True, True],
    ]
