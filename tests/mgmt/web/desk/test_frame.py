"""What every page of the desk has."""

import pytest
from support.mgmt.staff_desk import Browser, Come

from mgmt.web.desk.frame import number_of

PATHS = ("", "/orders", "/orders/new", "/approvals", "/reports", "/lists", "/people", "/enrol")


async def test_no_page_is_stored_framed_or_runs_a_script_that_is_not_ours(browser: Browser, come: Come) -> None:
    come("compliance")
    for path in PATHS:
        async with browser.client.get("/desk" + path) as response:
            text, said = await response.text(), response.headers
        assert response.status == 200, path
        assert said["Cache-Control"] == "no-store" and said["X-Frame-Options"] == "DENY"
        policy = said["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert text.count("<script") == text.count('<script src="/desk/passkey.js" defer>') == 1
        assert "<style" not in text and "style=" not in text and "onclick" not in text


async def test_a_page_says_which_tab_it_is(browser: Browser, come: Come) -> None:
    come("compliance")

    assert '<a href="/desk/reports" aria-current="page">' in (await browser.get("/reports"))[1]


@pytest.mark.parametrize(("said", "number"), [("7", 7), ("", 0), ("-7", 0), ("٧", 0), ("9" * 11, 0), ("x", 0)])
def test_a_number_of_an_address_is_digits_and_anything_else_is_of_nothing(said: str, number: int) -> None:
    assert number_of(said) == number
