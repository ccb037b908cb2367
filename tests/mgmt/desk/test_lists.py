"""Lists at the desk, as control speaks of them."""

from typing import Any

import pytest
from support.mgmt.desk import NOW, PlayedControl
from support.mgmt.staff_desk import Browser, Come


@pytest.fixture
def control() -> PlayedControl:
    played = PlayedControl()
    said = {
        "lists": [{"id": "pta", "rules": 1200000, "skipped": 3}, {"id": "iwf", "rules": 9000, "skipped": 0}],
        "confirmed_s": {"pta": NOW.timestamp() - 7200},
        "faults": {"list pta": "stale: look at it", "list new": "not pulled yet", "gate-0": "no answer"},
    }

    async def status() -> dict[str, Any]:
        played._may_fail()
        return said

    played.status = status  # type: ignore[method-assign]
    return played


async def test_each_list_has_its_rules_its_age_and_its_faults(browser: Browser, come: Come) -> None:
    come("engineer")

    _, text = await browser.get("/lists")

    assert "1,200,000 rules, 3 lines not enforced, confirmed 2026-08-03 19:00" in text and "2 hours" in text
    assert text.index("pta</bdi>") < text.index("stale: look at it")
    assert "9,000 rules, never confirmed by its source" in text
    assert "not pulled yet" in text and "gate-0: no answer" in text


async def test_where_control_gives_no_answer_the_page_says_what_goes_on(
    browser: Browser, come: Come, control: PlayedControl
) -> None:
    come("engineer")
    control.fails = "is not there"

    status, text = await browser.get("/lists")

    assert status == 503 and "control: is not there; filtering goes on" in text
