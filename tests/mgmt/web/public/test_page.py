"""The public's page."""

import pytest
from support.mgmt.outline import text_of as words
from support.mgmt.published import statement_of as statistics_of
from support.mgmt.transparent import statement_of

from mgmt.registers.records.statistics.statement import protected_appeals, protected_blocks
from mgmt.registers.records.statistics.statement import text_of as statistics_text
from mgmt.registers.settings.page_settings import Settings
from mgmt.registers.transparency.releases import Release
from mgmt.registers.transparency.statement import text_of
from mgmt.web.public.page import page_of

SETTINGS = Settings(isp_name="Example <ISP>")


def shown(code: str = "en", leaves_out: bool = False, statistics: tuple[str, ...] | None = None) -> str:
    found = (statistics_text(statistics_of()),) if statistics is None else statistics
    release = Release(text_of(statement_of(leaves_out=leaves_out)), "a note", found)
    return page_of(release, ["2026-Q3", "2026-Q2"], code, SETTINGS)


@pytest.mark.parametrize(("code", "direction"), [("en", "ltr"), ("ur", "rtl")])
def test_it_has_no_script_loads_nothing_and_escapes_what_others_wrote(code: str, direction: str) -> None:
    page = shown(code)

    assert f'<html lang="{code}" dir="{direction}">' in page
    assert not any(f"<{tag}" in page for tag in ("script", "link", "img", "iframe", "form", "ISP", "PTA"))
    assert "<PTA>" in words(page) and "Example <ISP>" in words(page)


def test_it_says_what_became_of_orders_what_was_blocked_and_how_soon_reports_were_answered() -> None:
    said = words(shown())

    for each in ("Orders 12", "Refused, because they are protected 2", "Released again 5", "within 2 minutes"):
        assert each in said
    assert "Blocks in all: 221" in said and "within 2 hours" in said


def test_what_a_tap_has_seen_is_not_under_what_was_blocked() -> None:
    statistics = statistics_of()
    statistics.blocks += protected_blocks({("2026-07", "Sindh", "adult", "sni", "pta", "unknown", "shadow"): 5000})
    said = words(shown(statistics=(statistics_text(statistics),)))

    assert "Blocks in all: 221" in said and "not stopped: 5000" in said
    assert "not stopped" not in words(shown())


def test_it_names_no_list_and_no_place_of_what_was_blocked() -> None:
    said = words(shown())

    assert "adult" in said.lower() and "=cmd" not in said and "Punjab" not in said


def test_of_csam_there_is_a_number_alone() -> None:
    assert "Blocks by CSAM lists Blocks in all: 30" in words(shown())


def test_it_says_that_orders_are_left_out_only_where_issuers_are_hidden() -> None:
    assert "forbids to make public" in words(shown(leaves_out=True))
    assert "forbids to make public" not in words(shown())


def test_reports_are_added_up_over_months() -> None:
    statistics = statistics_of()
    statistics.appeals = protected_appeals({("2026-07", "opened"): 11, ("2026-08", "opened"): 14})

    assert "opened 25" in words(shown(statistics=(statistics_text(statistics),)))


def test_a_quarter_without_statistics_is_said_to_have_too_few_blocks() -> None:
    assert "too few blocks to show" in words(shown(statistics=()))


def test_records_that_were_destroyed_by_their_age_are_spoken_of() -> None:
    whole = statistics_of()
    whole.is_whole = True

    assert "had been destroyed before" in words(shown())
    assert "had been destroyed before" not in words(shown(statistics=(statistics_text(whole),)))


def test_before_the_first_quarter_it_says_so() -> None:
    assert "Nothing has been published yet." in page_of(None, [], "en", SETTINGS)


def test_equal_texts_give_equal_pages() -> None:
    assert shown() == shown()
