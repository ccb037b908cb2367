"""Lists at the desk, as control speaks of them."""

from typing import Any

import pytest
from sqlalchemy import Engine, select
from support.mgmt.desk import EARLIER, GOOD, NOW, OLDEST, PlayedControl
from support.mgmt.staff_desk import Browser, Come

from parental.store.database import reading
from parental.store.schema.orders import approvals

WORDS = {"before": GOOD, "reason": "shops are <blocked>", "reference": "T-1"}


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


async def test_a_list_shows_its_versions_with_time_rules_octets_digest_and_who(browser: Browser, come: Come) -> None:
    come("engineer")

    _, pta = await browser.get("/lists/pta")
    _, iwf = await browser.get("/lists/iwf")

    assert pta.index(GOOD) < pta.index(EARLIER) < pta.index(OLDEST)
    assert "1,100" in pta and "900" in pta and 'by <bdi class="long">root' in pta and "2026-08-03 09:00:00Z" in pta
    assert "This list is sealed" in iwf and "it shrank. It is accepted on the box" in iwf


async def test_what_going_back_would_change_comes_before_it_is_proposed_protected_names_first(
    browser: Browser, come: Come
) -> None:
    come("approver")

    _, text = await browser.get(f"/lists/pta/{EARLIER}")

    stopped, opens, closes = (text.index(name) for name in ("portal.isp.example", "wrong.test", "again.test"))
    assert stopped < opens < closes
    assert "Opens: 103" in text and "Closes: 2" in text and "1 that it adds are not enforced: protected" in text


async def test_of_a_sealed_list_nothing_but_counts_is_shown_and_nothing_is_asked(
    browser: Browser, come: Come, control: PlayedControl
) -> None:
    come("approver")

    _, text = await browser.get(f"/lists/iwf/{EARLIER}")

    assert "60 rules" in text and "50 rules" in text and "wrong.test" not in text
    assert control.asked == []


async def test_going_back_is_proposed_with_what_it_opens_and_waits_for_two_signatures(
    browser: Browser, come: Come, engine: Engine
) -> None:
    come("engineer")
    csrf = await browser.csrf()

    status, text = await browser.send(f"/lists/pta/{EARLIER}", csrf=csrf, **WORDS)

    assert status == 200 and "goes back to an earlier version" in text and "shops are &lt;blocked&gt;" in text
    assert "opens 103, closes 3, of which rails stop 1" in text and f"/desk/lists/pta/{EARLIER}" in text
    assert "list pta" in (await browser.get("/approvals"))[1]
    with reading(engine) as conn:
        row = conn.execute(select(approvals)).one()
    assert (row.list, row.list_from, row.list_to, row.order, row.approver) == ("pta", GOOD, EARLIER, None, None)


@pytest.mark.parametrize(
    ("path", "words", "status", "said"),
    [
        (f"/lists/pta/{EARLIER}", WORDS | {"before": OLDEST}, 409, "is in force by now"),
        (f"/lists/pta/{EARLIER}", WORDS | {"reason": " "}, 409, "reason: missing"),
        (f"/lists/pta/{GOOD}", WORDS, 404, "not kept any more"),
        (f"/lists/none/{EARLIER}", WORDS, 404, "There is no list none"),
    ],
)
async def test_what_cannot_be_proposed_says_why(
    browser: Browser, come: Come, engine: Engine, path: str, words: dict[str, str], status: int, said: str
) -> None:
    come("engineer")

    found, text = await browser.send(path, csrf=await browser.csrf(), **words)

    assert found == status and said in text
    with reading(engine) as conn:
        assert conn.execute(select(approvals)).all() == []


async def test_where_control_gives_no_answer_nothing_of_a_list_is_shown_or_proposed(
    browser: Browser, come: Come, control: PlayedControl
) -> None:
    come("engineer")
    csrf = await browser.csrf()
    control.fails = "is not there"

    for status, text in (
        await browser.get("/lists/pta"),
        await browser.get(f"/lists/pta/{EARLIER}"),
        await browser.send(f"/lists/pta/{EARLIER}", csrf=csrf, **WORDS),
    ):
        assert status == 503 and "control: is not there; nothing is changed" in text
